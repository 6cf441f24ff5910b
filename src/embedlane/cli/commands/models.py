"""``embedlane models``: what is known of each model, and who serves it here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedlane.cli.group import ListingGroup
from embedlane.cli.opening import opened
from embedlane.cli.output import emit, json_option
from embedlane.cli.session import Session, pass_session
from embedlane.cli.tables import note, pairs, say, table
from embedlane.errors import PluginError
from embedlane.models.card import Card, GenerationCard, Lane, ModelCard
from embedlane.workspace.retirement import WARNING_DAYS

if TYPE_CHECKING:
    from embedlane.workspace.workspace import Workspace


@click.group(cls=ListingGroup, epilog="Example: embedlane models list --lane batch")
def models() -> None:
    """Show models: lanes, sizes, limits, prices, retirement and installed routes."""


@models.command("list", epilog="Example: embedlane models list --lane batch")
@click.option("--lane", type=click.Choice(list(map(str, Lane))), help="Only models with this lane.")
@click.option("--all", "retired_too", is_flag=True, help="Include retired models.")
@json_option
@pass_session
def list_models(session: Session, lane: str | None, retired_too: bool, as_json: bool) -> None:
    """List all models that are known."""
    with opened(session) as workspace:
        today = workspace.lanes.today()
        cards = [
            card
            for card in workspace.registry.models()
            if (lane is None or Lane(lane) in card.lanes)
            and (retired_too or not card.lifecycle.retired(today))
        ]
        generators = [
            card
            for card in workspace.registry.generators()
            if (lane is None or Lane(lane) in card.lanes)
            and (retired_too or not card.lifecycle.retired(today))
        ]
        view = {
            "models": [_view(workspace, card) for card in cards],
            "generators": [_generator(workspace, card) for card in generators],
        }
        emit(as_json, view, _render_list)


@models.command(epilog="Example: embedlane models show local:hash")
@click.argument("model_id", metavar="ID")
@json_option
@pass_session
def show(session: Session, model_id: str, as_json: bool) -> None:
    """Show all that is known of one model; with --json, its whole card."""
    with opened(session) as workspace:
        card = workspace.registry.any_card(model_id)
        more = {"card": card, "owners": workspace.registry.owners(card.id)}
        if isinstance(card, ModelCard):
            emit(as_json, {**_view(workspace, card), **more}, _render_one)
        elif isinstance(card, GenerationCard):
            emit(as_json, {**_generator(workspace, card), **more}, _render_generator)


def _view(workspace: Workspace, card: ModelCard) -> dict[str, Any]:
    return {**_common(workspace, card), "dimensions": card.dimensions}


def _generator(workspace: Workspace, card: GenerationCard) -> dict[str, Any]:
    own = {"output_tokens": card.output_tokens, "output_price": card.output_price}
    return {**_common(workspace, card), **own}


def _common(workspace: Workspace, card: Card) -> dict[str, Any]:
    return {
        "id": card.id,
        "summary": card.summary,
        "lanes": card.lanes,
        "tokens_per_input": card.limits.tokens_per_input,
        "price": card.price,
        "retires": card.lifecycle.retires,
        "successor": card.lifecycle.successor,
        "status": _status(workspace, card),
        "routes": {lane.value: _providers(workspace, card, lane) for lane in Lane},
    }


def _providers(workspace: Workspace, card: Card, lane: Lane) -> list[str]:
    """Installed providers of *card* in *lane*; none where plugins contradict each other."""
    try:
        return [route.provider for route in workspace.registry.routes(card.id, lane)]
    except PluginError as error:
        note(f"warning: {error}")
        return []


def _status(workspace: Workspace, card: Card) -> str:
    today = workspace.lanes.today()
    if card.lifecycle.retired(today):
        return "retired"
    return "retiring" if card.lifecycle.retires_within(today, WARNING_DAYS) else "current"


def _render_list(view: dict[str, Any]) -> None:
    headings = ("MODEL", "SIZES", "TOKENS", "SYNC $/M", "BATCH $/M", "SYNC BY", "BATCH BY", "")
    table(headings, map(_row, view["models"]))
    if view["generators"]:
        say("\nModels that generate text, for `embedlane generate`:")
        table(_GENERATOR_HEADINGS, map(_generator_row, view["generators"]))


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(model["id"]),
        str(model["dimensions"]),
        str(model["tokens_per_input"] or "-"),
        *(_price(model, lane) for lane in Lane),
        *(_by(model, lane) for lane in Lane),
        _fate(model),
    )


_GENERATOR_HEADINGS = ("MODEL", "TOKENS IN", "TOKENS OUT", "BATCH $/M IN", "BATCH $/M OUT", "BATCH BY", "")


def _generator_row(model: dict[str, Any]) -> tuple[str, ...]:
    prices = (model["price"].batch, model["output_price"].batch)
    return (
        str(model["id"]),
        str(model["tokens_per_input"] or "-"),
        str(model["output_tokens"] or "-"),
        *("?" if price is None else f"{price:g}" for price in prices),
        _by(model, Lane.BATCH),
        _fate(model),
    )


def _price(model: dict[str, Any], lane: Lane) -> str:
    price = model["price"].of(lane)
    if lane not in model["lanes"]:
        return "-"
    return "?" if price is None else f"{price:g}"


def _by(model: dict[str, Any], lane: Lane) -> str:
    if lane not in model["lanes"]:
        return "-"
    return ", ".join(model["routes"][lane.value]) or "none"


def _fate(model: dict[str, Any]) -> str:
    if model["status"] == "current":
        return ""
    successor = f"; successor {model['successor']}" if model["successor"] else ""
    word = "retired" if model["status"] == "retired" else "retires"
    return f"{word} {model['retires']}{successor}"


def _render_generator(view: dict[str, Any]) -> None:
    card: GenerationCard = view["card"]
    asked, said = _generator_row(view)[3:5]
    pairs(
        [
            ("model", card.id),
            ("summary", card.summary),
            ("does", "generates text, in batch jobs"),
            ("tokens per request", card.limits.tokens_per_input or "not known"),
            ("tokens per answer", card.output_tokens or "not known"),
            ("batch price", f"{asked} $ per million tokens in, {said} $ out"),
            ("batch by", _by(view, Lane.BATCH)),
            ("released", card.lifecycle.released or "not known"),
            ("status", _fate(view) or "current"),
            ("declared by", ", ".join(view["owners"])),
        ]
    )
    _render_sources(card)


def _render_one(view: dict[str, Any]) -> None:
    card: ModelCard = view["card"]
    pairs(
        [
            ("model", card.id),
            ("summary", card.summary),
            ("revision", card.revision),
            ("lanes", ", ".join(sorted(card.lanes))),
            ("sizes", f"{card.dimensions}, native {card.dimensions.native}"),
            ("tokens per input", card.limits.tokens_per_input or "not known"),
            ("inputs per request", card.limits.inputs_per_request or "not known"),
            ("tasks", card.tasks.mechanism),
            ("normalised", card.normalisation),
            *((f"{lane} price", f"{_price(view, lane)} $ per million tokens") for lane in sorted(card.lanes)),
            *((f"{lane} by", _by(view, lane)) for lane in sorted(card.lanes)),
            ("released", card.lifecycle.released or "not known"),
            ("status", _fate(view) or "current"),
            ("declared by", ", ".join(view["owners"])),
        ]
    )
    _render_sources(card)


def _render_sources(card: Card) -> None:
    for source in card.sources:
        pairs([("source", f"{', '.join(source.facts)}: {source.source} ({source.read})")])
