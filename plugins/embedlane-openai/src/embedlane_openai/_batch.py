"""The batch lane: a file of lines goes up, a batch over it is created, and two files come down."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, final

import attrs
from openai import omit

from embedlane.plugin import BatchLimits, Correlation, Malformed, RemoteJob, RemoteState, StagedInput
from embedlane_openai._creating import created
from embedlane_openai._files import Files, MissingFileError
from embedlane_openai._job import ROWS, TAG, Batch
from embedlane_openai._lines import ENDPOINT, check_file, encode_line
from embedlane_openai._request import Parameters
from embedlane_openai._results import read_results
from embedlane_openai._service import open_service, parsed
from embedlane_openai._settings import MOST_TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from openai import Omit, OpenAI

    from embedlane.plugin import BatchFile, BatchRow, ModelCard, OpenContext, RowResult
    from embedlane_openai._service import Service
    from embedlane_openai._settings import OpenAISettings

_PAGE = 100
_NOT_FOUND = 404
#: Statuses of a cancel that comes too late.
_REFUSED = frozenset({400, 409})
#: Lines in a file, and inputs in all of its lines.
_MOST_ROWS = 50_000
#: Bytes of a file; the service says 200 MB.
_MOST_BYTES = 200_000_000


@final
@attrs.define(eq=False, repr=False)
class OpenAIBatchEmbedder:
    """A BatchEmbedder over the openai SDK."""

    #: The open service.
    service: Service
    #: What goes beside the texts.
    parameters: Parameters
    #: Files at the service.
    files: Files
    #: What the lane takes.
    limits: BatchLimits
    #: Folder for downloads.
    directory: Path

    def encode(self, rows: Sequence[BatchRow]) -> bytes:
        """The line for *rows*: one request for embeddings of all of their texts."""
        return encode_line(rows, self.parameters)

    def stage(self, file: BatchFile, tag: str) -> StagedInput:  # noqa: ARG002 -- the file is named after it
        """Look at each line of *file*, then upload it."""
        check_file(self.service.provider, file)
        return StagedInput(handle=self.files.upload(file.path, file.size), rows=file.rows)

    def create(self, staged: StagedInput, tag: str) -> RemoteJob:
        """Create the job, with one attempt. Raises CreateRejectedError or CreateAmbiguousError."""
        call = self.service.call(f"create the job {tag}")
        outcome = self.service.attempt(
            call,
            lambda client: client.batches.with_raw_response.create(
                input_file_id=staged.handle,
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata={TAG: tag, ROWS: str(staged.rows)},
            ),
        )
        return created(call, outcome)

    def find(self, tag: str) -> Sequence[RemoteJob]:
        """All jobs with *tag* in their metadata, over all pages of the list."""
        return [batch.remote() for batch in self._listed(tag) if batch.tag == tag]

    def get(self, name: str) -> RemoteJob:
        """The job *name* as it is now."""
        batch = self._batch(name)
        return RemoteJob(name=name, state=RemoteState.GONE) if batch is None else batch.remote()

    def results(self, job: RemoteJob) -> Iterator[RowResult]:
        """Stream what the rows of *job* came to: from the output file, then from the error file."""
        batch = self._batch(job.name)
        if batch is None:
            yield Malformed(f"the service no longer has {job.name}")
            return
        for name in batch.files:
            yield from self._file_results(name)

    def cancel(self, name: str) -> None:
        """Ask the service to stop the job; no error if it has ended or is gone."""
        call = self.service.call(f"cancel {name}")
        outcome = self.service.attempt(call, lambda client: client.batches.with_raw_response.cancel(name))
        if outcome.failure is None or outcome.status == _NOT_FOUND:
            return
        if outcome.status in _REFUSED and _stopping(self.get(name).state):
            return
        raise outcome.failure

    def delete(self, name: str) -> None:
        """Remove the job's files; no error if they are gone. The job itself stays: no call removes it."""
        batch = self._batch(name)
        if batch is not None:
            for file in filter(None, (batch.input_file, *batch.files)):
                self.files.delete(file)

    def close(self) -> None:
        """Close all connections."""
        self.service.close()

    def _batch(self, name: str) -> Batch | None:
        call = self.service.call(f"look at {name}")
        outcome = self.service.attempt(call, lambda client: client.batches.with_raw_response.retrieve(name))
        return None if outcome.status == _NOT_FOUND else Batch.parse(call, outcome.answer())

    def _listed(self, tag: str) -> Iterator[Batch]:
        """All batches of the project, each once: a server that knows no pages sends the same one for ever."""
        call = self.service.call(f"look for the job {tag}")
        seen: set[str] = set()
        after: str | Omit = omit
        while True:
            body = self.service.fetch(call, partial(_page, after))
            page = parsed(call, body)
            data = page.get("data")
            batches = [Batch(raw) for raw in data if isinstance(raw, dict)] if isinstance(data, list) else []
            fresh = [batch for batch in batches if batch.name and batch.name not in seen]
            yield from fresh
            if not fresh or page.get("has_more") is False:
                return
            seen.update(batch.name for batch in fresh)
            after = fresh[-1].name

    def _file_results(self, name: str) -> Iterator[RowResult]:
        self.directory.mkdir(parents=True, exist_ok=True)
        # It has no name on disk, so that nothing is left of it however this ends.
        with tempfile.TemporaryFile(dir=self.directory, buffering=1 << 20) as file:
            try:
                self.files.download(name, file)
            except MissingFileError:
                yield Malformed(f"the service no longer has the file of results {name}")
                return
            yield from read_results(file, name, self.parameters.keep)


def _page(after: str | Omit, client: OpenAI) -> object:
    return client.batches.with_raw_response.list(limit=_PAGE, after=after)


def _stopping(state: RemoteState) -> bool:
    return state.terminal or state is RemoteState.CANCELLING


def open_openai(context: OpenContext) -> OpenAIBatchEmbedder:
    """Open the batch lane of OpenAI's service. Nothing is sent.

    Raises:
        ConfigError: If the provider's settings can't be right.
        CredentialError: If no key is found.
        CapabilityError: If the wanted size can't be had with these settings.
    """
    return _open(context, compatible=False)


def open_compatible(context: OpenContext) -> OpenAIBatchEmbedder:
    """Open the batch lane of a compatible server. Nothing is sent. Raises what `open_openai` does."""
    return _open(context, compatible=True)


def _open(context: OpenContext, *, compatible: bool) -> OpenAIBatchEmbedder:
    service, opener = open_service(context, compatible=compatible)
    return OpenAIBatchEmbedder(
        service=service,
        parameters=Parameters.of(service.provider, opener.settings, context.card, context.space),
        files=Files(service),
        limits=_limits(opener.settings, context.card),
        directory=context.directory,
    )


def _limits(settings: OpenAISettings, card: ModelCard) -> BatchLimits:
    return BatchLimits(
        rows=_MOST_ROWS,
        size=_MOST_BYTES,
        # A line is one request, so it holds no more than one.
        texts_per_line=min(settings.texts_per_line, card.limits.inputs_per_request or MOST_TEXTS),
        correlation=Correlation.POSITION,
        expires_after=timedelta(hours=24),
        list_lag=timedelta(minutes=10),
    )
