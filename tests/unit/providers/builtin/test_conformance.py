"""The core's own provider, judged by the kit for plugins."""

import pytest

from embedlane.models.loading import shipped_cards
from embedlane.providers.builtin.routes import ROUTES
from embedlane.testing import BatchEmbedderSuite, Subject, SyncEmbedderSuite


@pytest.fixture
def subject():
    """Both lanes; no plugin declares them."""
    [card] = [card for card in shipped_cards() if str(card.id) == "local:hash"]
    return Subject(card=card, **{str(route.lane): route for route in ROUTES})


class TestSync(SyncEmbedderSuite):
    """The sync lane."""


class TestBatch(BatchEmbedderSuite):
    """The spool."""

    more_than_a_page = 20
