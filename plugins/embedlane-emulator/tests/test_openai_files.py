"""Files of the OpenAI emulator, through the SDK and over plain HTTP."""

import openai
import pytest

from embedlane_emulator.emulator import OpenAIEmulator

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def upload(client):
    """Upload a small file."""

    def send(name="in.jsonl", content=b'{"a": 1}\n', purpose="batch", **more):
        return client.files.create(file=(name, content), purpose=purpose, **more)

    return send


def test_a_file_comes_back_as_it_was(client, upload):
    """Its bytes, name and purpose; whatever is in it, line ends and the look of a boundary included."""
    content = b'{"a": "\xc3\xa9"}\r\n\r\n--x\r\n--x--\r\n\n'
    made = upload("Übung 1.jsonl", content)
    assert (made.filename, made.bytes, made.purpose, made.status) == (
        "Übung 1.jsonl",
        len(content),
        "batch",
        "processed",
    )
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).content == content


@pytest.mark.parametrize("content", [b"", b"x" * 3_000_000])
def test_a_file_of_any_size(client, upload, content):
    """Empty or larger than what is read at once."""
    assert client.files.content(upload(content=content).id).content == content


def test_lists_come_in_pages(client, upload):
    """The newest first or the oldest, of one purpose if so wanted; the SDK goes from page to page."""
    names = [upload(f"{number}.jsonl").id for number in range(5)]
    other = upload("b.txt", purpose="user_data").id
    assert [file.id for file in client.files.list(limit=2)] == [other, *names[::-1]]
    assert [file.id for file in client.files.list(limit=2, order="asc", purpose="batch")] == names
    page = client.files.list(limit=2, after=names[3])
    assert ([file.id for file in page.data], page.has_more) == ([names[2], names[1]], True)


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "order=up", "after=file-none"])
def test_lists_that_are_refused(raw, upload, query):
    """A limit, an order or a cursor that is none is 400."""
    upload()
    assert raw.get(f"/files?{query}").status_code == 400


def test_a_deleted_file_is_gone(client, upload):
    """Delete says so, then nobody finds it."""
    name = upload().id
    assert client.files.delete(name).deleted is True
    for method in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError, match=f"No such File object: {name}"):
            method(name)
    assert list(client.files.list()) == []


def test_files_of_batches_expire(openai_emulator, client, upload):
    """After 30 days, or when the upload says; files of other purposes stay."""
    month, day = upload(), upload(expires_after={"anchor": "created_at", "seconds": DAY})
    other = upload("b.txt", purpose="user_data")
    assert (month.expires_at - month.created_at, day.expires_at - day.created_at) == (30 * DAY, DAY)
    assert other.expires_at is None
    openai_emulator.clock.advance(DAY)
    assert {file.id for file in client.files.list()} == {month.id, other.id}
    openai_emulator.clock.advance(30 * DAY)
    assert [file.id for file in client.files.list()] == [other.id]
    with pytest.raises(openai.NotFoundError):
        client.files.content(month.id)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "in.json"}, "Invalid file format for Batch API. Must be .jsonl"),
        ({"content": "é".encode("latin-1")}, "Must be utf-8 encoded"),
        ({"content": b"x" * 101}, "File is too large"),
        ({"purpose": "training"}, "'training' is not one of"),
        ({"expires_after": {"anchor": "created_at", "seconds": 60}}, "must be between 3600 and 2592000"),
        ({"expires_after": {"anchor": "today", "seconds": HOUR}}, "Invalid value: 'today'"),
    ],
)
def test_uploads_that_are_refused(openai_emulator, client, upload, change, said):
    """A refused upload leaves no file."""
    openai_emulator.configure(batch_bytes=100)
    with pytest.raises(openai.APIStatusError, match=said) as caught:
        upload(**change)
    assert caught.value.status_code == (413 if "large" in said else 400)
    assert list(client.files.list()) == []


def test_uploads_of_any_purpose_have_a_limit(openai_emulator, client, upload):
    """Above it an upload is 413, whatever it is for."""
    openai_emulator.configure(file_bytes=1000)
    upload("b.txt", b"x" * 200, purpose="user_data")
    with pytest.raises(openai.APIStatusError, match="Maximum content size limit") as caught:
        upload("b.txt", b"x" * 100_000, purpose="user_data")
    assert caught.value.status_code == 413


def test_a_refused_upload_leaves_nothing_on_disk(tmp_path):
    """Neither the form nor the file stay behind."""
    with (
        OpenAIEmulator(tmp_path) as emulator,
        openai.OpenAI(api_key="any", base_url=emulator.base_url, max_retries=0) as client,
    ):
        with pytest.raises(openai.BadRequestError):
            client.files.create(file=("in.txt", b"x"), purpose="batch")
        assert list((tmp_path / "blobs").iterdir()) == []


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"files": {"file": ("in.jsonl", b"x")}}, "Missing required parameter: 'purpose'"),
        ({"files": {"purpose": (None, "batch")}}, "Missing required parameter: 'file'"),
        ({"files": {"purpose": (None, "batch"), "file": (None, "x")}}, "Missing required parameter: 'file'"),
        ({"json": {"purpose": "batch"}}, "must be multipart/form-data"),
        ({"content": b"", "headers": {"content-type": "multipart/form-data; boundary=x"}}, "Could not parse"),
        (
            {"content": b"--x\r\nno end", "headers": {"content-type": "multipart/form-data; boundary=x"}},
            "Could not",
        ),
    ],
)
def test_forms_that_are_refused(raw, request_, said):
    """What is no form, or lacks a field, is 400."""
    reply = raw.post("/files", **request_)
    assert reply.status_code == 400
    assert said in reply.json()["error"]["message"]


def test_a_form_as_curl_writes_it(client, raw):
    """File names are UTF-8 as they are; headers come in any case, and parts with more of them."""
    form = (
        '--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        '--x\r\ncontent-disposition: form-data; name="file"; filename="Übung.jsonl"\r\n'
        "content-type: application/octet-stream\r\n\r\n{}\r\n--x--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    made = raw.post("/files", content=form.encode(), headers=headers).json()
    assert (made["filename"], made["bytes"]) == ("Übung.jsonl", 2)
    assert client.files.content(made["id"]).content == b"{}"


def test_fields_in_any_order(raw):
    """A client may send the file first."""
    reply = raw.post("/files", files={"file": ("in.jsonl", b"{}"), "purpose": (None, "batch")})
    assert reply.json()["bytes"] == 2


def test_a_bad_key_is_told_after_a_large_upload(openai_emulator):
    """The whole body is read, so that the client reads the answer and not a broken connection."""
    with (
        openai.OpenAI(api_key="invalid", base_url=openai_emulator.base_url, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.files.create(file=("in.jsonl", b"x" * 10_000_000), purpose="batch")
