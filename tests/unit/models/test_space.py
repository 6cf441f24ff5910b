"""The space: what changes its fingerprint, and what does not."""

import json
from datetime import date

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane.errors import LedgerError
from embedlane.models.card import (
    Dimensions,
    InputLimits,
    Lane,
    Lifecycle,
    ModelCard,
    MultiInput,
    Normalisation,
    Price,
    Role,
    Source,
    TaskMechanism,
    TaskScheme,
)
from embedlane.models.loading import shipped_cards
from embedlane.models.names import ModelId
from embedlane.models.space import Space

words = st.text(min_size=1, max_size=30)
halves = words.map(str.strip).filter(bool)
model_ids = st.builds(ModelId, halves.filter(lambda half: ":" not in half), halves)
templates = st.builds("{}{{text}}{}".format, words, words).filter(lambda text: text.count("{text}") == 1)
task_schemes = st.one_of(
    st.just(TaskScheme()),
    st.builds(TaskScheme, mechanism=st.just(TaskMechanism.PARAM), document=words, query=words),
    st.builds(TaskScheme, mechanism=st.just(TaskMechanism.PREFIX), document=templates, query=templates),
)
spaces = st.builds(
    Space,
    model=model_ids,
    revision=st.text(max_size=20),
    dimensions=st.integers(1, 100_000),
    normalisation=st.sampled_from(["unit", "none"]),
    tasks=task_schemes,
)

CARD = ModelCard(
    id="acme:one",
    lanes=["sync"],
    dimensions=Dimensions(native=8, smallest=4),
    tasks=TaskScheme(mechanism=TaskMechanism.PREFIX, document="d {text}", query="q {text}"),
)
UNRELATED = {
    "summary": "Another summary.",
    "lanes": frozenset({Lane.BATCH}),
    "dimensions": Dimensions(native=8, matryoshka=True),
    "limits": InputLimits(tokens_per_input=1),
    "normalisation": Normalisation.ALWAYS,
    "multi_input": MultiInput.AGGREGATE,
    "price": Price(sync=1.0),
    "lifecycle": Lifecycle(retires=date(2026, 1, 1)),
    "characters_per_token": 3.0,
    "sources": (Source(facts=("price",), source="a page", read=date(2026, 1, 1)),),
}


@settings(deadline=None)
@given(spaces)
def test_canonical_text_round_trips(space):
    """Any space is read back from its canonical text, which is one line of ASCII."""
    assert Space.parse(space.canonical) == space
    assert space.canonical.isascii()
    assert "\n" not in space.canonical


@settings(deadline=None)
@given(spaces, spaces)
def test_a_fingerprint_differs_if_any_one_thing_differs(space, other):
    """Model, revision, dimensions, normalisation and task scheme each change the fingerprint."""
    for field in attrs.fields(Space):
        changed = attrs.evolve(space, **{field.name: getattr(other, field.name)})
        assert (changed.fingerprint == space.fingerprint) is (changed == space), field.name


@pytest.mark.parametrize(
    "change",
    [
        {"mechanism": TaskMechanism.PARAM},
        {"document": "D {text}"},
        {"query": "Q {text}"},
    ],
    ids=str,
)
def test_each_part_of_the_task_scheme_changes_the_fingerprint(change):
    """Mechanism, document and query are each part of the space."""
    changed = attrs.evolve(CARD, tasks=attrs.evolve(CARD.tasks, **change))
    assert Space.of(changed).fingerprint != Space.of(CARD).fingerprint


def test_values_do_not_run_into_each_other():
    """Text that moves from one field into the next makes another space."""
    param = {"mechanism": TaskMechanism.PARAM}
    one = Space(
        model=CARD.id, revision="1", dimensions=8, tasks=TaskScheme(**param, document="a", query="bc")
    )
    two = attrs.evolve(one, tasks=TaskScheme(**param, document="ab", query="c"))
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize("name", UNRELATED)
def test_what_changes_no_vector_changes_no_fingerprint(name):
    """Price, lanes, limits and the like may be corrected without a new space."""
    changed = attrs.evolve(CARD, **{name: UNRELATED[name]})
    assert changed != CARD
    assert Space.of(changed) == Space.of(CARD)


def test_every_field_of_a_card_is_either_in_the_space_or_known_not_to_be():
    """A new field of the card must be sorted into one of the two kinds."""
    in_the_space = {"id", "revision", "tasks"}
    assert {field.name for field in attrs.fields(ModelCard)} == in_the_space | set(UNRELATED)


def test_the_size_is_the_native_one_unless_asked_for():
    """A space takes the native size if none is asked for, and never takes zero for none."""
    assert Space.of(CARD).dimensions == 8
    assert Space.of(CARD, 4).dimensions == 4
    with pytest.raises(ValueError, match="dimensions"):
        Space.of(CARD, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: {**fields, "pooling": "mean"},
        lambda fields: {name: value for name, value in fields.items() if name != "query"},
        lambda fields: {**fields, "dimensions": "08"},
        lambda fields: {**fields, "tasks": "telepathy"},
        lambda fields: {**fields, "model": "acme"},
        list,
    ],
)
def test_a_canonical_text_that_is_not_ours_is_refused(change):
    """A key of a newer release, or a value changed by hand, is refused and never dropped."""
    text = json.dumps(change(Space.of(CARD).lines()), separators=(",", ":"))
    with pytest.raises(LedgerError, match="this release can't read"):
        Space.parse(text)


def test_beside_marks_exactly_the_lines_that_differ():
    """The table has a mark at each differing value, and none elsewhere."""
    one = Space.of(CARD)
    two = attrs.evolve(one, dimensions=4, tasks=attrs.evolve(one.tasks, query="Q\n{text}"))
    table = one.beside(two, ("stored", "configured")).splitlines()
    assert table[0].split() == ["stored", "configured"]
    assert [line.split()[1] for line in table if line.startswith("≠")] == ["dimensions", "query"]
    assert r"Q\n{text}" in table[7]
    assert table[-1].split() == ["fingerprint", one.fingerprint, two.fingerprint]


@settings(deadline=None)
@given(spaces, spaces)
def test_beside_has_one_line_for_each_thing(one, two):
    """Whatever the values hold, the table keeps its nine lines and marks only what differs."""
    table = one.beside(two).split("\n")
    mine, theirs = one.lines(), two.lines()
    assert len(table) == 9
    marked = {line.split()[1] for line in table if line.startswith("≠")}
    assert marked == {name for name in mine if mine[name] != theirs[name]}


def test_a_space_renders_by_its_task_scheme():
    """What is sent for a text follows from the space alone."""
    assert Space.of(CARD).render("x", Role.QUERY) == "q x"


@pytest.mark.parametrize(
    ("model", "dimensions", "fingerprint"),
    [
        ("google:gemini-embedding-001", 768, "741dba7679bf"),
        ("google:gemini-embedding-2", 3072, "69f3a956ad22"),
        ("openai:text-embedding-3-small", 1536, "5a80c89d0950"),
        ("local:all-minilm-l6-v2", 384, "2ec91a426646"),
        ("local:hash", 256, "96018028f38d"),
    ],
)
def test_fingerprints_of_shipped_spaces_never_change(model, dimensions, fingerprint):
    """A release that changed one of these would refuse every index that is bound to it."""
    card = next(card for card in shipped_cards() if str(card.id) == model)
    space = Space.of(card, dimensions)
    assert space.fingerprint == fingerprint
    assert str(space) == f"{model} @ {dimensions} ({fingerprint})"
