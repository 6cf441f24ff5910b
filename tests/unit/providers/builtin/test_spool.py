"""The spool: a folder that behaves like a batch service."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta

import attrs
import pytest

from embedlane.errors import (
    CreateAmbiguousError,
    CreateRejectedError,
    LedgerError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane.providers.builtin.hash import HashEmbedder, hash_vector
from embedlane.providers.builtin.spool import SpoolEmbedder, spool_limits
from embedlane.providers.values import BatchFile, BatchRow, Correlation, RawEmbeddings, Refusal, RemoteState

SIZE = 16


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        """The time."""
        return self.now


class Watched:
    """A hash embedder that counts texts, refuses the word 'refuse' and can run a hook in each call."""

    def __init__(self, hook=lambda: None):
        self.inner = HashEmbedder(SIZE)
        self.hook = hook
        self.seen = []
        self.closed = False

    def embed(self, inputs, role):
        """Embed, unless the hook or a text says no."""
        self.hook()
        if any("refuse" in text for text in inputs):
            raise RequestRefusedError("no", "", "400")
        self.seen += inputs
        return self.inner.embed(inputs, role)

    def close(self):
        """Remember it."""
        self.closed = True


def batch_file(path, lines):
    data = b"".join(line + b"\n" for line in lines)
    path.write_bytes(data)
    return BatchFile(path=path, rows=len(lines), size=len(data), digest=hashlib.sha256(data).hexdigest())


def rows(count, text="row number {}"):
    return [BatchRow(f"key-{number}", text.format(number)) for number in range(count)]


def start(spool, tmp_path, wanted, tag="tag"):
    file = batch_file(tmp_path / "input.jsonl", [spool.encode([row]) for row in wanted])
    return spool.create(spool.stage(file, tag), tag)


def poll_to_the_end(spool, name, most=1000):
    for _ in range(most):
        job = spool.get(name)
        if job.state.terminal:
            return job
    raise AssertionError(f"{name} has not ended after {most} polls")


def test_a_job_lives_from_stage_to_delete(tmp_path):
    """All rows come back under their keys, with the sync lane's vectors, and counts and tokens are told."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    wanted = [*rows(70), BatchRow("ünï", 'a "text"\nof two lines\u2028or three')]
    job = start(spool, tmp_path, wanted)
    assert (job.state, job.rows_done) == (RemoteState.PENDING, 0)
    done = poll_to_the_end(spool, job.name)
    assert (done.state, done.raw_state) == (RemoteState.SUCCEEDED, "SUCCEEDED")
    assert (done.rows_done, done.rows_failed, done.tokens, done.poll_after) == (71, 0, 70 * 3 + 7, None)
    for _ in range(2):
        results = list(spool.results(done))
        assert [result.key for result in results] == [row.key for row in wanted]
        assert [list(result.values) for result in results] == [
            list(hash_vector(row.text, SIZE)) for row in wanted
        ]
    spool.delete(job.name)
    assert list((tmp_path / "spool" / "inputs").iterdir()) == []
    spool.delete(job.name)
    assert spool.get(job.name).state is RemoteState.GONE
    assert list(spool.results(done)) == []


def test_results_are_read_over_all_pages(tmp_path):
    """More rows than a page holds come back once each, also while the job is removed by its reader."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched(), batch=300)
    job = poll_to_the_end(spool, start(spool, tmp_path, rows(700)).name)
    assert [result.key for result in spool.results(job)] == [row.key for row in rows(700)]


def test_one_poll_works_for_one_slice(tmp_path):
    """A poll stops at the end of its slice, tells how far it came, and advises to poll again at once."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched(), slice_seconds=0.0, batch=4)
    name = start(spool, tmp_path, rows(10)).name
    seen = [spool.get(name) for _ in range(3)]
    assert [job.rows_done for job in seen] == [4, 8, 10]
    assert [job.state.value for job in seen] == ["running", "running", "succeeded"]
    assert [job.poll_after for job in seen] == [0.0, 0.0, None]


def test_nothing_starts_before_the_delay(tmp_path):
    """A job is pending until its delay has passed, and says how long that takes."""
    clock, embedder = Clock(), Watched()
    spool = SpoolEmbedder(tmp_path / "spool", embedder, clock=clock, delay=60.0)
    job = start(spool, tmp_path, rows(1))
    assert job.poll_after == 60.0
    clock.now += 45
    job = spool.get(job.name)
    assert (job.state, job.poll_after, embedder.seen) == (RemoteState.PENDING, 15.0, [])
    clock.now += 15
    assert spool.get(job.name).state is RemoteState.SUCCEEDED


def test_a_cancelled_job_keeps_its_finished_rows(tmp_path):
    """Cancel ends the job, its rows so far stay, and later polls do no work."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched(), slice_seconds=0.0, batch=4)
    name = start(spool, tmp_path, rows(10)).name
    spool.get(name)
    spool.cancel(name)
    job = spool.get(name)
    assert (job.state, job.rows_done) == (RemoteState.CANCELLED, 4)
    assert [result.key for result in spool.results(job)] == ["key-0", "key-1", "key-2", "key-3"]
    spool.cancel(name)
    spool.cancel("spool/unknown")


def test_cancel_does_not_undo_an_end(tmp_path):
    """A job that has succeeded stays so."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    name = start(spool, tmp_path, rows(1)).name
    spool.get(name)
    spool.cancel(name)
    assert spool.get(name).state is RemoteState.SUCCEEDED


@pytest.mark.parametrize("deed", ["cancel", "delete"])
def test_a_deed_in_the_middle_of_a_batch_wins(tmp_path, deed):
    """A cancel or a delete during a slice stops it; the batch under way is thrown away."""
    other = SpoolEmbedder(tmp_path / "spool", Watched())
    embedder = Watched()
    spool = SpoolEmbedder(tmp_path / "spool", embedder, batch=4)
    name = start(spool, tmp_path, rows(20)).name
    embedder.hook = lambda: getattr(other, deed)(name)
    job = spool.get(name)
    assert job.state is (RemoteState.CANCELLED if deed == "cancel" else RemoteState.GONE)
    assert len(embedder.seen) == 4
    assert list(spool.results(job)) == []


def test_an_old_job_expires_with_its_finished_rows(tmp_path):
    """A job older than the limit and unfinished expires; a finished one does not."""
    clock = Clock()
    spool = SpoolEmbedder(
        tmp_path / "spool",
        Watched(),
        clock=clock,
        slice_seconds=0.0,
        batch=4,
        expires_after=timedelta(hours=1),
    )
    assert spool.limits.expires_after == timedelta(hours=1)
    finished, started, waiting = (start(spool, tmp_path, rows(n), str(n)).name for n in (4, 10, 11))
    spool.get(finished)
    spool.get(started)
    clock.now += 3601
    assert [job.state for job in spool.find("11")] == [RemoteState.EXPIRED]
    states = [spool.get(name).state.value for name in (finished, started, waiting)]
    assert states == ["succeeded", "expired", "expired"]
    assert len(list(spool.results(spool.get(started)))) == 4


def test_find_lists_every_job_of_a_tag(tmp_path):
    """Two creates make two jobs, which share the staged file; find shows both and no other."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    first = start(spool, tmp_path, rows(3))
    second = start(spool, tmp_path, rows(3))
    start(spool, tmp_path, rows(3), "other")
    assert [job.name for job in spool.find("tag")] == [first.name, second.name]
    assert spool.find("unknown") == []
    spool.delete(first.name)
    assert spool.get(second.name).state is RemoteState.SUCCEEDED
    spool.delete(second.name)
    assert len(list((tmp_path / "spool" / "inputs").iterdir())) == 1


def test_staging_again_gives_the_same_handle(tmp_path):
    """Stage is idempotent and leaves one copy and no temporary file."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    file = batch_file(tmp_path / "input.jsonl", [spool.encode([row]) for row in rows(3)])
    assert spool.stage(file, "tag") == spool.stage(file, "tag")
    assert len(list((tmp_path / "spool" / "inputs").iterdir())) == 1


def test_a_file_that_changed_is_refused_at_stage(tmp_path):
    """The bytes must be those of the digest; nothing stays behind."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    file = batch_file(tmp_path / "input.jsonl", [spool.encode([row]) for row in rows(3)])
    file.path.write_bytes(b"other")
    with pytest.raises(RequestRefusedError, match="has changed"):
        spool.stage(file, "tag")
    assert list((tmp_path / "spool" / "inputs").iterdir()) == []


def test_a_file_that_is_missing_can_be_staged_later(tmp_path):
    """An input that can't be read is an error that may pass."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    file = batch_file(tmp_path / "input.jsonl", [spool.encode([row]) for row in rows(3)])
    file.path.unlink()
    with pytest.raises(TransientError, match=r"input\.jsonl"):
        spool.stage(file, "tag")


def test_uploads_that_were_given_up_are_swept(tmp_path):
    """Old copies that no job needs go when the next file is staged; those of jobs stay."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    needed = start(spool, tmp_path, rows(3), "needed")
    old = batch_file(tmp_path / "old.jsonl", [spool.encode([row]) for row in rows(4)])
    spool.stage(old, "given up")
    for path in (tmp_path / "spool" / "inputs").iterdir():
        os.utime(path, (0, 0))
    spool.stage(batch_file(tmp_path / "new.jsonl", [spool.encode([row]) for row in rows(5)]), "new")
    assert len(list((tmp_path / "spool" / "inputs").iterdir())) == 2
    assert spool.get(needed.name).state is RemoteState.SUCCEEDED


@pytest.mark.parametrize(
    "line",
    [b"", b"nonsense", b"[]", b'{"key": "a"}', b'{"key": 1, "text": "a"}', b'{"key":"a","text":"b","c":1}'],
)
def test_a_bad_line_is_rejected_with_its_number(tmp_path, line):
    """Create reads the whole file first; the error says which line is no row, and there is no job."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    good = spool.encode([BatchRow("a", "text")])
    staged = spool.stage(batch_file(tmp_path / "input.jsonl", [good, good, line, good]), "tag")
    with pytest.raises(CreateRejectedError, match="line 3 is not a row"):
        spool.create(staged, "tag")
    assert spool.find("tag") == []


def test_files_out_of_bounds_are_rejected(tmp_path):
    """No rows, too many rows, and a file that is gone make no job."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched(), limits=spool_limits(rows=2))
    with pytest.raises(CreateRejectedError, match="no rows"):
        start(spool, tmp_path, [])
    with pytest.raises(CreateRejectedError, match="3 rows; a job takes 2"):
        start(spool, tmp_path, rows(3))
    staged = spool.stage(batch_file(tmp_path / "input.jsonl", [spool.encode(rows(1))]), "tag")
    with pytest.raises(CreateRejectedError, match="no staged file"):
        spool.create(attrs.evolve(staged, handle="gone.jsonl"), "tag")


def test_a_refused_text_becomes_a_refusal(tmp_path):
    """One text that the embedder refuses does not take its batch with it."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    wanted = [BatchRow("a", "fine"), BatchRow("b", "refuse me"), BatchRow("c", "also fine")]
    job = poll_to_the_end(spool, start(spool, tmp_path, wanted).name)
    assert (job.state, job.rows_done, job.rows_failed, job.tokens) == (RemoteState.SUCCEEDED, 2, 1, 3)
    first, refused, last = spool.results(job)
    assert (first.key, last.key) == ("a", "c")
    assert refused == Refusal("b", "400", "no")


def test_an_embedder_that_fails_for_now_leaves_the_job_as_it_was(tmp_path):
    """An error that may pass reaches the caller; the next poll goes on."""
    embedder = Watched()
    spool = SpoolEmbedder(tmp_path / "spool", embedder, slice_seconds=0.0, batch=4)
    name = start(spool, tmp_path, rows(8)).name
    spool.get(name)

    def fail():
        raise TransientError("busy")

    embedder.hook = fail
    with pytest.raises(TransientError, match="busy"):
        spool.get(name)
    embedder.hook = lambda: None
    assert spool.get(name).state is RemoteState.SUCCEEDED
    assert len(list(spool.results(spool.get(name)))) == 8


def test_an_embedder_that_loses_vectors_is_found_out(tmp_path):
    """A call that returns too few vectors stores none of them."""

    class Loser(Watched):
        def embed(self, inputs, role):
            return RawEmbeddings(vectors=self.inner.embed(inputs, role).vectors[1:])

    spool = SpoolEmbedder(tmp_path / "spool", Loser())
    name = start(spool, tmp_path, rows(3)).name
    with pytest.raises(ResponseError, match="2 vectors of 3 texts"):
        spool.get(name)
    assert [job.rows_done for job in spool.find("tag")] == [0]


@pytest.mark.parametrize("damage", ["gone", "short"])
def test_a_damaged_input_fails_the_job(tmp_path, damage):
    """A staged file that vanishes or shrinks ends the job as failed, with the reason; finished rows stay."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched(), slice_seconds=0.0, batch=4)
    name = start(spool, tmp_path, rows(8)).name
    spool.get(name)
    (path,) = (tmp_path / "spool" / "inputs").iterdir()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    job = spool.get(name)
    assert (job.state, job.rows_done) == (RemoteState.FAILED, 4)
    assert "staged file" in job.error
    assert len(list(spool.results(job))) == 4


def test_two_pollers_never_do_the_same_work(tmp_path):
    """While one poll works, another only reports; every row is embedded once."""
    inside, leave = threading.Event(), threading.Event()

    def wait():
        inside.set()
        assert leave.wait(30)

    first, second = Watched(wait), Watched()
    spool = SpoolEmbedder(tmp_path / "spool", first, batch=4)
    name = start(spool, tmp_path, rows(8)).name
    thread = threading.Thread(target=spool.get, args=(name,))
    thread.start()
    assert inside.wait(30)
    job = SpoolEmbedder(tmp_path / "spool", second).get(name)
    leave.set()
    thread.join()
    assert (job.state, job.rows_done, second.seen) == (RemoteState.PENDING, 0, [])
    assert job.poll_after > 0
    assert first.seen == [row.text for row in rows(8)]


@pytest.mark.parametrize("deed", ["cancel", "delete"])
def test_a_job_that_ends_before_the_turn_is_left_alone(tmp_path, deed):
    """Between the first look at a job and the turn to work on it, it may end; then nothing is embedded."""
    clock, embedder = Clock(), Watched()
    spool = SpoolEmbedder(tmp_path / "spool", embedder, clock=clock)
    name = start(spool, tmp_path, rows(2)).name
    calls = []

    def act():
        calls.append(None)
        if len(calls) == 2:  # the first asks what has expired, the second whether the delay has passed
            getattr(spool, deed)(name)
        return clock.now

    spool.clock = act
    assert spool.get(name).state is (RemoteState.CANCELLED if deed == "cancel" else RemoteState.GONE)
    assert embedder.seen == []


def test_a_turn_that_cannot_be_taken_is_told(tmp_path):
    """A lock that is broken is an error, not somebody else at work."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    name = start(spool, tmp_path, rows(2)).name
    (tmp_path / "spool" / "turn.db").mkdir()
    with pytest.raises(TransientError, match="can't be used now"):
        spool.get(name)
    assert [job.rows_done for job in spool.find("tag")] == [0]


def test_jobs_of_another_space_are_reported_but_not_worked_on(tmp_path):
    """An embedder of another size can't put its vectors into a job."""
    mine = SpoolEmbedder(tmp_path / "spool", Watched(), space="mine")
    other = SpoolEmbedder(tmp_path / "spool", HashEmbedder(SIZE + 1), space="other")
    name = start(mine, tmp_path, rows(2)).name
    job = other.get(name)
    assert job.state is RemoteState.PENDING
    assert job.poll_after > 0
    assert mine.get(name).state is RemoteState.SUCCEEDED


CHILD = """
import os, sys, signal
from pathlib import Path
from embedlane.providers.builtin.hash import HashEmbedder
from embedlane.providers.builtin.spool import SpoolEmbedder

class Killed:
    calls = 0
    inner = HashEmbedder(16)
    def embed(self, inputs, role):
        self.calls += 1
        if self.calls == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.inner.embed(inputs, role)
    def close(self): ...

spool = SpoolEmbedder(Path(sys.argv[1]), Killed(), batch=4, slice_seconds=60)
print(spool.get(sys.argv[2]).state.value)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_poll_loses_one_batch_and_doubles_none(tmp_path):
    """After kill -9 in the middle of a slice the next poll goes on at once; every key comes exactly once."""
    embedder = Watched()
    spool = SpoolEmbedder(tmp_path / "spool", embedder, batch=4)
    wanted = rows(23)
    name = start(spool, tmp_path, wanted).name
    for calls in ("3", "2"):
        command = [sys.executable, "-c", textwrap.dedent(CHILD), str(spool.directory), name, calls]
        assert subprocess.run(command, check=False, capture_output=True).returncode == -signal.SIGKILL
    (job,) = spool.find("tag")
    assert (job.state, job.rows_done) == (RemoteState.RUNNING, 12)
    job = spool.get(name)
    assert job.state is RemoteState.SUCCEEDED
    assert embedder.seen == [row.text for row in wanted[12:]]
    assert [result.key for result in spool.results(job)] == [row.key for row in wanted]


def test_processes_that_poll_at_once_finish_every_row_once(tmp_path):
    """Several processes that start on a fresh folder and poll one job agree on one set of rows."""
    folder = tmp_path / "spool"
    maker = SpoolEmbedder(folder, Watched())
    name = start(maker, tmp_path, rows(200)).name
    command = [sys.executable, "-c", CHILD, str(folder), name, "0"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, b"")
    job = poll_to_the_end(maker, name)
    assert (job.rows_done, job.tokens) == (200, 600)
    assert [result.key for result in maker.results(job)] == [row.key for row in rows(200)]


def test_a_fresh_folder_may_be_opened_by_many_at_once(tmp_path):
    """Making the database is safe against others who make it."""
    barrier, found = threading.Barrier(8), []

    def look():
        barrier.wait()
        found.append(SpoolEmbedder(tmp_path / "spool", Watched()).find("tag"))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[]] * 8


def test_a_broken_database_is_named(tmp_path):
    """A file that is no database ends in an error that names the folder and what to do."""
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "spool.db").write_bytes(b"nonsense" * 1000)
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    with pytest.raises(LedgerError, match=r"spool is broken: .* Remove the folder"):
        spool.find("tag")


def test_a_database_of_a_newer_release_is_left_alone(tmp_path):
    """The error says to upgrade."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    spool.find("tag")
    connection = sqlite3.connect(tmp_path / "spool" / "spool.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerError, match=r"newer embedlane\. Upgrade"):
        spool.get("spool/any")


def test_a_folder_that_cannot_be_made_may_pass(tmp_path):
    """A file in the way is told; a create that fails in the database is ambiguous, never just an error."""
    (tmp_path / "file").write_text("in the way")
    spool = SpoolEmbedder(tmp_path / "file" / "spool", Watched())
    with pytest.raises(TransientError, match="can't be made"):
        spool.find("tag")


def test_a_create_that_fails_in_the_database_is_ambiguous(tmp_path):
    """When the database fails, the core is told to look the tag up."""
    spool = SpoolEmbedder(tmp_path / "spool", Watched())
    staged = spool.stage(batch_file(tmp_path / "input.jsonl", [spool.encode(rows(1))]), "tag")
    for path in (tmp_path / "spool").glob("spool.db*"):
        path.unlink()
    (tmp_path / "spool" / "spool.db").mkdir()
    with pytest.raises(CreateAmbiguousError, match="can't be used now"):
        spool.create(staged, "tag")


def test_limits_and_close(tmp_path):
    """The lane correlates by key, forgets nothing, and is polled often; close closes the embedder."""
    embedder = Watched()
    spool = SpoolEmbedder(tmp_path / "spool", embedder)
    assert spool.limits.correlation is Correlation.KEY
    assert spool.limits.rows is None
    assert (spool.limits.list_lag, spool.limits.poll_every) == (timedelta(seconds=5), timedelta(seconds=0.2))
    spool.close()
    assert embedder.closed
