"""What `embedlane doctor` asks of a provider: one tiny request, and what its answer gives away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import attrs
import numpy as np

from embedlane.plugin import (
    CapabilityError,
    ConfigError,
    CredentialError,
    EmbedlaneError,
    Lane,
    Observation,
    RequestRefusedError,
    Role,
)
from embedlane_openai._answers import UnreadableError, in_order, read_data
from embedlane_openai._request import Parameters
from embedlane_openai._service import open_service, parsed
from embedlane_openai._settings import Encoding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.plugin import ModelCard, OpenContext, Space
    from embedlane_openai._service import Service

#: Two, so that the answer's order can be seen.
_TEXTS = ("one", "a second text")
#: How far from 1 the core lets a length be that is promised to be 1.
_TOLERANCE = 1e-2


def check_openai(context: OpenContext) -> Iterator[Observation]:
    """Look at OpenAI's service: the key, the model, and the batch lane. A few tokens are billed."""
    return _check(context, compatible=False)


def check_compatible(context: OpenContext) -> Iterator[Observation]:
    """Look at a compatible server, and say which settings it needs. A few tokens are embedded."""
    return _check(context, compatible=True)


def _check(context: OpenContext, *, compatible: bool) -> Iterator[Observation]:
    try:
        service, opener = open_service(context, compatible=compatible)
    except EmbedlaneError as error:
        yield _problem(error.message, error.hint)
        return
    try:
        parameters = Parameters.of(service.provider, opener.settings, context.card, context.space)
        yield from _Checkup(service, parameters, context.card, context.space).run()
    except EmbedlaneError as error:
        yield _problem(error.message, error.hint)
    finally:
        service.close()


@final
@attrs.frozen
class _Checkup:
    service: Service
    parameters: Parameters
    card: ModelCard
    space: Space

    def run(self) -> Iterator[Observation]:
        """Ask the sync lane, then the batch lane if the card has one."""
        try:
            answer = self._ask(self.parameters)
        except CredentialError as error:
            yield _problem(f"the key is not taken: {error.message}", error.hint)
            return
        except (ConfigError, RequestRefusedError) as error:
            yield self._refused(error)
            return
        except CapabilityError as error:
            yield _problem(f"the service does not have {self.parameters.model}: {error.message}", error.hint)
            return
        except EmbedlaneError as error:
            yield _problem(f"the service can't be used: {error.message}", error.hint)
            return
        yield _ok(f"the service answers for {self.parameters.model}")
        yield from self._answer(answer)
        if Lane.BATCH in self.card.lanes:
            yield self._batches()

    def _ask(self, parameters: Parameters) -> dict[str, Any]:
        call = self.service.call("embed two words", parameters.model)
        body = parameters.body(_TEXTS, Role.DOCUMENT)
        return parsed(
            call,
            self.service.fetch(
                call,
                lambda client: client.embeddings.with_raw_response.create(
                    model=parameters.model, input="", extra_body=body
                ),
            ),
        )

    def _refused(self, error: EmbedlaneError) -> Observation:
        """Find out which parameter is in the way, by leaving it out."""
        table = self.service.provider.table
        without = attrs.evolve(self.parameters, dimensions=None)
        digits = attrs.evolve(self.parameters, encoding=Encoding.FLOAT)
        for tried, what, advice in (
            (without, "the parameter 'dimensions'", self._sizes_advice()),
            (digits, "base64", f'Set encoding = "float" in {table}.'),
            (
                attrs.evolve(without, encoding=Encoding.FLOAT),
                "base64, nor the parameter 'dimensions'",
                f'Set encoding = "float" in {table}. {self._sizes_advice()}',
            ),
        ):
            if tried != self.parameters and self._takes(tried):
                return _problem(f"the service does not take {what}: {error.message}", advice)
        return _problem(f"the service can't be used: {error.message}", error.hint)

    def _takes(self, parameters: Parameters) -> bool:
        try:
            self._ask(parameters)
        except EmbedlaneError:
            return False
        return True

    def _answer(self, answer: dict[str, Any]) -> Iterator[Observation]:
        """Compare what came with what was asked for, and with the card."""
        try:
            rows = in_order(read_data(answer))
        except UnreadableError as error:
            yield _problem(f"its answer can't be used: {error}", "Report it to whoever makes the server.")
            return
        if len(rows) != len(_TEXTS):
            yield _problem(f"it gave {len(rows)} vectors for {len(_TEXTS)} texts", "It can't be used.")
            return
        if self.parameters.encoding is Encoding.BASE64 and isinstance(answer["data"][0]["embedding"], list):
            yield _ok("it writes digits where base64 was asked for; both are read")
        found = len(rows[0])
        if found == (self.parameters.dimensions or self.card.dimensions.native):
            yield from self._length(float(np.linalg.norm(rows[0])), found)
        elif self.parameters.dimensions is not None and found == self.card.dimensions.native:
            yield _problem(
                f"it passes over the parameter 'dimensions': {found} came instead of "
                f"{self.parameters.dimensions}",
                self._sizes_advice(),
            )
        else:
            yield _problem(
                f"its vectors have {found} numbers, those of the card {self.card.dimensions.native}",
                f"Correct dimensions.native of {self.card.id} in [[models]], or the server's model.",
            )

    def _length(self, length: float, size: int) -> Iterator[Observation]:
        if self.card.arrives_normalised(size) and abs(length - 1.0) > _TOLERANCE:
            yield _problem(
                f"its vectors have length {length:.4g}, and the card promises 1",
                f'Set normalisation = "never" for {self.card.id} in [[models]]; embedlane then sees to it.',
            )
        else:
            yield _ok(f"its vectors have {size} numbers, as they should")

    def _sizes_advice(self) -> str:
        if self.card.dimensions.matryoshka:
            return (
                f"Set send_dimensions = false in {self.service.provider.table}: then the heads of the native "
                "vectors are kept."
            )
        return f"Use the native size, {self.card.dimensions.native}, or another server."

    def _batches(self) -> Observation:
        call = self.service.call("list the batches")
        outcome = self.service.attempt(call, lambda client: client.batches.with_raw_response.list(limit=1))
        if outcome.failure is None:
            return _ok("its batch lane answers")
        return _problem(
            f"its batch lane does not answer: {outcome.failure.message}",
            f'If it has none, take "batch" out of the lanes of {self.card.id} in [[models]].',
        )


def _ok(message: str) -> Observation:
    return Observation(level="ok", message=message)


def _problem(message: str, hint: str) -> Observation:
    return Observation(level="problem", message=message, hint=hint)
