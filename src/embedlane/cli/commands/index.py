"""``embedlane index``: create, list, show and drop indexes; see what was refused, and try it again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.commands.transfer import export_vectors, import_vectors
from embedlane.cli.failing import complain
from embedlane.cli.group import ListingGroup
from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option, space_view
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import counted, moment, note, pairs, say, shortened, table
from embedlane.errors import DriftError, ProviderError, RefusedError, UsageError
from embedlane.indexes.settings import IndexSettings
from embedlane.text.cutting import ChunkRule, TooLong, Unit

if TYPE_CHECKING:
    from embedlane.indexes.binding import IndexRecord
    from embedlane.indexes.exchange import Arrival
    from embedlane.vectors.failures import Failure, FailureReport
    from embedlane.workspace.reports import CanaryCheck, CheckReport
    from embedlane.workspace.workspace import Workspace


@click.group(cls=ListingGroup, epilog="Example: embedlane index create docs --model local:hash")
def index() -> None:
    """Create, list, show and drop indexes; see what was refused, and try it again."""


@index.command(epilog="Example: embedlane index create docs --model local:hash --dimensions 256")
@click.argument("name")
@click.option("--model", metavar="ID", help="Default: the configuration's, or the best local one.")
@click.option("--dimensions", type=click.IntRange(min=1), help="Size of vectors; default: the native one.")
@click.option("--chunk-size", type=click.IntRange(min=0), help="Largest chunk; 0 keeps texts whole.")
@click.option("--chunk-overlap", type=click.IntRange(min=0), help="How much of a chunk the next repeats.")
@click.option("--chunk-unit", type=click.Choice(list(map(str, Unit))), help="What both are counted in.")
@click.option(
    "--on-too-long", type=click.Choice(list(map(str, TooLong))), help="What becomes of a text over the limit."
)
@json_option
@pass_session
def create(
    session: Session,
    *,
    name: str,
    model: str | None,
    dimensions: int | None,
    chunk_size: int | None,
    chunk_overlap: int | None,
    chunk_unit: str | None,
    on_too_long: str | None,
    as_json: bool,
) -> None:
    """Create an index and bind it to a model for life."""
    flags = {
        "chunk_size": chunk_size,
        "chunk_overlap": chunk_overlap,
        "chunk_unit": chunk_unit,
        "on_too_long": on_too_long,
    }
    with opened(session) as workspace:
        settings = _settings(
            {key: value for key, value in flags.items() if value is not None}, workspace, name
        )
        made = workspace.create_index(name, model, dimensions=dimensions, settings=settings)
        emit(as_json, _view(_record(workspace, made.name)), _render_made)


@index.command("list", epilog="Example: embedlane index list")
@json_option
@pass_session
def list_all(session: Session, as_json: bool) -> None:
    """List all indexes: what they are bound to, and where their contents stand."""
    with opened(session) as workspace:
        found = [{**_view(record), "contents": workspace.tally(record)} for record in workspace.indexes()]
        emit(as_json, {"indexes": found}, _render_list)


@index.command(epilog="Example: embedlane index show docs")
@click.argument("name")
@json_option
@pass_session
def show(session: Session, name: str, as_json: bool) -> None:
    """Show an index: its space, how it cuts documents, where its contents stand."""
    with opened(session) as workspace:
        target = workspace.index(name)
        found = {"contents": target.tally(), "imports": target.imports()}
        emit(as_json, {**_view(_record(workspace, name)), **found}, _render_one)


@index.command(epilog="Example: embedlane index drop docs --yes")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def drop(session: Session, name: str, yes: bool, as_json: bool) -> None:
    """Remove an index and its items; vectors stay in the ledger, for they are paid for."""
    with opened(session) as workspace:
        tally = workspace.index(name).tally()
        if not yes:
            _confirm(f"Drop index '{name}' with {counted(tally.wanted, 'content')}?", name)
        workspace.drop_index(name)
        emit(as_json, {"dropped": name}, lambda _: say(f"Dropped index '{name}'."))


@index.command(epilog="Example: embedlane index check docs")
@click.argument("name")
@json_option
@click.pass_context
def check(ctx: click.Context, name: str, as_json: bool) -> None:
    """Ask whether the model still answers as it did; if so, writes that were stopped go on."""
    with opened(ctx.ensure_object(Session)) as workspace:
        report = workspace.index(name).check()
    emit(as_json, report, _render_check)
    for provider, why in report.silent.items():
        complain(f"provider {provider} did not answer: {why}")
    if report.drift:
        complain(f"nothing is sent for '{name}' or stored in it: {report.drift}.", _WAYS_OUT)
    status = ProviderError.exit_status if report.silent else 0
    ctx.exit(DriftError.exit_status if report.drift else status)


@index.command(epilog="Example: embedlane index failures docs")
@click.argument("name")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The most to show.")
@click.option("--all", "every", is_flag=True, help="Show also those that will be tried again by themselves.")
@json_option
@pass_session
def failures(session: Session, name: str, limit: int, every: bool, as_json: bool) -> None:
    """Show the contents that were refused for good, with the provider's reasons."""
    with opened(session) as workspace:
        report = workspace.index(name).failures(limit, every=every)
    emit(as_json, report, lambda report: _render_failures(name, report))


@index.command(epilog="Example: embedlane index retry docs --code 429")
@click.argument("name")
@click.argument("items", metavar="[ITEM]...", nargs=-1)
@click.option("--code", default="", help="Try those again that the provider refused with this code.")
@click.option("--all", "every", is_flag=True, help="Try all of them again.")
@json_option
@pass_session
def retry(session: Session, name: str, items: tuple[str, ...], code: str, every: bool, as_json: bool) -> None:
    """Make refused contents pending again; what was said of them is remembered."""
    if sum(map(bool, (items, code, every))) != 1:
        raise UsageError(
            "Say which to try again: items, or --code CODE, or --all.",
            f"`embedlane index failures {name}` lists them.",
        )
    with opened(session) as workspace:
        number = workspace.index(name).retry(items, code=code, every=every)
    emit(as_json, {"retried": number}, lambda _: _render_retried(name, number))


index.add_command(export_vectors)
index.add_command(import_vectors)

_WAYS_OUT = (
    "Run it again when the provider has set it right; or, if the model has changed for good, give its card a "
    "new `revision` in the configuration, and migrate."
)


def _settings(flags: dict[str, Any], workspace: Workspace, name: str) -> IndexSettings | None:
    """The settings that the flags ask for, above those of the configuration; None without a flag."""
    if not flags:
        return None
    planned = workspace.config.indexes.get(name)
    fields = ("chunk_size", "chunk_overlap", "chunk_unit", "on_too_long")
    chosen = {key: getattr(planned, key) for key in fields} if planned else {}
    chosen |= flags
    try:
        rule = ChunkRule(
            size=chosen.get("chunk_size"),
            overlap=chosen.get("chunk_overlap", 0),
            unit=chosen.get("chunk_unit", Unit.TOKENS),
        )
    except ValueError as error:
        raise UsageError(
            f"These chunks can't be cut: {error}.", "Change --chunk-size or --chunk-overlap."
        ) from None
    return IndexSettings(chunks=rule, on_too_long=TooLong(chosen.get("on_too_long", TooLong.ERROR)))


def _record(workspace: Workspace, name: str) -> IndexRecord:
    return next(record for record in workspace.indexes() if record.name == name)


def _view(record: IndexRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "space": space_view(record.bound.space),
        "variant": record.variant,
        "settings": record.settings.to_json(),
        "created_at": record.created_at,
    }


def _confirm(question: str, name: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to confirm.", f"`embedlane index drop {name} --yes` does not ask.")
    if not click.confirm(question, err=True):
        raise RefusedError(f"Index '{name}' was not dropped.")


def _bound(view: dict[str, Any]) -> str:
    space = view["space"]
    return f"{space['model']} @ {space['dimensions']} ({space['fingerprint']})"


def _render_made(view: dict[str, Any]) -> None:
    say(f"Created index '{view['name']}', bound to {_bound(view)}.")
    note(f"hint: `embedlane add {view['name']} PATH…` fills it.")


def _render_list(view: dict[str, Any]) -> None:
    if not view["indexes"]:
        note("There is no index yet; `embedlane index create NAME` makes one.")
        return
    table(
        ("NAME", "MODEL", "SIZE", "SPACE", "CONTENTS", "STORED", "IN FLIGHT", "REFUSED", "PENDING"),
        map(_listed, view["indexes"]),
    )


def _listed(view: dict[str, Any]) -> tuple[object, ...]:
    space, tally = view["space"], view["contents"]
    counts = (tally.wanted, tally.stored, tally.in_flight, tally.refused, tally.pending)
    bound = (space["model"], space["dimensions"], space["fingerprint"])
    return (view["name"], *bound, *(f"{count:,}" for count in counts))


def _render_one(view: dict[str, Any]) -> None:
    tally, settings = view["contents"], view["settings"]
    size = "the model's" if settings["chunk_size"] is None else settings["chunk_size"]
    pairs(
        [
            ("index", view["name"]),
            *((key, value) for key, value in view["space"].items() if value != ""),
            *([("texts", view["variant"])] if view["variant"] else []),
            ("chunks", f"{size} {settings['chunk_unit']}, overlap {settings['chunk_overlap']}"),
            ("on too long", settings["on_too_long"]),
            ("created", moment(view["created_at"])),
            ("contents", f"{tally.wanted:,}"),
            ("stored", f"{tally.stored:,}"),
            ("in flight", f"{tally.in_flight:,}"),
            ("refused", f"{tally.refused:,}"),
            ("pending", f"{tally.pending:,}"),
            *(("imported", _arrival(each)) for each in view["imports"]),
        ]
    )


def _arrival(each: Arrival) -> str:
    compared = f"{each.compared:,} compared" if each.checked else "none compared"
    return f"{counted(each.vectors, 'vector')} on {moment(each.at)}, {compared}: {', '.join(each.files)}"


def _render_check(report: CheckReport) -> None:
    headings: tuple[str, ...] = ("PROVIDER", "CANARY", "COSINE", "REFERENCE", "SET", "VERDICT")
    rows = [_checked(check) for check in report.canaries]
    if len({check.space for check in report.canaries}) > 1:
        # In a migration there are two.
        headings = ("SPACE", *headings)
        rows = [(check.space, *row) for check, row in zip(report.canaries, rows, strict=True)]
    table(headings, rows)
    if report.released:
        say("The answers are the old ones again: writes go on.")
    for provider in report.unasked:
        note(f"{provider} has no sync lane to ask; its next job will tell.")


def _checked(check: CanaryCheck) -> tuple[object, ...]:
    cosine = "" if check.cosine is None else f"{check.cosine:.6f}"
    reference = f"{check.reference}, {check.lane}" if check.lane else ""
    text = shortened(" ".join(check.text.split()), 40)
    return (check.provider, text, cosine, reference, moment(check.at), check.verdict)


def _render_failures(name: str, report: FailureReport) -> None:
    if not report.failures:
        note("Nothing was refused.")
        return
    table(("ITEM", "CODE", "ATTEMPTS", "MESSAGE", "TEXT"), map(_failure, report.failures))
    if report.total > len(report.failures):
        note(f"{len(report.failures):,} of {report.total:,}; --limit shows more.")
    note(f"hint: `embedlane index retry {name} ITEM…` makes some of them pending again.")


def _failure(failure: Failure) -> tuple[object, ...]:
    others = failure.item_count - 1
    item = f"{failure.items[0]} and {counted(others, 'other')}" if others else failure.items[0]
    attempts = f"{len(failure.attempts)}{'' if failure.final else ' so far'}"
    return (item, failure.code, attempts, shortened(failure.message, 100), shortened(failure.text, 60))


def _render_retried(name: str, number: int) -> None:
    if not number:
        note("Nothing was refused.")
        return
    verb = "is" if number == 1 else "are"
    say(f"{counted(number, 'content')} {verb} pending again.")
    note(f"hint: `embedlane embed {name}` sends what is pending.")
