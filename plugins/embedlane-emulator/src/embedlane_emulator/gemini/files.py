"""Files: what they are, how long they live, and who may have them."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from typing import TYPE_CHECKING, Any

from starlette.responses import FileResponse, Response

from embedlane_emulator.clock import iso
from embedlane_emulator.faults import Moment
from embedlane_emulator.gemini import errors, job
from embedlane_emulator.gemini.truncated import Truncated
from embedlane_emulator.gemini.wire import reply, token

if TYPE_CHECKING:
    from pathlib import Path

    from embedlane_emulator.core import Core
    from embedlane_emulator.gemini.job import Job
    from embedlane_emulator.gemini.jobs import Jobs
    from embedlane_emulator.gemini.wire import Call
    from embedlane_emulator.storage import Document

KIND = "gemini-file"
_LONGEST_ID = 40
# The top-level types of the IANA registry, and the bare word that Google's guides use.
_MIME = re.compile(r"(application|audio|font|image|message|model|text|video)/[\w.+-]+(;.*)?|jsonl")
_BYTES = "application/octet-stream"


def register(core: Core, name: str, path: Path, *, display_name: str, mime_type: str) -> Document:
    """Make a file of the content at *path*, which becomes its own."""
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    now = core.clock.now()
    doc = {
        "id": name,
        "displayName": display_name,
        "mimeType": mime_type,
        "size": path.stat().st_size,
        "created": now,
        "expires": now + core.settings.file_life,
        "sha256": digest,
        "source": "UPLOADED",
    }
    path.replace(core.store.blob(f"file-{name}"))
    core.store.put(KIND, name, doc)
    return doc


def require_mime(mime_type: str) -> None:
    """Refuse what is no MIME type.

    Raises:
        ApiError: 400 with the words that google-genai's tests look for.
    """
    if not _MIME.fullmatch(mime_type):
        raise errors.invalid(f"Unsupported MIME type: {mime_type}")


def render(doc: Document, base: str, version: str) -> dict[str, Any]:
    """A File as the API writes it."""
    uri = f"{base}/{version}/files/{doc['id']}"
    shown: dict[str, Any] = {"name": f"files/{doc['id']}"}
    if doc["displayName"]:
        shown["displayName"] = doc["displayName"]
    shown |= {
        "mimeType": doc["mimeType"],
        "sizeBytes": str(doc["size"]),
        "createTime": iso(doc["created"]),
        "updateTime": iso(doc["created"]),
        "expirationTime": iso(doc["expires"]),
        # The service encodes the digest's hexadecimal text, not its bytes.
        "sha256Hash": base64.b64encode(doc["sha256"].encode()).decode(),
        "uri": uri,
        "state": "ACTIVE",
        "source": doc["source"],
    }
    if doc["source"] == "GENERATED":
        shown["downloadUri"] = f"{uri}:download?alt=media"
    return shown


def content(core: Core, name: str) -> Path:
    """Where the content of an uploaded file is.

    Raises:
        ApiError: 403 if the file is missing or expired.
    """
    doc = _living(core, name.removeprefix("files/"))
    return core.store.blob(f"file-{doc['id']}")


def _living(core: Core, name: str) -> Document:
    doc = core.store.get(KIND, name)
    if doc is None or doc["expires"] <= core.clock.now():
        raise errors.no_file(name)
    return doc


def get(call: Call) -> Response:
    """files.get."""
    bring_up_to_date(call.core, call.jobs)
    return reply(render(_living(call.core, call.params["file"]), call.base, call.version))


def list_(call: Call) -> Response:
    """files.list: the newest first."""
    bring_up_to_date(call.core, call.jobs)
    size, now = call.page_size(10, 100), call.core.clock.now()
    found = (pair for pair in call.core.store.newest(KIND, call.page_token()) if pair[1]["expires"] > now)
    page = list(itertools.islice(found, size + 1))
    shown = page[:size]
    body: dict[str, Any] = {}
    if shown:
        body["files"] = [render(doc, call.base, call.version) for _, doc in shown]
    if len(page) > size:
        body["nextPageToken"] = token(shown[-1][0])
    return reply(body)


def delete(call: Call) -> Response:
    """files.delete; result files have ids that it can't take."""
    name = call.params["file"]
    if len(name) > _LONGEST_ID:
        raise errors.invalid(
            "* DeleteFileRequest.name: File ID (name excluding 'files/') cannot be more than 40 characters.\n"
        )
    _living(call.core, name)
    call.core.store.delete(KIND, name)
    call.core.store.blob(f"file-{name}").unlink(missing_ok=True)
    return reply({})


def download(call: Call) -> Any:
    """files.download, by either path: the bytes of a generated file, streamed."""
    bring_up_to_date(call.core, call.jobs)
    name = call.params["file"]
    doc = _living(call.core, name)
    if doc["source"] != "GENERATED":
        raise errors.invalid(f"The file {name} is not available for download; only generated files are.")
    found = call.jobs.find(name.removeprefix("batch-"))
    if found is None:
        path, display, model = call.core.store.blob(f"file-{name}"), "", ""
    else:
        path, display, model = call.jobs.results(found), found.display_name, found.model
    for fault in call.core.faults.draw(Moment.DOWNLOAD, call.operation, model, display):
        if fault.kind == "results-gone":
            raise errors.no_file(name)
        return Truncated(path, 0.5 if fault.fraction is None else fault.fraction)
    return FileResponse(path, media_type=_BYTES)


def bring_up_to_date(core: Core, jobs: Jobs) -> None:
    """Make the files of jobs that have ended by the clock, whether or not anybody has asked for the job."""
    now = core.clock.now()
    for _, found in jobs.newest():
        if not found.file or not found.has_output(now) or core.store.get(KIND, found.output_file):
            continue
        ended, state = jobs.observe(found)
        if state in job.ENDED and ended.good is not None:
            _record(core, ended, jobs.results(ended))


def _record(core: Core, ended: Job, path: Path) -> None:
    with path.open("rb") as lines:
        digest = hashlib.file_digest(lines, "sha256").hexdigest()
    doc = {
        "id": ended.output_file,
        "displayName": "",
        "mimeType": "application/jsonl",
        "size": path.stat().st_size,
        "created": ended.ended(),
        "expires": ended.ended() + ended.result_life,
        "sha256": digest,
        "source": "GENERATED",
    }
    core.store.put(KIND, ended.output_file, doc)
