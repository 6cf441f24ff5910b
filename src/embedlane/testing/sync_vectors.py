"""Rules for the vectors of the sync lane: whether the card tells the truth."""

from __future__ import annotations

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from embedlane.errors import EmbedlaneError, RequestRefusedError
from embedlane.models.card import Lane, Role, TaskMechanism
from embedlane.providers.checks import UNIT_TOLERANCE
from embedlane.providers.opening import open_counter
from embedlane.providers.requests import DEFAULT_INPUTS
from embedlane.testing.lanes import LaneSuite
from embedlane.testing.texts import PLAIN, UNICODE, longest, numbered
from embedlane.testing.vectors import count, lookalikes, same, sizes, trouble, units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedlane.models.card import ModelCard
    from embedlane.providers.interfaces import SyncEmbedder
    from embedlane.providers.values import RawEmbeddings
    from embedlane.testing.bench import Bench

_COUNT = "return one vector for each input, in the order of the inputs; an SDK may make one of a whole list"
_NUMBERS = "hand the numbers on as they came; what can't be read is a ResponseError"
_THREADS = 4
_LOOPS = 2


class VectorRules(LaneSuite):
    """What vectors a sync embedder gives for which texts."""

    lane: ClassVar[Lane] = Lane.SYNC

    @pytest.fixture
    def opened(self, bench: Bench) -> SyncEmbedder:
        """The embedder, of which nothing is known."""
        return bench.sync()

    @pytest.fixture
    def embedder(self, bench: Bench, opened: SyncEmbedder) -> SyncEmbedder:
        """The embedder, once it has given vectors for ordinary texts; what stands on that is skipped else."""
        raw = opened.embed(PLAIN, Role.DOCUMENT)
        size = bench.context(bench.subject.route(Lane.SYNC)).space.dimensions
        if count(raw) != len(PLAIN) or set(sizes(raw)) != {size} or any(map(trouble, raw.vectors)):
            pytest.skip("ordinary texts do not get vectors: see the rules that failed")
        return opened

    def units(
        self, embedder: SyncEmbedder, texts: Sequence[str], role: Role = Role.DOCUMENT
    ) -> NDArray[np.float64]:
        """Unit vectors of *texts*, which the contract allows."""
        return self.checked(self.asked(embedder, texts, role), texts)

    def asked(
        self, embedder: SyncEmbedder, texts: Sequence[str], role: Role = Role.DOCUMENT
    ) -> RawEmbeddings:
        """The answer for *texts*, which the contract allows."""
        with self.succeeding(f"embed() of {len(texts)} texts as {role}s"):
            return embedder.embed(list(texts), role)

    def checked(self, raw: RawEmbeddings, texts: Sequence[str]) -> NDArray[np.float64]:
        """The unit vectors of an answer, if it holds one for each of *texts*."""
        found = count(raw)
        self.require(found == len(texts), f"{found} vectors came back for {len(texts)} texts", _COUNT)
        for text, vector in zip(texts, raw.vectors, strict=True):
            what = trouble(vector)
            self.require(
                not what, f"the vector of {text!r:.40} {what}", "return the numbers as the service sent them"
            )
        return units(raw.vectors)

    @pytest.mark.parametrize("number", [1, 2, len(PLAIN)])
    def test_each_input_gets_a_vector(self, opened: SyncEmbedder, number: int) -> None:
        """Every input gets a vector of its own, however many inputs there are."""
        found = count(self.asked(opened, PLAIN[:number]))
        self.require(found == number, f"{found} vectors came back for {number} texts", _COUNT)

    def test_no_input_gets_no_vector(self, embedder: SyncEmbedder) -> None:
        """No input gets no vector, or an error of the core; the core itself never asks."""
        change = "return RawEmbeddings(vectors=[]) where there are no inputs, or let the service refuse it"
        try:
            found = count(embedder.embed([], Role.DOCUMENT))
        except EmbedlaneError:
            return
        except Exception as error:
            self.broken(f"embed([]) raised {type(error).__name__}: {error}", change)
        self.require(found == 0, f"{found} vectors came back for no text", change)

    def test_sizes_are_those_of_the_card(self, bench: Bench) -> None:
        """A vector has as many numbers as were asked for, at every size that the card names."""
        for size in _sizes(bench.subject.card):
            with self.succeeding(f"opening at {size} dimensions and embedding"):
                raw = bench.sync(dimensions=size).embed(PLAIN[:1], Role.DOCUMENT)
            found = sizes(raw)
            self.require(
                set(found) <= {size},
                f"{size} dimensions were asked for, {found} came back",
                "ask the service for context.space.dimensions, or correct `dimensions` of the card",
            )

    def test_numbers_are_finite(self, opened: SyncEmbedder) -> None:
        """A vector holds finite numbers, and not only zeros."""
        for text, vector in zip(PLAIN, self.asked(opened, PLAIN).vectors, strict=False):
            what = trouble(vector)
            self.require(
                not what,
                f"the vector of {text!r} {what}",
                _NUMBERS,
            )

    @pytest.mark.usefixtures("embedder")
    def test_lengths_are_those_of_the_card(self, bench: Bench) -> None:
        """Vectors that the card promises to be normalised have length 1."""
        card = bench.subject.card
        promised = [size for size in _sizes(card) if card.arrives_normalised(size)]
        if not promised:
            pytest.skip("the card promises no length")
        for size in promised:
            raw = bench.sync(dimensions=size).embed(PLAIN, Role.DOCUMENT)
            lengths = np.linalg.norm(np.asarray(raw.vectors, dtype=np.float64), axis=1)
            self.require(
                bool((np.abs(lengths - 1.0) <= UNIT_TOLERANCE).all()),
                f"at {size} dimensions the lengths are {np.round(lengths, 4).tolist()}",
                "correct `normalisation` of the card: 'native-only', or 'never'; the core normalises",
            )

    def test_twins_get_two_vectors(self, embedder: SyncEmbedder) -> None:
        """Two equal inputs get two vectors, which are equal."""
        found = self.units(embedder, [PLAIN[0], PLAIN[1], PLAIN[0]])
        self.require(
            same(found[:1], found[2:]),
            "the vectors of two equal texts in one call differ",
            "keep vectors by the position of their input, never by its text",
        )

    def test_order_is_kept(self, embedder: SyncEmbedder) -> None:
        """Vectors come in the order of the inputs."""
        forwards = self.units(embedder, PLAIN)
        backwards = self.units(embedder, PLAIN[::-1])
        self.require(
            same(forwards, backwards[::-1]),
            "the vectors of the reversed inputs are not the reversed vectors",
            "sort what the service returns by the index that it gives, if it promises no order",
        )
        alone = np.concatenate([self.units(embedder, [text]) for text in PLAIN])
        nearest = (alone @ forwards.T).argmax(axis=1).tolist()
        self.require(
            nearest == list(range(len(PLAIN))),
            f"in a list, the texts 0, 1, … get the vectors of the texts {nearest}",
            "hand out the vectors in the order of the inputs, whichever order the service has",
        )

    def test_neighbours_do_not_matter(self, embedder: SyncEmbedder) -> None:
        """A text gets the same vector in a list as alone."""
        together = self.units(embedder, PLAIN)
        for text in PLAIN:
            alone = self.units(embedder, [text])
            self.require(
                any(same(alone, together[row : row + 1]) for row in range(len(PLAIN))),
                f"alone, {text!r} gets a vector that is none of the list's",
                "wrap each input by itself: the service takes a list for the parts of one content",
            )

    def test_unicode_is_embedded(self, embedder: SyncEmbedder) -> None:
        """Texts in every script, with signs of every kind, get vectors that tell them apart."""
        found = self.units(embedder, list(UNICODE.values()))
        alike = lookalikes(found)
        names = list(UNICODE)
        self.require(
            alike is None,
            f"{' and '.join(repr(names[row]) for row in alike or ())} get the same vector",
            "send texts as UTF-8, whole, and change no character of them",
        )

    @pytest.mark.parametrize("text", ["", " \n\t "], ids=["empty", "blank"])
    def test_an_empty_input_is_refused_or_embedded(self, embedder: SyncEmbedder, text: str) -> None:
        """An empty text gets a vector or a RequestRefusedError, and shifts no other's."""
        with self.succeeding(
            "embed() of an empty text", "let the service's refusal be a RequestRefusedError"
        ):
            try:
                raw = embedder.embed([PLAIN[0], text, PLAIN[1]], Role.DOCUMENT)
            except RequestRefusedError:
                return
        found = self.checked(raw, [PLAIN[0], text, PLAIN[1]])
        self.require(
            same(found[::2], self.units(embedder, PLAIN[:2])),
            "beside an empty text, the others get other vectors",
            "send every input, in its place",
        )

    def test_the_longest_input_is_embedded(self, bench: Bench, embedder: SyncEmbedder) -> None:
        """A text as long as the card allows is embedded."""
        route = bench.subject.route(Lane.SYNC)
        text = longest(bench.subject.card, open_counter(route, bench.context(route)))
        change = "correct `limits.tokens_per_input` of the card, or the token counter"
        with self.succeeding(f"embed() of a text of {len(text)} characters", change):
            raw = embedder.embed([text], Role.DOCUMENT)
        self.checked(raw, [text])

    def test_the_most_inputs_are_embedded(self, bench: Bench, embedder: SyncEmbedder) -> None:
        """As many inputs as the card allows in a request are embedded in one call."""
        most = bench.subject.card.limits.inputs_per_request or DEFAULT_INPUTS
        change = "correct `limits.inputs_per_request` of the card; the core cuts to it"
        with self.succeeding(f"embed() of {most} texts", change):
            raw = embedder.embed(numbered(most), Role.DOCUMENT)
        self.require(count(raw) == most, f"{count(raw)} vectors came back for {most} texts", change)

    def test_roles_are_told_as_the_card_says(self, bench: Bench, embedder: SyncEmbedder) -> None:
        """The role changes the vector where its mechanism is a parameter, and nothing anywhere else."""
        document, query = (self.units(embedder, PLAIN[:2], role) for role in (Role.DOCUMENT, Role.QUERY))
        mechanism = bench.subject.card.tasks.mechanism
        if mechanism is TaskMechanism.PARAM:
            self.require(
                not same(document, query),
                "a query gets the vector of a document, though the card's mechanism is 'param'",
                "send context.space.tasks.of(role) with each request, or correct `tasks` of the card",
            )
        else:
            self.require(
                same(document, query),
                f"a query gets another vector than a document, though the card's mechanism is '{mechanism}'",
                "do nothing with the role: the core has put each text into its template",
            )

    def test_the_same_text_gets_the_same_vector(self, bench: Bench, embedder: SyncEmbedder) -> None:
        """Another opening of the lane gives the same vectors."""
        self.require(
            same(self.units(embedder, PLAIN), self.units(bench.sync(), PLAIN)),
            "two embedders give different vectors for the same texts",
            "take out what is random, such as hash() of a text, which changes with each process",
        )

    def test_tokens_are_a_number(self, embedder: SyncEmbedder) -> None:
        """The tokens of a call are a whole number, or None if the service does not say."""
        tokens = self.asked(embedder, PLAIN).tokens
        whole = isinstance(tokens, int) and not isinstance(tokens, bool) and tokens > 0
        self.require(
            tokens is None or whole,
            f"tokens is {tokens!r}",
            "hand on the number that was billed for the whole call; None, not 0, if the service names none",
        )

    def test_threads_get_their_own_answers(self, embedder: SyncEmbedder) -> None:
        """Calls from several threads at once get the vectors of their own texts."""
        expected = np.concatenate([self.units(embedder, [text]) for text in PLAIN])
        rows = list(itertools.islice(itertools.cycle(range(len(PLAIN))), _THREADS * len(PLAIN)))
        with ThreadPoolExecutor(_THREADS) as pool:
            found = list(pool.map(lambda row: self.units(embedder, [PLAIN[row]]), rows))
        right = [same(vector, expected[row : row + 1]) for row, vector in zip(rows, found, strict=True)]
        self.require(
            all(right),
            f"with {_THREADS} threads, {right.count(False)} of {len(rows)} calls got another text's vector",
            "keep nothing of a call on the embedder, and give each thread a client if the SDK's is not safe",
        )

    def test_the_async_twin_gives_the_same(self, embedder: SyncEmbedder) -> None:
        """`aembed` gives the vectors of `embed`, in every event loop and for several calls at once."""
        native = getattr(embedder, "aembed", None)
        if native is None:
            pytest.skip("the embedder has no aembed(); the core calls embed() in a thread")
        expected = self.units(embedder, PLAIN)

        async def several() -> list[RawEmbeddings]:
            return list(await asyncio.gather(*(native(PLAIN, Role.DOCUMENT) for _ in range(_THREADS))))

        for loop in range(_LOOPS):
            with self.succeeding(
                f"aembed() in event loop {loop + 1}", "give each event loop a client of its own"
            ):
                answers = asyncio.run(several())
            for raw in answers:
                self.require(
                    same(self.checked(raw, PLAIN), expected),
                    "aembed() gives other vectors than embed()",
                    "build the request and read the answer with the same functions in both",
                )


def _sizes(card: ModelCard) -> list[int]:
    dimensions = card.dimensions
    named = {dimensions.native, dimensions.smallest, dimensions.largest, *dimensions.recommended}
    return sorted(named)
