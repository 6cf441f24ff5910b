"""Parts that come from values: configuration, cards, states, tables."""

from __future__ import annotations

import re
from enum import Enum
from types import MappingProxyType

from embedlane.config import providers
from embedlane.config import settings as config
from embedlane.jobs import states
from embedlane.ledger import schema
from embedlane.models import card
from embedlane.models.card import Lane, ModelCard
from embedlane.models.loading import known_plugins, shipped_cards, shipped_generators
from embedlane.providers.builtin.routes import ROUTES
from embedlane.text import cutting
from generating.code import (
    annotation_of,
    comments_of,
    default_of,
    fields_of,
    first_line,
    table_of,
)


def configuration() -> str:
    """The tables of the configuration."""
    file = {name: default_of(field) for name, field in fields_of(config._File).items()}  # noqa: SLF001 - the file's keys
    rows = [(f"`{name}`", _TYPES[name], file[name], about) for name, about in _TOP.items()]
    parts = [
        "### Top level\n",
        table_of(("key", "type", "default", "what it is"), rows),
        "\n### `[indexes.NAME]`\n",
        _keys(config.IndexConfig),
        '\n### `[routes."publisher:model"]`\n',
        _keys(config.RouteChoice),
        "\n### `[providers.NAME]`, the keys that the core reads\n",
        _keys(providers.ProviderSettings),
    ]
    return "\n".join(parts)


#: The keys at the top; `Config` describes what is made of them.
_TOP = MappingProxyType(
    {
        "ledger": "The file of the ledger, or the address of a PostgreSQL database.",
        "plugins": "Plugins to load: names for only those, names with a minus for all but those.",
        "canaries": "Whether what is sent carries texts whose vectors are known, to notice a changed model.",
    }
)
#: How types are called on the page, where the annotation would not help.
_TYPES = MappingProxyType(
    {
        "ledger": "text: a path, or `postgresql://…`",
        "plugins": "list of texts",
        "canaries": "truth value",
        "model": "text: publisher:model",
        "chunk_unit": " or ".join(f'`"{unit}"`' for unit in cutting.Unit),
        "on_too_long": ", ".join(f'`"{choice}"`' for choice in cutting.TooLong),
    }
)


def _keys(kind: type) -> str:
    about = comments_of(kind)
    rows = []
    for name, field in fields_of(kind).items():
        plain = "whole number" if "int" in str(field.type) else "text"
        rows.append((f"`{name}`", _TYPES.get(name, plain), default_of(field), about[name]))
    return table_of(("key", "type", "default", "what it is"), rows)


def models() -> str:
    """The cards that come with the core."""
    return table_of(
        ("model", "lanes", "dimensions", "tokens per input", "$ per million tokens", "retires", "providers"),
        [_model(each) for each in sorted(shipped_cards(), key=lambda each: each.id)],
    )


def generators() -> str:
    """The cards of models that generate that come with the core."""
    head = ("model", "tokens in", "tokens out", "$ per million in", "$ per million out", "retires")
    rows = [
        (
            f"`{each.id}`",
            f"{each.limits.tokens_per_input:,}",
            f"{each.output_tokens:,}",
            f"{each.price.batch:g}",
            f"{each.output_price.batch:g}",
            str(each.lifecycle.retires or ""),
        )
        for each in sorted(shipped_generators(), key=lambda each: each.id)
    ]
    return table_of(head, rows)


def _model(model: ModelCard) -> tuple[str, ...]:
    sizes = str(model.dimensions)
    if model.dimensions.smallest != model.dimensions.largest:
        sizes = f"{model.dimensions.native} ({sizes})"
    prices = [f"{price:g} {lane}" for lane in Lane if (price := model.price.of(lane)) is not None]
    served = {offer.provider for offer in ROUTES if model.id in offer.models}
    served |= {
        plugin.distribution.removeprefix("embedlane-")
        for plugin in known_plugins()
        if any(plugin.offers(model.id, lane) for lane in model.lanes)
    }
    tokens = model.limits.tokens_per_input
    return (
        f"`{model.id}`",
        ", ".join(lane for lane in Lane if lane in model.lanes),
        sizes,
        "no limit known" if tokens is None else str(tokens),
        ", ".join(prices) or "not known",
        str(model.lifecycle.retires or ""),
        ", ".join(f"`{name}`" for name in sorted(served)),
    )


def model_keys() -> str:
    """The keys of a card and of its tables."""
    texts = []
    for title, kind in _CARD_TABLES.items():
        about, rows = comments_of(kind), []
        for name, field in fields_of(kind).items():
            rows.append((f"`{name}`", _card_type(kind, name), default_of(field), about.get(name, "")))
        texts += [f"### `{title}`\n", table_of(("key", "type", "default", "what it is"), rows) + "\n"]
        for choice in _choices(kind):
            meaning = comments_of(choice)
            meanings = [(f'`"{each.value}"`', meaning.get(each.name, "")) for each in choice]
            texts += [f"{first_line(choice)}\n", table_of(("value", "meaning"), meanings) + "\n"]
    return "\n".join(texts)


#: The tables of a card, by their place in TOML.
_CARD_TABLES = MappingProxyType(
    {
        "[[models]]": card.ModelCard,
        "[models.dimensions]": card.Dimensions,
        "[models.limits]": card.InputLimits,
        "[models.tasks]": card.TaskScheme,
        "[models.price]": card.Price,
        "[models.lifecycle]": card.Lifecycle,
        "[[models.sources]]": card.Source,
        "[[generators]]": card.GenerationCard,
    }
)


_PLAIN_TYPES = MappingProxyType(
    {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
)


def _card_type(kind: type, name: str) -> str:
    """What TOML calls the type of a card's field."""
    annotation = annotation_of(kind, name).removesuffix(" or None")
    inner = re.search(r"\[(\w+)", annotation)
    if inner:
        return f"list of {_PLAIN_TYPES.get(inner[1], inner[1].lower())}s"
    if annotation in {each.__name__ for each in _choices(kind)} or annotation == "ModelId":
        return "text"
    return _PLAIN_TYPES.get(annotation, "date" if annotation == "date" else "table")


def _choices(kind: type) -> list[type[Enum]]:
    """The enums that a card's table refers to."""
    names = {annotation_of(kind, name) for name in fields_of(kind)}
    found = [getattr(card, name) for name in sorted(names) if hasattr(card, name)]
    return [each for each in found if isinstance(each, type) and issubclass(each, Enum)]


def job_states() -> str:
    """The diagram and the tables of the state machine."""
    about = comments_of(states.JobState)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {states.JobState.PLANNED}"]
    for state, row in states.TRANSITIONS.items():
        by_target: dict[str, list[str]] = {}
        for event, target in row.items():
            by_target.setdefault(target.value, []).append(event.value)
        lines += [f"    {state} --> {target}: {', '.join(names)}" for target, names in by_target.items()]
    lines += [f"    {state} --> [*]" for state in states.TRANSITIONS if state in states.FINAL]
    rows = [
        (
            f"`{state}`",
            about[state.name],
            "<br>".join(f"{event} → `{target}`" for event, target in row.items()) or "nothing: it is final",
        )
        for state, row in states.TRANSITIONS.items()
    ]
    return "\n".join([*lines, "```", "", table_of(("state", "meaning", "what can happen"), rows)])


def job_events() -> str:
    """What can happen to a job."""
    about = comments_of(states.JobEvent)
    return table_of(("event", "meaning"), [(f"`{event}`", about[event.name]) for event in states.JobEvent])


def ledger() -> str:
    """The tables of the ledger with their columns."""
    texts = []
    for table in schema.metadata.sorted_tables:
        rows = [
            (
                f"`{column.name}`",
                _column_type(column.type),
                "key" if column.primary_key else "" if column.nullable else "not null",
                ", ".join(sorted(f"`{key.target_fullname}`" for key in column.foreign_keys)),
            )
            for column in table.columns
        ]
        texts.append(f"### `{table.name}`\n\n{table_of(('column', 'type', '', 'refers to'), rows)}")
    return "\n\n".join(texts)


def _column_type(kind: object) -> str:
    return re.sub(r"\(.*\)", "", str(kind)).lower()
