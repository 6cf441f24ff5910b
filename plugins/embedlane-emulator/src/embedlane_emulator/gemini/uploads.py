"""Uploading files: Google's resumable protocol in both its dialects, multipart and raw."""

from __future__ import annotations

import email.parser
import email.policy
import re
import secrets
from typing import TYPE_CHECKING, Any

import attrs
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from embedlane_emulator.gemini import errors, files, protojson, schema
from embedlane_emulator.gemini.wire import reply
from embedlane_emulator.jobs import new_id
from embedlane_emulator.jsonio import dump

if TYPE_CHECKING:
    from pathlib import Path

    from embedlane_emulator.gemini.wire import Call
    from embedlane_emulator.storage import Document

_KIND = "gemini-upload"
_LARGEST = 2 * 1024**3
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@attrs.frozen(kw_only=True)
class _Wanted:
    name: str
    display_name: str
    mime_type: str


async def upload(call: Call) -> Response:
    """media.upload: start a session, or go on with one, or take the whole file at once."""
    headers, kind = call.request.headers, call.query("uploadType")
    session = call.query("upload_id")
    if session:
        return await _resume(call, session)
    protocol = headers.get("x-goog-upload-protocol", "")
    if protocol == "resumable" or kind == "resumable":
        return await _start(call)
    if protocol == "multipart" or kind == "multipart":
        return await _multipart(call)
    return await _raw(call)


async def _start(call: Call) -> Response:
    headers = call.request.headers
    mime = headers.get("x-goog-upload-header-content-type") or headers.get("x-upload-content-type", "")
    size = headers.get("x-goog-upload-header-content-length") or headers.get("x-upload-content-length", "0")
    if size.isdigit() and int(size) > _LARGEST:
        raise errors.invalid(f"File size {size} exceeds the limit of {_LARGEST} bytes.")
    wanted = _wanted(await call.request.body(), mime, call)
    session = secrets.token_hex(16)
    call.core.store.put(_KIND, session, attrs.asdict(wanted))
    _part(call, session).touch()
    url = f"{call.base}/upload/{call.version}/files?upload_id={session}&upload_protocol=resumable"
    return Response(
        headers={
            "X-Goog-Upload-URL": url,
            "X-Goog-Upload-Control-URL": url,
            "X-Goog-Upload-Status": "active",
            "X-Goog-Upload-Chunk-Granularity": "262144",
            "X-GUploader-UploadID": session,
            "Location": url,
        }
    )


def _wanted(body: bytes, mime: str, call: Call) -> _Wanted:
    data = protojson.parse(schema.CREATE_FILE, protojson.decode(body), call.version).get("file", {})
    mime = data.get("mimeType") or mime or "application/octet-stream"
    files.require_mime(mime)
    name = data.get("name", "").removeprefix("files/")
    if name and not _NAME.fullmatch(name):
        raise errors.invalid(
            "* CreateFileRequest.file.name: File ID (name excluding 'files/') can contain only lowercase "
            "alphanumeric characters and dashes, and cannot be more than 40 characters.\n"
        )
    if name and call.core.store.get(files.KIND, name) is not None:
        raise errors.ApiError(409, f"Resource already exists: files/{name}", "ALREADY_EXISTS")
    return _Wanted(name=name or new_id(12), display_name=data.get("displayName", ""), mime_type=mime)


async def _resume(call: Call, session: str) -> Response:
    doc = call.core.store.get(_KIND, session)
    if doc is None:
        raise errors.ApiError(404, "Upload session not found.")
    if call.request.method == "PUT":
        return await _put(call, session, doc)
    command = call.request.headers.get("x-goog-upload-command", "")
    steps = {step.strip() for step in command.split(",")}
    part = _part(call, session)
    if "cancel" in steps:
        _forget(call, session)
        return Response(headers={"X-Goog-Upload-Status": "cancelled"})
    if "upload" in steps:
        offset = call.request.headers.get("x-goog-upload-offset", "0")
        await _append(call, part, int(offset) if offset.isdigit() else -1)
    if "finalize" in steps:
        return await _finish(call, session, doc)
    received = str(part.stat().st_size)
    return Response(headers={"X-Goog-Upload-Status": "active", "X-Goog-Upload-Size-Received": received})


async def _put(call: Call, session: str, doc: Document) -> Response:
    """The older dialect: PUT with Content-Range, 308 until the file is whole."""
    part = _part(call, session)
    found = _RANGE.fullmatch(call.request.headers.get("content-range", ""))
    if found is None or found[1] is not None:
        await _append(call, part, int(found[1]) if found else 0)
    size = part.stat().st_size
    if found is None or found[3] == str(size):
        return await _finish(call, session, doc)
    ranged = {"Range": f"bytes=0-{size - 1}"} if size else {}
    return Response(status_code=308, headers=ranged)


async def _append(call: Call, part: Path, offset: int) -> None:
    size = part.stat().st_size
    if offset != size:
        raise errors.invalid(f"Upload offset {offset} does not match the {size} bytes received.")
    with part.open("ab") as out:
        async for chunk in call.request.stream():
            await run_in_threadpool(out.write, chunk) if len(chunk) > 1 << 20 else out.write(chunk)


async def _finish(call: Call, session: str, doc: Document) -> Response:
    made = await run_in_threadpool(_register, call, _part(call, session), _Wanted(**doc))
    call.core.store.delete(_KIND, session)
    return made


def _register(call: Call, part: Path, wanted: _Wanted) -> Response:
    doc = files.register(
        call.core, wanted.name, part, display_name=wanted.display_name, mime_type=wanted.mime_type
    )
    body = {"file": files.render(doc, call.base, call.version)}
    headers = {"X-Goog-Upload-Status": "final"}
    return Response(dump(body), headers=headers, media_type="application/json; charset=UTF-8")


async def _multipart(call: Call) -> Response:
    body = await call.request.body()
    head = f"Content-Type: {call.request.headers.get('content-type', '')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    parts: list[Any] = list(message.iter_parts()) if message.is_multipart() else []
    if len(parts) != 2:
        raise errors.invalid("Multipart must have two parts: the metadata and the content.")
    metadata = bytes(parts[0].get_payload(decode=True) or b"")
    return await _whole(call, metadata, parts[1].get_content_type(), parts[1].get_payload(decode=True))


async def _raw(call: Call) -> Response:
    mime = call.request.headers.get("x-goog-upload-header-content-type")
    mime = mime or call.request.headers.get("content-type", "")
    return await _whole(call, b"", mime, await call.request.body())


async def _whole(call: Call, metadata: bytes, mime: str, content: bytes) -> Response:
    wanted = _wanted(metadata, mime, call)
    part = _part(call, secrets.token_hex(16))
    part.write_bytes(content)
    return await run_in_threadpool(_register, call, part, wanted)


def _part(call: Call, session: str) -> Path:
    return call.core.store.blob(f"upload-{session}")


def _forget(call: Call, session: str) -> None:
    call.core.store.delete(_KIND, session)
    _part(call, session).unlink(missing_ok=True)


def discovery(call: Call) -> Response:
    """The discovery document, as far as google-generativeai's ``upload_file`` needs it."""
    return reply(_discovery(call.base + "/"))


def _discovery(root: str) -> dict[str, Any]:
    upload_path = "/upload/v1beta/files"
    method = {
        "id": "generativelanguage.media.upload",
        "path": "v1beta/files",
        "flatPath": "v1beta/files",
        "httpMethod": "POST",
        "parameters": {},
        "parameterOrder": [],
        "request": {"$ref": "CreateFileRequest"},
        "response": {"$ref": "CreateFileResponse"},
        "supportsMediaUpload": True,
        "mediaUpload": {
            "accept": ["*/*"],
            "maxSize": str(_LARGEST),
            "protocols": {
                "simple": {"multipart": True, "path": upload_path},
                "resumable": {"multipart": True, "path": "/resumable" + upload_path},
            },
        },
    }
    any_object = {"type": "object", "properties": {"file": {"type": "any"}}}
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "generativelanguage:v1beta",
        "name": "generativelanguage",
        "version": "v1beta",
        "protocol": "rest",
        "rootUrl": root,
        "servicePath": "",
        "baseUrl": root,
        "batchPath": "batch",
        "parameters": {"key": {"type": "string", "location": "query"}},
        "schemas": {
            "CreateFileRequest": {"id": "CreateFileRequest", **any_object},
            "CreateFileResponse": {"id": "CreateFileResponse", **any_object},
        },
        "resources": {"media": {"methods": {"upload": method}}},
    }
