"""The batch lane, as far as it is the same for all kinds of jobs: staging, looking, collecting, removing."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs
from google.genai import types

from embedlane.plugin import BatchLimits, Malformed, RemoteJob, RemoteState, TransientError
from embedlane_gemini._creating import created
from embedlane_gemini._files import Files, MissingFileError
from embedlane_gemini._inputs import INLINE_BYTES, INLINE_ROWS, Inputs
from embedlane_gemini._operations import Operation
from embedlane_gemini._results import read_inline, read_results
from embedlane_gemini._service import answered, parsed
from embedlane_gemini._settings import BatchInput
from embedlane_gemini._status import Call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from google import genai

    from embedlane.plugin import BatchFile, Refusal, ServiceContext, StagedInput
    from embedlane_gemini._lines import Judge
    from embedlane_gemini._results import Reader
    from embedlane_gemini._service import Opener, Service

_PAGE = 100
_NOT_FOUND = 404
_REFUSED = 400
#: Bytes of an input file; the service says 2 GB.
_FILE_BYTES = 2_000_000_000
_Row = TypeVar("_Row")
_Answer = TypeVar("_Answer")


@attrs.define(eq=False, repr=False)
class GeminiJobs(ABC, Generic[_Row, _Answer]):
    """A batch service over google-genai, but for what a row is and what comes of it."""

    #: The open service.
    service: Service
    #: Brings rows to the service.
    inputs: Inputs
    #: Reads what comes back.
    reader: Reader[_Answer]
    #: What the lane takes.
    limits: BatchLimits
    #: Folder for downloads.
    directory: Path

    @abstractmethod
    def encode(self, rows: Sequence[_Row]) -> bytes:
        """The line for the one row of *rows*: one request under its key."""

    @abstractmethod
    def request(self, client: genai.Client, staged: StagedInput, tag: str) -> object:
        """Ask *client* to create the job."""

    def stage(self, file: BatchFile, tag: str) -> StagedInput:
        """Look at each line of *file*, then upload it, or keep its rows for the create."""
        return self.inputs.stage(file, tag)

    def create(self, staged: StagedInput, tag: str) -> RemoteJob:
        """Create the job, with one attempt. Raises CreateRejectedError or CreateAmbiguousError."""
        call = Call(f"create the job {tag}", self.model)
        return created(call, self.service.attempt(call, lambda client: self.request(client, staged, tag)))

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

    def results(self, job: RemoteJob) -> Iterator[_Answer | Refusal | Malformed]:
        """Stream what the rows of *job* came to, from wherever the service has put it."""
        operation = self._operation(job.name)
        if operation is None:
            yield Malformed(f"the service no longer has {job.name}")
            return
        if operation.inline_results:
            yield from read_inline(operation.inline_results, self._inline_keys(operation), self.reader)
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
    def model(self) -> str:
        """The model's name, without ``models/``."""
        return self.service.model.removeprefix("models/")

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

    def _file_results(self, name: str) -> Iterator[_Answer | Refusal | Malformed]:
        self.directory.mkdir(parents=True, exist_ok=True)
        # It has no name on disk, so that nothing is left of it however this ends.
        with tempfile.TemporaryFile(dir=self.directory, buffering=1 << 20) as file:
            try:
                self.inputs.files.download(name, file)
            except MissingFileError:
                yield Malformed(f"the service no longer has the result file {name}")
                return
            yield from read_results(file, self.reader)


def lane_of(service: Service, opener: Opener, context: ServiceContext, problem: Judge) -> dict[str, Any]:
    """What lanes of all kinds are made of, by its name; nothing is sent."""
    inline = opener.settings.batch_input is BatchInput.INLINE
    return {
        "service": service,
        "inputs": Inputs(Files(service), opener.settings.batch_input, context.directory, problem),
        "limits": BatchLimits(
            rows=INLINE_ROWS if inline else None,
            size=INLINE_BYTES if inline else _FILE_BYTES,
            concurrent_jobs=100,
            expires_after=timedelta(hours=48),
            list_lag=timedelta(minutes=10),
        ),
        "directory": context.directory,
    }
