"""The synchronous lane: models and embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedlane_emulator.bill import Charge
from embedlane_emulator.distort import Distortion
from embedlane_emulator.faults import Moment
from embedlane_emulator.openai import answers, inputs, models
from embedlane_emulator.openai.wire import reply

if TYPE_CHECKING:
    from starlette.responses import Response

    from embedlane_emulator.openai.inputs import Asked
    from embedlane_emulator.openai.wire import Call


def list_models(call: Call) -> Response:
    """models.list."""
    found = models.available(call.core.settings)
    return reply({"object": "list", "data": [model.as_json() for model in found]})


def retrieve_model(call: Call) -> Response:
    """models.retrieve."""
    return reply(models.find(call.core.settings, call.params["model"]).as_json())


def create(call: Call) -> Response:
    """embeddings.create."""
    asked = inputs.read(call.payload, call.core.settings)
    headers = call.limits.take(asked.model.name, asked.tokens)
    faults = call.core.faults.draw(Moment.ROWS, call.operation, asked.model.name)
    distortion = Distortion(faults, len(asked.sights))
    (found,) = inputs.vectors([asked], distortion.drift)
    _charge(call, asked)
    items = [answers.item(asked, row, distortion.values(row, vector)) for row, vector in enumerate(found)]
    return reply(answers.whole(asked, list(distortion.arrange(enumerate(items)))), headers)


def _charge(call: Call, asked: Asked) -> None:
    call.core.bill.call(
        Charge(
            id="",
            lane="sync",
            operation=call.operation,
            model=asked.model.name,
            at=call.core.clock.now(),
            sent=len(asked.sights),
            rows=len(asked.sights),
            tokens=asked.tokens,
            price=asked.model.price,
        )
    )
