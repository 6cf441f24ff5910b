"""The model's numbers, in the shape that both backends want them.

BERT (Devlin et al. 2018) with 6 layers, 12 heads and 384 hidden numbers. A dense layer's weight is kept as
(in, out), so that it stands on the right of a product; the three of attention are side by side as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

import attrs
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Floats: TypeAlias = NDArray[np.float32]
Ids: TypeAlias = NDArray[np.int64]

HIDDEN = 384
HEADS = 12
HEAD = HIDDEN // HEADS
#: Tokens that have a position.
POSITIONS = 512
EPSILON = 1e-12
_LAYERS = 6


class Backend(Protocol):
    """Runs the model."""

    def pooled(self, batch: Sequence[Ids]) -> Floats:
        """The mean over each text's last hidden state.

        Args:
            batch: The token ids of each text.

        Returns:
            An array of shape (texts, 384), not normalised.
        """
        ...


@attrs.frozen(eq=False)
class Dense:
    """A linear map."""

    #: Shape (in, out).
    weight: Floats
    #: Shape (out,).
    bias: Floats


@attrs.frozen(eq=False)
class Norm:
    """A layer normalisation."""

    #: Shape (384,).
    scale: Floats
    #: Shape (384,).
    shift: Floats


@attrs.frozen(eq=False, kw_only=True)
class Layer:
    """One of the encoder's layers."""

    #: Query, key and value of all heads, from 384 to 3 x 384.
    attention: Dense
    #: From the joined heads back to 384.
    joined: Dense
    #: After attention.
    attention_norm: Norm
    #: From 384 to 1536.
    up: Dense
    #: From 1536 back to 384.
    down: Dense
    #: At the layer's end.
    norm: Norm


@attrs.frozen(eq=False, kw_only=True)
class Bert:
    """All of the model's numbers."""

    #: A row for each token, of shape (30522, 384).
    words: Floats
    #: A row for each position, of shape (512, 384); holds the row of the only segment, too.
    positions: Floats
    #: After the embeddings.
    norm: Norm
    #: The encoder.
    layers: tuple[Layer, ...]


def load_bert(path: Path) -> Bert:
    """Read the model's numbers from its safetensors file."""
    with safe_open(str(path), framework="numpy") as file:
        read = cast("Callable[[str], Floats]", file.get_tensor)
        segment = read("embeddings.token_type_embeddings.weight")[0]
        return Bert(
            words=read("embeddings.word_embeddings.weight"),
            positions=read("embeddings.position_embeddings.weight") + segment,
            norm=_norm(read, "embeddings.LayerNorm"),
            layers=tuple(_layer(read, f"encoder.layer.{number}") for number in range(_LAYERS)),
        )


def _layer(read: Callable[[str], Floats], name: str) -> Layer:
    return Layer(
        attention=_dense(read, *(f"{name}.attention.self.{part}" for part in ("query", "key", "value"))),
        joined=_dense(read, f"{name}.attention.output.dense"),
        attention_norm=_norm(read, f"{name}.attention.output.LayerNorm"),
        up=_dense(read, f"{name}.intermediate.dense"),
        down=_dense(read, f"{name}.output.dense"),
        norm=_norm(read, f"{name}.output.LayerNorm"),
    )


def _dense(read: Callable[[str], Floats], *names: str) -> Dense:
    weights = np.concatenate([read(f"{name}.weight") for name in names])
    biases = np.concatenate([read(f"{name}.bias") for name in names])
    return Dense(np.ascontiguousarray(weights.T), biases)


def _norm(read: Callable[[str], Floats], name: str) -> Norm:
    return Norm(read(f"{name}.weight"), read(f"{name}.bias"))
