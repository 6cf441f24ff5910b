"""Generation: requests entered as job sets, found again, and planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from embedlane.errors import UnknownNameError
from embedlane.generation.reading import lines_of, rows_of, spooled
from embedlane.generation.sets import JobSet, Requests
from embedlane.models.card import Lane
from embedlane.workspace.generation_set import ANSWER_TOKENS, GenerationSet, json_schema, report_of
from embedlane.workspace.reports import GenerationPlan, GenerationReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sqlalchemy import Connection

    from embedlane.generation.reading import RowLike, Spooled
    from embedlane.jobs.manager import BatchManager
    from embedlane.models.card import GenerationCard
    from embedlane.providers.interfaces import RequestForm
    from embedlane.workspace.lanes import Lanes


@attrs.frozen
class Generating:
    """Sets of requests to models that generate."""

    _lanes: Lanes
    _manager: Callable[[], BatchManager]
    #: Whether there is a ledger yet.
    has_ledger: bool = attrs.field(kw_only=True)

    def enter(
        self,
        rows: Iterable[RowLike],
        model: str,
        *,
        schema: Any = None,
        source: str = "rows",
        check: Callable[[Connection], None] = lambda _connection: None,
    ) -> GenerationSet:
        """Enter requests as a set; the same requests for the same model are the same set.

        Args:
            rows: Requests in the API's own form under their keys, as mappings with ``key`` and ``request`` or
                as pairs; in place of a request a `Prompt` or a text may stand, which may also come alone.
            model: The model, as publisher:model.
            schema: What all answers have to be: a class with ``model_json_schema`` and
                ``model_validate_json``, as pydantic's models are, or a JSON schema; None for anything.
            source: What the requests come from, for people; the set is named after it.
            check: Called in the transaction that would enter them; nothing is entered if it raises.

        Raises:
            UnknownNameError: If there is no such model.
            CapabilityError: If it generates nothing, is retired, or no installed provider serves it.
            InputError: If a row is wrong; lists all that are.
        """
        return self._enter(rows_of(rows), model, schema, source, check)

    def enter_file(self, path: Path, model: str, *, schema: Any = None) -> GenerationSet:
        """Enter the requests of a file of JSON Lines; see `enter`."""
        return self._enter(lines_of(path), model, schema, str(path), lambda _connection: None)

    def open(self, name: str, *, schema: Any = None) -> GenerationSet:
        """Open the set *name*.

        Args:
            name: Its name.
            schema: As in `enter`; for values of the class. The requests stay as they are.

        Raises:
            UnknownNameError: If there is none; lists near misses.
        """
        if not self.has_ledger:
            raise UnknownNameError(f"There is no job set '{name}'.", "`embedlane generate submit` makes one.")
        manager = self._manager()
        with manager.ledger.read() as connection:
            record = JobSet.named(connection, name)
        card = self._lanes.registry.generator(record.model)
        _, form = self._lanes.form(card, record.provider)
        return self._set(record, manager, form, schema)

    def all(self) -> list[GenerationReport]:
        """All sets, the oldest first; also those whose model or plugin is gone."""
        if not self.has_ledger:
            return []
        with self._manager().ledger.read() as connection:
            records = JobSet.all(connection)
            return [report_of(record, Requests(record.id).tally(connection)) for record in records]

    def plan_file(self, path: Path, model: str, answer_tokens: int = ANSWER_TOKENS) -> GenerationPlan:
        """Say what the requests of a file would cost, or what is left of them; enters nothing.

        Args:
            path: A file of JSON Lines.
            model: The model, as publisher:model.
            answer_tokens: Tokens that an answer is taken to have, unless its request allows fewer.

        Raises:
            InputError: If a line is wrong; lists all that are.
        """
        card = self._lanes.registry.generator(model)
        route, form = self._lanes.form(card)
        with spooled(lines_of(path), form, None, self._lanes.directory.parent, str(path)) as found:
            pending, tokens, output = self._pending(found, card, answer_tokens)
        return GenerationPlan(
            model=str(card.id),
            provider=route.provider,
            rows=found.rows,
            pending=pending,
            tokens=tokens,
            answer_tokens=answer_tokens,
            output_tokens=output,
            cost=card.cost(Lane.BATCH, tokens, output),
            time=route.turnaround,
        )

    def _pending(self, found: Spooled, card: GenerationCard, answer_tokens: int) -> tuple[int, int, int]:
        """Requests of *found* that were not answered yet, their tokens, and those of their answers."""
        known = None
        if self.has_ledger:
            with self._manager().ledger.read() as connection:
                known = JobSet.of(connection, found.digest, str(card.id))
                if known is not None:
                    tally = Requests(known.id).tally(connection, answer_tokens)
                    return tally.pending, tally.pending_tokens, tally.expected_tokens
        sizes = [(card.estimate_tokens(each.characters), each.output_tokens) for each in found]
        output = sum(answer_tokens if most is None else min(most, answer_tokens) for _, most in sizes)
        return found.rows, sum(tokens for tokens, _ in sizes), output

    def _enter(
        self,
        rows: Iterable[tuple[str, object]],
        model: str,
        schema: Any,
        source: str,
        check: Callable[[Connection], None],
    ) -> GenerationSet:
        card = self._lanes.registry.generator(model)
        route, form = self._lanes.form(card)
        place = self._lanes.directory.parent
        with spooled(rows, form, json_schema(schema), place, source) as found:
            manager = self._manager()
            with manager.ledger.write() as connection:
                check(connection)
                record = JobSet.of(connection, found.digest, str(card.id)) or JobSet.enter(
                    connection,
                    found,
                    card,
                    provider=route.provider,
                    digest=found.digest,
                    rows=found.rows,
                    source=source,
                    now=manager.clock(),
                )
        return self._set(record, manager, form, schema)

    def _set(self, record: JobSet, manager: BatchManager, form: RequestForm, schema: Any) -> GenerationSet:
        return GenerationSet(record=record, lanes=self._lanes, manager=manager, form=form, schema=schema)
