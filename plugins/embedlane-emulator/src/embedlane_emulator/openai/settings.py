"""How the emulated OpenAI API behaves where there is a choice, and how servers like it deviate."""

from __future__ import annotations

from typing import Any

import attrs

from embedlane_emulator.core import DAY, Settings, one_of


def _sizes(_settings: Any, _attribute: attrs.Attribute[dict[str, int]], value: dict[str, int]) -> None:
    for name, size in value.items():
        if not name or not isinstance(size, int) or size < 1:
            raise ValueError(f"model {name!r} can't have {size!r} dimensions")


@attrs.frozen(kw_only=True)
class OpenAISettings(Settings):
    """Settings of the OpenAI dialect."""

    #: Seconds a batch is finalised, after it was in progress.
    finalizing: float = 0.1
    #: Seconds between the cancel of a batch and its end.
    cancelling: float = 0.1
    #: Seconds after which a batch that has not ended expires.
    expiry: float = DAY
    #: Seconds an uploaded file of the purpose ``batch`` lives, unless the upload says otherwise.
    file_life: float = 30 * DAY
    #: Seconds result files live, unless the batch says otherwise.
    result_life: float = 30 * DAY
    #: What happens to a text above the model's limit: ``truncate`` or ``reject``.
    long_inputs: str = attrs.field(default="reject", validator=one_of("truncate", "reject"))
    #: Most lines of a batch.
    batch_lines: int = 50_000
    #: Most texts of a batch, over all its lines.
    batch_inputs: int = 50_000
    #: Most bytes of an upload.
    file_bytes: int = 512 * 1024**2
    #: Most bytes of a batch's input file.
    batch_bytes: int = 200 * 1024**2
    #: Most requests for embeddings in a minute; 0 for no limit.
    requests_per_minute: int = 0
    #: Most tokens of such requests in a minute; 0 for no limit.
    tokens_per_minute: int = 0
    #: Most texts of one request; 0 for no limit.
    max_inputs: int = 2048
    #: Most tokens of one text.
    input_tokens: int = 8192
    #: Most tokens of one request; 0 for no limit.
    request_tokens: int = 300_000
    #: Models beside OpenAI's own, by name, with their dimensions.
    models: dict[str, int] = attrs.field(factory=dict, validator=_sizes)
    #: Whether OpenAI's own models are served.
    own_models: bool = True
    #: Whether every name is a name of the first model, as with servers that have one only.
    any_model: bool = False
    #: What models beside OpenAI's own do with ``dimensions``: ``serve``, ``refuse`` or ``ignore``.
    dimensions: str = attrs.field(default="serve", validator=one_of("serve", "refuse", "ignore"))
    #: What comes if base64 is asked for: it, or ``floats`` all the same, or a refusal.
    base64: str = attrs.field(default="serve", validator=one_of("serve", "floats", "refuse"))
    #: Whether there are files and batches.
    batches: bool = True
    #: Whether there is a list of models.
    list_models: bool = True
    #: Whether callers need no key.
    keyless: bool = False
    #: Whether parameters that nobody knows are refused.
    strict: bool = True
    #: The HTTP status of what is above a limit of texts or tokens.
    limit_status: int = attrs.field(default=400, validator=one_of(400, 413, 422, 500))
    #: Whether an error's fields stand in an ``error`` object (``nested``) or at the top (``flat``).
    errors: str = attrs.field(default="nested", validator=one_of("nested", "flat"))
