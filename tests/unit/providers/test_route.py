"""The declaration of a route."""

import pytest

from embedlane.errors import UsageError
from embedlane.models.card import Lane
from embedlane.models.names import ModelId
from embedlane.providers.route import Route

GOOD = {"provider": "acme", "models": ["acme:one"], "lane": "sync", "factory": "acme.sdk:open"}


def test_plain_texts_become_values():
    """Models and lanes may be written as texts, in any collection."""
    route = Route(**GOOD, credentials=["ACME_KEY"])
    assert route.models == (ModelId("acme", "one"),)
    assert route.lane is Lane.SYNC
    assert route.credentials == ("ACME_KEY",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": "acme:one"}, "expected a list, not 'acme:one'"),
        ({"credentials": "ACME_KEY"}, "expected a list, not 'ACME_KEY'"),
        ({"lane": "stream"}, "'stream' is not a valid Lane"),
        ({"factory": "acme.sdk.open"}, "factory 'acme.sdk.open' is not of the form"),
        ({"counter": "acme count"}, "counter 'acme count' is not of the form"),
        ({"provider": "../acme"}, "provider '../acme' is not made of"),
        ({"provider": ""}, "provider '' is not made of"),
        ({"provider": "Acme_1"}, "provider 'Acme_1' is not made of"),
        ({"concurrency": 0}, "concurrency"),
        ({"texts_per_second": 0.0}, "texts_per_second"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_value(change, message):
    """A slip of a plugin's author is found when the route is declared, not when it is opened."""
    with pytest.raises((TypeError, ValueError), match=message):
        Route(**GOOD | change)


def test_a_model_without_publisher_is_refused():
    """Models are named as publisher:model."""
    with pytest.raises(UsageError, match="'one' is not a model id"):
        Route(**GOOD | {"models": ["one"]})
