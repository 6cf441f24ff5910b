"""A job set as its users hold it: submitted, waited for, iterated, written to a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from embedlane.errors import RefusedError, UsageError
from embedlane.generation.sets import Requests
from embedlane.jobs.dispatch import Dispatch
from embedlane.jobs.driver import Driver
from embedlane.jobs.planning import JobSize
from embedlane.models.card import Lane
from embedlane.workspace.budget import dollars, require_amount
from embedlane.workspace.reports import GenerationReport

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from embedlane.generation.sets import GenerationTally, JobSet, Outcome
    from embedlane.jobs.job import Job
    from embedlane.jobs.manager import BatchManager
    from embedlane.models.card import GenerationCard
    from embedlane.providers.interfaces import RequestForm
    from embedlane.workspace.lanes import Lanes

#: Tokens that plans and budgets take an answer to have, where its request does not allow fewer: a few
#: paragraphs, thoughts included. Nobody knows it before.
ANSWER_TOKENS = 500


@attrs.frozen(kw_only=True)
class Generated:
    """What one request came to, so far."""

    #: Its name in the input.
    key: str
    #: The response in the API's own form; None if there is none.
    response: Mapping[str, Any] | None = None
    #: The text of the response, without the model's thoughts.
    text: str = ""
    #: The text as an object of the schema's class, or as JSON where the schema is JSON; None without either.
    value: Any = None
    #: Why there is no response, or no value; empty if nothing is wrong. ``pending`` and ``in-flight`` pass.
    code: str = ""
    #: The same in words.
    message: str = ""


@attrs.frozen(kw_only=True)
class GenerationSet:
    """Requests that were given together. Await it, iterate it, or open it again by its name elsewhere."""

    #: What the ledger knows of it.
    record: JobSet
    _lanes: Lanes
    _manager: BatchManager
    _form: RequestForm
    #: What answers have to be: a class with ``model_json_schema`` and ``model_validate_json``, as pydantic's
    #: models are, or a JSON schema; None for anything.
    schema: Any = None
    #: Whose bill it is on; empty for its own name.
    account: str = ""

    @property
    def name(self) -> str:
        """Its name, by which any process finds it."""
        return self.record.name

    def tally(self, answer_tokens: int = ANSWER_TOKENS) -> GenerationTally:
        """Count where its requests stand."""
        with self._manager.ledger.read() as connection:
            return self._requests.tally(connection, answer_tokens)

    def report(self, jobs: Mapping[int, Job] | None = None) -> GenerationReport:
        """The set and where it stands, with *jobs*."""
        return report_of(self.record, self.tally(), tuple((jobs or {}).values()))

    def submit(
        self,
        *,
        budget: float | None = None,
        answer_tokens: int = ANSWER_TOKENS,
        on_change: Callable[[Job], None] = lambda _job: None,
    ) -> GenerationReport:
        """Send what is pending in batch jobs, and drive those of an earlier run as far as they go.

        Args:
            budget: US dollars that the plan of what is pending may come to; None for any amount.
            answer_tokens: Tokens that the plan takes an answer to have, unless its request allows fewer.
            on_change: Called with each job that has changed.

        Raises:
            RefusedError: If the plan is above the budget, or a price is not known.
            CapabilityError: If the model is retired, or its provider is not installed.
        """
        self._require_budget(budget, answer_tokens)
        driver = Driver(manager=self._manager, on_change=on_change)
        dispatch = self._dispatch(driver)
        earlier = dispatch.earlier()
        jobs = self._send(dispatch)
        return self.report(jobs | {job.id: job for job in driver.submit({*jobs, *earlier})})

    def wait(
        self,
        *,
        budget: float | None = None,
        answer_tokens: int = ANSWER_TOKENS,
        on_change: Callable[[Job], None] = lambda _job: None,
    ) -> GenerationReport:
        """Send what is pending and wait for it, again for what was refused and may pass; see `submit`."""
        self._require_budget(budget, answer_tokens)
        driver = Driver(manager=self._manager, on_change=on_change)
        dispatch = self._dispatch(driver)
        jobs: dict[int, Job] = {}
        while True:
            before = self.tally()
            earlier = dispatch.earlier()
            submitted = self._send(dispatch)
            jobs |= submitted | {job.id: job for job in driver.finish({*submitted, *earlier})}
            after = self.tally()
            # A round that has answered or refused nothing would go on for ever.
            if not after.pending or _judged(after) == _judged(before):
                return self.report(jobs)

    def collect(self, *, on_change: Callable[[Job], None] = lambda _job: None) -> GenerationReport:
        """Drive its unfinished jobs as far as they go, and send nothing else."""
        driver = Driver(manager=self._manager, on_change=on_change)
        jobs = driver.advance(self._dispatch(driver).earlier())
        return self.report({job.id: job for job in jobs})

    def results(self) -> Iterator[Generated]:
        """What each request came to so far, in the order of the input: one for each, never fewer."""
        with self._manager.ledger.read() as connection:
            for outcome in self._requests.outcomes(connection):
                yield self._generated(outcome)

    def write(self, path: Path) -> GenerationTally:
        """Write a line for each request, in the order of the input: its response, or why there is none.

        Each is an object with ``key``, and ``response`` or ``error``. The file appears under its name only
        when it is whole.
        """
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with self._manager.ledger.read() as connection, part.open("wb") as file:
                for outcome in self._requests.outcomes(connection):
                    file.write(orjson.dumps(_line(outcome)) + b"\n")
                tally = self._requests.tally(connection)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return tally

    def retry(self) -> int:
        """Make the requests pending again that were refused for good; return how many."""
        with self._manager.ledger.write() as connection:
            return self._requests.retry(connection)

    def __iter__(self) -> Iterator[Generated]:
        """What `results` gives."""
        return self.results()

    def __await__(self) -> Generator[Any, None, GenerationSet]:
        """Do what `wait` does, without blocking the event loop."""
        yield from asyncio.to_thread(self.wait).__await__()
        return self

    @property
    def _requests(self) -> Requests:
        return Requests(self.record.id)

    @property
    def _card(self) -> GenerationCard:
        return self._lanes.registry.generator(self.record.model)

    def _dispatch(self, driver: Driver) -> Dispatch:
        return Dispatch(
            driver=driver,
            pending=self._requests,
            provider=self.record.provider,
            account=self.account or self.name,
            jobset_id=self.record.id,
        )

    def _send(self, dispatch: Dispatch) -> dict[int, Job]:
        """Send what is pending; a model that was retired since is refused before anything is planned."""
        if not self.tally().pending:
            return {}
        provider, card = self.record.provider, self._card
        self._lanes.route(card, Lane.BATCH, provider)
        limits = self._lanes.generation_limits(provider, card)
        return dispatch.submit(JobSize(rows=limits.rows, tokens=limits.enqueued_tokens))

    def _require_budget(self, budget: float | None, answer_tokens: int) -> None:
        if budget is None:
            return
        require_amount(budget)
        tally, card = self.tally(answer_tokens), self._card
        cost = card.cost(Lane.BATCH, tally.pending_tokens, tally.expected_tokens)
        if cost is None and tally.pending:
            raise RefusedError(
                f"Nobody knows what {card.id} costs in the batch lane, so no budget can be kept.",
                "Add its prices to the configuration, as [generators.price] and [generators.output_price] of "
                "a [[generators]] entry, or leave out the budget.",
            )
        if cost is not None and cost > budget:
            raise RefusedError(
                f"Answering {tally.pending:,} requests of '{self.name}' is planned at {dollars(cost)} "
                f"({tally.pending_tokens:,} tokens in, {tally.expected_tokens:,} out, if an answer has "
                f"{answer_tokens:,} or fewer); the budget is {dollars(budget)}.",
                "Give fewer requests, a maxOutputTokens in each, a larger --budget, or another --model.",
            )

    def _generated(self, outcome: Outcome) -> Generated:
        if outcome.response is None:
            return Generated(key=outcome.key, code=outcome.code, message=outcome.message)
        response = orjson.loads(outcome.response)
        text = self._form.text(response)
        found = Generated(key=outcome.key, response=response, text=text)
        if self.schema is None:
            return found
        try:
            return attrs.evolve(found, value=_parsed(self.schema, text))
        except ValueError as error:
            return attrs.evolve(found, code="invalid-answer", message=str(error))


def report_of(record: JobSet, tally: GenerationTally, jobs: tuple[Job, ...] = ()) -> GenerationReport:
    """What is told of a set."""
    return GenerationReport(
        name=record.name,
        model=record.model,
        source=record.source,
        created_at=record.created_at,
        tally=tally,
        jobs=jobs,
    )


def json_schema(schema: Any) -> Mapping[str, object] | None:
    """The JSON schema of *schema*: a class as pydantic's models are, or a JSON schema itself.

    Raises:
        UsageError: If it is neither.
    """
    if schema is None or isinstance(schema, Mapping):
        return schema
    if not (hasattr(schema, "model_json_schema") and hasattr(schema, "model_validate_json")):
        raise UsageError(
            f"{schema!r} is no schema.",
            "Give a JSON schema, or a class with model_json_schema and model_validate_json, as of pydantic.",
        )
    found: Mapping[str, object] = schema.model_json_schema()
    return found


def _parsed(schema: Any, text: str) -> Any:
    """The object that *text* stands for; raises ValueError where it stands for none."""
    return orjson.loads(text) if isinstance(schema, Mapping) else schema.model_validate_json(text)


def _judged(tally: GenerationTally) -> tuple[int, int]:
    return tally.answered, tally.attempts


def _line(outcome: Outcome) -> dict[str, object]:
    if outcome.response is None:
        return {"key": outcome.key, "error": {"code": outcome.code, "message": outcome.message}}
    return {"key": outcome.key, "response": orjson.Fragment(outcome.response)}
