"""The batch lane: create, get, list, cancel, delete, update."""

from __future__ import annotations

import itertools
import os
import shutil
from typing import TYPE_CHECKING, Any

from embedlane_emulator import jsonio
from embedlane_emulator.faults import Moment
from embedlane_emulator.gemini import errors, files, models, operations, protojson, schema
from embedlane_emulator.gemini.jobs import Order, new_id
from embedlane_emulator.gemini.wire import reply, token

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response

    from embedlane_emulator.gemini.wire import Call

_LAG = 60.0


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
        _link(files.content(call.core, config["fileName"]), source)
    elif config.get("requests", {}).get("requests"):
        _write(config["requests"]["requests"], source)
    else:
        raise errors.invalid(f"* {kind}Batch.input_config: input_config is required\n")
    order = Order(
        kind=kind,
        model=model,
        display_name=batch.get("displayName", ""),
        file=config.get("fileName", ""),
        priority=batch.get("priority", 0),
    )
    try:
        made = call.jobs.create(order, source)
    finally:
        source.unlink(missing_ok=True)
    return reply(operations.render(call.jobs, made))


def _link(content: Path, source: Path) -> None:
    try:
        os.link(content, source)
    except OSError:  # a file system without links
        shutil.copyfile(content, source)


def _write(requests: list[dict[str, Any]], source: Path) -> None:
    with source.open("wb") as out:
        for request in requests:
            out.write(jsonio.dump(request) + b"\n")


def get(call: Call) -> Response:
    """batches.get."""
    return reply(operations.render(call.jobs, call.jobs.get(call.params["batch"])))


def list_(call: Call) -> Response:
    """batches.list: the newest first, without inline responses."""
    size = call.page_size(50, 1000)
    now = call.core.clock.now()
    lag = _lag(call)
    # A job that is hidden still has its place, so that pages stay what they are.
    found = ((seq, job) for seq, job in call.jobs.newest(call.page_token()) if job.created + lag <= now)
    page = list(itertools.islice(found, size + 1))
    shown = page[:size]
    body: dict[str, Any] = {}
    if shown:
        body["operations"] = [operations.render(call.jobs, job, inlined=False) for _, job in shown]
    if len(page) > size:
        body["nextPageToken"] = token(shown[-1][0])
    return reply(body)


def _lag(call: Call) -> float:
    faults = call.core.faults.draw(Moment.LIST, call.operation)
    return max((_LAG if fault.seconds is None else fault.seconds for fault in faults), default=0.0)


def cancel(call: Call) -> Response:
    """batches.cancel."""
    call.jobs.cancel(call.params["batch"])
    return reply({})


def delete(call: Call) -> Response:
    """batches.delete."""
    call.jobs.delete(call.params["batch"])
    return reply({})


def update(call: Call) -> Response:
    """batches.updateEmbedContentBatch and its twin: displayName and priority can change."""
    message = schema.EMBED_BATCH if "Embed" in call.operation else schema.GENERATE_BATCH
    batch = protojson.parse(message, call.payload, call.version)
    mask = call.query("updateMask") or call.query("update_mask")
    wanted = {name.strip() for name in mask.split(",") if name.strip()}
    changes: dict[str, Any] = {}
    for camel, ours in (("displayName", "display_name"), ("priority", "priority")):
        if camel in batch and (not wanted or wanted & {camel, ours, "*"}):
            changes[ours] = batch[camel]
    found, state = call.jobs.observe(call.jobs.update(call.params["batch"], **changes))
    return reply(operations.as_batch(found, state, call.core.clock.now()))
