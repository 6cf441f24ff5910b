"""The model in both backends and both lanes."""

import hashlib
import math
import os
import threading
import unicodedata

import numpy as np
import pytest

from embedlane.errors import ConfigError, MissingDependencyError, RequestRefusedError
from embedlane.models.card import Role
from embedlane.providers.values import BatchFile, BatchRow, RemoteState
from embedlane_minilm import _embedder
from embedlane_minilm._embedder import open_batch, open_sync
from embedlane_minilm._numpy import erf, gelu

TEXTS = [
    "a",
    "",
    " \n\t ",
    "This is an example sentence",
    "Return a new list containing all items from the iterable in ascending order.",
    "Größe, naïveté, Ångström and œuvre.",
    "日本語のテキストと한국어 텍스트",
    "emoji 🎉🎉 and ☃",
    "[SEP] [CLS] literal special tokens [PAD]",
    "def f(x: int) -> int:\n    return x + 1  # code",
    "https://example.org/a?b=c&d=e " * 8,
    "The quick brown fox jumps over the lazy dog. " * 8,
    "tokens and more tokens " * 30,
    "x" * 5000,
    unicodedata.name("¿") * 5,
]


@pytest.fixture(params=["onnx", "numpy"])
def embedder(request, embedders):
    """Each backend in turn."""
    return embedders[request.param]


def vectors(embedder, texts):
    return np.asarray(embedder.embed(texts, Role.DOCUMENT).vectors)


def test_the_backends_agree(embedders):
    """Two independent computations of the model differ by less than 1e-5 in any number."""
    one, two = (vectors(embedder, TEXTS) for embedder in embedders.values())
    assert np.abs(one - two).max() < 1e-5


def test_the_vectors_are_those_of_the_published_model(embedder):
    """The first numbers are those that sentence-transformers prints for the sentence of its model card."""
    (vector,) = vectors(embedder, ["This is an example sentence"])
    assert vector[:6] == pytest.approx(
        [0.0676569, 0.0634959, 0.0487131, 0.0793049, 0.0374480, 0.0026527], abs=1e-5
    )


def test_vectors_are_unit_float32_in_the_order_of_the_texts(embedder):
    """Whatever the lengths in a call, each text gets the vector that it has alone."""
    answer = embedder.embed(TEXTS, Role.QUERY)
    assert answer.vectors.shape == (len(TEXTS), 384)
    assert answer.vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(answer.vectors, axis=1) - 1).max() < 1e-6
    assert answer.tokens == sum(embedder.tokens.count(TEXTS))
    for text, vector in zip(TEXTS, answer.vectors, strict=True):
        assert np.abs(vectors(embedder, [text])[0] - vector).max() < 1e-5


def test_a_paraphrase_is_nearer_than_another_subject(embedder):
    """The model knows meaning: no word is shared with the nearer text."""
    query, near, far = vectors(
        embedder,
        [
            "How do I put elements in order?",
            "Sort a list ascending.",
            "Open a network connection to the given host.",
        ],
    )
    assert query @ near > query @ far + 0.2


def test_a_text_beyond_the_positions_is_refused_and_not_truncated(embedder):
    """512 tokens are the model's positions; more is the caller's to cut."""
    assert vectors(embedder, ["word " * 510]).shape == (1, 384)
    with pytest.raises(
        RequestRefusedError, match="Text 1 has 513 tokens; the model has 512 positions"
    ) as caught:
        embedder.embed(["fine", "word " * 511], Role.DOCUMENT)
    assert caught.value.code == "TOO_LONG"


def test_a_closed_embedder_loads_again(embedder):
    """Close gives the memory back; the next text loads the model once more."""
    before = vectors(embedder, ["text"])
    embedder.close()
    assert np.array_equal(vectors(embedder, ["text"]), before)


def test_threads_share_one_model(embedder):
    """Calls from several threads at once give what each gives alone."""
    wanted = vectors(embedder, TEXTS[:5])
    results = {}

    def run(number):
        results[number] = vectors(embedder, TEXTS[:5])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.abs(result - wanted).max() < 1e-6 for result in results.values())


def test_nothing_comes_of_nothing(embedder):
    """No texts give no vectors, in the right shape."""
    answer = embedder.embed([], Role.DOCUMENT)
    assert (answer.vectors.shape, answer.tokens) == ((0, 384), 0)


def test_many_texts_are_cut_into_small_runs():
    """Groups hold texts of similar length, each number once, within the tokens that go through at once."""
    lengths = [3, 500, 40, 2, 300, 1024, 2000, 7] * 50
    groups = list(_embedder._by_length(lengths))
    assert sorted(number for group in groups for number in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[number] for number in group)
        assert len(group) == 1 or len(group) * longest <= _embedder._TOKENS_AT_ONCE


def test_the_batch_lane_gives_the_vectors_of_the_sync_lane(context, embedders, tmp_path):
    """A job in the spool ends with the same vectors; a text that is too long is a refusal under its key."""
    spool = open_batch(context(tmp_path, backend="onnx", batch_rows=100))
    rows = [BatchRow(f"k{number}", text) for number, text in enumerate([*TEXTS, "word " * 511])]
    data = b"".join(spool.encode([row]) + b"\n" for row in rows)
    path = tmp_path / "input.jsonl"
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    staged = spool.stage(BatchFile(path=path, rows=len(rows), size=len(data), digest=digest), "tag")
    job = spool.create(staged, "tag")
    while not job.state.terminal:
        job = spool.get(job.name)
    *done, refused = spool.results(job)
    spool.close()
    assert (job.state, job.rows_done, job.rows_failed) == (RemoteState.SUCCEEDED, len(TEXTS), 1)
    assert (refused.key, refused.code) == (f"k{len(TEXTS)}", "TOO_LONG")
    assert [result.key for result in done] == [row.key for row in rows[:-1]]
    found = np.array([result.values for result in done])
    assert np.abs(found - vectors(embedders["onnx"], TEXTS)).max() < 1e-6


def test_erf_and_gelu_are_those_of_the_mathematics():
    """The float32 fit stays within 5e-7 of the error function, far out, too."""
    points = np.linspace(-20, 20, 40_001, dtype=np.float32)
    truth = np.array([math.erf(point) for point in points])
    assert np.abs(erf(points) - truth).max() < 5e-7
    wanted = points * 0.5 * (1 + np.array([math.erf(point / math.sqrt(2)) for point in points]))
    assert np.abs(gelu(points.copy()) - wanted).max() < 2e-6


def test_auto_takes_numpy_where_onnx_is_missing(context, monkeypatch):
    """Without onnxruntime the plugin works; asked for by name, its lack is an error with the pip line."""
    assert open_sync(context()).load.func.__module__ == "embedlane_minilm._onnx"
    monkeypatch.setattr(_embedder, "_ONNX_MODULES", ("onnx", "no_such_runtime"))
    assert open_sync(context()).load.func.__module__ == "embedlane_minilm._numpy"
    with pytest.raises(MissingDependencyError, match=r"no_such_runtime can't .*embedlane-minilm\[onnx\]"):
        open_sync(context(backend="onnx"))


def test_threads_are_the_processors_unless_set(context, monkeypatch):
    """The setting reaches the backend; where a process can't ask for its own processors, all are taken."""
    assert open_sync(context(threads=3)).load.args[1] == 3
    assert open_sync(context()).load.args[1] >= 1
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert open_sync(context()).load.args[1] == os.cpu_count()


@pytest.mark.parametrize(
    ("key", "value"), [("backend", "torch"), ("threads", 0), ("threads", "two"), ("path", 1), ("pth", "x")]
)
def test_a_setting_that_cannot_be_right_is_refused(context, key, value):
    """The error names the key's path."""
    with pytest.raises(ConfigError, match=rf"^providers\.minilm\.{key}: "):
        open_sync(context(**{key: value}))
