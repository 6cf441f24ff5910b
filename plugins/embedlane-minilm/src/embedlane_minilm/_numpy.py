"""The model in numpy alone.

Texts of a batch are laid end to end, without padding: the linear maps see one tall array, and only attention
looks at each text by itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, final

import attrs
import numpy as np

from embedlane_minilm._bert import EPSILON, HEAD, HEADS, HIDDEN, Bert, load_bert

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedlane_minilm._bert import Dense, Floats, Ids, Norm

#: Numbers that go through `gelu` at once, so that they stay in the processor's cache.
_CACHED = 1 << 14
#: erf(x) = x P(x^2) / Q(x^2) on [-4, 4], highest power first; the minimax fit that Eigen used for float32.
#: Its error is below 4e-7 everywhere.
_P = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
_Q = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)


@final
@attrs.frozen(eq=False)
class NumpyBackend:
    """Runs the model with numpy. Threads are those of its linear algebra library."""

    #: The model's numbers.
    bert: Bert

    def pooled(self, batch: Sequence[Ids]) -> Floats:
        """The mean over each text's last hidden state."""
        ends = np.cumsum([len(ids) for ids in batch]).tolist()
        spans = [slice(end - len(ids), end) for end, ids in zip(ends, batch, strict=True)]
        states = self.bert.words[np.concatenate(batch)]
        for span in spans:
            states[span] += self.bert.positions[: span.stop - span.start]
        states = _normed(states, self.bert.norm)
        for layer in self.bert.layers:
            attended = _attended(_mapped(states, layer.attention), spans)
            states = _normed(_mapped(attended, layer.joined) + states, layer.attention_norm)
            inner = gelu(_mapped(states, layer.up))
            states = _normed(_mapped(inner, layer.down) + states, layer.norm)
        return np.stack([states[span].mean(axis=0) for span in spans])


def open_backend(weights: Path, threads: int) -> NumpyBackend:  # noqa: ARG001 -- numpy can't be told at run time
    """Load the model."""
    return NumpyBackend(load_bert(weights))


def erf(values: Floats) -> Floats:
    """The error function of each of *values*, in float32."""
    clipped = np.clip(values, np.float32(-4), np.float32(4))
    squares = clipped * clipped
    upper = _horner(_P, squares)
    upper *= clipped
    upper /= _horner(_Q, squares)
    return upper


def gelu(values: Floats) -> Floats:
    """Turn *values*, contiguous in memory, into x Phi(x) in place, and return them."""
    flat = values.reshape(-1)
    for start in range(0, flat.size, _CACHED):
        part = flat[start : start + _CACHED]
        phi = erf(part * np.float32(math.sqrt(0.5)))
        phi += np.float32(1)
        phi *= np.float32(0.5)
        part *= phi
    return values


def _horner(coefficients: Sequence[float], values: Floats) -> Floats:
    result = np.full_like(values, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= values
        result += np.float32(coefficient)
    return result


def _mapped(states: Floats, dense: Dense) -> Floats:
    result: Floats = states @ dense.weight
    result += dense.bias
    return result


def _normed(states: Floats, norm: Norm) -> Floats:
    centred: Floats = states - states.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", centred, centred) / np.float32(HIDDEN)
    centred /= np.sqrt(variance + np.float32(EPSILON))[:, np.newaxis]
    centred *= norm.scale
    centred += norm.shift
    return centred


def _attended(mapped: Floats, spans: Sequence[slice]) -> Floats:
    """Scaled dot-product attention (Vaswani et al. 2017) inside each span.

    Args:
        mapped: Query, key and value of all heads, of shape (tokens, 3 x 384).
        spans: The rows of each text.

    Returns:
        The heads side by side, of shape (tokens, 384).
    """
    result = np.empty((len(mapped), HIDDEN), dtype=np.float32)
    for span in spans:
        query, key, value = mapped[span].reshape(-1, 3, HEADS, HEAD).transpose(1, 2, 0, 3)
        scores = (query * np.float32(HEAD**-0.5)) @ key.transpose(0, 2, 1)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        result[span] = (scores @ value).transpose(1, 0, 2).reshape(-1, HIDDEN)
    return result
