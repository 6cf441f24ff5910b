"""Decoding bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlane.text.documents import Unreadable
from embedlane.text.encodings import binary_kind, decode, storable

GERMAN = "Der Größe nach — „schön“ und naïve cafés, über alle Maßen.\nDie Straße führt nach Süden.\n" * 3
FRENCH = "L'été dernier, nous avons déjeuné près du château où naquit le maître.\n" * 3
JAPANESE = "日本語の文章です。これはテストのための長い文章であり、判定に十分な長さが必要です。\n" * 5
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю.\n" * 5


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_reads_unicode(codec):
    """UTF-8 is read as it is, and its relatives by their byte order mark, which is not part of the text."""
    assert decode(GERMAN.encode(codec), "a.txt") == GERMAN


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1252", GERMAN),
        ("cp1252", FRENCH),
        ("cp1252", "café\n"),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Dnes je krásný den.\n" * 3),
        ("cp1251", RUSSIAN),
        ("shift_jis", JAPANESE),
        ("gb18030", "汉字编码检测需要一段足够长的中文文本才能可靠地工作。\n" * 5),
    ],
)
def test_guesses_other_encodings(codec, text):
    """What is not UTF-8 is recognised by what it says."""
    assert decode(text.encode(codec), "a.txt") == text


def test_guesses_from_a_sample_of_whole_lines():
    """A long file is recognised by its head, which ends with a line and not within a character."""
    text = JAPANESE * 5000
    assert decode(text.encode("shift_jis"), "long.txt") == text


def test_declared_encoding_goes_before_guessing():
    """An encoding that the file names is believed, an unknown one is not."""
    data = "œuvre €".encode("iso8859_15")
    assert decode(data, "a.html", declared="iso8859-15") == "œuvre €"
    assert isinstance(decode(data, "a.html", declared="no-such-thing"), str)


def test_declared_encoding_yields_to_utf8():
    """A page that is UTF-8 is read as such, whatever it claims."""
    assert decode("é".encode(), "a.html", declared="latin-1") == "é"


def test_line_ends_are_normalised():
    """Line ends of all systems become one."""
    assert decode(b"a\r\nb\rc\n", "a.txt") == "a\nb\nc\n"


def test_empty_file_is_empty_text():
    """No bytes are no text, and no error."""
    assert decode(b"", "a.txt") == ""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "binary file (PDF); convert it to text first"),
        (b"PK\x03\x04rest", "binary file (ZIP archive or office document); convert it to text first"),
        (b"\x1f\x8b\x08", "binary file (gzip); convert it to text first"),
        (b"a\0b", "binary file; convert it to text first"),
        (b"\xff\xfea", "not valid utf-16, which its byte order mark announces"),
        (bytes(range(1, 256)) * 4, "not UTF-8, and no other encoding fits; convert it to UTF-8 first"),
    ],
)
def test_says_why_it_is_no_text(data, reason):
    """What is no text is named as what it is."""
    assert decode(data, "x") == Unreadable(source="x", reason=reason)


def test_a_nul_far_from_the_start_is_replaced():
    """One NUL in a long text does not make it binary; it becomes U+FFFD."""
    assert decode(b"a" * 2000 + b"\0b", "a.txt") == "a" * 2000 + "\ufffdb"


def test_marked_text_may_hold_nul_bytes():
    """UTF-16 is full of zero bytes and still no binary file."""
    assert binary_kind("text".encode("utf-16")) == ""


@given(st.text(st.characters(codec=None)))
def test_storable_text_has_a_utf8_form(text):
    """Whatever is put in, the result can be encoded, has the same length and no NUL."""
    kept = storable(text)
    kept.encode()
    assert len(kept) == len(text)
    assert "\0" not in kept


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(data):
    """No bytes raise anything; they are a storable text or unreadable."""
    text = decode(data, "x")
    assert isinstance(text, Unreadable) or text == storable(text)
