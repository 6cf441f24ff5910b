"""Cutting a run of texts into requests that keep to a model's limits. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from embedlane.models.card import ModelCard

#: Inputs in a request where the card knows no limit: enough to amortise a call, little enough to lose.
DEFAULT_INPUTS = 64


def cut_requests(texts: Iterable[str], card: ModelCard) -> Iterator[list[str]]:
    """Yield *texts* in order, in lists that *card* allows in one request.

    A text that is over the limit by itself makes a request of its own; the provider judges it. Tokens are
    estimated by the card's rule, with a tenth of the limit held back because it is an estimate.
    """
    most = card.limits.inputs_per_request or DEFAULT_INPUTS
    budget = card.limits.tokens_per_request
    request: list[str] = []
    tokens = 0
    for text in texts:
        cost = card.estimate_tokens(len(text))
        full = len(request) >= most or (budget is not None and tokens + cost > 0.9 * budget)
        if request and full:
            yield request
            request, tokens = [], 0
        request.append(text)
        tokens += cost
    if request:
        yield request
