"""Choosing and opening routes: which provider, with which settings and secret."""

from __future__ import annotations

import contextlib
import os
import threading
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from embedlane.config.providers import common_settings, own_settings
from embedlane.errors import CapabilityError, CredentialError
from embedlane.generation.cargo import GenerationCargo
from embedlane.generation.sets import JobSet
from embedlane.jobs.desk import BatchLane
from embedlane.models.capabilities import require_lane
from embedlane.models.card import Lane
from embedlane.providers.caller import Caller
from embedlane.providers.checks import Checker
from embedlane.providers.embedder import Embedder
from embedlane.providers.interfaces import OpenContext, ServiceContext
from embedlane.providers.opening import (
    open_batch,
    open_checkup,
    open_counter,
    open_form,
    open_generator,
    open_sync,
)
from embedlane.providers.rates import RateLimit
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.cargo import EmbeddingCargo
from embedlane.vectors.charges import Origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embedlane.config.providers import ProviderSettings
    from embedlane.config.settings import Config
    from embedlane.jobs.job import Job
    from embedlane.ledger.database import Ledger
    from embedlane.models.card import Card, GenerationCard, ModelCard
    from embedlane.models.registry import Registry
    from embedlane.models.space import Space
    from embedlane.plugin.discovery import Plugins
    from embedlane.providers.interfaces import BatchService, RequestForm
    from embedlane.providers.route import Route
    from embedlane.providers.values import BatchLimits, Observation
    from embedlane.text.tokens import TokenCounter


@attrs.define(kw_only=True)
class Lanes:
    """Opens lanes, and keeps batch lanes open for the jobs that share them."""

    config: Config
    registry: Registry[Route]
    plugins: Plugins
    #: Folder beside the ledger; each provider gets one of its own below it.
    directory: Path
    #: Seconds since 1970.
    clock: Callable[[], float]
    _opening: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _queries: dict[str, Embedder] = attrs.field(factory=dict, init=False)
    _batch: dict[tuple[str, str], BatchService[Any, Any]] = attrs.field(factory=dict, init=False)
    _rates: dict[str, RateLimit] = attrs.field(factory=dict, init=False)

    def route(self, card: Card, lane: Lane, provider: str | None = None) -> Route:
        """The route of *card* in *lane*: the asked-for, the configured, or the best that is installed.

        Raises:
            CapabilityError: If the model lacks the lane, is retired, or no such provider serves it there.
        """
        routes = self._routes(card, lane)
        choice = self.config.routes.get(card.id)
        wanted = provider or (getattr(choice, lane.value) if choice else "")
        if not wanted:
            return max(routes, key=lambda route: (route.preference, route.provider))
        for route in routes:
            if route.provider == wanted:
                return route
        offered = ", ".join(repr(route.provider) for route in routes)
        raise CapabilityError(
            f"Provider '{wanted}' does not serve {card.id} in the {lane} lane; installed for it: {offered}.",
            f'Change [routes."{card.id}"] {lane} in the configuration, or install the plugin.',
        )

    def _routes(self, card: Card, lane: Lane) -> tuple[Route, ...]:
        """The routes that answer: of a model that was shut down, those to the user's own servers."""
        own = (
            route
            for route in self.registry.routes(card.id, lane)
            if card.lifecycle.retired(self.today()) and self.settings(route.provider).kind
        )
        return tuple(own) or require_lane(card, lane, self.registry, self.today())

    def today(self) -> date:
        """The day that retirements are judged by, in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC).date()

    def settings(self, provider: str) -> ProviderSettings:
        """The keys of the provider's table that the core reads."""
        return common_settings(self.config, provider)

    def embedder(self, space: Space, provider: str | None = None) -> Embedder:
        """Open the sync lane of *space* for queries and documents. The caller closes it."""
        card = self.registry.card(space.model)
        route = self.route(card, Lane.SYNC, provider)
        context = self._context(route, card, space)
        return Embedder(
            caller=self._caller(route, context),
            counter=open_counter(route, context),
            concurrency=self.concurrency(route),
        )

    def _caller(self, route: Route, context: OpenContext) -> Caller:
        return Caller(
            embedder=open_sync(route, context),
            checker=Checker(route.provider, context.card, context.space),
            rate=self._rate(route.provider),
        )

    def _rate(self, provider: str) -> RateLimit:
        """One limit for all that goes to *provider*: queries count with documents."""
        if provider not in self._rates:
            common = self.settings(provider)
            self._rates[provider] = RateLimit(
                requests_per_minute=common.requests_per_minute,
                texts_per_minute=common.texts_per_minute,
                tokens_per_minute=common.tokens_per_minute,
            )
        return self._rates[provider]

    def concurrency(self, route: Route) -> int:
        """Requests of *route* that may be under way at once."""
        return self.settings(route.provider).concurrency or route.concurrency

    def of_job(self, ledger: Ledger, job: Job) -> BatchLane:
        """The batch lane of *job*, whichever kind it is of; opened once, closed by `close`."""
        with ledger.read() as connection:
            if job.jobset_id is not None:
                return self.generation(job, JobSet.load(connection, job.jobset_id))
            assert job.space_id is not None
            bound = BoundSpace.load(connection, job.space_id)
        return self.batch(job, bound)

    def generation(self, job: Job, jobset: JobSet) -> BatchLane:
        """The batch lane of *job*, whose responses are for *jobset*; opened once, closed by `close`."""
        card, provider = self.registry.generator(jobset.model), job.provider
        origin = attrs.evolve(self._origin(job, card), output_price=card.output_price.batch)
        return BatchLane(
            self._generator(provider, card),
            GenerationCargo(jobset.id, origin),
            self.generation_limits(provider, card),
            self.settings(provider).keep_remote,
        )

    def generation_limits(self, provider: str, card: GenerationCard) -> BatchLimits:
        """What *provider* takes in the batch lane of the model of *card*, by itself and by the user."""
        return self._limits(provider, self._generator(provider, card).limits)

    def form(self, card: GenerationCard, provider: str | None = None) -> tuple[Route, RequestForm]:
        """The route of *card*, and what knows its API's requests. Needs no secret.

        With a provider the model may be retired: what it has answered can still be read.
        """
        route = self.route(card, Lane.BATCH) if provider is None else self._installed(card, provider)
        return route, open_form(route, ServiceContext(**self._common(route, card)))

    def _installed(self, card: GenerationCard, provider: str) -> Route:
        """The batch route of *provider*, whether the model still answers or not."""
        routes = self.registry.routes(card.id, Lane.BATCH)
        found = next((route for route in routes if route.provider == provider), None)
        return found or self.route(card, Lane.BATCH, provider)

    def _generator(self, provider: str, card: GenerationCard) -> BatchService[Any, Any]:
        key = (provider, str(card.id))
        if key not in self._batch:
            route = self._installed(card, provider)
            self._batch[key] = open_generator(route, ServiceContext(**self._common(route, card)))
        return self._batch[key]

    def batch(self, job: Job, bound: BoundSpace) -> BatchLane:
        """The batch lane of *job*, whose vectors are for *bound*; opened once, closed by `close`."""
        card, provider = self.registry.card(bound.space.model), job.provider
        return BatchLane(
            self._embedder(provider, bound),
            EmbeddingCargo(bound, Checker(provider, card, bound.space), self._origin(job, card)),
            self.batch_limits(provider, bound),
            self.settings(provider).keep_remote,
        )

    def _origin(self, job: Job, card: Card) -> Origin:
        return Origin(
            provider=job.provider,
            lane=Lane.BATCH,
            run=job.tag,
            job_id=job.id,
            account=job.account,
            price=card.price.batch,
        )

    def batch_limits(self, provider: str, bound: BoundSpace) -> BatchLimits:
        """What *provider* takes in the batch lane of *bound*, by itself and by the user."""
        return self._limits(provider, self.provider_limits(provider, bound))

    def provider_limits(self, provider: str, bound: BoundSpace) -> BatchLimits:
        """What *provider* takes in the batch lane of *bound* by itself."""
        return self._embedder(provider, bound).limits

    def _embedder(self, provider: str, bound: BoundSpace) -> BatchService[Any, Any]:
        key = (provider, bound.space.fingerprint)
        if key not in self._batch:
            card = self.registry.card(bound.space.model)
            route = self.route(card, Lane.BATCH, provider)
            self._batch[key] = open_batch(route, self._context(route, card, bound.space))
        return self._batch[key]

    def _limits(self, provider: str, theirs: BatchLimits) -> BatchLimits:
        """The provider's limits, or the user's where those are lower."""
        ours = self.settings(provider)
        return attrs.evolve(
            theirs,
            rows=lower(ours.max_rows_per_job, theirs.rows),
            enqueued_tokens=lower(ours.max_enqueued_tokens, theirs.enqueued_tokens),
            concurrent_jobs=lower(ours.max_concurrent_jobs, theirs.concurrent_jobs),
        )

    def counter(self, space: Space) -> TokenCounter:
        """The best token counter that an installed route of the space's model has."""
        card = self.registry.card(space.model)
        routes = self.registry.routes(space.model)
        best = max(
            (route for route in routes if route.counter), key=lambda route: route.preference, default=None
        )
        return open_counter(best, self._context(best or routes[0] if routes else None, card, space))

    def check_up(self, route: Route, space: Space) -> list[Observation]:
        """What the plugin's own check-up of *route* finds for *space*; may use the network."""
        context = self._context(route, self.registry.card(space.model), space)
        return list(open_checkup(route, context))

    def has_credential(self, route: Route) -> bool:
        """Whether a secret is found for *route*, or none is needed."""
        return not self.variables(route) or self._find_credential(route) is not None

    def queries(self, space: Space) -> Embedder:
        """The sync lane of *space*, for queries; opened once, closed by `close`."""
        # Searches may come from several threads.
        with self._opening:
            if space.fingerprint not in self._queries:
                self._queries[space.fingerprint] = self.embedder(space)
            return self._queries[space.fingerprint]

    def close(self) -> None:
        """Close what was opened for batch jobs and for queries."""
        with contextlib.ExitStack() as stack:  # closes the others, too, when one fails
            for embedder in self._batch.values():
                stack.callback(embedder.close)
            for queries in self._queries.values():
                stack.callback(queries.close)
            self._batch.clear()
            self._queries.clear()

    def _context(self, route: Route | None, card: ModelCard, space: Space) -> OpenContext:
        return OpenContext(**self._common(route, card), space=space)

    def _common(self, route: Route | None, card: Card) -> dict[str, Any]:
        """What every factory gets, by its name."""
        provider = route.provider if route else ""
        credential: Callable[[], str] = partial(self._credential, route) if route else str
        return {
            "provider": provider,
            "card": card,
            "settings": own_settings(self.config, provider),
            "credential": credential,
            "directory": self.directory / provider,
        }

    def _credential(self, route: Route) -> str:
        secret, variables = self._find_credential(route), self.variables(route)
        if secret is None and variables:
            raise CredentialError(
                f"No key was found for provider '{route.provider}'.",
                f"Set {' or '.join(variables)} in the environment, or name another variable as "
                f"[providers.{route.provider}] api_key_env in the configuration.",
            )
        return secret or ""

    def _find_credential(self, route: Route) -> str | None:
        """A plugin's answer first, then the environment."""
        from_plugin = self.plugins.credential(route.provider)
        if from_plugin is not None:
            return from_plugin
        return next((os.environ[name] for name in self.variables(route) if os.environ.get(name)), None)

    def variables(self, route: Route) -> tuple[str, ...]:
        """The variables of the environment that may hold the secret of *route*; none if it needs none."""
        named = self.settings(route.provider).api_key_env
        return (named,) if named else route.credentials


def lower(one: int | None, other: int | None) -> int | None:
    """The lower of two limits; None for no limit."""
    return min((number for number in (one, other) if number is not None), default=None)
