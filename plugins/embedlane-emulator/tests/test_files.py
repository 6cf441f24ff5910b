"""Files: every way up, both ways down."""

import base64
import gc
import hashlib
import io
import json

import pytest


def test_a_file_in_chunks(genai):
    """google-genai sends 20 MB in three chunks; name, size and digest come back."""
    data = bytes(range(256)) * 80_000
    upload = genai.files.upload(
        file=io.BytesIO(data), config={"mime_type": "text/plain", "display_name": "big"}
    )
    assert (upload.size_bytes, upload.display_name, upload.state.name) == (len(data), "big", "ACTIVE")
    digest = hashlib.sha256(data).hexdigest().encode()
    assert genai.files.get(name=upload.name).sha256_hash == base64.b64encode(digest).decode()


def test_a_file_lives_for_48_hours(gemini_emulator, genai):
    """After that it is as if it had never been: 403."""
    from google.genai import errors

    upload = genai.files.upload(file=io.BytesIO(b"{}"), config={"mime_type": "jsonl"})
    assert (upload.expiration_time - upload.create_time).total_seconds() == 48 * 3600
    gemini_emulator.clock.advance(48 * 3600 + 1)
    with pytest.raises(errors.ClientError, match="403 PERMISSION_DENIED") as caught:
        genai.files.get(name=upload.name)
    name = upload.name.removeprefix("files/")
    said = f"You do not have permission to access the File {name} or it may not exist."
    assert caught.value.message == said
    assert list(genai.files.list()) == []


def test_lists_and_deletes(genai):
    """Files are listed by pages, the newest first, and gone when they are deleted."""
    names = [
        genai.files.upload(file=io.BytesIO(b"x"), config={"mime_type": "text/plain"}).name for _ in range(3)
    ]
    assert [file.name for file in genai.files.list(config={"page_size": 2})] == names[::-1]
    genai.files.delete(name=names[1])
    assert [file.name for file in genai.files.list()] == [names[2], names[0]]


@pytest.mark.parametrize("mime", ["bad/mime_type", "nonsense"])
def test_types_that_are_none(genai, mime):
    """What is no MIME type is refused at the start."""
    from google.genai import errors

    with pytest.raises(errors.ClientError, match="Unsupported MIME"):
        genai.files.upload(file=io.BytesIO(b"x"), config={"mime_type": mime})


def test_both_ways_down(gemini_emulator, genai, http, filed, rows, tmp_path):
    """/files and /download/files, whole, to a file and in part, all have the same bytes."""
    job = filed(rows(3))
    gemini_emulator.clock.advance(60)
    name = genai.batches.get(name=job.name).dest.file_name
    whole = genai.files.download(file=name)
    genai.files.download(file=genai.files.get(name=name), destination=tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == whole
    assert http.get(f"/download/v1beta/{name}:download?alt=media").content == whole
    assert http.get(f"/v1beta/{name}:download").content == whole
    part = http.get(f"/v1/{name}:download?alt=media", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])


def test_a_result_file_can_not_be_deleted(gemini_emulator, genai, filed, rows):
    """Its id is longer than files.delete takes, as on the real service."""
    from google.genai import errors

    job = filed(rows(1))
    gemini_emulator.clock.advance(60)
    name = genai.batches.get(name=job.name).dest.file_name
    assert genai.files.get(name=name).source.name == "GENERATED"
    with pytest.raises(errors.ClientError, match="cannot be more than 40 characters"):
        genai.files.delete(name=name)


def test_uploaded_files_can_not_be_downloaded(genai):
    """Only generated files can."""
    from google.genai import errors

    upload = genai.files.upload(file=io.BytesIO(b"x"), config={"mime_type": "text/plain"})
    with pytest.raises(errors.ClientError, match="not available for download"):
        genai.files.download(file=upload.name)


def test_names_of_ones_own(genai):
    """A file may be given a name; not one that is taken, or that is none."""
    from google.genai import errors

    def upload(name):
        config = {"mime_type": "text/plain", "name": name}
        return genai.files.upload(file=io.BytesIO(b"x"), config=config)

    assert upload("mine-1").name == "files/mine-1"
    with pytest.raises(errors.ClientError, match="409 ALREADY_EXISTS"):
        upload("mine-1")
    with pytest.raises(errors.ClientError, match="lowercase alphanumeric"):
        upload("Not_Mine")


def _start(http, **headers):
    start = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start", **headers}
    reply = http.post("/upload/v1beta/files", headers=start, json={"file": {"mimeType": "text/plain"}})
    assert reply.headers["x-goog-upload-status"] == "active"
    return reply.headers["x-goog-upload-url"]


def test_an_upload_can_be_resumed(http):
    """A query tells how much has arrived; a chunk from anywhere else is refused."""
    url = _start(http)
    send = {"X-Goog-Upload-Command": "upload", "X-Goog-Upload-Offset": "0"}
    assert http.post(url, headers=send, content=b"abc").headers["x-goog-upload-status"] == "active"
    asked = http.post(url, headers={"X-Goog-Upload-Command": "query"})
    assert asked.headers["x-goog-upload-size-received"] == "3"
    assert http.post(url, headers=send, content=b"abc").status_code == 400
    last = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "3"}
    reply = http.post(url, headers=last, content=b"def")
    assert reply.headers["x-goog-upload-status"] == "final"
    assert reply.json()["file"]["sizeBytes"] == "6"
    assert http.post(url, headers=last).status_code == 404


def test_an_upload_can_be_cancelled(http):
    """After that its URL is gone."""
    url = _start(http)
    cancelled = http.post(url, headers={"X-Goog-Upload-Command": "cancel"})
    assert cancelled.headers["x-goog-upload-status"] == "cancelled"
    assert http.post(url, headers={"X-Goog-Upload-Command": "query"}).status_code == 404


def test_the_upload_url_needs_no_key_and_follows_the_host(gemini_emulator, http):
    """The SDKs send the chunks without a key, to the URL as it was returned."""
    import httpx2

    url = _start(http, Host="localhost:1234")
    assert url.startswith("http://localhost:1234/upload/v1beta/files?upload_id=")
    path = url.removeprefix("http://localhost:1234")
    last = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
    assert httpx2.post(gemini_emulator.url + path, headers=last, content=b"x").status_code == 200


def test_a_file_at_once(http):
    """Raw and multipart uploads."""
    raw = http.post(
        "/upload/v1beta/files?uploadType=media", content=b"abc", headers={"content-type": "text/plain"}
    )
    assert raw.json()["file"]["mimeType"] == "text/plain"
    metadata = json.dumps({"file": {"displayName": "two"}})
    body = (
        f"--b\r\nContent-Type: application/json\r\n\r\n{metadata}\r\n"
        "--b\r\nContent-Type: application/jsonl\r\n\r\n{}\r\n--b--\r\n"
    )
    reply = http.post(
        "/upload/v1beta/files?uploadType=multipart",
        content=body,
        headers={"content-type": "multipart/related; boundary=b"},
    )
    file = reply.json()["file"]
    assert (file["displayName"], file["mimeType"], file["sizeBytes"]) == ("two", "application/jsonl", "2")


# The SDK never closes the socket that it reads the discovery document from.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_old_sdk(gemini_emulator, legacy, tmp_path, monkeypatch):
    """google-generativeai uploads once its discovery URL points here; it lists, gets and deletes."""
    from google.generativeai import client

    monkeypatch.setattr(client, "GENAI_API_DISCOVERY_URL", f"{gemini_emulator.url}/$discovery/rest")
    path = tmp_path / "a.txt"
    path.write_text("hi")
    upload = legacy.upload_file(path, display_name="d")
    assert [file.name for file in legacy.list_files()] == [upload.name]
    assert legacy.get_file(upload.name).display_name == "d"
    legacy.delete_file(upload.name)
    assert list(legacy.list_files()) == []
    client._client_manager.get_default_client("file")._local.discovery_api.close()
    gc.collect()  # what is left open is to be found here, and not in a later test
