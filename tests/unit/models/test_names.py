"""Model ids: what is read, what is refused."""

import pytest

from embedlane.errors import UsageError
from embedlane.models.names import ModelId


@pytest.mark.parametrize(
    ("text", "publisher", "model"),
    [
        ("google:gemini-embedding-001", "google", "gemini-embedding-001"),
        ("ollama:nomic-embed-text:v1.5", "ollama", "nomic-embed-text:v1.5"),
        (" local : hash ", "local", "hash"),
    ],
)
def test_parse_splits_at_the_first_colon(text, publisher, model):
    """An id is split at its first colon, and space around the halves is dropped."""
    parsed = ModelId.parse(text)
    assert (parsed.publisher, parsed.model) == (publisher, model)
    assert ModelId.parse(str(parsed)) == parsed


@pytest.mark.parametrize("text", ["", "hash", ":hash", "local:", " : ", ":"])
def test_parse_refuses_a_missing_half(text):
    """An id without publisher or model is refused with its text and an example."""
    with pytest.raises(UsageError, match="is not a model id") as caught:
        ModelId.parse(text)
    assert repr(text) in caught.value.message
    assert "publisher:model" in caught.value.hint


@pytest.mark.parametrize(
    ("publisher", "model"), [("a:b", "c"), ("", "c"), ("a", ""), (" a", "c"), ("a", "c\n")]
)
def test_an_id_that_parse_could_not_read_back_can_not_be_made(publisher, model):
    """The constructor refuses halves that would come back from parse as another id."""
    with pytest.raises(ValueError, match="can't be the"):
        ModelId(publisher, model)


def test_ids_sort_by_publisher_then_model():
    """Ids have an order, so that lists of models are stable."""
    ids = [ModelId("openai", "a"), ModelId("google", "b"), ModelId("google", "a")]
    assert [str(found) for found in sorted(ids)] == ["google:a", "google:b", "openai:a"]
