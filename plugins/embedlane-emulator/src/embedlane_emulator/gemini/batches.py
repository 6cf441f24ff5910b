"""The batch lane: create, get, list, cancel, delete, update."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

from embedlane_emulator import jsonio
from embedlane_emulator.gemini import errors, files, models, operations, protojson, rows, schema
from embedlane_emulator.gemini.wire import reply, token
from embedlane_emulator.job import Ending, State
from embedlane_emulator.jobs import Order, new_id
from embedlane_emulator.storage import link

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starlette.responses import Response

    from embedlane_emulator.gemini.settings import GeminiSettings
    from embedlane_emulator.gemini.wire import Call
    from embedlane_emulator.job import Job

#: The operations that make jobs.
EMBED = "models.asyncBatchEmbedContent"
GENERATE = "models.batchGenerateContent"


def create_embed(call: Call) -> Response:
    """models.asyncBatchEmbedContent."""
    return _create(call, "EmbedContent", schema.CREATE_EMBED_BATCH)


def create_generate(call: Call) -> Response:
    """models.batchGenerateContent."""
    return _create(call, "GenerateContent", schema.CREATE_GENERATE_BATCH)


def _create(call: Call, kind: str, message: protojson.Message) -> Response:
    model = models.supporting(call.core, call.params["model"], call.operation, call.version)
    batch = protojson.parse(message, call.payload, call.version).get("batch", {})
    named = batch.get("model", "").removeprefix("models/")
    if named and named != model.name:
        raise errors.invalid("* batch.model: model must be the same as in the URL\n")
    config = batch.get("inputConfig", {})
    source = call.core.store.blob(f"staged-{new_id(16)}.jsonl")
    if config.get("fileName"):
        link(files.content(call.core, config["fileName"]), source)
    elif config.get("requests", {}).get("requests"):
        _write(config["requests"]["requests"], source)
    else:
        raise errors.invalid(f"* {kind}Batch.input_config: input_config is required\n")
    try:
        order = _order(call, kind, model, batch, rows.measure(source))
        made = call.jobs.create(order, source, partial(_admit, call.core.settings))
    finally:
        source.unlink(missing_ok=True)
    return reply(operations.render(call.jobs, made))


def _order(call: Call, kind: str, model: models.Model, batch: dict[str, Any], size: rows.Size) -> Order:
    return Order(
        id=new_id(36),
        kind=kind,
        operation=call.operation,
        model=model.name,
        price=model.batch_price,
        output_price=model.batch_output_price,
        display_name=batch.get("displayName", ""),
        file=batch["inputConfig"].get("fileName", ""),
        rows=size.rows,
        tokens=size.tokens,
        ending=_unreadable(call.core.settings, size),
        fields={"extra": {"priority": batch.get("priority", 0)}},
    )


def _unreadable(settings: GeminiSettings, size: rows.Size) -> Ending | None:
    if size.bad_line is None or settings.bad_lines != "job":
        return None
    reason = f"Failed to parse the input file: invalid JSON in line {size.bad_line}."
    return Ending(state=State.FAILED, reason=reason, code=errors.INVALID_ARGUMENT, share=0)


def _admit(settings: GeminiSettings, made: Job, active: Sequence[Job]) -> Job:
    """Refuse a job above a quota."""
    waiting = sum(found.tokens for found in active if found.model == made.model)
    if len(active) >= settings.concurrent_jobs or waiting + made.tokens > settings.enqueued_tokens:
        raise errors.quota()
    return made


def _write(requests: list[dict[str, Any]], source: Path) -> None:
    with source.open("wb") as out:
        for request in requests:
            out.write(jsonio.dump(request) + b"\n")


def get(call: Call) -> Response:
    """batches.get."""
    return reply(operations.render(call.jobs, _found(call)))


def list_(call: Call) -> Response:
    """batches.list: the newest first, without inline responses."""
    size = call.page_size(50, 1000)
    found = call.jobs.listed(call.operation, call.page_token())
    page = list(itertools.islice(found, size + 1))
    shown = page[:size]
    body: dict[str, Any] = {}
    if shown:
        body["operations"] = [operations.render(call.jobs, job, inlined=False) for _, job in shown]
    if len(page) > size:
        body["nextPageToken"] = token(shown[-1][0])
    return reply(body)


def cancel(call: Call) -> Response:
    """batches.cancel; a job that has ended stays as it is."""
    call.jobs.cancel(_found(call))
    return reply({})


def delete(call: Call) -> Response:
    """batches.delete: the job is out of sight, runs and costs all the same."""
    call.jobs.update(_found(call).id, deleted=True)
    return reply({})


def _found(call: Call) -> Job:
    found = call.jobs.find(call.params["batch"])
    if found is None or found.deleted:
        raise errors.not_found()
    return found


def update(call: Call) -> Response:
    """batches.updateEmbedContentBatch and its twin: displayName and priority can change."""
    message = schema.EMBED_BATCH if "Embed" in call.operation else schema.GENERATE_BATCH
    batch = protojson.parse(message, call.payload, call.version)
    mask = call.query("updateMask") or call.query("update_mask")
    wanted = {name.strip() for name in mask.split(",") if name.strip()}
    found = _found(call)
    changes: dict[str, Any] = {}
    if "displayName" in batch and (not wanted or wanted & {"displayName", "display_name", "*"}):
        changes["display_name"] = batch["displayName"]
    if "priority" in batch and (not wanted or wanted & {"priority", "*"}):
        changes["extra"] = {**found.extra, "priority": batch["priority"]}
    call.jobs.update(found.id, **changes)
    found, state = call.jobs.observe(_found(call))
    return reply(operations.as_batch(found, state, call.core.clock.now()))
