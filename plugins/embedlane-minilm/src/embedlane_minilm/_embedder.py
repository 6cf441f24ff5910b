"""Both lanes of the model."""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, final

import attrs
import numpy as np

from embedlane.plugin import MissingDependencyError, RawEmbeddings, RequestRefusedError
from embedlane.plugin.offline import Settings, open_spool
from embedlane_minilm._bert import HIDDEN, POSITIONS, Backend
from embedlane_minilm._tokens import MiniLmTokens
from embedlane_minilm._weights import PROVIDER, TOKENIZER, WEIGHTS, find_folder, verified

if TYPE_CHECKING:
    from embedlane.plugin import OpenContext, Role
    from embedlane.plugin.offline import SpoolEmbedder

#: Tokens, padding included, that go through the model at once: more takes memory and no less time.
_TOKENS_AT_ONCE = 1024
#: Rows of a batch job that are committed together: about a third of a second of work.
_BATCH = 32
_ONNX_MODULES = ("onnx", "onnxruntime")


@final
@attrs.define(eq=False)
class MiniLmEmbedder:
    """A SyncEmbedder that runs the model here. The model is loaded when the first text comes."""

    #: The model's tokenizer.
    tokens: MiniLmTokens
    #: Loads the model.
    load: Callable[[], Backend]
    _backend: Backend | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def embed(self, inputs: Sequence[str], role: Role) -> RawEmbeddings:  # noqa: ARG002 -- the model has no roles
        """Embed *inputs*; nothing is truncated.

        Raises:
            RequestRefusedError: If a text has more tokens than the model has positions.
        """
        encoded = [np.array(ids, dtype=np.int64) for ids in self.tokens.encode(inputs)]
        for number, ids in enumerate(encoded):
            if len(ids) > POSITIONS:
                message = f"Text {number} has {len(ids)} tokens; the model has {POSITIONS} positions."
                raise RequestRefusedError(message, "Cut it into pieces.", "TOO_LONG")
        backend = self._loaded()
        vectors = np.empty((len(inputs), HIDDEN), dtype=np.float32)
        for numbers in _by_length([len(ids) for ids in encoded]):
            vectors[numbers] = backend.pooled([encoded[number] for number in numbers])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return RawEmbeddings(vectors=vectors, tokens=sum(map(len, encoded)))

    def close(self) -> None:
        """Give back the model's memory."""
        with self._lock:
            self._backend = None

    def _loaded(self) -> Backend:
        with self._lock:
            if self._backend is None:
                self._backend = self.load()
            return self._backend


def open_sync(context: OpenContext) -> MiniLmEmbedder:
    """Open the sync lane. The model's files are found and verified, not loaded.

    Raises:
        ConfigError: If the provider's settings can't be right.
        MissingDependencyError: If the model's files or a wanted backend are not installed.
        InputError: If a file is not the model's.
    """
    settings = Settings(PROVIDER, context.settings)
    settings.known_keys("path", "backend", "threads")
    backend = _chosen_backend(settings)
    threads = settings.whole("threads") or _processors()
    folder = find_folder(settings)
    tokens = MiniLmTokens.load(verified(folder / TOKENIZER, context.directory))
    opener = pkgutil.resolve_name(f"embedlane_minilm._{backend}:open_backend")
    return MiniLmEmbedder(tokens, partial(opener, verified(folder / WEIGHTS, context.directory), threads))


def open_batch(context: OpenContext) -> SpoolEmbedder:
    """Open the batch lane: a spool in the provider's folder. Raises what `open_sync` does."""
    return open_spool(Settings(PROVIDER, context.settings), context, open_sync(context), batch=_BATCH)


def _chosen_backend(settings: Settings) -> str:
    """``onnx`` or ``numpy``."""
    choice = settings.choice("backend", ("auto", "onnx", "numpy"), "auto")
    missing = [name for name in _ONNX_MODULES if importlib.util.find_spec(name) is None]
    if choice == "onnx" and missing:
        raise MissingDependencyError(
            f"{settings.path('backend')} is 'onnx', but {' and '.join(missing)} can't be found.",
            "Run: pip install 'embedlane-minilm[onnx]', or set it to 'numpy'.",
        )
    if choice == "auto":
        return "numpy" if missing else "onnx"
    return choice


def _processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group the numbers of texts of similar length, the longest first; each group fits into one run."""
    batch: list[int] = []
    longest = 0
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        if batch and (len(batch) + 1) * longest > _TOKENS_AT_ONCE:
            yield batch
            batch = []
        longest = lengths[number] if not batch else longest
        batch.append(number)
    if batch:
        yield batch
