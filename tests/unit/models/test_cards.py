"""The cards that come with the core: that they are complete, sourced and agree with each other."""

from datetime import date
from importlib.resources import files

import pytest

from embedlane.models.card import Lane, MultiInput, Normalisation, Role, TaskMechanism
from embedlane.models.loading import all_shipped, shipped_cards, shipped_generators
from embedlane.models.sourcing import unknown_facts, unsourced

CARDS = {str(card.id): card for card in shipped_cards()}
ALL = {str(card.id): card for card in all_shipped()}


def test_shipped_models_and_their_native_sizes_never_change():
    """A model goes, or gives another size when none is asked for, only on purpose."""
    assert len(shipped_cards()) == len(CARDS)
    assert {name: card.dimensions.native for name, card in CARDS.items()} == {
        "google:embedding-001": 768,
        "google:embedding-gecko-001": 768,
        "google:gemini-embedding-001": 3072,
        "google:gemini-embedding-2": 3072,
        "google:gemini-embedding-2-preview": 3072,
        "google:gemini-embedding-exp": 3072,
        "google:gemini-embedding-exp-03-07": 3072,
        "google:text-embedding-004": 768,
        "local:all-minilm-l6-v2": 384,
        "local:hash": 256,
        "openai:text-embedding-3-large": 3072,
        "openai:text-embedding-3-small": 1536,
        "openai:text-embedding-ada-002": 1536,
    }


def test_shipped_models_that_generate_cost_more_out_than_in():
    """They have a name of their own, prices and limits; batch costs half of sync."""
    generators = {str(card.id): card for card in shipped_generators()}
    assert sorted(generators) == [
        "google:gemini-2.5-flash",
        "google:gemini-2.5-flash-lite",
        "google:gemini-2.5-pro",
    ]
    assert set(ALL) == {*CARDS, *generators}
    for card in generators.values():
        assert (card.price.batch, card.output_price.batch) == (
            card.price.sync / 2,
            card.output_price.sync / 2,
        )
        assert card.price.batch < card.output_price.batch
        assert card.output_tokens < card.limits.tokens_per_input


def test_every_data_file_is_read():
    """A file of cards that is added is also loaded, and each publisher has its own file."""
    names = {file.name for file in files("embedlane.models.cards").iterdir() if file.name.endswith(".toml")}
    assert names == {f"{card.id.publisher}.toml" for card in CARDS.values()}


@pytest.mark.parametrize("card", ALL.values(), ids=ALL)
def test_every_fact_is_vouched_for(card):
    """Each stated fact has a source, and no source vouches for a field that is not there."""
    assert unsourced(card) == ()
    assert unknown_facts(card) == ()
    assert card.summary


@pytest.mark.parametrize("card", ALL.values(), ids=ALL)
def test_a_card_agrees_with_itself(card):
    """Prices are of lanes that exist, batch is not dearer, and a reading is not older than the release."""
    for lane in Lane:
        assert card.price.of(lane) is None or lane in card.lanes
    if card.price.sync is not None and card.price.batch is not None:
        assert card.price.batch <= card.price.sync
    life = card.lifecycle
    assert life.released is None or life.retires is None or life.released < life.retires
    assert all(life.released is None or source.read >= life.released for source in card.sources)


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_a_successor_is_a_shipped_model_that_outlives(card):
    """The successor has a card of the same publisher and retires later, if at all."""
    if card.lifecycle.successor is None:
        return
    successor = CARDS[card.lifecycle.successor]
    assert successor.id.publisher == card.id.publisher
    assert not successor.lifecycle.retired(card.lifecycle.retires)


def test_the_facts_that_the_project_began_with():
    """What the notes in front of the project found out the hard way is on the cards."""
    old, one, two = (
        CARDS[f"google:{name}"]
        for name in ("text-embedding-004", "gemini-embedding-001", "gemini-embedding-2")
    )
    assert old.lanes == {Lane.SYNC}
    assert old.lifecycle.retires == date(2026, 1, 14)
    assert one.lanes == two.lanes == {Lane.SYNC, Lane.BATCH}
    assert one.price.batch == one.price.sync / 2
    assert (one.arrives_normalised(3072), one.arrives_normalised(768)) == (True, False)
    assert one.tasks.mechanism is TaskMechanism.PARAM
    assert two.tasks.render("why?", Role.QUERY) == "task: search result | query: why?"
    assert two.tasks.render("so.", Role.DOCUMENT) == "title: none | text: so."
    assert two.normalisation is Normalisation.ALWAYS
    assert (one.multi_input, two.multi_input) == (MultiInput.LIST, MultiInput.AGGREGATE)
