"""Calling an embedder: repeats, halving, rates and templates."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane.errors import (
    ConfigError,
    CredentialError,
    RequestRefusedError,
    ResponseError,
    TransientError,
)
from embedlane.models.card import Dimensions, ModelCard, Role, TaskScheme
from embedlane.models.space import Space
from embedlane.providers.caller import Caller, Retries
from embedlane.providers.checks import Checker
from embedlane.providers.halt import Halt, HaltedError
from embedlane.providers.rates import RateLimit
from embedlane.providers.values import RawEmbeddings

PREFIXES = TaskScheme(mechanism="prefix", document="passage: {text}", query="query: {text}")
PARAMS = TaskScheme(mechanism="param", document="DOC", query="QUERY")
QUICK = Retries(attempts=4, first_pause=0.0, longest_pause=0.0)


class _Embedder:
    """Embeds a text as (its length, 1), after the errors that it is given."""

    def __init__(self, *errors, bad=()):
        self.errors = list(errors)
        self.bad = set(bad)
        self.calls = []

    def embed(self, inputs, role):
        self.calls.append((tuple(inputs), role))
        if self.errors:
            raise self.errors.pop(0)
        if not self.bad.isdisjoint(inputs):
            raise RequestRefusedError("One of them is bad.", "", "400")
        return RawEmbeddings(vectors=[[float(len(text)), 1.0] for text in inputs], tokens=len(inputs))

    def close(self):
        pass


def caller(embedder, tasks=None, rate=None, retries=QUICK):
    card = ModelCard(
        id="acme:one", lanes=["sync"], dimensions=Dimensions(native=2), tasks=tasks or TaskScheme()
    )
    checker = Checker("acme", card, Space.of(card))
    return Caller(embedder=embedder, checker=checker, rate=rate or RateLimit(), retries=retries)


def slopes(answer):
    """The lengths of the texts, read from their vectors."""
    return [round(float(x / y)) for x, y in answer.vectors]


def test_an_answer_holds_checked_vectors_and_billed_tokens():
    """Vectors come in the order of the texts, with unit length."""
    answer = caller(_Embedder()).call(["abc", "a"], Role.DOCUMENT)
    assert slopes(answer) == [3, 1]
    np.testing.assert_allclose(np.linalg.norm(answer.vectors, axis=1), 1.0, rtol=1e-6)
    assert answer.tokens == 2


def test_an_answer_that_breaks_the_contract_is_not_repeated():
    """A wrong answer is paid for; asking again would pay twice for the same fault."""
    embedder = _Embedder()
    embedder.embed = lambda inputs, role: embedder.calls.append(inputs) or RawEmbeddings(vectors=[])
    with pytest.raises(ResponseError):
        caller(embedder).call(["a"], Role.DOCUMENT)
    assert len(embedder.calls) == 1


@pytest.mark.parametrize(
    ("tasks", "role", "sent"),
    [
        (PREFIXES, Role.DOCUMENT, "passage: a"),
        (PREFIXES, Role.QUERY, "query: a"),
        (PARAMS, Role.DOCUMENT, "a"),
        (TaskScheme(), Role.QUERY, "a"),
    ],
)
def test_the_template_of_the_role_is_put_around_a_text(tasks, role, sent):
    """Prefixes are written by the core; the role goes along for models with a parameter."""
    embedder = _Embedder()
    caller(embedder, tasks).call(["a"], role)
    assert embedder.calls == [((sent,), role)]


def test_a_transient_failure_is_tried_again():
    """Two failures, then the answer."""
    embedder = _Embedder(TransientError("busy"), TransientError("busy"))
    assert slopes(caller(embedder).call(["abc"], Role.DOCUMENT)) == [3]
    assert len(embedder.calls) == 3


def test_the_last_transient_failure_is_raised():
    """After all attempts the provider's own error comes out, with its advice."""
    embedder = _Embedder(*[TransientError(f"busy {number}", "Wait.") for number in range(9)])
    with pytest.raises(TransientError, match=r"busy 3 Wait\."):
        caller(embedder).call(["a"], Role.DOCUMENT)
    assert len(embedder.calls) == QUICK.attempts


@pytest.mark.parametrize(
    "error", [RequestRefusedError, CredentialError, ResponseError, ConfigError, KeyError]
)
def test_other_failures_are_not_tried_again(error):
    """Sending the same request once more would change nothing."""
    embedder = _Embedder(error("no"))
    with pytest.raises(error):
        caller(embedder).call(["a"], Role.DOCUMENT)
    assert len(embedder.calls) == 1


class _Pauses(Halt):
    """A switch that notes the waits instead of making them."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def sleep(self, seconds):
        self.seen.append(seconds)


def pauses(*errors, retries):
    """The pauses that a call makes after *errors*."""
    halt = _Pauses()
    caller(_Embedder(*errors), retries=retries).call(["a"], Role.DOCUMENT, halt)
    # `check` looks at the switch by a sleep of no seconds before each attempt.
    return halt.seen[1::2]


def test_the_providers_own_delay_is_kept():
    """A pause that is asked for is made, longer than our longest or shorter than our first."""
    errors = [TransientError("busy", "", delay) for delay in (47.5, 0.0, -3.0)]
    assert pauses(*errors, retries=Retries(longest_pause=1.0)) == [47.5, 0.0, 0.0]


def test_without_advice_pauses_grow_up_to_the_longest():
    """The first pause is doubled each time, with some jitter, and capped."""
    errors = [TransientError("busy") for _ in range(6)]
    first, *_, last = pauses(*errors, retries=Retries(first_pause=2.0, longest_pause=9.0))
    assert 2.0 <= first <= 4.0
    assert last == 9.0


def test_a_delay_beyond_the_time_for_retries_is_final():
    """A quota that is renewed tomorrow ends the run; nobody waits a day for a call."""
    embedder = _Embedder(TransientError("quota", "", 86400.0))
    with pytest.raises(TransientError, match="quota"):
        caller(embedder).call(["a"], Role.DOCUMENT)
    assert len(embedder.calls) == 1


def test_no_attempt_is_begun_after_the_time_for_retries():
    """Seconds count as well as attempts."""
    embedder = _Embedder(*[TransientError("busy") for _ in range(9)])
    with pytest.raises(TransientError):
        caller(embedder, retries=Retries(seconds=1e-9, longest_pause=0.0)).call(["a"], Role.DOCUMENT)
    assert len(embedder.calls) == 1


def test_each_attempt_counts_against_the_rate():
    """A repeated request is a request to the provider."""
    taken = []

    class Counting(RateLimit):
        def wait(self, texts, tokens, halt):
            taken.append((texts, tokens))

    caller(_Embedder(TransientError("busy")), PREFIXES, Counting()).call(["a", "bc"], Role.QUERY)
    # 17 rendered characters are five tokens by the card's rule.
    assert taken == [(2, 5), (2, 5)]


def test_a_request_over_the_rate_is_not_sent():
    """A limit that the request can never meet is a fault of the configuration."""
    embedder = _Embedder()
    with pytest.raises(ConfigError, match="texts_per_minute"):
        caller(embedder, rate=RateLimit(texts_per_minute=1)).call(["a", "b"], Role.DOCUMENT)
    assert embedder.calls == []


@settings(deadline=None)
@given(st.integers(1, 40), st.data())
def test_halving_finds_exactly_the_texts_at_fault(count, data):
    """All others get their vector, in order; each bad one is reported once with the provider's code."""
    texts = ["x" * (number + 1) for number in range(count)]
    bad = data.draw(st.sets(st.sampled_from(texts)))
    refused = []
    answers = list(
        caller(_Embedder(bad=bad)).call_each(
            texts, Role.DOCUMENT, lambda text, error: refused.append((text, error.code))
        )
    )
    assert refused == [(text, "400") for text in texts if text in bad]
    answered = [pair for part, answer in answers for pair in zip(part, slopes(answer), strict=True)]
    assert answered == [(text, len(text)) for text in texts if text not in bad]


def test_a_request_without_fault_is_sent_once():
    """Halving costs nothing where nothing is refused."""
    embedder = _Embedder()
    [(texts, _)] = caller(embedder).call_each(["a", "b", "c"], Role.DOCUMENT, pytest.fail)
    assert texts == ["a", "b", "c"]
    assert len(embedder.calls) == 1


def test_halving_passes_other_errors_on():
    """Only a refusal of the request is taken apart."""
    with pytest.raises(CredentialError):
        list(caller(_Embedder(CredentialError("no"))).call_each(["a", "b"], Role.DOCUMENT, pytest.fail))


def test_a_halted_call_is_not_sent_and_does_not_wait():
    """After Ctrl-C neither a first attempt nor a retry costs anything."""
    halt, embedder = Halt(), _Embedder(TransientError("busy", "", 200.0))
    stopper = threading.Timer(0.1, halt.turn)
    stopper.start()
    with pytest.raises(HaltedError):
        caller(embedder).call(["a"], Role.DOCUMENT, halt)
    stopper.join()
    assert len(embedder.calls) == 1
    with pytest.raises(HaltedError):
        caller(embedder).call(["b"], Role.DOCUMENT, halt)
    assert len(embedder.calls) == 1
