"""Counting tokens: exactly where tiktoken's data is at hand, and never by way of the network."""

import base64
import hashlib
import inspect
import re
import socket
import subprocess
import sys

import pytest
import tiktoken
import tiktoken_ext.openai_public
from hypothesis import given
from hypothesis import strategies as st

import embedlane_openai
from embedlane.errors import InputError
from embedlane_openai import _counting, _ranks
from embedlane_openai._counting import TiktokenCounter, open_counter

#: A small tokenizer of the same kind: all bytes, and a few pairs.
PAIRS = [b"th", b"the", b" t", b" th", b" the", b"in", b"ing", b"\xc3\xa4", b"ab", b"abab"]
RANKS = {bytes([value]): value for value in range(256)} | {pair: 256 + n for n, pair in enumerate(PAIRS)}
SMALL = tiktoken.Encoding("small", pat_str=r"\s?\w+|\s+|[^\w\s]+", mergeable_ranks=RANKS, special_tokens={})
COUNTER = TiktokenCounter(SMALL)


def test_the_data_is_looked_for_where_tiktoken_keeps_it():
    """Its name and digest are those that tiktoken's own source states."""
    source = inspect.getsource(tiktoken_ext.openai_public.cl100k_base)
    address, digest = re.findall(r'"(https:[^"]+|[0-9a-f]{64})"', source)
    assert hashlib.sha1(address.encode()).hexdigest() == _ranks.FILE
    assert digest == _ranks.DIGEST
    assert address.endswith(f"/{_ranks.ENCODING}.tiktoken")


@pytest.mark.parametrize(
    "model", ["text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"]
)
def test_all_models_have_that_encoding(model):
    """As tiktoken says."""
    assert tiktoken.encoding_name_for_model(model) == _ranks.ENCODING


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of tiktoken, empty."""
    monkeypatch.delenv("DATA_GYM_CACHE_DIR", raising=False)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    return tmp_path


def counters():
    """The counters of OpenAI's routes."""
    return {route.counter for route in embedlane_openai.embedlane_routes() if route.provider == "openai"}


def test_without_the_data_the_core_estimates(folder):
    """No counter is declared."""
    assert counters() == {""}


def test_with_the_data_tokens_are_counted(folder):
    """The counter is declared when the file is there."""
    (folder / _ranks.FILE).write_bytes(b"")
    assert counters() == {"embedlane_openai._counting:open_counter"}


def test_tiktokens_own_variables_decide(tmp_path, monkeypatch):
    """In its order; an empty one means that it keeps nothing."""
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(tmp_path / "b"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "a"))
    assert _ranks.data_file() == tmp_path / "a" / _ranks.FILE
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert _ranks.data_file() is None
    assert not _ranks.at_hand()
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    assert _ranks.data_file() == tmp_path / "b" / _ranks.FILE
    monkeypatch.delenv("DATA_GYM_CACHE_DIR")
    assert _ranks.data_file().parent.name == "data-gym-cache"


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_damaged_data_is_an_error_and_no_download(folder, contexts, monkeypatch, content):
    """The SDK of the tokenizer would fetch another; this must not so much as try."""
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("it asked the network"))
    if content is not None:
        (folder / _ranks.FILE).write_bytes(content)
    with pytest.raises(InputError, match="cl100k_base") as error:
        open_counter(contexts())
    assert "README" in error.value.hint


def test_whole_data_opens_the_counter(folder, contexts, monkeypatch):
    """What has the right digest is handed to tiktoken, which has it from then on."""
    lines = b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in RANKS.items())
    (folder / _ranks.FILE).write_bytes(lines)
    monkeypatch.setattr(_ranks, "DIGEST", hashlib.sha256(lines).hexdigest())
    monkeypatch.setitem(tiktoken.registry.ENCODINGS, _ranks.ENCODING, SMALL)
    counter = open_counter(contexts())
    assert counter.exact
    assert counter.count(["the thing", "", "ä"]) == [len(SMALL.encode("the thing")), 0, 1]


def test_words_of_the_tokenizers_own_are_text():
    """A text that speaks of them is neither refused nor counted as one token."""
    assert COUNTER.count(["<|endoftext|>"])[0] > 1


@given(st.text(alphabet="abthein gä€😀\n", max_size=60), st.integers(0, 20))
def test_a_cut_text_is_a_head_that_fits(text, tokens):
    """It has at most that many tokens, and is whole where it fits."""
    head = COUNTER.cut(text, tokens)
    assert text.startswith(head)
    assert COUNTER.count([head])[0] <= tokens
    assert head == text or COUNTER.count([text])[0] > tokens


def test_a_cut_keeps_what_it_can():
    """A character that takes several tokens is kept whole or not at all."""
    assert COUNTER.cut("the thing", COUNTER.count(["the"])[0]) == "the"
    assert COUNTER.cut("€€", 4) == "€"
    assert COUNTER.cut("€€", 2) == ""


def test_a_head_that_makes_more_tokens_by_itself_is_shortened():
    """Where one ends may depend on what is behind it."""
    ahead = tiktoken.Encoding("ahead", pat_str=r"\w+(?=!)|\w|\W", mergeable_ranks=RANKS, special_tokens={})
    assert TiktokenCounter(ahead).count(["ab!", "ab"]) == [2, 2]
    assert TiktokenCounter(ahead).cut("ab!", 1) == ""


def test_counting_imports_no_sdk():
    """Planning needs tokens, and no connection."""
    script = "import embedlane_openai._counting, sys\nprint('openai' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert output.stdout.strip() == "False"
    assert _counting.tiktoken is tiktoken
