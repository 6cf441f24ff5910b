"""What `embedlane doctor` hears."""

import pytest

from embedlane_gemini._checkup import check

MODEL = {
    "name": "models/gemini-embedding-001",
    "inputTokenLimit": 2048,
    "supportedGenerationMethods": ["embedContent", "countTokens", "asyncBatchEmbedContent"],
}


def told(observations):
    """Levels and messages of *observations*."""
    return [(each.level, each.message) for each in observations]


@pytest.mark.parametrize("model", ["google:gemini-embedding-001", "google:gemini-embedding-2"])
def test_all_is_well(contexts, gemini_emulator, model):
    """The key, the service and the card are in order; nothing is billed."""
    observations = told(check(contexts(model, base_url=gemini_emulator.url)))
    assert [level for level, _ in observations] == ["ok", "ok"]
    assert gemini_emulator.bill.total(None).requests == 0


@pytest.mark.parametrize(
    ("model", "level", "words"),
    [
        (MODEL | {"supportedGenerationMethods": ["embedContent"]}, "problem", "asyncBatchEmbedContent"),
        (MODEL | {"supportedGenerationMethods": None}, "problem", "embedContent"),
        (MODEL | {"inputTokenLimit": 1024}, "problem", "takes 1024 tokens in a text, the card says 2048"),
        (MODEL | {"inputTokenLimit": 4096}, "warning", "takes 4096 tokens"),
    ],
)
def test_what_differs_from_the_card_is_named(contexts, scripted, model, level, words):
    """Each difference with both sides."""
    observations = told(check(contexts(base_url=scripted((200, model)).url)))
    assert any(found == level and words in message for found, message in observations)


def test_a_lane_that_the_card_lacks(contexts, scripted):
    """A service that can more than the card says makes the card old."""
    (_, second) = told(
        check(contexts("google:text-embedding-004", None, base_url=scripted((200, MODEL)).url))
    )
    assert second[0] == "warning"
    assert "the card has no batch lane" in second[1]


def test_a_key_that_is_not_taken(contexts, gemini_emulator):
    """The key is named as the problem."""
    (only,) = check(contexts(key="invalid-x", base_url=gemini_emulator.url))
    assert only.level == "problem"
    assert "the key is not taken" in only.message
    assert "GOOGLE_API_KEY" in only.hint


def test_a_service_that_is_not_there(contexts):
    """An address is named as the problem."""
    (only,) = check(contexts(base_url="http://127.0.0.1:9"))
    assert "can't be reached" in only.message


def test_a_model_that_is_gone(contexts, gemini_emulator):
    """The key is fine, the model is not there."""
    observations = told(check(contexts("google:text-embedding-004", None, base_url=gemini_emulator.url)))
    assert [level for level, _ in observations] == ["ok", "problem"]


def test_a_setting_that_cannot_be_right(contexts):
    """A wrong configuration is a finding, not a crash."""
    (only,) = check(contexts(timeout="soon"))
    assert "providers.gemini.timeout" in only.message


def test_the_doctor_asks_the_plugin(workspaces):
    """`embedlane doctor` shows what the check-up of an index's provider found."""
    workspace = workspaces()
    workspace.create_index("docs", "google:gemini-embedding-001", dimensions=768)
    messages = [finding.message for finding in workspace.doctor()]
    assert messages.count("the key is taken, and the service answers") == 1
