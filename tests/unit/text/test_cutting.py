"""Cutting documents into items."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlane.errors import InputError
from embedlane.text.cutting import DEFAULT_SIZE, ChunkRule, Cutter, Refused, TooLong, Unit
from embedlane.text.documents import Document, Form, Part
from embedlane.text.tokens import EstimatedCounter

TEXT = "One two three four. Five six seven eight. Nine ten eleven twelve. " * 20


@attrs.define
class Words:
    """Each word is a token, each character that is not ASCII three; two special tokens."""

    exact: bool = True
    asked: list[list[str]] = attrs.field(factory=list)

    def count(self, texts):
        """See TokenCounter."""
        self.asked.append(list(texts))
        return [2 + len(text.split()) + 3 * sum(not each.isascii() for each in text) for text in texts]

    def cut(self, text, tokens):
        """See TokenCounter."""
        words = text.split()
        while words and self.count([" ".join(words)])[0] > tokens:
            words.pop()
        return " ".join(words)


def cutter(policy="error", limit=None, counter=None, **rule) -> Cutter:
    return Cutter(ChunkRule(**rule), TooLong(policy), limit, counter or Words())


def document(text: str, form: Form = Form.PROSE, **metadata) -> Document:
    return Document(id="d", source="d", parts=[Part("d", text, form, metadata)])


def solid(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("form", [Form.PROSE, Form.MARKDOWN])
def test_running_text_becomes_numbered_chunks(form):
    """Chunks are numbered from 0 under their part's id and share its metadata."""
    cut = cutter(size=50).cut(document(TEXT, form, title="T"))
    assert [item.id for item in cut.items] == [f"d#{n}" for n in range(len(cut.items))]
    assert len(cut.items) > 3
    assert {item.metadata["title"] for item in cut.items} == {"T"}
    assert (cut.truncated, cut.refused) == ((), ())


def test_a_short_text_is_numbered_too():
    """One chunk is named like the first of many, so a text may grow without renaming it."""
    assert [item.id for item in cutter(size=50).cut(document("Short.")).items] == ["d#0"]


def test_a_record_is_one_item_under_its_own_name():
    """Records are not cut, however long, as long as the model takes them."""
    (item,) = cutter(size=10).cut(document(TEXT, Form.RECORD, n=1)).items
    assert (item.id, item.text, item.metadata) == ("d", TEXT, {"n": 1})


def test_size_zero_leaves_text_whole():
    """Without a size, running text is treated like a record."""
    (item,) = cutter(size=0).cut(document(TEXT)).items
    assert (item.id, item.text) == ("d", TEXT)


@pytest.mark.parametrize(("limit", "size"), [(None, DEFAULT_SIZE), (100, 100), (8000, DEFAULT_SIZE)])
def test_the_size_follows_the_model(limit, size):
    """Unless one is given, the size is the model's limit, but no more than 512 tokens."""
    counter = Words()
    cut = cutter(limit=limit, counter=counter).cut(document(TEXT * 20))
    counts = counter.count([item.text for item in cut.items])
    assert size * 0.8 < max(counts) <= size


def test_sizes_in_characters():
    """The unit of the size can be characters."""
    cut = cutter(size=80, overlap=20, unit="characters").cut(document(TEXT))
    assert max(len(item.text) for item in cut.items) <= 80
    assert any(b.text[:4] in a.text for a, b in zip(cut.items, cut.items[1:], strict=False))


@pytest.mark.parametrize("form", [Form.RECORD, Form.PROSE])
def test_error_refuses_what_is_too_long(form):
    """Under `error` a text over the limit is no item, and its tokens are told."""
    cut = cutter("error", limit=20, size=0).cut(document(TEXT, form))
    assert cut.items == ()
    assert cut.refused == (Refused("d", 242, 20, True),)
    assert str(cut.refused[0]) == "'d' has 242 tokens; the model takes 20"


def test_estimates_are_told_as_such():
    """A refusal by an estimate says so."""
    (refused,) = cutter(limit=20, size=0, counter=EstimatedCounter(4.0)).cut(document(TEXT)).refused
    assert not refused.exact
    assert str(refused) == "'d' has about 330 tokens; the model takes 20"


@pytest.mark.parametrize("form", [Form.RECORD, Form.PROSE])
def test_truncate_takes_the_head_and_tells(form):
    """Under `truncate` the head is the item, listed as truncated."""
    cut = cutter("truncate", limit=5, size=0).cut(document(TEXT, form))
    assert [item.text for item in cut.items] == ["One two three"]
    assert (cut.truncated, cut.refused) == (("d",), ())


def test_truncate_refuses_where_nothing_fits():
    """A head without text is no item."""
    cut = cutter("truncate", limit=2, size=0).cut(document(TEXT))
    assert (cut.items, cut.truncated, len(cut.refused)) == ((), (), 1)


def test_chunk_cuts_a_record_that_is_too_long():
    """Under `chunk` a record over the limit becomes numbered chunks within it; the others stay whole."""
    short = Part("s", "Short.", Form.RECORD)
    counter = Words()
    source = Document(id="d", source="d", parts=[Part("d", TEXT, Form.RECORD), short])
    cut = cutter("chunk", limit=50, size=0, counter=counter).cut(source)
    assert [item.id for item in cut.items] == [*(f"d#{n}" for n in range(len(cut.items) - 1)), "s"]
    assert max(counter.count([item.text for item in cut.items])) <= 50
    assert solid("".join(item.text for item in cut.items)) == solid(TEXT + short.text)
    assert (cut.truncated, cut.refused) == ((), ())


def test_a_chunk_over_the_limit_follows_the_policy():
    """A size beyond the limit is the user's to choose; the policy then speaks for each chunk."""
    options = {"limit": 20, "size": 300, "unit": "characters"}
    refused = cutter("error", **options).cut(document(TEXT))
    truncated = cutter("truncate", **options).cut(document(TEXT))
    chunked = cutter("chunk", **options).cut(document(TEXT))
    assert refused.items == ()
    assert [each.id for each in refused.refused] == list(truncated.truncated)
    assert [item.id for item in chunked.items] == [f"d#{n}" for n in range(len(chunked.items))]
    assert solid("".join(item.text for item in chunked.items)) == solid(TEXT)


def test_chunk_truncates_or_refuses_what_cannot_be_cut():
    """A single character over the limit can't be cut, so its head is asked for, and there is none."""
    counter = attrs.make_class("Greedy", [], bases=(Words,), slots=False)()
    counter.cut = lambda text, tokens: ""
    cut = cutter("chunk", limit=3, size=0, counter=counter).cut(document("é a", Form.RECORD))
    assert [item.text for item in cut.items] == ["a"]
    assert [each.id for each in cut.refused] == ["d#0"]


def test_characters_may_be_several_tokens():
    """A text with fewer characters than the limit has tokens is counted all the same, unless it is ASCII."""
    counter = Words()
    cut = cutter(limit=40, size=0, counter=counter).cut(document("é" * 20, Form.RECORD))
    assert len(cut.refused) == 1
    counter.asked.clear()
    assert cutter(limit=40, size=0, counter=counter).cut(document("e" * 20, Form.RECORD)).items
    assert counter.asked == []


def test_a_document_is_counted_at_once():
    """All texts that have to be counted go to the counter in one call."""
    counter = Words()
    parts = [Part(f"p{n}", TEXT, Form.RECORD) for n in range(5)]
    cutter(limit=10_000, size=0, counter=counter).cut(Document(id="d", source="d", parts=parts))
    cutter(limit=100, size=0, counter=counter).cut(Document(id="d", source="d", parts=parts))
    assert [len(texts) for texts in counter.asked] == [5]


def test_without_a_limit_nothing_is_counted():
    """A model that takes any length costs no counting."""
    counter = Words()
    assert cutter(size=0, counter=counter).cut(document(TEXT, Form.RECORD)).items
    assert counter.asked == []


def test_a_blank_part_is_no_item():
    """No item is blank."""
    assert cutter(size=0).cut(document(" \n", Form.RECORD)).items == ()
    assert cutter().cut(Document(id="d", source="d", parts=())).items == ()


def test_two_items_of_one_name_are_refused():
    """A document whose parts share an id is an error of its maker."""
    parts = [Part("p", "a", Form.RECORD), Part("p", "b", Form.RECORD)]
    with pytest.raises(InputError, match="Document 'd' has two items with the id 'p'"):
        cutter().cut(Document(id="d", source="d", parts=parts))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"size": -1}, "size"),
        ({"size": 10, "overlap": -1}, "overlap"),
        ({"size": 10, "overlap": 10}, "overlap 10 is not smaller than the size 10"),
        ({"size": 0, "overlap": 1}, "overlap 1 is not smaller than the size 0"),
        ({"overlap": 512}, "overlap 512 is not smaller than the size 512"),
        ({"unit": "characters"}, "a size in characters has to be given"),
        ({"unit": "words"}, "'words' is not a valid Unit"),
    ],
)
def test_rules_are_checked(rule, message):
    """A rule that can't be right is refused when it is made."""
    with pytest.raises(ValueError, match=message):
        ChunkRule(**rule)


@given(
    parts=st.lists(st.tuples(st.text("ab é.\n#", max_size=80), st.sampled_from(list(Form))), max_size=4),
    size=st.integers(0, 12),
    limit=st.none() | st.integers(6, 15),
    policy=st.sampled_from(list(TooLong)),
    unit=st.sampled_from(list(Unit)),
    estimated=st.booleans(),
)
def test_cutting_keeps_its_promises(parts, size, limit, policy, unit, estimated):
    """Ids are unique, no item is blank or over the limit, the result repeats, and `chunk` loses nothing."""
    counter = EstimatedCounter(1.5) if estimated else Words()
    source = Document(id="d", source="d", parts=[Part(f"p{n}", *part) for n, part in enumerate(parts)])
    cut = cutter(policy, limit, counter, size=size, unit=unit).cut(source)
    assert cut == cutter(policy, limit, counter, size=size, unit=unit).cut(source)
    ids = [item.id for item in cut.items] + [each.id for each in cut.refused]
    assert len(ids) == len(set(ids))
    assert all(item.text.strip() for item in cut.items)
    assert limit is None or all(count <= limit for count in counter.count([item.text for item in cut.items]))
    assert policy is not TooLong.ERROR or not cut.truncated
    if policy is TooLong.CHUNK or limit is None:
        kept = solid("".join(item.text for item in cut.items))
        assert kept == solid("".join(text for text, _ in parts))
