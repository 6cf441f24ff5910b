"""Providers of the batch lane that each break one rule, and the suite that judges each."""

# ruff: noqa: D102 -- what a method does wrong stands at its class

import json
from datetime import timedelta

import attrs
from judging import judged, service, shared_service  # noqa: F401 -- fixtures
from toy import OK, Answer, HonestBatch

from embedlane.errors import EmbedlaneError
from embedlane.plugin import (
    BatchLimits,
    CreateAmbiguousError,
    CreateRejectedError,
    Refusal,
    RemoteJob,
    RemoteState,
    RequestRefusedError,
    StagedInput,
)
from embedlane.testing import BatchEmbedderSuite


class Restless(HonestBatch):
    """Polls less often than at most."""

    breaks = "test_limits_are_possible"
    limits = BatchLimits(texts_per_line=3, poll_every=timedelta(hours=1))


class Counting(HonestBatch):
    """Numbers its lines."""

    breaks = "test_a_line_is_pure"
    lines = 0

    def encode(self, rows):
        number = self.__dict__["lines"] = self.__dict__.get("lines", 0) + 1
        return super().encode(rows)[:-1] + f', "line": {number}}}'.encode()


class Pretty(HonestBatch):
    """Indents its JSON."""

    breaks = "test_a_line_is_one_line"

    def encode(self, rows):
        return json.dumps(json.loads(super().encode(rows)), indent=1).encode()


class FirstOnly(HonestBatch):
    """Writes one row into a line, whatever it was given."""

    breaks = "test_a_line_holds_all_its_rows"

    def encode(self, rows):
        return super().encode(rows[:1])


class Abbreviating(HonestBatch):
    """Cuts keys."""

    breaks = "test_a_line_holds_all_its_rows"

    def encode(self, rows):
        return super().encode([attrs.evolve(row, key=row.key[:39]) for row in rows])


class Leaky(HonestBatch):
    """Reads the first page of the results."""

    breaks = "test_every_row_comes_back"

    def results(self, job):
        return (result for number, result in enumerate(super().results(job)) if number < 200)


class TwinBlind(HonestBatch):
    """Takes equal vectors for one."""

    breaks = "test_twins_have_a_result_each"

    def results(self, job):
        seen = set()
        for result in super().results(job):
            values = tuple(getattr(result, "values", [result]))
            if values not in seen:
                seen.add(values)
                yield result


class Ascii(HonestBatch):
    """Drops what it can't spell."""

    breaks = "test_unicode_rows_come_back"

    def encode(self, rows):
        return super().encode(
            [attrs.evolve(row, text=row.text.encode("ascii", "ignore").decode()) for row in rows]
        )


class Short(HonestBatch):
    """Takes half of what its card says."""

    breaks = "test_the_longest_row_comes_back"

    def stage(self, file, tag):
        if any(len(line) > 1200 and b"\\u" not in line for line in file.path.read_bytes().splitlines()):
            raise RequestRefusedError("a line is too long")
        return super().stage(file, tag)


class Querying(HonestBatch):
    """Embeds documents as queries."""

    breaks = "test_both_lanes_agree"

    def order(self, staged, tag):
        return {**super().order(staged, tag), "task": "query"}


class Rotating(HonestBatch):
    """Gives each row the vector of the next."""

    breaks = "test_both_lanes_agree"

    def results(self, job):
        found = list(super().results(job))
        vectors = [result for result in found if hasattr(result, "values")]
        if len(vectors) != 5:
            return found
        pairs = zip(vectors, vectors[1:] + vectors[:1], strict=True)
        return [attrs.evolve(one, values=other.values) for one, other in pairs]


class ReadOnce(HonestBatch):
    """Goes on where the last reading stopped."""

    breaks = "test_results_can_be_read_again"

    def results(self, job):
        streams = self.__dict__.setdefault("streams", {})
        if job.name not in streams:
            streams[job.name] = super().results(job)
        yield from streams[job.name]
        del streams[job.name]


class Appending(HonestBatch):
    """Adds what is staged to what was staged under the tag."""

    breaks = "test_staging_twice_is_harmless"

    def stage(self, file, tag):
        held = self.__dict__.setdefault("held", {})
        held[tag] = held.get(tag, b"") + file.path.read_bytes()
        answer = self.send("POST", "/files", held[tag])
        if answer.status != OK:
            raise self.error(answer)
        return StagedInput(handle=self.read(answer)["name"], rows=file.rows)


class Hurried(HonestBatch):
    """Creates a job for what it stages."""

    breaks = "test_staging_twice_is_harmless"

    def stage(self, file, tag):
        staged = super().stage(file, tag)
        # Only where the lie is looked at: jobs that nobody asked for would break every search.
        if tag in self.__dict__.setdefault("staged", set()):
            self.create(staged, tag)
        self.__dict__["staged"].add(tag)
        return staged


class InMemory(HonestBatch):
    """Keeps the service's handles on the embedder."""

    breaks = "test_another_process_can_go_on"

    def stage(self, file, tag):
        staged = super().stage(file, tag)
        handles = self.__dict__.setdefault("handles", {})
        handles[f"memory-{len(handles)}"] = staged
        return attrs.evolve(staged, handle=f"memory-{len(handles) - 1}")

    def create(self, staged, tag):
        return super().create(self.__dict__.get("handles", {})[staged.handle], tag)


class Unwritable(HonestBatch):
    """Keeps bytes where JSON is to be."""

    breaks = "test_another_process_can_go_on"

    def stage(self, file, tag):
        return attrs.evolve(super().stage(file, tag), details={"digest": b"abc"})


class Prefix(HonestBatch):
    """Finds tags by how they start."""

    breaks = "test_a_job_is_found_by_its_tag"

    def matches(self, told, tag):
        return told["tag"].startswith(tag)


class Guessing(HonestBatch):
    """Has a job for every tag."""

    breaks = "test_an_unknown_tag_finds_nothing"

    def find(self, tag):
        jobs = [self.job(told) for told in self.listed()]
        return super().find(tag) or jobs[:1]


class FirstFound(HonestBatch):
    """Stops at the first job."""

    breaks = "test_every_job_of_a_tag_is_found"

    def find(self, tag):
        return super().find(tag)[:1]


class FirstPage(HonestBatch):
    """Reads the first page of the list."""

    breaks = "test_every_page_is_searched"

    def listed(self):
        return self.asked("GET", "/jobs?from=0")["jobs"]


class Unsure(HonestBatch):
    """Takes a job that the service does not know for one in an unknown state."""

    breaks = "test_an_unknown_job_is_gone"

    def get(self, name):
        job = super().get(name)
        return attrs.evolve(job, state=RemoteState.UNKNOWN) if job.state is RemoteState.GONE else job


class Unstoppable(HonestBatch):
    """Cancels nothing."""

    breaks = "test_a_job_can_be_cancelled"

    def cancel(self, name):
        pass


class Strict(HonestBatch):
    """Takes a late cancel for an error."""

    breaks = "test_cancelling_may_be_repeated"

    def cancel(self, name):
        answer = self.send("POST", f"/{name}/cancel")
        if answer.status not in (OK, 404):
            raise self.error(answer)


class Pedantic(HonestBatch):
    """Takes a second delete for an error."""

    breaks = "test_deleting_may_be_repeated"

    def delete(self, name):
        answer = self.send("DELETE", f"/{name}")
        if answer.status != OK:
            raise self.error(answer)


@attrs.define
class Remembering(HonestBatch):
    """Knows the keys of what it staged, in their order."""

    def stage(self, file, tag):
        staged = super().stage(file, tag)
        lines = file.path.read_bytes().splitlines()
        keys = [row["key"] for line in lines for row in json.loads(line)["rows"]]
        self.context.directory.mkdir(parents=True, exist_ok=True)
        (self.context.directory / staged.handle.replace("/", "-")).write_text(json.dumps(keys))
        return staged

    def order(self, staged, tag):
        path = self.context.directory / staged.handle.replace("/", "-")
        (self.context.directory / tag).write_text(path.read_text())
        return super().order(staged, tag)

    def keys(self, job):
        """The keys of a job's rows."""
        [tag] = [told["tag"] for told in self.listed() if told["name"] == job.name]
        return json.loads((self.context.directory / tag).read_text())


class ByPlace(Remembering):
    """Takes the first result for the first row's."""

    breaks = "test_order_and_number_do_not_matter"

    def results(self, job):
        found = list(super().results(job))
        if len(found) != 12:
            return found
        return [
            attrs.evolve(result, key=key) if hasattr(result, "key") else result
            for key, result in zip(self.keys(job), found, strict=True)
        ]


class Inventing(Remembering):
    """Has an answer for rows that have none."""

    breaks = "test_missing_rows_stay_missing"

    def results(self, job):
        seen = set()
        for result in super().results(job):
            seen.add(getattr(result, "key", ""))
            yield result
        if len(seen) == 6:
            yield from (Refusal(key, "lost", "it did not come") for key in self.keys(job) if key not in seen)


class Wordless(HonestBatch):
    """Says no more than that a row was refused."""

    breaks = "test_a_rows_error_is_a_refusal"

    def result(self, number, line):
        result = super().result(number, line)
        return attrs.evolve(result, message="error") if isinstance(result, Refusal) else result


class Blind(HonestBatch):
    """Passes over the rows that were refused."""

    breaks = "test_a_rows_error_is_a_refusal"

    def results(self, job):
        return (result for result in super().results(job) if not isinstance(result, Refusal))


class Delicate(HonestBatch):
    """Gives up at a line that it can't read."""

    breaks = "test_a_broken_piece_spoils_no_other"

    def result(self, number, line):
        json.loads(line)
        return super().result(number, line)


class Wasteful(HonestBatch):
    """Reads results of jobs that succeeded, and of no other."""

    breaks = "test_partial_results_are_read"

    def results(self, job):
        return super().results(job) if job.state is RemoteState.SUCCEEDED else iter(())


class Merciless(HonestBatch):
    """Calls a job failed that has expired."""

    breaks = "test_an_expired_job_is_told"

    def job(self, told):
        job = super().job(told)
        return attrs.evolve(job, state=RemoteState.FAILED) if job.state is RemoteState.EXPIRED else job


class Silent(HonestBatch):
    """Does not say why a job failed."""

    breaks = "test_a_failed_job_says_why"

    def job(self, told):
        return attrs.evolve(super().job(told), error="")


class Assuming(HonestBatch):
    """Takes what it does not know for a failure."""

    breaks = "test_an_unknown_state_is_unknown"

    def job(self, told):
        job = super().job(told)
        return attrs.evolve(job, state=RemoteState.FAILED) if job.state is RemoteState.UNKNOWN else job


class Insisting(HonestBatch):
    """Creates again by itself."""

    breaks = "test_a_create_is_one_request"

    def create(self, staged, tag):
        body = json.dumps(self.order(staged, tag)).encode()
        answer = self.send("POST", "/jobs", body)
        if answer.status == 503:
            answer = self.send("POST", "/jobs", body)
        if answer.status == OK:
            return self.created(answer)
        raise self.outcome(answer)


class Doubting(HonestBatch):
    """Is not sure of a refusal."""

    breaks = "test_a_refused_create_is_rejected"

    def outcome(self, answer):
        outcome = super().outcome(answer)
        return CreateAmbiguousError(outcome.message) if answer.status == 403 else outcome


class Final(HonestBatch):
    """Does not wait for room."""

    breaks = "test_a_full_queue_may_pass"

    def outcome(self, answer):
        return CreateRejectedError("the queue is full") if answer.status == 429 else super().outcome(answer)


class Overconfident(HonestBatch):
    """Takes a lost reply for a refusal."""

    breaks = "test_a_doubtful_create_is_ambiguous"

    def outcome(self, answer):
        return super().outcome(answer) if answer.status else CreateRejectedError("no answer came")


class Private(HonestBatch):
    """Keeps tags to itself."""

    breaks = "test_a_lost_create_is_found_by_its_tag"

    def create(self, staged, tag):
        job = super().create(staged, tag)
        self.__dict__.setdefault("tags", {})[job.name] = tag
        return job

    def matches(self, told, tag):
        return self.__dict__.get("tags", {}).get(told["name"]) == tag


class EasilyDone(HonestBatch):
    """Takes a list that can't be had for an empty one."""

    breaks = "test_a_failed_search_proves_nothing"

    def find(self, tag):
        try:
            return super().find(tag)
        except EmbedlaneError:
            return []


class Pessimist(HonestBatch):
    """Takes a job that can't be asked for as gone."""

    breaks = "test_a_failed_look_is_not_the_end"

    def get(self, name):
        try:
            return super().get(name)
        except EmbedlaneError:
            return RemoteJob(name=name, state=RemoteState.GONE)


class Content(HonestBatch):
    """Is content with the lines that came."""

    breaks = "test_a_broken_download_is_told"

    def send(self, *request):
        answer = super().send(*request)
        whole = answer.body.splitlines()[:-1]
        return Answer(OK, b"\n".join(whole)) if not answer.status and whole else answer


class Careless(HonestBatch):
    """Reads the answer to an upload as JSON."""

    breaks = "test_failures_are_errors_of_the_core"

    def stage(self, file, tag):
        answer = self.send("POST", "/files", file.path.read_bytes())
        if answer.status not in (OK, 0):
            raise self.error(answer)
        return StagedInput(handle=json.loads(answer.body)["name"], rows=file.rows)


LIARS = [
    kind
    for kind in list(vars().values())
    if isinstance(kind, type) and issubclass(kind, HonestBatch) and kind.breaks
]
for kind in (HonestBatch, *LIARS):
    globals()[f"Test{kind.__name__}"] = judged(BatchEmbedderSuite, kind)
