"""The doctor: what is wrong, or soon will be, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from embedlane.errors import EmbedlaneError
from embedlane.indexes.generations import GenerationBook
from embedlane.jobs.states import JobState
from embedlane.models.card import Lane
from embedlane.models.space import Space
from embedlane.vectors.drift import open_drifts
from embedlane.vectors.failures import Failures
from embedlane.workspace.reports import Finding
from embedlane.workspace.retirement import retirement, way_out

if TYPE_CHECKING:
    from embedlane.indexes.binding import IndexRecord
    from embedlane.jobs.job import Job
    from embedlane.ledger.database import Ledger
    from embedlane.models.card import ModelCard
    from embedlane.models.registry import Registry
    from embedlane.plugin.discovery import Declarations
    from embedlane.providers.route import Route
    from embedlane.workspace.lanes import Lanes

#: Seconds in one state after which an unfinished job is worth a look.
_STUCK = 36 * 3600.0
#: Seconds that a job may be due without anybody taking its next step.
_UNWATCHED = 3600.0


def check_all(
    declared: Declarations,
    registry: Registry[Route],
    lanes: Lanes,
    records: list[IndexRecord],
    jobs: list[Job],
    now: float,
) -> Iterator[Finding]:
    """Look at everything; plugins may ask their services."""
    yield from check_plugins(declared, registry)
    yield from check_keys(registry, lanes)
    yield from check_indexes(records, registry, lanes)
    yield from check_services(records, registry, lanes)
    yield from check_jobs(jobs, now)


def usable_routes(registry: Registry[Route]) -> Iterator[tuple[ModelCard, tuple[Route, ...]]]:
    """Each model with its routes, but for those whose routes are in conflict."""
    contested = {conflict.model for conflict in registry.conflicts}
    for card in registry.models():
        if card.id not in contested:
            yield card, registry.routes(card.id)


def check_plugins(declared: Declarations, registry: Registry[Route]) -> Iterator[Finding]:
    """Look at the plugins, and at what they declare."""
    for plugin in declared.broken:
        yield Finding(
            level="problem",
            subject=f"plugin {plugin.name}",
            message=f"{plugin.distribution} {plugin.version}: {plugin.reason}",
            hint=f"Upgrade or uninstall {plugin.distribution}, or set EMBEDLANE_PLUGINS=-{plugin.name}.",
        )
    for conflict in registry.conflicts:
        yield Finding(level="problem", subject=f"model {conflict.model}", message=str(conflict))
    for orphan in registry.orphans:
        yield Finding(level="warning", subject=f"model {orphan.model}", message=str(orphan))


def check_keys(registry: Registry[Route], lanes: Lanes) -> Iterator[Finding]:
    """Look for the secrets of all providers that need one."""
    routes = {route.provider: route for _, offered in usable_routes(registry) for route in offered}
    for provider, route in sorted(routes.items()):
        if not lanes.variables(route):
            yield Finding(level="ok", subject=f"provider {provider}", message="needs no key")
        elif lanes.has_credential(route):
            yield Finding(level="ok", subject=f"provider {provider}", message="a key is set")
        else:
            yield Finding(
                level="warning",
                subject=f"provider {provider}",
                message="no key was found",
                hint=f"Set {' or '.join(lanes.variables(route))} in the environment.",
            )


def check_indexes(records: list[IndexRecord], registry: Registry[Route], lanes: Lanes) -> Iterator[Finding]:
    """Look at the models that the indexes are bound to."""
    for record in records:
        subject, space = f"index {record.name}", record.bound.space
        try:
            card = registry.card(space.model)
            record.require(Space.of(card, space.dimensions))
        except EmbedlaneError as error:
            yield Finding(level="problem", subject=subject, message=error.message, hint=error.hint)
            continue
        yield _retirement_finding(subject, record, card, lanes) or _route_finding(subject, space, card, lanes)


def check_refusals(ledger: Ledger, records: list[IndexRecord]) -> Iterator[Finding]:
    """Look for contents that were refused for good; nobody sends them again by themselves."""
    with ledger.read() as connection:
        for record in records:
            total = Failures(record.id, record.bound.id).report(connection, 0).total
            if total:
                yield Finding(
                    level="warning",
                    subject=f"contents of {record.name}",
                    message=f"{total:,} refused for good, and not found by any search",
                    hint=f"`embedlane index failures {record.name}` says why, `embedlane index retry` sends "
                    "them again.",
                )


def check_drifts(ledger: Ledger, records: list[IndexRecord]) -> Iterator[Finding]:
    """Look for models that no longer answer as they did: those of the indexes, and of their migrations."""
    drifts = open_drifts(ledger)
    for record in records:
        with ledger.read() as connection:
            beside = GenerationBook(record.id, record.name).beside(connection)
        for bound in (record.bound, *([beside.bound] if beside else [])):
            if (drift := drifts.get(bound.id)) is not None:
                yield Finding(
                    level="problem",
                    subject=f"index {record.name}",
                    message=f"{bound.space.model} has drifted: {drift.message}; nothing is stored",
                    hint=f"`embedlane index check {record.name}` asks again.",
                )


def check_services(records: list[IndexRecord], registry: Registry[Route], lanes: Lanes) -> Iterator[Finding]:
    """Let the plugins look at the services that the indexes use; may use the network."""
    spaces = {record.bound.space.model: record.bound.space for record in records}
    for card, routes in usable_routes(registry):
        if card.id not in spaces:
            continue
        for route in routes:
            subject = f"{route.provider}, {route.lane} lane of {card.id}"
            try:
                observations = lanes.check_up(route, spaces[card.id])
            except EmbedlaneError as error:
                yield Finding(level="problem", subject=subject, message=error.message, hint=error.hint)
                continue
            for seen in observations:
                yield Finding(level=seen.level, subject=subject, message=seen.message, hint=seen.hint)


def _retirement_finding(subject: str, record: IndexRecord, card: ModelCard, lanes: Lanes) -> Finding | None:
    """What to know of the model's retirement; None if it is far off, or not announced."""
    message = retirement(record.name, card, lanes.today())
    if not message:
        return None
    level, hint = "warning", way_out(record.name, card)
    if card.lifecycle.retired(lanes.today()):
        try:
            message += f" Queries are embedded by {lanes.route(card, Lane.SYNC).provider}."
        except EmbedlaneError:
            level = "problem"
            message += " Its vectors are here, but nothing that is installed can embed a query for them."
    return Finding(level=level, subject=subject, message=message, hint=hint)


def _route_finding(subject: str, space: Space, card: ModelCard, lanes: Lanes) -> Finding:
    """Whether anything that is installed can embed for the index."""
    try:
        lanes.route(card, Lane.SYNC)
    except EmbedlaneError as error:
        return Finding(level="warning", subject=subject, message=error.message, hint=error.hint)
    return Finding(level="ok", subject=subject, message=f"bound to {space}")


def resolve_hint(job: Job) -> str:
    """What a person does about a job in quarantine."""
    return (
        f"Look at {job.provider} for {job.tag}, then run `embedlane jobs resolve {job.id} --adopt NAME`, or "
        "--resubmit if it is not there."
    )


def check_jobs(jobs: list[Job], now: float) -> Iterator[Finding]:
    """Look for jobs that may have been paid for without an answer, and for those that stand still."""
    for job in jobs:
        subject = f"job {job.id}"
        since = datetime.fromtimestamp(job.changed_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        if job.state is JobState.SUBMITTING:
            yield Finding(
                level="problem",
                subject=subject,
                message=f"no answer to its create since {since}; it may exist at {job.provider} as {job.tag}",
                hint="`embedlane work` looks it up by its tag, and submits it again only if it is not there.",
            )
        elif job.state is JobState.QUARANTINED:
            yield Finding(level="problem", subject=subject, message=job.reason, hint=resolve_hint(job))
        elif not job.final and now - job.due_at > _UNWATCHED and job.free("", now):
            due = datetime.fromtimestamp(job.due_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
            yield Finding(
                level="warning",
                subject=subject,
                message=f"{job.state} since {since}, and due since {due}: nobody drives it on",
                hint="Run `embedlane work`; providers keep results for some days only.",
            )
        elif not job.final and now - job.changed_at > _STUCK:
            yield Finding(
                level="warning",
                subject=subject,
                message=f"{job.state} since {since}",
                hint=f"`embedlane jobs events {job.id}` tells its story; `embedlane work` drives it on.",
            )
