"""The batch lane of models that generate."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import attrs
import orjson
from google.genai import types

from embedlane.plugin import RequestRow, Response
from embedlane_gemini._inputs import source_of
from embedlane_gemini._jobs import GeminiJobs, lane_of
from embedlane_gemini._requests import problem
from embedlane_gemini._responses import ResponseReader
from embedlane_gemini._service import open_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google import genai

    from embedlane.plugin import ServiceContext, StagedInput


@final
@attrs.define(eq=False, repr=False, kw_only=True)
class GeminiBatchGenerator(GeminiJobs[RequestRow, Response]):
    """A BatchGenerator over google-genai."""

    def encode(self, rows: Sequence[RequestRow]) -> bytes:
        """The line for the one row of *rows*: one `GenerateContentRequest` under its key."""
        (row,) = rows
        # As it was given, but for its blanks.
        return orjson.dumps({"key": row.key, "request": orjson.loads(row.request)})

    def request(self, client: genai.Client, staged: StagedInput, tag: str) -> object:
        """Ask *client* to create the job."""
        source, options = source_of(staged, [{"contents": "-"}])
        return client.batches.create(
            model=self.service.model,
            src=types.BatchJobSource.model_validate(source),
            config=types.CreateBatchJobConfig(display_name=tag, http_options=options),
        )


def open_batch(context: ServiceContext) -> GeminiBatchGenerator:
    """Open the batch lane. Nothing is sent.

    Raises:
        ConfigError: If the provider's settings can't be right.
        CredentialError: If no key is found.
    """
    service, opener = open_service(context)
    return GeminiBatchGenerator(**lane_of(service, opener, context, problem), reader=ResponseReader())
