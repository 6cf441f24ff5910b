"""Files: uploads, results of batches, and how long they live."""

from __future__ import annotations

import codecs
import secrets
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from embedlane_emulator import downloads
from embedlane_emulator.openai import errors, multipart
from embedlane_emulator.openai.wire import BATCH, FILE, reply
from embedlane_emulator.storage import link

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response

    from embedlane_emulator.core import Core
    from embedlane_emulator.job import Job
    from embedlane_emulator.openai.multipart import Part
    from embedlane_emulator.openai.settings import OpenAISettings
    from embedlane_emulator.openai.wire import Call
    from embedlane_emulator.storage import Document

#: A batch's result files: of the rows that were answered, and of all others.
OUTPUT, ERROR = OUTPUTS = ("output", "error")
_SHORTEST_LIFE, _LONGEST_LIFE = 3600, 30 * 86400
_PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
_CHUNK = 1 << 20


def new_id() -> str:
    """The id of a new file."""
    return f"file-{secrets.token_hex(11)}"


async def create(call: Call) -> Response:
    """files.create."""
    form = call.core.store.blob(f"form-{secrets.token_hex(8)}")
    try:
        await multipart.spool(call.request, form, call.core.settings.file_bytes)
        content_type = call.request.headers.get("content-type", "")
        return await run_in_threadpool(_create, call, form, content_type)
    finally:
        form.unlink(missing_ok=True)


def _create(call: Call, form: Path, content_type: str) -> Response:
    parts = multipart.parse(form, content_type)
    fields = {name: multipart.text(form, part) for name, part in parts.items() if part.filename is None}
    purpose = fields.get("purpose")
    if purpose is None:
        raise errors.missing("purpose")
    if purpose not in _PURPOSES:
        supported = ", ".join(f"'{known}'" for known in _PURPOSES)
        raise errors.invalid(f"'{purpose}' is not one of [{supported}] - 'purpose'", "purpose")
    file = parts.get("file")
    if file is None or file.filename is None:
        raise errors.missing("file")
    life = _life(fields, call.core.settings.file_life if purpose == "batch" else None)
    name = new_id()
    path = call.core.store.blob(name)
    multipart.extract(form, file, path)
    try:
        if purpose == "batch":
            _require_batch_file(file, path, call.core.settings.batch_bytes)
    except errors.ApiError:
        path.unlink()
        raise
    now = call.core.clock.now()
    doc = _doc(name, file.filename, purpose, path.stat().st_size, now, life)
    call.core.store.put(FILE, name, doc)
    return reply(_render(doc))


def _life(fields: dict[str, str], default: float | None) -> float | None:
    policy = {name: fields.get(f"expires_after[{name}]") for name in ("anchor", "seconds")}
    if not any(policy.values()):
        return default
    seconds = policy["seconds"] or ""
    return lifetime(
        {"anchor": policy["anchor"], "seconds": int(seconds) if seconds.isdigit() else seconds},
        "expires_after",
    )


def lifetime(policy: Any, name: str) -> float:
    """The seconds of an expiration policy.

    Raises:
        ApiError: 400 if it is none.
    """
    if not isinstance(policy, dict):
        raise errors.wrong_type(name, "an object", policy)
    if policy.get("anchor") != "created_at":
        raise errors.invalid(
            f"Invalid value: '{policy.get('anchor')}'. Supported values are: 'created_at'.",
            f"{name}.anchor",
            "invalid_value",
        )
    seconds = policy.get("seconds")
    if type(seconds) is not int or not _SHORTEST_LIFE <= seconds <= _LONGEST_LIFE:
        raise errors.invalid(
            f"Invalid '{name}.seconds': must be between {_SHORTEST_LIFE} and {_LONGEST_LIFE}, got {seconds}.",
            f"{name}.seconds",
        )
    return float(seconds)


def _require_batch_file(file: Part, path: Path, most: int) -> None:
    if not (file.filename or "").endswith(".jsonl"):
        raise errors.invalid("Invalid file format for Batch API. Must be .jsonl")
    if path.stat().st_size > most:
        raise errors.ApiError(413, f"File is too large for the Batch API. The limit is {most} bytes.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as content:
            while chunk := content.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise errors.invalid("Invalid file for Batch API. Must be utf-8 encoded") from None


def _doc(
    name: str, filename: str, purpose: str, size: int, created: float, life: float | None
) -> dict[str, Any]:
    return {
        "id": name,
        "filename": filename,
        "purpose": purpose,
        "bytes": size,
        "created": created,
        "expires": None if life is None else created + life,
        "batch": "",
    }


def _render(doc: Document) -> dict[str, Any]:
    return {
        "id": doc["id"],
        "object": "file",
        "bytes": doc["bytes"],
        "created_at": int(doc["created"]),
        "expires_at": None if doc["expires"] is None else int(doc["expires"]),
        "filename": doc["filename"],
        "purpose": doc["purpose"],
        "status": "processed",
        "status_details": None,
    }


def living(core: Core[OpenAISettings], name: str) -> Document | None:
    """The file of that id, unless it is missing, deleted or expired."""
    doc = core.store.get(FILE, name)
    return doc if doc is not None and _lives(core, doc) else None


def _lives(core: Core[OpenAISettings], doc: Document) -> bool:
    return doc["expires"] is None or bool(doc["expires"] > core.clock.now())


def list_(call: Call) -> Response:
    """files.list: the newest first, or the oldest."""
    call.jobs.settle()
    order, purpose = call.query("order") or "desc", call.query("purpose")
    if order not in ("asc", "desc"):
        raise errors.invalid(f"Invalid value: '{order}'. Supported values are: 'asc' and 'desc'.", "order")
    found = [doc for _, doc in call.core.store.newest(FILE) if _lives(call.core, doc)]
    wanted = [_render(doc) for doc in found if purpose in ("", doc["purpose"])]
    return call.page(wanted if order == "desc" else wanted[::-1], 10_000, 10_000)


def retrieve(call: Call) -> Response:
    """files.retrieve."""
    return reply(_render(_found(call)))


def content(call: Call) -> Any:
    """files.content: the bytes, streamed."""
    doc = _found(call)
    found = call.jobs.find(doc["batch"]) if doc["batch"] else None
    path = call.core.store.blob(doc["id"])
    return downloads.send(call.core, path, found, call.operation, errors.no_file(doc["id"]))


def delete(call: Call) -> Response:
    """files.delete."""
    name = _found(call)["id"]
    call.core.store.delete(FILE, name)
    call.core.store.blob(name).unlink(missing_ok=True)
    return reply({"id": name, "object": "file", "deleted": True})


def _found(call: Call) -> Document:
    call.jobs.settle()
    name = call.params["file"]
    doc = living(call.core, name)
    if doc is None:
        raise errors.no_file(name)
    return doc


def record_results(core: Core[OpenAISettings], ended: Job) -> None:
    """Make files of a batch's results; one that would be empty is not made."""
    made = {}
    for output in OUTPUTS if ended.has_output(core.clock.now()) else ():
        path = core.store.blob(f"{output}-{ended.id}.jsonl")
        if path.stat().st_size:
            name = made[output] = new_id()
            link(path, core.store.blob(name))
            filename = f"{ended.id}_{output}.jsonl"
            size = core.store.blob(name).stat().st_size
            doc = _doc(name, filename, "batch_output", size, ended.ended(), ended.result_life)
            core.store.put(FILE, name, {**doc, "batch": ended.id})
    core.store.change(BATCH, ended.id, lambda doc: doc["extra"].update(files=made))
