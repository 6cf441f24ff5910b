"""The lines of an input file, and the check before they are uploaded."""

import json

import pytest

from embedlane.errors import RequestRefusedError
from embedlane.providers.values import BatchRow


def test_a_line_is_what_the_service_takes(batch):
    """One content, parameters flat beside it, the key outside."""
    line = json.loads(batch().encode([BatchRow("k", "über")]))
    request = {
        "content": {"parts": [{"text": "über"}]},
        "output_dimensionality": 768,
        "task_type": "RETRIEVAL_DOCUMENT",
    }
    assert line == {"key": "k", "request": request}


def test_a_model_with_prefixes_gets_no_task_type(batch):
    """gemini-embedding-2 ignores task types, so that sending one would only mislead."""
    line = json.loads(batch(model="google:gemini-embedding-2").encode([BatchRow("k", "t")]))
    assert line["request"].keys() == {"content", "output_dimensionality"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"key": "k", "request": {"contents": [{"parts": [{"text": "t"}]}]}}, "'contents'"),
        ({"key": "k", "request": {"content": {"parts": [{"text": "t"}]}, "config": {}}}, "'config'"),
        ({"key": "k", "request": {"content": {"parts": [{"text": "a"}, {"text": "b"}]}}}, "one text"),
        ({"key": "k", "request": {"content": {"parts": [{"text": 1}]}}}, "one text"),
        ({"key": "k", "request": {}}, "no content"),
        ({"key": "k"}, "no request"),
        ({"request": {"content": {"parts": [{"text": "t"}]}}}, "no key"),
        ("{", "not JSON"),
    ],
)
def test_a_wrong_line_is_caught_before_the_upload(batch, written, gemini_emulator, line, words):
    """The form that google-genai has in Python, and every other wrong one, never leaves this machine."""
    embedder = batch(batch_input="file")
    file = written(embedder, ["one"])
    text = line if isinstance(line, str) else json.dumps(line)
    file.path.write_bytes(file.path.read_bytes() + text.encode() + b"\n")
    with pytest.raises(RequestRefusedError, match=r"line 2 of rows\.jsonl") as caught:
        embedder.stage(file, "tag")
    assert words in caught.value.message
    assert embedder.inputs.files.named("tag") == []


def test_a_file_with_too_few_rows_is_caught(batch, written):
    """A file that is not the one that was written is not uploaded."""
    embedder = batch(batch_input="file")
    file = written(embedder, ["one", "two"])
    file.path.write_bytes(file.path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(RequestRefusedError, match="1 rows instead of 2"):
        embedder.stage(file, "tag")
