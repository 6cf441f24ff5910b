"""What the tests share: a context as the core makes it, and each backend loaded once."""

import pytest

from embedlane.models.card import Dimensions, Lane, ModelCard, Normalisation
from embedlane.models.space import Space
from embedlane.providers.interfaces import OpenContext
from embedlane_minilm._embedder import open_sync

CARD = ModelCard(
    id="local:all-minilm-l6-v2",
    revision="1110a243",
    lanes=frozenset(Lane),
    dimensions=Dimensions(native=384),
    normalisation=Normalisation.ALWAYS,
)


@pytest.fixture(scope="session")
def context(tmp_path_factory):
    """A function that makes a context with some settings, and a folder for its stamps."""

    def make(directory=None, **settings):
        return OpenContext(
            provider="minilm",
            card=CARD,
            space=Space.of(CARD),
            settings=settings,
            credential=lambda: pytest.fail("no secret is needed"),
            directory=directory or tmp_path_factory.mktemp("minilm"),
        )

    return make


@pytest.fixture(scope="session")
def embedders(context):
    """Both backends, by name, on one thread each."""
    names = ("onnx", "numpy")
    opened = {name: open_sync(context(backend=name, threads=1)) for name in names}
    yield opened
    for embedder in opened.values():
        embedder.close()
