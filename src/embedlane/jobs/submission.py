"""The submission guard: one paid job for each tag, whatever becomes of the answer.

Theory of operation. That the create is about to be sent is committed first (SUBMITTING), then it is sent,
once. Its outcome is known (created, or surely not), or it is not; then the job is looked for by its tag,
again and again until the provider's list has had its time, and only if it is not there it is created anew.
Where a provider can't be searched, a person decides. More than one job under a tag is possible if a job is
listed later than its provider promises: a job that was created anew is therefore looked for again for as long
as it runs. One of them is adopted, the others are stopped, and all are told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane.errors import CreateAmbiguousError, CreateRejectedError, EmbedlaneError, RefusedError
from embedlane.jobs.book import SupersededError
from embedlane.jobs.states import JobEvent
from embedlane.providers.values import RemoteJob, RemoteState

if TYPE_CHECKING:
    from embedlane.jobs.desk import BatchLane, Desk
    from embedlane.jobs.job import Job

#: States in which no more rows will be answered than already are.
_IN_VAIN = frozenset({RemoteState.FAILED, RemoteState.CANCELLED, RemoteState.EXPIRED, RemoteState.GONE})
#: Events after which a job is created a second time.
_ANEW = frozenset({JobEvent.NO_TRACE, JobEvent.RESUBMIT})


@attrs.frozen
class Submission:
    """Creates jobs at the provider."""

    #: The ledger and the clock.
    desk: Desk

    def submit(self, job: Job, lane: BatchLane) -> Job:
        """Write the intent down, then make the one call that may cost money."""
        desk = self.desk
        with desk.ledger.write() as connection:
            full = desk.book.load(connection, job.provider).full(job, lane.limits)
            if full:
                pause = lane.limits.poll_at_most.total_seconds()
                return desk.book.postpone(connection, job, pause, reason=full)
            # The waits go on counting, for a create that is rejected again and again.
            job = desk.book.change(
                connection, job, JobEvent.CALLING, goes_on=True, submitted_at=desk.clock(), waits=job.waits
            )
        try:
            remote = lane.service.create(job.staged_input, job.tag)
        except CreateRejectedError as error:
            return self._rejected(job, lane, error)
        except EmbedlaneError as error:
            # Whatever it is, the job may exist: only its tag can tell.
            detail = f"no answer to the create: {error.message}"
            if not isinstance(error, CreateAmbiguousError):
                detail = f"the plugin raised {type(error).__name__} at the create: {error.message}"
            # It may have been created as late as now, however long ago the call began.
            return desk.wait(attrs.evolve(job, waits=0), lane, detail, None, submitted_at=desk.clock())
        try:
            return self._ticket(job, remote, remote.raw_state or remote.state.value)
        except SupersededError:
            return self._give_up_double(job, lane, remote)

    def reconcile(self, job: Job, lane: BatchLane) -> Job:
        """Find out by the tag whether a create whose answer was lost has made a job."""
        desk = self.desk
        if not lane.limits.searchable:
            detail = f"nobody knows whether {job.tag} was created, and {job.provider} can't be searched"
            with desk.ledger.write() as connection:
                return desk.book.change(connection, job, JobEvent.UNTRACEABLE, detail)
        found = lane.service.find(job.tag)
        if found:
            adopted, *others = sorted(found, key=lambda remote: (remote.state in _IN_VAIN, remote.name))
            detail = f"found by its tag as {adopted.name}"
            if others:
                detail += f"; {len(others)} more under the same tag: "
                detail += ", ".join(f"{other.name} ({lane.stop(other)})" for other in others)
            return self._ticket(job, adopted, detail)
        lag = lane.limits.list_lag.total_seconds()
        assert job.submitted_at is not None
        if desk.clock() < job.submitted_at + lag:
            return desk.wait(job, lane, f"not listed yet under {job.tag}", None)
        with desk.ledger.write() as connection:
            return desk.book.change(
                connection, job, JobEvent.NO_TRACE, f"not listed within {lag:.0f} s, so it was not created"
            )

    def stop_twins(self, job: Job, lane: BatchLane) -> str:
        """Stop what is listed under the tag of *job* beside it; say what, once.

        Only if it was created anew because the first create had left no trace: that one may show up yet.
        """
        with self.desk.ledger.read() as connection:
            story = self.desk.book.events(connection, job.id)
        if not lane.limits.searchable or not any(record.event in _ANEW for record in story):
            return ""
        known = {job.remote, *(name for record in story for name in record.detail.split())}
        try:
            twins = [twin for twin in lane.service.find(job.tag) if twin.name not in known]
        except EmbedlaneError:
            # A precaution, which is taken again at the next look.
            return ""
        return "; ".join(f"{twin.name} came too late: {lane.stop(twin)}" for twin in twins)

    def resolve(self, job: Job, lane: BatchLane, adopt: str | None) -> Job:
        """Settle by a person's word what a create did whose answer was lost; see `BatchManager.resolve`."""
        desk = self.desk
        if adopt is not None:
            remote = lane.service.get(adopt)
            if remote.state is RemoteState.GONE:
                raise RefusedError(
                    f"{job.provider} knows no job '{adopt}'.", "Take its name from the provider's own pages."
                )
            return self._ticket(job, remote, f"adopted {adopt} by a person's word")
        with desk.ledger.write() as connection:
            return desk.book.change(connection, job, JobEvent.RESUBMIT, "not created, by a person's word")

    def _give_up_double(self, job: Job, lane: BatchLane, remote: RemoteJob) -> Job:
        """Stop a job whose tag another process gave up waiting for, unless it was found in the meantime."""
        desk = self.desk
        current = desk.reread(job)
        if current.remote == remote.name:
            return current
        detail = f"{remote.name} came too late: {lane.stop(remote)}"
        with desk.ledger.write() as connection:
            return desk.book.postpone(connection, current, 0.0, detail)

    def _rejected(self, job: Job, lane: BatchLane, error: CreateRejectedError) -> Job:
        desk = self.desk
        with desk.ledger.write() as connection:
            if not error.retryable:
                return desk.fail(connection, job, JobEvent.REFUSED, error.message)
            changed = desk.book.change(connection, job, JobEvent.POSTPONED, error.message)
            pause = error.retry_after or lane.pause(job)
            return desk.book.postpone(connection, attrs.evolve(changed, waits=job.waits), pause)

    def _ticket(self, job: Job, remote: RemoteJob, detail: str) -> Job:
        values: dict[str, Any] = {
            "remote": remote.name,
            "remote_state": remote.raw_state or remote.state.value,
        }
        with self.desk.ledger.write() as connection:
            return self.desk.book.change(connection, job, JobEvent.TICKET, detail, **values)
