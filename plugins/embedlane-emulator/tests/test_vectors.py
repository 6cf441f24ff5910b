"""Vectors that mean something."""

import ast
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane_emulator.gemini.models import MODELS
from embedlane_emulator.openai.models import MODELS as OPENAI
from embedlane_emulator.vectors import NATIVE, Lens, Sight, embed

LENSES = sorted({(model.lens.unit, model.lens.stems) for model in MODELS})
#: Those of the models that are not retired, of both services.
LIVING = sorted(
    {(model.lens.unit, model.lens.stems) for model in MODELS if model.retired is None}
    | {(model.lens.unit, model.lens.stems) for model in OPENAI}
)


def _docstrings():
    found = {}
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                text = ast.get_docstring(node)
                if text and len(text) > 80:
                    found[text[:600]] = None
        if len(found) >= 1000:
            break
    return list(found)


@pytest.fixture(scope="module")
def texts():
    return _docstrings()


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _nearest(vectors, queries, size):
    heads = _unit(vectors[:, :size])
    scores = heads[:queries] @ heads.T
    scores[np.arange(queries), np.arange(queries)] = -9
    return np.argsort(-scores, axis=1)[:, :10]


@pytest.mark.parametrize("lenses", [LENSES, LIVING])
def test_two_models_are_unrelated_at_every_size(texts, lenses):
    """One text's vectors from any two models have a cosine below 0.1."""
    sights = [Sight(text) for text in texts[:1000]]
    spaces = [embed(sights, Lens(*lens)) for lens in lenses]
    for size in (NATIVE, 768, 256):
        heads = [_unit(vectors[:, :size]) for vectors in spaces]
        for i, one in enumerate(heads):
            for other in heads[:i]:
                assert np.abs(np.einsum("ij,ij->i", one, other)).max() < 0.1


@pytest.mark.parametrize(("size", "least"), [(768, 0.96), (256, 0.90)])
def test_a_head_finds_nearly_what_the_whole_finds(texts, size, least):
    """Truncation behaves as Matryoshka should: recall@10 of heads against the whole."""
    vectors = embed([Sight(text) for text in texts], Lens(0))
    whole, head = _nearest(vectors, 300, NATIVE), _nearest(vectors, 300, size)
    recall = np.mean([len({*one} & {*other}) / 10 for one, other in zip(whole, head, strict=True)])
    assert recall > least


def test_a_first_sentence_finds_its_text(texts):
    """A text is near its own beginning, asked as a query."""
    documents = embed([Sight(text, "RETRIEVAL_DOCUMENT") for text in texts], Lens(0), 768)
    queries = embed([Sight(text.split(".")[0], "RETRIEVAL_QUERY") for text in texts], Lens(0), 768)
    scores = queries @ documents.T
    rank = (scores > scores.diagonal()[:, None]).sum(axis=1)
    assert (rank < 10).mean() > 0.85


def test_related_texts_are_nearer_than_unrelated_ones():
    """Texts that share words and stems are near."""
    bread, baking, quantum = embed(
        [
            Sight("How to bake sourdough bread at home"),
            Sight("Baking bread: a guide to home sourdough"),
            Sight("Quantum computers factor large integers"),
        ],
        Lens(1, 0.7),
    )
    assert bread @ baking > 0.5
    assert bread @ quantum < 0.3


def test_a_task_changes_the_vector_a_little():
    """Another task is another vector, near the first."""
    one, other = embed([Sight("a quiet evening", "A"), Sight("a quiet evening", "B")], Lens(0))
    assert 0.8 < one @ other < 0.999


def test_drift_turns_vectors_by_its_angle():
    """A model that drifted by an angle has that cosine with itself."""
    before = embed([Sight("some text")], Lens(0))[0]
    after = embed([Sight("some text")], Lens(0, drift=0.5))[0]
    assert before @ after == pytest.approx(np.cos(0.5), abs=1e-5)


@settings(deadline=None)
@given(
    st.lists(st.text(max_size=40), min_size=1, max_size=6), st.sampled_from([8, 100, 256, 300, 768, NATIVE])
)
def test_a_text_has_the_same_bytes_in_every_company_and_at_every_size(group, size):
    """Neither its neighbours nor the size that was asked for change a vector; its length is 1."""
    together = embed([Sight(text) for text in group], Lens(0), size)
    alone = embed([Sight(group[0])], Lens(0))[0]
    assert together[0].tobytes() == alone[:size].tobytes()
    assert np.linalg.norm(alone) == pytest.approx(1, abs=1e-4)
