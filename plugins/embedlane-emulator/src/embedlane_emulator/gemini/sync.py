"""The synchronous lane: models, embedContent and batchEmbedContents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedlane_emulator.bill import Charge
from embedlane_emulator.distort import Distortion
from embedlane_emulator.faults import Moment
from embedlane_emulator.gemini import errors, inputs, models, protojson, schema
from embedlane_emulator.gemini.wire import reply

if TYPE_CHECKING:
    from starlette.responses import Response

    from embedlane_emulator.gemini.inputs import Input
    from embedlane_emulator.gemini.models import Model
    from embedlane_emulator.gemini.wire import Call

_MOST_REQUESTS = 100


def list_models(call: Call) -> Response:
    """models.list."""
    found = models.available(call.core)
    start = call.page_token() or 0
    page = found[start : start + call.page_size(50, 1000)]
    body: dict[str, Any] = {"models": [model.as_json() for model in page]}
    if start + len(page) < len(found):
        body["nextPageToken"] = f"p{start + len(page)}"
    return reply(body)


def get_model(call: Call) -> Response:
    """models.get."""
    return reply(models.find(call.core, call.params["model"], call.version).as_json())


def embed(call: Call) -> Response:
    """models.embedContent."""
    model = models.supporting(call.core, call.params["model"], call.operation, call.version)
    request = protojson.parse(schema.EMBED, call.payload, call.version)
    item = inputs.read(request, model, call.core.settings)
    found = _embeddings(call, model, [item])
    return reply({"embedding": found[0] if found else {}, **_usage([item])})


def batch_embed(call: Call) -> Response:
    """models.batchEmbedContents."""
    model = models.supporting(call.core, call.params["model"], call.operation, call.version)
    message = protojson.parse(schema.BATCH_EMBED, call.payload, call.version)
    requests = message.get("requests", [])
    if len(requests) > _MOST_REQUESTS:
        raise errors.invalid(
            "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch\n"
        )
    for at, request in enumerate(requests):
        if not request.get("model"):
            raise errors.invalid(
                f"* BatchEmbedContentsRequest.requests[{at}].model: model is not specified\n"
            )
    items = [inputs.read(request, model, call.core.settings) for request in requests]
    return reply({"embeddings": _embeddings(call, model, items), **_usage(items)})


def _embeddings(call: Call, model: Model, items: list[Input]) -> list[dict[str, Any]]:
    faults = call.core.faults.draw(Moment.ROWS, call.operation, model.name)
    distortion = Distortion(faults, len(items))
    found = inputs.vectors(items, model, distortion.drift)
    _charge(call, model, items)
    rows = [inputs.embedding(distortion.values(row, vector)) for row, vector in enumerate(found)]
    return list(distortion.arrange(enumerate(rows)))


def _charge(call: Call, model: Model, items: list[Input]) -> None:
    call.core.bill.call(
        Charge(
            id="",
            lane="sync",
            operation=call.operation,
            model=model.name,
            at=call.core.clock.now(),
            sent=len(items),
            rows=len(items),
            tokens=sum(item.tokens for item in items),
            price=model.price,
        )
    )


def _usage(items: list[Input]) -> dict[str, Any]:
    count = sum(item.tokens for item in items)
    if not count:
        return {}
    details = [{"modality": "TEXT", "tokenCount": count}]
    return {"usageMetadata": {"promptTokenCount": count, "promptTokenDetails": details}}
