"""The batch lane."""

from __future__ import annotations

import tempfile
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any, final

import attrs
from google.genai import errors, types

from embedlane.plugin import BatchLimits, Malformed, RemoteJob, RemoteState, TransientError
from embedlane_gemini._creating import created
from embedlane_gemini._files import Files, MissingFileError
from embedlane_gemini._inputs import INLINE_BYTES, INLINE_ROWS, Inputs, source_of
from embedlane_gemini._lines import encode_line
from embedlane_gemini._operations import Operation
from embedlane_gemini._results import read_inline, read_results
from embedlane_gemini._service import answered, open_service, parsed
from embedlane_gemini._settings import BatchInput
from embedlane_gemini._status import Call
from embedlane_gemini._sync import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from google import genai

    from embedlane.plugin import BatchFile, BatchRow, OpenContext, RowResult, StagedInput
    from embedlane_gemini._service import Service

_PAGE = 100
_NOT_FOUND = 404
_REFUSED = 400
#: Bytes of an input file; the service says 2 GB.
_FILE_BYTES = 2_000_000_000
_COMMON: dict[str, Any] = {
    "concurrent_jobs": 100,
    "expires_after": timedelta(hours=48),
    "list_lag": timedelta(minutes=10),
}


@final
@attrs.define(eq=False, repr=False)
class GeminiBatchEmbedder:
    """A BatchEmbedder over google-genai."""

    #: The open service.
    service: Service
    #: What goes beside each text.
    parameters: Parameters
    #: Brings rows to the service.
    inputs: Inputs
    #: What the lane takes.
    limits: BatchLimits
    #: Folder for downloads.
    directory: Path

    def encode(self, rows: Sequence[BatchRow]) -> bytes:
        """The line for the one row of *rows*: one `EmbedContentRequest` under its key."""
        (row,) = rows
        return encode_line(row, self.parameters)

    def stage(self, file: BatchFile, tag: str) -> StagedInput:
        """Look at each line of *file*, then upload it, or keep its rows for the create."""
        return self.inputs.stage(file, tag)

    def create(self, staged: StagedInput, tag: str) -> RemoteJob:
        """Create the job, with one attempt. Raises CreateRejectedError or CreateAmbiguousError."""
        call = Call(f"create the job {tag}", self._model)
        source, body = source_of(staged)
        options = types.HttpOptions(extra_body=body) if body else None

        def request(client: genai.Client) -> object:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", errors.ExperimentalWarning)
                return client.batches.create_embeddings(
                    model=self.parameters.model,
                    src=types.EmbeddingsBatchJobSource.model_validate(source),
                    config=types.CreateEmbeddingsBatchJobConfig(display_name=tag, http_options=options),
                )

        return created(call, self.service.attempt(call, request))

    def find(self, tag: str) -> Sequence[RemoteJob]:
        """All jobs with the display name *tag*, over all pages.

        Raises:
            TransientError: Also if none was found, but the service says that its list is not complete.
        """
        call = Call(f"look for the job {tag}")
        found: list[RemoteJob] = []
        token, tokens, incomplete = "", {""}, False
        while True:
            page = parsed(call, self._page(call, token))
            operations = page.get("operations")
            for raw in operations if isinstance(operations, list) else []:
                operation = Operation(raw if isinstance(raw, dict) else {})
                if operation.tag == tag and operation.name:
                    found.append(operation.remote())
            incomplete = incomplete or bool(page.get("unreachable"))
            token = str(page.get("nextPageToken") or "")
            if token in tokens:
                break
            tokens.add(token)
        if incomplete and not found:
            raise TransientError(f"Gemini's list of jobs is not complete, so {tag} may be missing from it.")
        return found

    def get(self, name: str) -> RemoteJob:
        """The job *name*, as its raw operation tells of it."""
        operation = self._operation(name)
        return RemoteJob(name=name, state=RemoteState.GONE) if operation is None else operation.remote()

    def results(self, job: RemoteJob) -> Iterator[RowResult]:
        """Stream what the rows of *job* came to, from wherever the service has put it."""
        operation = self._operation(job.name)
        if operation is None:
            yield Malformed(f"the service no longer has {job.name}")
            return
        if operation.inline_results:
            yield from read_inline(operation.inline_results, self._inline_keys(operation))
        if operation.result_file:
            yield from self._file_results(operation.result_file)

    def cancel(self, name: str) -> None:
        """Ask the service to stop the job; no error if it has ended or is gone."""
        call = Call(f"cancel {name}")
        outcome = self.service.attempt(call, lambda client: client.batches.cancel(name=name))
        if outcome.failure is None or outcome.status == _NOT_FOUND:
            return
        if outcome.status == _REFUSED and self.get(name).state.terminal:
            return
        raise outcome.failure

    def delete(self, name: str) -> None:
        """Remove the job, its input and its result file; no error if they are gone."""
        operation = self._operation(name)
        if operation is None:
            return
        files = self.inputs.files
        if operation.tag:
            self.inputs.forget(operation.tag)
        staged = [operation.input_file] if operation.input_file else []
        if not staged and not operation.inline_results and operation.tag:
            staged = files.named(operation.tag)
        for file in (*staged, operation.result_file):
            if file:
                files.delete(file)
        call = Call(f"delete {name}")
        outcome = self.service.attempt(call, lambda client: client.batches.delete(name=name))
        if outcome.failure is not None and outcome.status != _NOT_FOUND:
            raise outcome.failure

    def close(self) -> None:
        """Close all connections."""
        self.service.close()

    @property
    def _model(self) -> str:
        return self.parameters.model.removeprefix("models/")

    def _page(self, call: Call, token: str) -> bytes:
        config = types.ListBatchJobsConfig(page_size=_PAGE, page_token=token or None)
        return self.service.fetch(call, lambda client: client.batches.list(config=config))

    def _operation(self, name: str) -> Operation | None:
        call = Call(f"look at {name}")
        outcome = self.service.attempt(call, lambda client: client.batches.get(name=name))
        if outcome.status == _NOT_FOUND:
            return None
        return Operation.parse(call, answered(call, outcome))

    def _inline_keys(self, operation: Operation) -> list[str] | None:
        keys = self.inputs.keys(operation.tag) if operation.tag else None
        return None if keys is None or len(keys) > INLINE_ROWS else keys

    def _file_results(self, name: str) -> Iterator[RowResult]:
        self.directory.mkdir(parents=True, exist_ok=True)
        # It has no name on disk, so that nothing is left of it however this ends.
        with tempfile.TemporaryFile(dir=self.directory, buffering=1 << 20) as file:
            try:
                self.inputs.files.download(name, file)
            except MissingFileError:
                yield Malformed(f"the service no longer has the result file {name}")
                return
            yield from read_results(file)


def open_batch(context: OpenContext) -> GeminiBatchEmbedder:
    """Open the batch lane. Nothing is sent.

    Raises:
        ConfigError: If the provider's settings can't be right.
        CredentialError: If no key is found.
    """
    service, opener = open_service(context)
    inline = opener.settings.batch_input is BatchInput.INLINE
    return GeminiBatchEmbedder(
        service=service,
        parameters=Parameters.of(context.card, context.space),
        inputs=Inputs(Files(service), opener.settings.batch_input, context.directory),
        limits=BatchLimits(
            rows=INLINE_ROWS if inline else None, size=INLINE_BYTES if inline else _FILE_BYTES, **_COMMON
        ),
        directory=context.directory,
    )
