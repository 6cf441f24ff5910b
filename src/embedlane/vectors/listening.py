"""Asking a sync route for the canaries of a space, before anything that it answers is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from embedlane.models.card import Role
from embedlane.providers.requests import cut_requests
from embedlane.vectors.canaries import Canaries
from embedlane.vectors.charges import Charges, Usage, as_said
from embedlane.vectors.drift import require_no_drift

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from embedlane.errors import RequestRefusedError
    from embedlane.ledger.database import Ledger
    from embedlane.providers.caller import Caller
    from embedlane.providers.halt import Halt
    from embedlane.vectors.bound import BoundSpace
    from embedlane.vectors.canaries import Canary, Compared
    from embedlane.vectors.charges import Origin


@attrs.frozen(kw_only=True, eq=False)
class Listener:
    """Asks one sync route for canaries, and compares what it says."""

    ledger: Ledger
    bound: BoundSpace
    caller: Caller
    #: Who is asked, and whose bill it is on.
    origin: Origin
    #: Tokens that a text of so many characters is planned at.
    planned: Callable[[int], int]
    clock: Callable[[], float]

    def listen(self, canaries: Sequence[Canary], halt: Halt | None = None) -> tuple[list[Compared], Usage]:
        """Embed the *canaries* now, compare them, and set references that are missing; a drift is recorded.

        A canary that the provider refuses is left out.

        Args:
            canaries: What to ask for.
            halt: Ends waits for the rate and before a retry.

        Returns:
            What was answered, and what is billed for it.

        Raises:
            ProviderError: If the provider fails for good.
        """
        answers, usage = self._ask(canaries, halt)
        with self.ledger.write() as connection:
            Charges(self.bound.id, self.origin).add(connection, usage, self.clock())
            compared = Canaries(self.bound).compare(connection, answers, self.origin, self.clock())
        return compared, usage

    def require_the_same(self, canaries: Sequence[Canary], halt: Halt | None = None) -> Usage:
        """Do what `listen` does, and go on only if no answer has drifted.

        Raises:
            DriftError: If one has; that is recorded.
            ProviderError: If the provider fails for good.
        """
        _, usage = self.listen(canaries, halt)
        with self.ledger.read() as connection:
            require_no_drift(connection, self.bound)
        return usage

    def _ask(
        self, canaries: Sequence[Canary], halt: Halt | None
    ) -> tuple[Mapping[str, NDArray[np.float32]], Usage]:
        keys = {canary.text: canary.key for canary in canaries}
        answers: dict[str, NDArray[np.float32]] = {}
        usage = Usage()
        for request in cut_requests(keys, self.caller.checker.card):
            for texts, answer in self.caller.call_each(request, Role.DOCUMENT, _let_be, halt):
                answers |= {keys[text]: vector for text, vector in zip(texts, answer.vectors, strict=True)}
                usage += self._usage(texts, answer.tokens)
        return answers, usage

    def _usage(self, texts: Sequence[str], tokens: int | None) -> Usage:
        planned, measured = sum(self.planned(len(text)) for text in texts), as_said(tokens)
        return Usage(
            characters=sum(len(self.bound.space.render(text, Role.DOCUMENT)) for text in texts),
            planned=planned,
            measured=measured or 0,
            estimated=planned if measured is None else 0,
        )


def _let_be(_text: str, _error: RequestRefusedError) -> None:
    """A canary that is refused says nothing about drift."""
