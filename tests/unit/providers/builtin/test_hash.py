"""The `hash` embedder."""

import hashlib
import math
import os
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from embedlane.models.card import Role
from embedlane.providers.builtin.hash import HashEmbedder, hash_vector


def cosine(one, two):
    return sum(a * b for a, b in zip(one, two, strict=True))


def norm(vector):
    return math.sqrt(math.fsum(number * number for number in vector))


def golden(dimensions):
    texts = (
        "The lane is a way to have texts embedded.",
        "lane lane lane",
        "Größe über Ångström",
        "日本語",
        "",
    )
    digits = " ".join(f"{number:.5f}" for text in texts for number in hash_vector(text, dimensions))
    return hashlib.sha256(digits.replace("-0.00000", "0.00000").encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("dimensions", "digest"), [(8, "8ed3e4a40e1cf9d6"), (256, "c2fc0c393aff898c"), (1000, "0d6120661aa76c8f")]
)
def test_vectors_are_the_same_on_every_machine(dimensions, digest):
    """The vectors of a release are known to five digits; changing them needs a new revision of the card."""
    assert golden(dimensions) == digest


def test_vectors_do_not_depend_on_the_seed_of_hash():
    """Two processes with different seeds of Python's own hash give the same bytes."""
    code = (
        "from embedlane.providers.builtin.hash import hash_vector;"
        "print(hash_vector('one lane, two lanes', 64).tobytes().hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@given(text=st.text(st.characters()), dimensions=st.integers(1, 600))
@example(text="a" * 1000, dimensions=8)
@example(text="\ud800", dimensions=8)
@example(text="İstanbul ß ﬁ", dimensions=8)
def test_any_text_has_a_finite_unit_vector(text, dimensions):
    """Whatever the text and the size, all numbers are finite and the length is one."""
    vector = hash_vector(text, dimensions)
    assert len(vector) == dimensions
    assert all(map(math.isfinite, vector))
    assert norm(vector) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("text", ["", " \n", "...!?", "\ud800"])
def test_texts_without_features_share_one_vector(text):
    """A text without words gets the vector of one fixed feature."""
    assert hash_vector(text, 64) == hash_vector("", 64)


def test_features_that_cancel_out_leave_no_zero_vector():
    """In one dimension many texts cancel out; each still has length one."""
    lengths = {abs(hash_vector(f"word{number}", 1)[0]) for number in range(200)}
    assert lengths == {1.0}


def test_related_texts_are_nearer_than_unrelated_ones():
    """Shared words, and parts of words, bring texts together; case does not matter."""
    query = hash_vector("how to cancel a batch job", 256)
    same_words = hash_vector("A batch job can be CANCELLED by its id.", 256)
    other = hash_vector("Prices are given in dollars per million tokens.", 256)
    assert cosine(query, same_words) > 0.3 > cosine(query, other)
    assert cosine(hash_vector("normalisation", 256), hash_vector("normalised", 256)) > 0.4


def test_a_word_that_is_repeated_weighs_less_than_twice():
    """The weight of a feature grows with the logarithm of its count."""
    once, often = hash_vector("apple pear", 4096), hash_vector("apple " * 10 + "pear", 4096)
    assert 0.2 < cosine(often, hash_vector("pear", 4096)) < cosine(once, hash_vector("pear", 4096))


def test_very_frequent_and_very_long_words_are_embedded():
    """Counts beyond the table and words beyond the cache take the same rule."""
    long = "x" * 100
    assert cosine(hash_vector(f"{long} other", 512), hash_vector(long, 512)) > 0.5
    assert norm(hash_vector("and " * 1000, 64)) == pytest.approx(1.0, abs=1e-6)


def test_embed_keeps_the_order_and_counts_words():
    """A call gives one vector for each text, in order, and the number of all words as tokens."""
    texts = ["one two", "", "three", "one two"]
    answer = HashEmbedder(32).embed(texts, Role.QUERY)
    assert [list(vector) for vector in answer.vectors] == [list(hash_vector(text, 32)) for text in texts]
    assert answer.tokens == 5
    assert HashEmbedder(32).embed([], Role.QUERY).vectors == []


def test_the_role_changes_nothing():
    """The model has no roles."""
    embedder = HashEmbedder(16)
    answers = [embedder.embed(["text"], role).vectors[0] for role in Role]
    embedder.close()
    assert answers[0] == answers[1]


def test_dimensions_must_be_positive():
    """There is no vector of no numbers."""
    with pytest.raises(ValueError, match="dimensions"):
        HashEmbedder(0)
