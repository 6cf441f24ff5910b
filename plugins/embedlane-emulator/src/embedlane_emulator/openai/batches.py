"""The batch lane: create, retrieve, list, cancel."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from embedlane_emulator.job import ENDED, Ending, State
from embedlane_emulator.jobs import Order
from embedlane_emulator.openai import errors, files, models, render
from embedlane_emulator.openai.lines import Check, problem
from embedlane_emulator.openai.wire import name_in, reply
from embedlane_emulator.storage import link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from embedlane_emulator.job import Job
    from embedlane_emulator.openai.settings import OpenAISettings
    from embedlane_emulator.openai.wire import Call

ENDPOINT = "/v1/embeddings"
_REQUIRED = ("input_file_id", "endpoint", "completion_window")
_PARAMETERS = frozenset({*_REQUIRED, "metadata", "output_expires_after"})
_WINDOW = "24h"
_MOST_PAIRS, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512
_INVALID = Ending(state=State.FAILED, early=True, share=0)


def create(call: Call) -> Response:
    """batches.create: what is wrong with the input file is told later, by a batch that failed."""
    wanted = _read(call.payload)
    settings = call.core.settings
    file = files.living(call.core, wanted["input_file_id"])
    if file is None:
        name = wanted["input_file_id"]
        message = f"Cannot find file {name}, or project proj_emulator does not have access to it."
        raise errors.invalid(message, "file_id")
    if file["purpose"] != "batch":
        raise errors.invalid(
            f"The file {file['id']} has the purpose '{file['purpose']}', not 'batch'.", "file_id"
        )
    policy = wanted.get("output_expires_after")
    life = settings.result_life if policy is None else files.lifetime(policy, "output_expires_after")
    source = call.core.store.blob(f"staged-{secrets.token_hex(8)}")
    link(call.core.store.blob(file["id"]), source)
    try:
        checked = Check(settings, ENDPOINT).file(source)
        made = call.jobs.create(_order(call, wanted, checked, life), source, partial(_admit, settings))
    finally:
        source.unlink(missing_ok=True)
    return reply(render.batch(call.jobs, made))


def _read(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise errors.invalid("The body of the request must be a JSON object.")
    for name in sorted(body.keys() - _PARAMETERS):
        raise errors.invalid(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for name in _REQUIRED:
        if name not in body:
            raise errors.missing(name)
        if not isinstance(body[name], str):
            raise errors.wrong_type(name, "a string", body[name])
    for name, only in (("endpoint", ENDPOINT), ("completion_window", _WINDOW)):
        if body[name] != only:
            message = f"Invalid value: '{body[name]}'. Supported values are: '{only}'."
            raise errors.invalid(message, name, "invalid_value")
    _require_metadata(body.get("metadata"))
    return body


def _require_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise errors.wrong_type("metadata", "an object", metadata)
    if len(metadata) > _MOST_PAIRS:
        raise errors.invalid(
            f"Invalid 'metadata': too many properties. Expected an object with at most {_MOST_PAIRS} "
            f"properties, but got an object with {len(metadata)} properties instead.",
            "metadata",
            "object_above_max_properties",
        )
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise errors.wrong_type(f"metadata.{key}", "a string", value)
        for text, most in ((key, _LONGEST_KEY), (value, _LONGEST_VALUE)):
            if len(text) > most:
                raise errors.invalid(
                    f"Invalid 'metadata.{key}': string too long. Expected a string with maximum length "
                    f"{most}, but got a string with length {len(text)} instead.",
                    f"metadata.{key}",
                    "string_above_max_length",
                )


def _order(call: Call, wanted: dict[str, Any], checked: Check, life: float) -> Order:
    settings, metadata = call.core.settings, wanted.get("metadata")
    price = 0.0 if checked.errors else models.find(settings, checked.model).batch_price
    return Order(
        id=f"batch_{secrets.token_hex(16)}",
        kind=ENDPOINT,
        operation=call.operation,
        model=checked.model,
        price=price,
        display_name=name_in(metadata),
        file=wanted["input_file_id"],
        rows=checked.rows,
        tokens=checked.tokens,
        ending=_INVALID if checked.errors else None,
        fields={
            "finalizing": settings.finalizing,
            "cancelling": settings.cancelling,
            "result_life": life,
            "extra": {
                "completion_window": _WINDOW,
                "metadata": metadata,
                "errors": checked.errors,
                "files": {},
            },
        },
    )


def _admit(settings: OpenAISettings, made: Job, active: Sequence[Job]) -> Job:
    """Let a batch fail that is above the quota of its model; the create is answered all the same."""
    waiting = sum(found.tokens for found in active if found.model == made.model and not found.extra["errors"])
    if made.extra["errors"] or waiting + made.tokens <= settings.enqueued_tokens:
        return made
    message = (
        f"Enqueued token limit reached for {made.model} in organization org-emulator. Limit: "
        f"{settings.enqueued_tokens:,} enqueued tokens. Please try again once some in_progress batches have "
        "been completed."
    )
    extra = {**made.extra, "errors": [problem("token_limit_exceeded", message)]}
    return attrs.evolve(made, ending=_INVALID, extra=extra)


def retrieve(call: Call) -> Response:
    """batches.retrieve."""
    return reply(render.batch(call.jobs, _found(call)))


def list_(call: Call) -> Response:
    """batches.list: the newest first."""
    found = [job for _, job in call.jobs.listed(call.operation)]
    return call.page((render.batch(call.jobs, job) for job in found), 20, 100)


def cancel(call: Call) -> Response:
    """batches.cancel; one that has ended can't be cancelled."""
    _, state = call.jobs.observe(_found(call))
    if state in ENDED:
        status = render.batch(call.jobs, _found(call))["status"]
        raise errors.ApiError(409, f"Cannot cancel a batch with status '{status}'.")
    call.jobs.cancel(_found(call))
    return reply(render.batch(call.jobs, _found(call)))


def _found(call: Call) -> Job:
    found = call.jobs.find(call.params["batch"])
    if found is None:
        raise errors.no_batch(call.params["batch"])
    return found
