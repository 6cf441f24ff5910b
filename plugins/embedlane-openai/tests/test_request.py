"""What a request holds, by card, space and settings."""

import pytest

from embedlane.errors import CapabilityError, ConfigError
from embedlane.models.card import Dimensions, ModelCard, Role
from embedlane_openai._provider import Provider
from embedlane_openai._request import Parameters
from embedlane_openai._settings import OpenAISettings

PROVIDER = Provider("my-server", compatible=True)


@pytest.fixture
def beside(contexts):
    """A function that says what stands beside model and texts."""

    def make(
        model="openai:text-embedding-3-small",
        dimensions=512,
        card=None,
        tasks=None,
        role=Role.DOCUMENT,
        **table,
    ):
        context = contexts(model, dimensions, card=card, tasks=tasks)
        settings = OpenAISettings.read(PROVIDER, {"base_url": "http://x/v1", **table})
        return Parameters.of(PROVIDER, settings, context.card, context.space).beside(role)

    return make


def test_a_smaller_size_is_asked_for(beside):
    """The native size is what comes anyway, and models of one size take no parameter at all."""
    assert beside() == {"encoding_format": "base64", "dimensions": 512}
    assert beside(dimensions=1536) == {"encoding_format": "base64"}
    assert beside("openai:text-embedding-ada-002", 1536) == {"encoding_format": "base64"}


def test_digits_are_asked_for_where_they_are_wanted(beside):
    """Servers that know no base64 are asked for what they know."""
    assert beside(dimensions=1536, encoding="float") == {"encoding_format": "float"}


def test_sizes_need_not_be_asked_for(beside):
    """Then the plugin keeps the head of what comes."""
    assert beside("acme:words", 8, send_dimensions=False) == {"encoding_format": "base64"}


def test_a_size_that_can_be_had_neither_way_is_refused(beside):
    """The head of a vector is only a vector where the card says so."""
    card = ModelCard(id="acme:plain", lanes=("sync",), dimensions=Dimensions(native=16, smallest=8))
    assert beside("acme:plain", 8, card=card)["dimensions"] == 8
    with pytest.raises(CapabilityError, match="acme:plain: without asking"):
        beside("acme:plain", 8, card=card, send_dimensions=False)


TASKS = {"mechanism": "param", "document": "passage", "query": "question"}


def test_a_task_parameter_carries_the_role(beside):
    """Under the name that the settings give, with the values of the card."""
    both = [beside(tasks=TASKS, task_parameter="input_type", role=role)["input_type"] for role in Role]
    assert both == ["passage", "question"]


def test_a_task_parameter_has_to_be_named(beside):
    """OpenAI's API has none, so nobody can guess it."""
    with pytest.raises(ConfigError, match=r"providers\.my-server\.task_parameter: it is missing"):
        beside(tasks=TASKS)


def test_a_prefix_is_the_cores_business(beside):
    """Templates are around the texts already."""
    tasks = {"mechanism": "prefix", "document": "d: {text}", "query": "q: {text}"}
    assert beside(tasks=tasks) == beside()
