"""Asking the model of an index now whether it still answers as it did."""

from __future__ import annotations

import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs
from sqlalchemy import select

from embedlane.errors import CapabilityError, EmbedlaneError
from embedlane.indexes.generations import GenerationBook
from embedlane.ledger.schema import drifts
from embedlane.ledger.workers import new_worker
from embedlane.models.card import Lane
from embedlane.vectors.canaries import Canaries
from embedlane.vectors.charges import Origin
from embedlane.vectors.drift import clear_drift, open_drifts
from embedlane.vectors.listening import Listener
from embedlane.workspace.reports import CanaryCheck, CanaryVerdict, CheckReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embedlane.indexes.binding import IndexRecord
    from embedlane.ledger.database import Ledger
    from embedlane.models.card import ModelCard
    from embedlane.vectors.bound import BoundSpace
    from embedlane.vectors.canaries import Canary, Compared
    from embedlane.workspace.lanes import Lanes


def check_index(ledger: Ledger, lanes: Lanes, record: IndexRecord, clock: Callable[[], float]) -> CheckReport:
    """Check the space that serves, and that of a migration if writes to it are stopped.

    Raises:
        EmbedlaneError: If no provider could be asked; the first reason.
    """
    found: list[CheckReport] = []
    failed: list[EmbedlaneError] = []
    for bound, drift in _bounds(ledger, record):
        check = Check(ledger=ledger, lanes=lanes, record=attrs.evolve(record, bound=bound), clock=clock)
        try:
            found.append(check.run())
        except EmbedlaneError as error:
            failed.append(error)
            found.append(CheckReport(silent={str(bound.space.model): str(error)}, drift=drift))
    if len(failed) == len(found):
        raise failed[0]
    return CheckReport(
        canaries=tuple(canary for each in found for canary in each.canaries),
        silent=MappingProxyType({key: why for each in found for key, why in each.silent.items()}),
        drift="; ".join(each.drift for each in found if each.drift),
        released=any(each.released for each in found),
        unasked=tuple(sorted({provider for each in found for provider in each.unasked})),
    )


def _bounds(ledger: Ledger, record: IndexRecord) -> list[tuple[BoundSpace, str]]:
    """The spaces to check, each with the reason why writes to it are stopped, if they are."""
    with ledger.read() as connection:
        beside = GenerationBook(record.id, record.name).beside(connection)
    stopped = {number: drift.message for number, drift in open_drifts(ledger).items()}
    bounds = [record.bound] + ([beside.bound] if beside is not None and beside.bound.id in stopped else [])
    return [(bound, stopped.get(bound.id, "")) for bound in bounds]


@attrs.frozen(kw_only=True)
class Check:
    """Asks the providers that an index uses, in the sync lane, for the canaries of its space."""

    ledger: Ledger
    lanes: Lanes
    record: IndexRecord
    clock: Callable[[], float]

    def run(self) -> CheckReport:
        """Ask, compare, and let writes go on if all answers are what they were.

        Raises:
            EmbedlaneError: If no provider could be asked; the first reason.
        """
        began, space = self.clock(), str(self.record.bound.space)
        with self.ledger.write() as connection:
            canaries = Canaries(self.record.bound).chosen(connection, self.record.id)
        found: list[CanaryCheck] = []
        failed: dict[str, EmbedlaneError] = {}
        providers, unasked = self._providers()
        for provider in providers:
            try:
                found += _checks(provider, space, canaries, self._ask(provider, canaries))
            except EmbedlaneError as error:
                failed[provider] = error
        if not found:
            raise next(iter(failed.values()))
        verdicts = {check.verdict for check in found}
        sure = not failed and CanaryVerdict.DRIFTED not in verdicts and CanaryVerdict.SAME in verdicts
        with self.ledger.write() as connection:
            released = sure and clear_drift(connection, self.record.bound, began)
            query = select(drifts.c.message).where(drifts.c.space_id == self.record.bound.id)
            drift = connection.scalar(query) or ""
        return CheckReport(
            canaries=tuple(found),
            silent=MappingProxyType({provider: str(error) for provider, error in failed.items()}),
            drift=drift,
            released=released,
            unasked=unasked,
        )

    def _providers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The providers in use that have a sync lane, and those that have none.

        Raises:
            CapabilityError: If nothing can be asked now.
        """
        used = []
        for lane in Lane:
            with contextlib.suppress(CapabilityError):
                used.append(self.lanes.route(self._card, lane).provider)
        asked = {
            route.provider
            for route in self.lanes.registry.routes(self._card.id)
            if route.lane is Lane.SYNC and route.provider in used
        }
        if not asked:
            # It says what is missing.
            self.lanes.route(self._card, Lane.SYNC)
        return tuple(sorted(asked)), tuple(sorted(set(used) - asked))

    def _ask(self, provider: str, canaries: Sequence[Canary]) -> list[Compared]:
        card = self._card
        embedder = self.lanes.embedder(self.record.bound.space, provider)
        origin = Origin(
            provider=provider,
            lane=Lane.SYNC,
            run=new_worker(),
            account=self.record.name,
            price=card.price.sync,
        )
        with contextlib.closing(embedder):
            compared, _ = Listener(
                ledger=self.ledger,
                bound=self.record.bound,
                caller=embedder.caller,
                origin=origin,
                planned=card.estimate_tokens,
                clock=self.clock,
            ).listen(canaries)
        return compared

    @property
    def _card(self) -> ModelCard:
        return self.lanes.registry.card(self.record.bound.space.model)


def _checks(
    provider: str, space: str, canaries: Sequence[Canary], compared: Sequence[Compared]
) -> Iterator[CanaryCheck]:
    answers = {each.canary.key: each for each in compared}
    for canary in canaries:
        answer = answers.get(canary.key)
        was = answer.canary if answer else canary
        yield CanaryCheck(
            provider=provider,
            space=space,
            text=canary.text,
            own=canary.own,
            cosine=answer.cosine if answer else None,
            reference=was.provider,
            lane=was.lane,
            at=was.at,
            verdict=_verdict(answer),
        )


def _verdict(answer: Compared | None) -> CanaryVerdict:
    if answer is None:
        return CanaryVerdict.SILENT
    if answer.drifted:
        return CanaryVerdict.DRIFTED
    return CanaryVerdict.FIRST if answer.cosine is None else CanaryVerdict.SAME
