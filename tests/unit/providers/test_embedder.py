"""The embedder for people who want vectors and no index."""

import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedlane.errors import RequestRefusedError, UsageError
from embedlane.models.card import Dimensions, InputLimits, ModelCard, Role
from embedlane.models.space import Space
from embedlane.providers.caller import Caller
from embedlane.providers.checks import Checker
from embedlane.providers.embedder import Embedder
from embedlane.providers.rates import RateLimit
from embedlane.providers.values import RawEmbeddings
from embedlane.text.tokens import EstimatedCounter


class _Lengths:
    """Embeds a text as (its length, 1); counts its calls."""

    def __init__(self, meet=None):
        self.calls, self.closed, self.meet = [], False, meet

    def embed(self, inputs, role):
        self.calls.append((list(inputs), role))
        if self.meet is not None:
            self.meet.wait(timeout=10)
        if "bad" in inputs:
            raise RequestRefusedError("No.")
        return RawEmbeddings(vectors=[[float(len(text)), 1.0] for text in inputs])

    def close(self):
        self.closed = True


class _Exact:
    """Counts one token for each byte."""

    exact = True

    def count(self, texts):
        return [len(text.encode()) for text in texts]

    def cut(self, text, tokens):
        raise NotImplementedError


def embedder(provider=None, limits=None, counter=None, concurrency=1):
    card = ModelCard(
        id="acme:one",
        lanes=["sync"],
        dimensions=Dimensions(native=2),
        limits=limits or InputLimits(),
    )
    checker = Checker("acme", card, Space.of(card))
    return Embedder(
        caller=Caller(embedder=provider or _Lengths(), checker=checker, rate=RateLimit()),
        counter=counter or EstimatedCounter(4.0),
        concurrency=concurrency,
    )


def slopes(vectors):
    return [round(float(x / y)) for x, y in vectors]


def test_a_query_is_one_unit_vector():
    """Shape (d,), float32, sent in the query's role."""
    provider = _Lengths()
    vector = embedder(provider).embed_query("abc")
    assert vector.shape == (2,)
    assert vector.dtype == np.float32
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0)
    assert provider.calls == [(["abc"], Role.QUERY)]


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 7), st.integers(1, 3))
def test_documents_keep_their_order_over_many_requests(count, per_request, concurrency):
    """Shape (n, d), row i belongs to text i, whatever the size and the number of requests under way."""
    provider = _Lengths()
    mine = embedder(provider, InputLimits(inputs_per_request=per_request), concurrency=concurrency)
    vectors = mine.embed_documents(["x" * (number + 1) for number in range(count)])
    assert vectors.shape == (count, 2)
    assert vectors.dtype == np.float32
    assert slopes(vectors) == list(range(1, count + 1))
    assert len(provider.calls) == -(-count // per_request)
    assert {role for _, role in provider.calls} == {Role.DOCUMENT}


def test_requests_run_side_by_side():
    """Two requests that wait for each other both end."""
    provider = _Lengths(meet=threading.Barrier(2))
    mine = embedder(provider, InputLimits(inputs_per_request=1), concurrency=2)
    assert slopes(mine.embed_documents(["a", "bb"])) == [1, 2]


def test_no_documents_are_no_vectors():
    """An empty list gives an empty matrix of the right width, and no call."""
    provider = _Lengths()
    assert embedder(provider).embed_documents([]).shape == (0, 2)
    assert provider.calls == []


def test_one_text_in_place_of_a_list_is_refused():
    """A text is a sequence of texts to Python; embedding its letters is never meant."""
    with pytest.raises(UsageError, match=r"Give it a list"):
        embedder().embed_documents("abc")


@pytest.mark.parametrize("empty", ["", " \n\t"])
def test_an_empty_text_is_refused_with_its_number(empty):
    """Nothing is sent when one of the texts has no direction."""
    provider = _Lengths()
    with pytest.raises(UsageError, match=r"Text 1 is empty"):
        embedder(provider).embed_documents(["a", empty])
    with pytest.raises(UsageError, match=r"Text 0 is empty"):
        embedder(provider).embed_query(empty)
    assert provider.calls == []


def test_a_text_over_the_limit_is_refused_with_its_tokens():
    """The error names the text's number, its tokens, the model and its limit."""
    provider = _Lengths()
    mine = embedder(provider, InputLimits(tokens_per_input=8), _Exact())
    with pytest.raises(UsageError) as caught:
        mine.embed_documents(["a" * 8, "b" * 9])
    assert caught.value.message == "Text 1 has 9 tokens; acme:one takes 8."
    assert "on_too_long" in caught.value.hint
    assert provider.calls == []


def test_an_estimate_is_called_an_estimate():
    """Where no tokenizer is at hand, the error says so."""
    mine = embedder(limits=InputLimits(tokens_per_input=8))
    assert mine.embed_query("a" * 32).shape == (2,)
    with pytest.raises(UsageError, match=r"Text 0 has about 9 tokens; acme:one takes 8\."):
        mine.embed_query("a" * 33)


def test_characters_beyond_ascii_may_be_several_tokens():
    """A short text whose characters are several tokens each is counted, too."""
    mine = embedder(limits=InputLimits(tokens_per_input=8), counter=_Exact())
    with pytest.raises(UsageError, match=r"Text 0 has 12 tokens"):
        mine.embed_query("语" * 4)


def test_a_failure_of_one_request_is_raised():
    """The provider's error comes out of the pool as it is."""
    mine = embedder(limits=InputLimits(inputs_per_request=1), concurrency=2)
    with pytest.raises(RequestRefusedError):
        mine.embed_documents(["a", "bad", "c"])


def test_the_async_twins_leave_the_event_loop_free():
    """While both wait for each other at the provider, the loop goes on; the vectors are the same."""
    meet = threading.Barrier(3)
    mine = embedder(_Lengths(meet))

    async def both():
        query = asyncio.create_task(mine.aembed_query("abc"))
        documents = asyncio.create_task(mine.aembed_documents(["a", "bb"]))
        turns = 0
        while meet.n_waiting < 2 and not meet.broken:
            await asyncio.sleep(0.001)
            turns += 1
        await asyncio.to_thread(meet.wait, 10)
        return turns, await query, await documents

    turns, query, documents = asyncio.run(both())
    assert turns > 0
    assert slopes([query]) == [3]
    assert slopes(documents) == [1, 2]


def test_leaving_the_block_closes_the_provider():
    """The provider's connections are given back."""
    provider = _Lengths()
    with embedder(provider) as mine:
        assert mine.space.dimensions == 2
        assert not provider.closed
    assert provider.closed
