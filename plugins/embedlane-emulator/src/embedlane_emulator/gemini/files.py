"""Files: what they are, how long they live, and who may have them."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from typing import TYPE_CHECKING, Any

from embedlane_emulator import downloads
from embedlane_emulator.clock import iso
from embedlane_emulator.gemini import errors
from embedlane_emulator.gemini.wire import reply, token

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response

    from embedlane_emulator.core import Core
    from embedlane_emulator.gemini.settings import GeminiSettings
    from embedlane_emulator.gemini.wire import Call
    from embedlane_emulator.job import Job
    from embedlane_emulator.storage import Document

KIND = "gemini-file"
#: What the one result file of a job is called among its outputs.
RESULTS = "results"
_LONGEST_ID = 40
# The top-level types of the IANA registry, and the bare word that Google's guides use.
_MIME = re.compile(r"(application|audio|font|image|message|model|text|video)/[\w.+-]+(;.*)?|jsonl")


def register(
    core: Core[GeminiSettings], name: str, path: Path, *, display_name: str, mime_type: str
) -> Document:
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


def content(core: Core[GeminiSettings], name: str) -> Path:
    """Where the content of an uploaded file is.

    Raises:
        ApiError: 403 if the file is missing or expired.
    """
    doc = _living(core, name.removeprefix("files/"))
    return core.store.blob(f"file-{doc['id']}")


def _living(core: Core[GeminiSettings], name: str) -> Document:
    doc = core.store.get(KIND, name)
    if doc is None or doc["expires"] <= core.clock.now():
        raise errors.no_file(name)
    return doc


def get(call: Call) -> Response:
    """files.get."""
    call.jobs.settle()
    return reply(render(_living(call.core, call.params["file"]), call.base, call.version))


def list_(call: Call) -> Response:
    """files.list: the newest first."""
    call.jobs.settle()
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
    call.jobs.settle()
    name = call.params["file"]
    doc = _living(call.core, name)
    if doc["source"] != "GENERATED":
        raise errors.invalid(f"The file {name} is not available for download; only generated files are.")
    found = call.jobs.find(name.removeprefix("batch-"))
    path = call.jobs.results(found, RESULTS) if found else call.core.store.blob(f"file-{name}")
    return downloads.send(call.core, path, found, call.operation, errors.no_file(name))


def results_file(found: Job) -> str:
    """The id of the file a job's results are in: longer than files.get and files.delete allow."""
    return f"batch-{found.id}"


def record_results(core: Core[GeminiSettings], ended: Job) -> None:
    """Make the file of a job's results, if it had its input from a file."""
    if not ended.file or ended.deleted or not ended.has_output(core.clock.now()):
        return
    path = core.store.blob(f"{RESULTS}-{ended.id}.jsonl")
    with path.open("rb") as lines:
        digest = hashlib.file_digest(lines, "sha256").hexdigest()
    doc = {
        "id": results_file(ended),
        "displayName": "",
        "mimeType": "application/jsonl",
        "size": path.stat().st_size,
        "created": ended.ended(),
        "expires": ended.ended() + ended.result_life,
        "sha256": digest,
        "source": "GENERATED",
    }
    core.store.put(KIND, results_file(ended), doc)
