"""The front door: indexes, jobs, and the configuration's say in them."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import insert, select, update

from embedlane.errors import (
    CapabilityError,
    RefusedError,
    SpaceMismatchError,
    UnknownNameError,
    UsageError,
)
from embedlane.indexes.settings import IndexSettings
from embedlane.jobs.states import JobState
from embedlane.ledger.schema import contents, jobs, vectors
from embedlane.text.cutting import ChunkRule
from embedlane.workspace.workspace import Workspace

_DECLARED = '[indexes.docs]\nmodel = "local:hash"\ndimensions = 64\nchunk_size = 100\n'
_CARD = """
[[models]]
id = "test:card"
revision = "{revision}"
lanes = ["sync"]
{more}
[models.dimensions]
native = 8
"""


def test_opening_makes_nothing(workspace, tmp_path):
    """No ledger before something needs it; questions about nothing are answered."""
    opened = workspace()
    assert opened.indexes() == []
    assert opened.jobs() == []
    assert opened.work() == []
    assert not opened.has_ledger
    assert [path.name for path in tmp_path.iterdir()] == ["embedlane.toml"]


def test_the_default_model_is_local(workspace):
    """Without plugins it is the one that comes with the core."""
    opened = workspace()
    assert str(opened.default_model()) == "local:hash"
    assert str(opened.create_index("docs").space.model) == "local:hash"


def test_an_index_lives_beyond_the_workspace(workspace):
    """Another workspace of the folder opens what the first has made."""
    settings = IndexSettings(chunks=ChunkRule(size=10))
    made = workspace().create_index("docs", "local:hash", dimensions=32, settings=settings)
    again = workspace().index("docs")
    assert again.space == made.space
    assert again.space.dimensions == 32
    assert [record.settings for record in workspace().indexes()] == [settings]


def test_creating_twice_is_refused(workspace):
    """The hint shows and drops it."""
    opened = workspace()
    opened.create_index("docs")
    with pytest.raises(RefusedError, match="There is an index 'docs' already"):
        opened.create_index("docs")


def test_a_declared_index_is_made_on_first_use(workspace):
    """Model, size and cutting are the configuration's."""
    opened = workspace(_DECLARED)
    index = opened.index("docs")
    assert index.space.dimensions == 64
    assert opened.indexes()[0].settings.chunks.size == 100
    assert opened.index("docs").space == index.space
    assert len(opened.indexes()) == 1


def test_processes_that_use_a_declared_index_first_at_once_agree(workspace):
    """One makes it, the others open it."""
    opened = [workspace(_DECLARED) for _ in range(4)]
    opened[0].ledger.close()
    spaces = []
    threads = [
        threading.Thread(target=lambda each=each: spaces.append(each.index("docs").space)) for each in opened
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spaces) == 4
    assert len(set(spaces)) == 1


def test_a_declared_index_that_cannot_be_made_says_why(workspace):
    """A model that was shut down is no race that was lost."""
    toml = _CARD.format(revision="1", more="[models.lifecycle]\nretires = 2020-01-01\n")
    with pytest.raises(CapabilityError, match="shut down"):
        workspace(toml + '[indexes.docs]\nmodel = "test:card"\n').index("docs")


@pytest.mark.parametrize(
    "toml", [_DECLARED.replace("64", "128"), '[indexes.docs]\nmodel = "local:all-minilm-l6-v2"\n']
)
def test_a_configuration_that_names_another_space_is_refused(workspace, toml):
    """An index that exists is bound: nothing can be written to it or asked of it under another name."""
    workspace(_DECLARED).index("docs").add([("a", "text")])
    with pytest.raises(SpaceMismatchError, match="Index 'docs' is bound to another space") as caught:
        workspace(toml).index("docs")
    assert caught.value.exit_status == 3
    assert "local:hash" in caught.value.message
    assert "≠" in caught.value.message


def test_an_index_that_the_configuration_disagrees_with_can_be_dropped(workspace):
    """Dropping is a way out of the disagreement."""
    workspace(_DECLARED).index("docs")
    opened = workspace(_DECLARED.replace("64", "128"))
    opened.drop_index("docs")
    assert opened.index("docs").space.dimensions == 128


def test_creating_against_the_configuration_is_refused(workspace):
    """What is typed and what is written must agree; the same again is fine."""
    opened = workspace(_DECLARED)
    for wrong in ({"dimensions": 32}, {"model": "local:all-minilm-l6-v2"}):
        with pytest.raises(UsageError, match="says that index 'docs' is local:hash @ 64") as caught:
            opened.create_index("docs", **wrong)
        assert "[indexes.docs]" in caught.value.hint
    assert opened.create_index("docs", "local:hash").space.dimensions == 64


def test_a_card_that_changed_stops_embedding_and_search(workspace):
    """A new revision is another space: neither documents nor queries may go to it."""
    index = workspace(_CARD.format(revision="1", more="")).create_index("docs", "test:card")
    index.add([("a", "text")])
    changed = workspace(_CARD.format(revision="2", more="")).index("docs")
    for deed in (changed.embed, lambda: changed.embed("batch"), lambda: changed.search("text")):
        with pytest.raises(SpaceMismatchError, match="≠ revision") as caught:
            deed()
        assert index.space.fingerprint in caught.value.message
        assert caught.value.exit_status == 3


def test_a_template_that_changed_stops_them_too(workspace):
    """The task scheme is part of the space."""
    workspace(_CARD.format(revision="1", more="")).create_index("docs", "test:card").add([("a", "text")])
    tasks = '[models.tasks]\nmechanism = "prefix"\ndocument = "d: {text}"\nquery = "q: {text}"\n'
    changed = workspace(_CARD.format(revision="1", more=tasks)).index("docs")
    with pytest.raises(SpaceMismatchError, match="≠ tasks"):
        changed.search("text")


@pytest.mark.parametrize("deed", ["index", "drop_index"])
def test_an_unknown_index_lists_near_misses(workspace, deed):
    """With a ledger and without one; no ledger is made for it."""
    opened = workspace()
    with pytest.raises(UnknownNameError, match="no index 'articels'"):
        getattr(opened, deed)("articels")
    assert not opened.has_ledger
    opened.create_index("articles")
    with pytest.raises(UnknownNameError) as caught:
        getattr(opened, deed)("articels")
    assert "'articles'" in caught.value.hint


def test_an_unknown_model_or_size_is_refused(workspace):
    """Near misses for a name, the nearest for a size; no index is made."""
    opened = workspace()
    with pytest.raises(UnknownNameError, match="local:hahs"):
        opened.create_index("docs", "local:hahs")
    with pytest.raises(CapabilityError, match="can't give 4 dimensions"):
        opened.create_index("docs", "local:hash", dimensions=4)
    assert opened.indexes() == []


def test_dropping_keeps_vectors_and_shared_texts(workspace):
    """What another index has stays, and what was paid for is found by an index made later."""
    opened = workspace()
    one, two = opened.create_index("one"), opened.create_index("two")
    one.add([("a", "shared text"), ("b", "own text")])
    two.add([("a", "shared text")])
    one.embed()
    opened.drop_index("one")
    with opened.ledger.read() as connection:
        assert list(connection.scalars(select(contents.c.text))) == ["shared text"]
        assert len(connection.execute(select(vectors)).all()) == 2
    again = opened.create_index("one")
    assert again.add([("b", "own text")]).tally.stored == 1


def test_an_embedder_needs_no_index(workspace):
    """Vectors come without a ledger."""
    opened = workspace()
    with opened.embedder("local:hash", 16) as embedder:
        assert embedder.embed_query("hello").shape == (16,)
    assert not opened.has_ledger


def test_a_folder_a_file_or_nothing_can_be_opened(tmp_path, monkeypatch):
    """The configuration is found below the folder, in the file, or from the working directory."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "embedlane.toml").write_text('ledger = "x.db"\n')
    monkeypatch.chdir(tmp_path / "sub")
    for path in (tmp_path, tmp_path / "sub", tmp_path / "embedlane.toml", None):
        with Workspace.open(path) as opened:
            assert opened.config.ledger == tmp_path / "x.db"


def test_jobs_are_reported_with_rows_and_cost(workspace):
    """A job knows its model, the verdicts of its rows and what its tokens cost."""
    opened = workspace()
    index = opened.create_index("docs")
    index.add([("a", "one two"), ("b", "three")])
    (job,) = index.embed("batch").jobs
    assert job.state is JobState.STORED
    (report,) = opened.jobs()
    assert report == opened.job(job.id)
    assert (report.model, report.rows.stored, report.cost) == ("local:hash", 2, 0.0)
    assert opened.job_events(job.id)[0].event == "planned"
    for deed in (opened.job, opened.job_events, opened.cancel_job):
        with pytest.raises(UnknownNameError, match="There is no job 99"):
            deed(99)


def test_without_a_ledger_there_is_no_job(workspace):
    """Asking for one does not make a ledger."""
    opened = workspace()
    with pytest.raises(UnknownNameError, match="There is no job 1"):
        opened.job(1)
    assert not opened.has_ledger


def test_a_job_can_be_cancelled_before_it_is_sent(workspace):
    """Its rows are pending again, and the sync lane takes them."""
    opened = workspace("[providers.hash]\nbatch_delay = 3600\n")
    index = opened.create_index("docs")
    index.add([("a", "text")])
    (job,) = index.embed("batch", wait=False).jobs
    assert job.state is JobState.SUBMITTED
    assert index.tally().in_flight == 1
    assert opened.cancel_job(job.id).job.state is JobState.CANCELLING
    assert [done.state for done in opened.work(once=True)] == [JobState.CANCELLED]
    assert index.embed().complete


def test_jobs_of_a_model_that_is_gone_are_still_listed(workspace):
    """A plugin that was removed takes neither the job with it, nor what it was billed at."""
    opened = workspace()
    index = opened.create_index("docs")
    index.add([("a", "text")])
    index.embed("batch")
    with opened.ledger.write() as connection:
        from embedlane.ledger.schema import spaces
        from embedlane.models.names import ModelId
        from embedlane.models.space import Space

        gone = Space(model=ModelId.parse("gone:model"), revision="1", dimensions=4)
        values = {"fingerprint": gone.fingerprint, "canonical": gone.canonical, "created_at": 0.0}
        space_id = connection.execute(insert(spaces).returning(spaces.c.id), values).scalar_one()
        connection.execute(update(jobs).values(space_id=space_id))
    (report,) = opened.jobs()
    assert (report.model, report.cost) == ("gone:model", 0.0)
    assert opened.doctor()
