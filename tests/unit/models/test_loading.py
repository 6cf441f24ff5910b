"""Reading cards: what is taken, and which key an error names."""

import subprocess
import sys
from datetime import date

import pytest

from embedlane.errors import ConfigError
from embedlane.models.card import Dimensions, Lane, ModelCard, Source, TaskMechanism
from embedlane.models.loading import CardEntry, known_plugins, load_cards, load_entries, shipped_cards
from embedlane.models.names import ModelId

GOOD = {"id": "acme:one", "lanes": ["sync"], "dimensions": {"native": 8}}
CARD = ModelCard(id="acme:one", lanes=[Lane.SYNC], dimensions=Dimensions(native=8))


def refusal(models, **others):
    """What load_cards says about *models*, without the owner, which begins every line."""
    with pytest.raises(ConfigError) as caught:
        load_cards({"models": models, **others}, "acme.toml")
    lines = caught.value.message.splitlines()
    assert all(line.startswith("acme.toml: ") for line in lines)
    assert "`embedlane models show" in caught.value.hint
    return [line.removeprefix("acme.toml: ") for line in lines]


def test_the_shortest_card_takes_the_defaults():
    """Id, lanes and the native size are enough."""
    assert load_cards({"models": [GOOD]}, "acme.toml") == (CARD,)


def test_no_models_are_no_cards():
    """An empty table is fine."""
    assert load_cards({}, "acme.toml") == ()
    assert load_cards(b"", "acme.toml") == ()


def test_a_card_is_read_from_toml():
    """All kinds of values, nested tables and lists of tables come out of TOML as the card's own types."""
    text = b"""
        [[models]]
        id = "acme:one"
        revision = "2"
        lanes = ["sync", "batch"]
        dimensions = {native = 8, smallest = 2, recommended = [2, 4], matryoshka = true}
        tasks = {mechanism = "prefix", document = "{text}", query = "query: {text}"}
        price = {sync = 1, batch = 0.5}
        lifecycle = {retires = 2027-01-02, successor = "acme:two"}
        [[models.sources]]
        facts = ["price"]
        source = "a page"
        read = 2026-01-01
    """
    (card,) = load_cards(text, "acme.toml")
    assert card.id == ModelId("acme", "one")
    assert card.lanes == {Lane.SYNC, Lane.BATCH}
    assert card.dimensions.recommended == (2, 4)
    assert card.tasks.mechanism is TaskMechanism.PREFIX
    assert (card.price.sync, type(card.price.sync)) == (1.0, float)
    assert card.lifecycle.retires == date(2027, 1, 2)
    assert card.sources == (Source(facts=("price",), source="a page", read=date(2026, 1, 1)),)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": 3}, "models[0].id: expected text, not 3."),
        ({"id": "one"}, "models[0].id: 'one' is not a model id."),
        ({"lanes": "sync"}, "models[0].lanes: expected a list, not 'sync'."),
        ({"lanes": ["bach"]}, "models[0].lanes[0]: expected one of sync, batch, not 'bach'."),
        ({"lanes": [["sync"]]}, "models[0].lanes[0]: expected one of sync, batch, not ['sync']."),
        ({"dimensions": 8}, "models[0].dimensions: expected a table, not 8."),
        ({"dimensions": {"native": "8"}}, "models[0].dimensions.native: expected a whole number, not '8'."),
        ({"dimensions": {"native": 8.5}}, "models[0].dimensions.native: expected a whole number, not 8.5."),
        ({"dimensions": {"native": True}}, "models[0].dimensions.native: expected a whole number, not True."),
        ({"dimensions": {"native": 0}}, "models[0].dimensions: 'native' must be > 0: 0."),
        (
            {"dimensions": {"native": 8, "smallest": 9}},
            "models[0].dimensions: smallest size 9 is not between 1 and the native size 8.",
        ),
        (
            {"dimensions": {"native": 8, "recommended": [8, "4"]}},
            "models[0].dimensions.recommended[1]: expected a whole number, not '4'.",
        ),
        (
            {"dimensions": {"native": 8, "matryoshka": "false"}},
            "models[0].dimensions.matryoshka: expected true or false, not 'false'.",
        ),
        ({"dimensions": {}}, "models[0].dimensions.native: this key is missing."),
        ({"price": {"sync": "free"}}, "models[0].price.sync: expected a number, not 'free'."),
        ({"price": {"sync": False}}, "models[0].price.sync: expected a number, not False."),
        ({"lifecycle": {"retires": "soon"}}, "models[0].lifecycle.retires: expected a date, not 'soon'."),
        ({"native_size": 8}, "models[0]: unknown key 'native_size' (known are "),
        ({"price": {"sink": 1}}, "models[0].price: unknown key 'sink' (known are batch, sync)."),
        ({"override": True}, "models[0]: unknown key 'override' (known are "),
        (
            {"tasks": {"mechanism": "prefix", "document": "x", "query": "{text}"}},
            "models[0].tasks: the document template 'x' must hold {text} once.",
        ),
        ({"sources": [{"facts": ["id"]}]}, "models[0].sources[0].source: this key is missing."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_names_the_key_and_the_value(change, said):
    """Each wrong value is refused with the path of its key, what was expected and what was there."""
    assert any(line.startswith(said) for line in refusal([{**GOOD, **change}]))


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("all", "models: expected a list, not 'all'."),
        ({"a": 1}, "models: expected a list, not {'a': 1}."),
        ([GOOD, 3], "models[1]: expected a table, not 3."),
        ([GOOD, {**GOOD, "lanes": None}], "models[1].lanes: expected a list, not None."),
    ],
)
def test_a_wrong_shape_is_refused_with_its_place(models, said):
    """Also what is no table or no list is named by its place."""
    assert refusal(models) == [said]


def test_all_faults_are_said_at_once():
    """Two faults in two cards are two lines."""
    said = refusal([{**GOOD, "id": "one"}, {**GOOD, "price": {"sync": "x"}}])
    assert [line.split(":")[0] for line in said] == ["models[0].id", "models[1].price.sync"]


def test_an_unknown_key_beside_the_models_is_refused():
    """A misspelt table is not silently nothing."""
    assert refusal([], model=[GOOD]) == ["unknown key 'model' (did you mean 'models'?)."]


@pytest.mark.parametrize("text", [b"models = [", b"\xff"])
def test_what_is_no_toml_is_refused(text):
    """A syntax error and text that is no UTF-8 are refused with the owner."""
    with pytest.raises(ConfigError, match=r"^acme\.toml: not TOML: "):
        load_cards(text, "acme.toml")


def test_a_configuration_may_override():
    """An entry says beside the card whether it takes the place of others."""
    source = {"models": [{**GOOD, "override": True}, {**GOOD, "id": "acme:two"}]}
    entries = load_entries(source, "embedlane.toml")
    assert entries[0] == CardEntry(CARD, override=True)
    assert not entries[1].override
    assert load_entries({}, "embedlane.toml") == ()


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ([{**GOOD, "override": "yes"}], "models[0].override: expected true or false, not 'yes'."),
        ([GOOD, {**GOOD, "override": True, "id": "x"}], "models[1].id: 'x' is not a model id."),
        ([3], "models[0]: expected a table, not 3."),
        ("all", "models: expected a list, not 'all'."),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(models, said):
    """The flag is checked too, and all else as in any file of cards."""
    with pytest.raises(ConfigError) as caught:
        load_entries({"models": models}, "embedlane.toml")
    assert caught.value.message == f"embedlane.toml: {said}"


def test_the_known_plugins_serve_the_shipped_models():
    """Each shipped model has a plugin for each of its lanes, but for the core's own and OpenAI's."""
    plugins = known_plugins()
    missing = {
        (str(card.id), str(lane))
        for card in shipped_cards()
        for lane in card.lanes
        if not any(plugin.offers(card.id, lane) for plugin in plugins)
    }
    assert {model for model, _ in missing if not model.startswith("openai:")} == {"local:hash"}


def test_a_known_plugin_serves_a_publisher_or_one_model():
    """A whole id serves that model only, and the command to install comes from the name."""
    plugins = {plugin.distribution: plugin for plugin in known_plugins()}
    minilm = plugins["embedlane-minilm"]
    assert minilm.offers(ModelId.parse("local:all-minilm-l6-v2"), Lane.SYNC)
    assert not minilm.offers(ModelId.parse("local:hash"), Lane.SYNC)
    assert minilm.install == "pip install embedlane-minilm"
    legacy = plugins["embedlane-gemini-legacy"]
    assert legacy.offers(ModelId.parse("google:anything"), Lane.SYNC)
    assert not legacy.offers(ModelId.parse("google:anything"), Lane.BATCH)


def test_the_models_are_known_without_the_loader():
    """Cards, spaces, registry and capabilities import neither cattrs nor numpy."""
    code = (
        "import sys, embedlane.models.registry, embedlane.models.capabilities, embedlane.models.space\n"
        "print(sorted({'cattrs', 'numpy', 'importlib.metadata'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
