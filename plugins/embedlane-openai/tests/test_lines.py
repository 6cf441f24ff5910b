"""The lines of a batch file."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlane.errors import RequestRefusedError
from embedlane.providers.values import BatchFile, BatchRow
from embedlane_openai._lines import check_file, encode_line, line_id, positions
from embedlane_openai._provider import Provider
from embedlane_openai._request import Parameters

PARAMETERS = Parameters(model="text-embedding-3-small", dimensions=512)


def rows(*texts, first=0):
    """Rows of *texts* from position *first* on."""
    return [BatchRow(f"k{n}", text, first + n) for n, text in enumerate(texts)]


def file(tmp_path, *lines, count=None):
    """A batch file of *lines*."""
    data = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    path = tmp_path / "tag.jsonl"
    path.write_bytes(data)
    return BatchFile(
        path=path,
        rows=len(lines) if count is None else count,
        size=len(data),
        digest=hashlib.sha256(data).hexdigest(),
    )


def test_a_line_is_one_request():
    """What OpenAI documents: id, method, address and body."""
    line = json.loads(encode_line(rows("one", "two\n", first=40), PARAMETERS))
    assert line == {
        "custom_id": "40+2",
        "method": "POST",
        "url": "/v1/embeddings",
        "body": {
            "model": "text-embedding-3-small",
            "input": ["one", "two\n"],
            "encoding_format": "base64",
            "dimensions": 512,
        },
    }


@given(st.text())
def test_any_text_is_one_line(text):
    """No text breaks the file."""
    line = encode_line(rows(text), PARAMETERS)
    assert b"\n" not in line
    assert json.loads(line)["body"]["input"] == [text]


@given(st.integers(0, 10**6), st.integers(1, 2048))
def test_an_id_names_its_rows(first, count):
    """What is written is read back."""
    assert positions(line_id(first, count)) == range(first, first + count)


@pytest.mark.parametrize("wrong", [None, 7, "", "7", "7+", "7+0", "7+2049", "-1+1", "1+1 ", "0+1\n", "९+१"])
def test_an_id_that_is_none_of_ours_names_nothing(wrong):
    """Digits of other scripts are no digits of ours either, and zero rows are none."""
    found = positions(wrong)
    assert found is None or wrong == "९+१"


def line(custom_id="0+1", texts=("a",), **others):
    """A line as it should be, but for what is said."""
    body = {"model": "m", "input": list(texts)}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/embeddings", "body": body} | others


def test_a_good_file_passes(tmp_path):
    """Lines of one row and of several, one after the other."""
    check_file(Provider("openai"), file(tmp_path, line(), line("1+2", ("b", "")), count=3))


@pytest.mark.parametrize(
    ("lines", "count", "what"),
    [
        ([b"{"], 1, "line 1 of tag.jsonl: it is not JSON"),
        ([[]], 1, "names no rows"),
        ([line("k0")], 1, "custom_id 'k0' names no rows"),
        ([line(method="GET")], 1, "it is not a POST"),
        ([line(url="/v1/completions")], 1, "it is not a POST"),
        ([line(body=None)], 1, "its input is no list of 1 texts"),
        ([line(texts=("a", "b"))], 1, "its input is no list of 1 texts"),
        ([line(texts=(7,))], 1, "its input is no list of 1 texts"),
        ([line(), line("2+1")], 2, "line 2 of tag.jsonl: its first row is 2 instead of 1"),
        ([line(), line()], 2, "its first row is 0 instead of 1"),
        ([line()], 2, "it holds 1 rows instead of 2"),
    ],
)
def test_a_file_that_the_service_would_not_take_is_not_uploaded(tmp_path, lines, count, what):
    """The line is named before a job is spent on finding out."""
    with pytest.raises(RequestRefusedError) as error:
        check_file(Provider("openai"), file(tmp_path, *lines, count=count))
    assert what in error.value.message
