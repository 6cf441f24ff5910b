"""What the doctor is told."""

import attrs
import pytest

from embedlane.errors import CredentialError
from embedlane.models.card import InputLimits, Lane
from embedlane_gemini_legacy._checkup import check

MODEL = {
    "name": "models/gemini-embedding-001",
    "version": "001",
    "displayName": "Gemini Embedding 001",
    "inputTokenLimit": 2048,
    "outputTokenLimit": 1,
    "supportedGenerationMethods": [
        "embedContent",
        "countTextTokens",
        "countTokens",
        "asyncBatchEmbedContent",
    ],
}


def levels(observations):
    return [each.level for each in observations]


def test_a_service_that_agrees_with_the_card_is_well(context, service, key):
    """One question to the service, with the key in its header, and nothing to complain of."""
    service.will_say(200, MODEL)
    assert levels(check(context(base_url=service.url))) == ["ok", "ok"]
    ((path, headers, _),) = service.requests
    assert path.startswith("/v1beta/models/gemini-embedding-001?")
    assert headers["x-goog-api-key"] == key


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limits": InputLimits(tokens_per_input=99)}, ["takes 2048 tokens in a text", "its card says 99"]),
        ({"lanes": frozenset({Lane.SYNC})}, ["lists asyncBatchEmbedContent", "does not have the batch lane"]),
        ({"lanes": frozenset({Lane.BATCH})}, ["lists embedContent", "does not have the sync lane"]),
    ],
)
def test_a_card_that_is_not_true_is_named(context, service, changes, words):
    """Each difference is told with both sides."""
    service.will_say(200, MODEL)
    card = attrs.evolve(context().card, **changes)
    well, difference = check(context(card=card, base_url=service.url))
    assert (well.level, difference.level) == ("ok", "warning")
    assert all(word in difference.message for word in words)


def test_a_method_that_the_service_lacks_is_named(context, service):
    """A model that lost its batch lane is found before a job is refused."""
    service.will_say(200, {**MODEL, "supportedGenerationMethods": ["embedContent"]})
    *_, difference = check(context(base_url=service.url))
    assert "does not list asyncBatchEmbedContent" in difference.message


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            lambda service: service.will_fail(400, "INVALID_ARGUMENT", "API key not valid."),
            "API key not valid",
        ),
        (lambda service: service.will_fail(404, "NOT_FOUND", "models/X is not found"), "is not found"),
        (lambda service: service.will_say(200, "<html>"), "not as the Gemini API does"),
        (lambda service: service.will_say(503, ""), "503"),
    ],
)
def test_a_service_that_does_not_answer_well_is_a_problem(context, service, fault, words):
    """The doctor gets an observation in every case, never an exception."""
    fault(service)
    (problem,) = check(context(base_url=service.url))
    assert problem.level == "problem"
    assert words in problem.message


def test_a_setting_or_a_key_that_cant_be_right_is_a_problem(context):
    """Nothing is asked of the service."""
    assert levels(check(context(transport="carrier pigeon"))) == ["problem"]
    assert levels(check(context(key="a b"))) == ["problem"]


def test_a_missing_key_is_a_problem(context):
    """The advice of the core is passed on."""

    def missing():
        raise CredentialError("No key was found.", "Set one.")

    (problem,) = check(attrs.evolve(context(), credential=missing))
    assert (problem.level, problem.message, problem.hint) == ("problem", "No key was found.", "Set one.")
