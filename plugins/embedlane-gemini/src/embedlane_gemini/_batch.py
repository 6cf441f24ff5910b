"""The batch lane of models that embed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, final

import attrs
from google.genai import errors, types

from embedlane.plugin import BatchRow, Vector
from embedlane_gemini._inputs import source_of
from embedlane_gemini._jobs import GeminiJobs, lane_of
from embedlane_gemini._lines import embedding_problem, encode_line
from embedlane_gemini._service import open_service
from embedlane_gemini._sync import Parameters
from embedlane_gemini._vectors import VectorReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google import genai

    from embedlane.plugin import OpenContext, StagedInput


@final
@attrs.define(eq=False, repr=False, kw_only=True)
class GeminiBatchEmbedder(GeminiJobs[BatchRow, Vector]):
    """A BatchEmbedder over google-genai."""

    #: What goes beside each text.
    parameters: Parameters

    def encode(self, rows: Sequence[BatchRow]) -> bytes:
        """The line for the one row of *rows*: one `EmbedContentRequest` under its key."""
        (row,) = rows
        return encode_line(row, self.parameters)

    def request(self, client: genai.Client, staged: StagedInput, tag: str) -> object:
        """Ask *client* to create the job."""
        source, options = source_of(staged, {"contents": ["-"]})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.ExperimentalWarning)
            return client.batches.create_embeddings(
                model=self.parameters.model,
                src=types.EmbeddingsBatchJobSource.model_validate(source),
                config=types.CreateEmbeddingsBatchJobConfig(display_name=tag, http_options=options),
            )


def open_batch(context: OpenContext) -> GeminiBatchEmbedder:
    """Open the batch lane. Nothing is sent.

    Raises:
        ConfigError: If the provider's settings can't be right.
        CredentialError: If no key is found.
    """
    service, opener = open_service(context)
    return GeminiBatchEmbedder(
        **lane_of(service, opener, context, embedding_problem),
        reader=VectorReader(),
        parameters=Parameters.of(context.card, context.space),
    )
