"""What `embedlane doctor` finds at the service."""

import pytest

from embedlane.models.card import Dimensions, ModelCard, Normalisation
from embedlane_emulator.openai.compatible import settings_of
from embedlane_openai._checkup import check_compatible, check_openai

OWN = "acme:words"


def card(native=16, smallest=None, lanes=("sync",), **fields):
    """A user's card."""
    sizes = Dimensions(native=native, smallest=smallest or native, matryoshka=smallest is not None)
    return ModelCard(id=OWN, lanes=lanes, dimensions=sizes, **{"normalisation": "always", **fields})


@pytest.fixture
def openais(contexts, openai_emulator):
    """A function that checks OpenAI's service."""

    def check(**settings):
        return list(check_openai(contexts(**{"base_url": openai_emulator.base_url, **settings})))

    return check


@pytest.fixture
def servers(contexts, openai_emulator):
    """A function that checks a compatible server with a model of 16 numbers."""

    def check(dimensions=16, card=card(), base_url="", **settings):  # noqa: B008 -- a frozen value
        url = base_url or openai_emulator.base_url
        context = contexts(OWN, dimensions, key="", card=card, base_url=url, **settings)
        return list(check_compatible(context))

    return check


def serve(emulator, server="vllm", **changes):
    """Let the emulator behave like *server*, with one model."""
    import attrs

    made = settings_of(server, models={"words": 16})
    fields = {field.name: getattr(made, field.name) for field in attrs.fields(type(made))}
    emulator.configure(**{**fields, **changes})


def problems(seen):
    """Messages and hints of all problems."""
    return [f"{one.message} | {one.hint}" for one in seen if one.level == "problem"]


def test_openai_is_all_right(openais, openai_emulator):
    """A few tokens are billed; both lanes answer, and the card is true."""
    seen = openais()
    assert [one.level for one in seen] == ["ok"] * 3
    assert "text-embedding-3-small" in seen[0].message
    assert "512" in seen[1].message
    assert "batch lane" in seen[2].message
    assert openai_emulator.bill.total("sync").rows == 2


def test_a_key_that_is_not_taken(openais):
    """Nothing else is asked then."""
    (problem,) = problems(openais(key="invalid-key"))
    assert "the key is not taken" in problem
    assert "OPENAI_API_KEY" in problem


def test_settings_and_cards_that_cannot_be(openais, servers):
    """They are reported like all else, and nothing is sent."""
    assert "there is no such setting" in problems(openais(tiemout=5))[0]
    tasks = {"mechanism": "param", "document": "a", "query": "b"}
    assert "task_parameter" in problems(openais(tasks=tasks))[0]


def test_a_service_that_is_not_there(servers):
    """Its address is to be looked at."""
    assert "can't be used" in problems(servers(base_url="http://127.0.0.1:9/v1"))[0]


def test_an_address_that_lacks_the_version(servers, openai_emulator):
    """The most frequent slip."""
    serve(openai_emulator)
    (problem,) = problems(servers(base_url=openai_emulator.url))
    assert "ends with the API's version" in problem


@pytest.mark.parametrize("server", ["vllm", "tei", "ollama", "llama.cpp"])
def test_servers_are_all_right_at_their_native_size(servers, openai_emulator, server):
    """None of them needs a setting for that, nor a key."""
    serve(openai_emulator, server)
    assert problems(servers()) == []


def test_a_server_that_knows_no_base64(servers, openai_emulator):
    """It needs no setting: digits are read as well."""
    serve(openai_emulator, base64="floats")
    seen = servers()
    assert problems(seen) == []
    assert any("digits where base64 was asked for" in one.message for one in seen)


@pytest.mark.parametrize("errors", ["nested", "flat"])
def test_a_server_that_refuses_sizes(servers, openai_emulator, errors):
    """The setting makes it work; a card without Matryoshka sizes leaves the native size."""
    serve(openai_emulator, dimensions="refuse", errors=errors)
    small = card(smallest=2)
    (problem,) = problems(servers(8, small))
    assert "does not take the parameter 'dimensions'" in problem
    assert "send_dimensions = false in [providers.my-server]" in problem
    assert problems(servers(8, small, send_dimensions=False)) == []
    plain = ModelCard(id=OWN, lanes=("sync",), dimensions=Dimensions(native=16, smallest=2))
    assert "Use the native size, 16" in problems(servers(8, plain))[0]


def test_a_server_that_passes_over_sizes(servers, openai_emulator):
    """The answer gives it away."""
    serve(openai_emulator, dimensions="ignore")
    (problem,) = problems(servers(8, card(smallest=2)))
    assert "passes over the parameter 'dimensions': 16 came instead of 8" in problem
    assert "send_dimensions = false" in problem


def test_a_server_that_refuses_base64(servers, openai_emulator):
    """Alone, or beside the sizes."""
    serve(openai_emulator, base64="refuse", dimensions="refuse")
    (problem,) = problems(servers())
    assert "does not take base64" in problem
    assert 'encoding = "float" in [providers.my-server]' in problem
    assert problems(servers(encoding="float")) == []
    (problem,) = problems(servers(8, card(smallest=2)))
    assert "base64, nor the parameter 'dimensions'" in problem
    assert problems(servers(8, card(smallest=2), encoding="float", send_dimensions=False)) == []


def test_a_model_that_the_server_does_not_have(servers, openai_emulator):
    """It may be there under another name."""
    serve(openai_emulator, models={"bge": 16})
    (problem,) = problems(servers())
    assert "does not have words" in problem
    assert "names in [providers.my-server]" in problem
    assert problems(servers(names={OWN: "bge"})) == []


def test_a_card_with_another_size(servers, openai_emulator):
    """The size of the server's vectors is named."""
    serve(openai_emulator)
    (problem,) = problems(servers(32, card(32)))
    assert "its vectors have 16 numbers, those of the card 32" in problem


def test_a_card_that_promises_unit_length(servers, scripted, answers, vectors):
    """A server that does not normalise needs a card that says so."""
    server = scripted((200, answers(vectors(3, 4), vectors(3, 4))))
    (problem,) = problems(servers(base_url=server.url))
    assert "length 5" in problem
    assert 'normalisation = "never"' in problem
    assert problems(servers(card=card(normalisation=Normalisation.NEVER), base_url=server.url)) == []


@pytest.mark.parametrize(
    ("indexes", "count", "what"), [([0, 0], 2, "index 0"), ([0], 1, "1 vectors for 2 texts")]
)
def test_a_server_whose_answers_cannot_be_used(servers, scripted, answers, vectors, indexes, count, what):
    """The order of its vectors is told wrongly, or some are not there."""
    body = answers(*[vectors(1)] * count, indexes=indexes)
    (problem,) = problems(servers(base_url=scripted((200, body)).url))
    assert what in problem


def test_a_card_with_a_batch_lane_that_the_server_lacks(servers, openai_emulator):
    """The card is to be corrected."""
    serve(openai_emulator)
    (problem,) = problems(servers(card=card(lanes=("sync", "batch"))))
    assert "batch lane does not answer" in problem
    assert "lanes of acme:words" in problem
