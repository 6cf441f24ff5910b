"""Queries from files, and from the corpus."""

from __future__ import annotations

import pytest

from embedlane.errors import InputError
from embedlane.evaluation.deriving import Passage, derive_queries
from embedlane.evaluation.queries import read_queries


@pytest.fixture
def written(tmp_path):
    """A function that writes a file."""

    def write(text, name="queries"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_json_lines_hold_grades_or_a_list(written):
    """A list means grade 1; empty lines are nothing."""
    found = read_queries(
        written(
            '{"id": "a", "text": "one", "relevant": {"x": 2, "y": 0}}\n\n'
            '{"id": 2, "text": "two", "relevant": ["z"]}\n'
        )
    )
    assert [(q.id, q.text, dict(q.relevant)) for q in found.queries] == [
        ("a", "one", {"x": 2, "y": 0}),
        ("2", "two", {"z": 1}),
    ]
    assert found.method == "read from queries"


@pytest.mark.parametrize("line", ["q1\tfind me", '{"id": "q1", "text": "find me"}'])
def test_trec_judgments_go_with_either_form_of_queries(written, line):
    """Ids of items may hold blanks; a query that was not judged has no relevant items."""
    qrels = written("q1 0 a b.md 2\nq1 0 c.md 0\n", "judged.qrels")
    [found] = read_queries(written(line), qrels).queries
    assert (found.text, found.relevant) == ("find me", {"a b.md": 2, "c.md": 0})
    [other] = read_queries(written(line.replace("q1", "q2")), qrels).queries
    assert other.relevant == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no query"),
        ("{oops", ":1: not JSON"),
        ('{"id": "a", "text": " "}', ":1: 'id' or 'text' is missing or empty"),
        ('{"id": "a", "text": "b"}', ":1: 'relevant' is None"),
        ('{"id": "a", "text": "b", "relevant": {"x": "high"}}', ":1: 'relevant' is"),
        ('{"id": "a", "text": "b", "relevant": []}\n' * 2, ":2: there is a query 'a' already"),
        ("q1\ttext", ":1: not JSON"),
    ],
)
def test_what_is_wrong_with_queries_is_said_with_its_place(written, text, message):
    """File and line, and what a line should be."""
    with pytest.raises(InputError) as caught:
        read_queries(written(text))
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("qrels", "message"),
    [("", "holds no judgment"), ("q1 0 x", ":1: 'q1 0 x' is no"), ("q 0 x y", "'q 0 x y'")],
)
def test_what_is_wrong_with_judgments_is_said_with_its_place(written, qrels, message):
    """A grade is a number at the end of the line."""
    with pytest.raises(InputError, match=message):
        read_queries(written("q1\ttext"), written(qrels, "qrels"))


def test_a_file_that_is_not_there_is_named(tmp_path):
    """So is one that is no text."""
    with pytest.raises(InputError, match="No such file"):
        read_queries(tmp_path / "none")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        read_queries(tmp_path / "bytes")


def _passages(**texts):
    return [
        Passage(
            id=f"{document}#{number}",
            document=document,
            text=text,
            metadata={"title": f"All about {document}"},
        )
        for document, parts in texts.items()
        for number, text in enumerate(parts)
    ]


def test_titles_find_what_does_not_hold_their_words():
    """The item with the title in it is taken out of the ranking; the rest of its document is relevant."""
    passages = _passages(cats=["All about cats.", "They sleep."], dogs=["They bark.", "And they run."])
    found = derive_queries(passages, 10, seed=0)
    assert found.method.startswith("derived from titles")
    cats, dogs = found.queries
    assert (cats.text, dict(cats.relevant), cats.excluded) == (
        "All about cats",
        {"cats#1": 1},
        {"cats#0"},
    )
    assert (dict(dogs.relevant), dogs.excluded) == ({"dogs#0": 1, "dogs#1": 1}, frozenset())


@pytest.mark.parametrize(
    ("texts", "method", "query"),
    [
        (["# How cats live\nOn sofas.", "In boxes."], "headings", "How cats live"),
        (["Cats live on sofas. Often.", "In boxes."], "first sentences", "Cats live on sofas."),
    ],
)
def test_without_titles_headings_are_taken_and_then_first_sentences(texts, method, query):
    """The method is named, and what stands beside the query is what it should find."""
    passages = [
        Passage(id=str(number), document="cats", text=text, metadata={}) for number, text in enumerate(texts)
    ]
    found = derive_queries(passages, 10, seed=0)
    assert found.method.startswith(f"derived from {method}; ")
    [derived, *_] = found.queries
    assert (derived.text, dict(derived.relevant), derived.excluded) == (query, {"1": 1}, {"0"})


def test_no_query_is_derived_where_nothing_is_left_to_find():
    """Documents of one item that holds the words, and texts of two words, give nothing."""
    passages = [
        Passage(id=text, document=text, text=text, metadata={})
        for text in ("Too short.", "A sentence that is alone.")
    ]
    assert derive_queries(passages, 10, seed=0).queries == ()


def test_the_seed_chooses_among_more_queries_than_are_wanted():
    """The same seed chooses the same ones."""
    passages = _passages(**{f"d{number}": ["one thing", "another"] for number in range(40)})
    first, second = derive_queries(passages, 5, seed=1), derive_queries(passages, 5, seed=2)
    assert len(first.queries) == 5
    assert first == derive_queries(passages, 5, seed=1) != second
