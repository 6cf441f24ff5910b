"""Providers of the sync lane that each break one rule, and the suite that judges each."""

# ruff: noqa: D102 -- what a method does wrong stands at its class

import asyncio
import itertools
import json
import logging
import time

import attrs
import numpy as np
import pytest
from judging import judged, service, shared_service  # noqa: F401 -- fixtures
from toy import HonestSync, Words

from embedlane.plugin import (
    CredentialError,
    RawEmbeddings,
    RequestRefusedError,
    TransientError,
)
from embedlane.testing import SyncEmbedderSuite

_salt = itertools.count()


class Unknowing(HonestSync):
    """Reads the settings that it knows, and passes over the others."""

    breaks = "test_unknown_settings_are_refused"

    @classmethod
    def open(cls, context):
        return cls(context, context.credential(), context.settings["base_url"])


class Forgetful(HonestSync):
    """Asks for the secret before each request."""

    breaks = "test_the_secret_is_asked_for_once"

    def send(self, *request):
        self.context.credential()
        return super().send(*request)


class Keyless(HonestSync):
    """Goes on with an empty secret."""

    breaks = "test_a_missing_secret_is_told"

    @classmethod
    def open(cls, context):
        try:
            return super().open(context)
        except CredentialError:
            return cls(context, "nobody", context.settings["base_url"])


class ClosedOnce(HonestSync):
    """Closes a client that is closed."""

    breaks = "test_closing_twice_is_harmless"
    closed = False

    def close(self):
        if self.__dict__.get("closed"):
            raise RuntimeError("already closed")
        self.__dict__["closed"] = True


class Miscounting(HonestSync):
    """Counts all texts as one."""

    breaks = "test_the_counter_counts_each_text"

    @classmethod
    def counter(cls, context):
        counter = Words()
        counter.count = lambda texts: [sum(len(text.split()) for text in texts)]
        return counter


class Overcutting(HonestSync):
    """Cuts by characters."""

    breaks = "test_the_counter_counts_each_text"

    @classmethod
    def counter(cls, context):
        counter = Words()
        counter.cut = lambda text, tokens: text[: 8 * tokens]
        return counter


class Alarmed(HonestSync):
    """Raises what its check-up finds."""

    breaks = "test_the_checkup_makes_observations"

    @classmethod
    def checkup(cls, context):
        raise RuntimeError("the toy is gone")


class Aggregating(HonestSync):
    """Gets one vector for a whole list."""

    breaks = "test_each_input_gets_a_vector"

    def embed(self, inputs, role):
        return RawEmbeddings(vectors=super().embed(inputs, role).vectors[:1])


class Generous(HonestSync):
    """Has a vector for nothing."""

    breaks = "test_no_input_gets_no_vector"

    def embed(self, inputs, role):
        return super().embed(inputs or ["nothing"], role)


class Presuming(HonestSync):
    """Looks at the first vector, where there is none."""

    breaks = "test_no_input_gets_no_vector"

    def embed(self, inputs, role):
        return super().embed([inputs[0], *inputs[1:]], role)


class OneSize(HonestSync):
    """Has vectors of its native size only."""

    breaks = "test_sizes_are_those_of_the_card"

    def request(self, inputs, role):
        return {**super().request(inputs, role), "size": 32}


class NotANumber(HonestSync):
    """Has a NaN in a vector."""

    breaks = "test_numbers_are_finite"

    def raw(self, answer):
        answer["vectors"][0][0] = float("nan")
        return super().raw(answer)


class Zero(HonestSync):
    """Has a vector of zeros."""

    breaks = "test_numbers_are_finite"

    def raw(self, answer):
        answer["vectors"][-1] = [0.0] * len(answer["vectors"][-1])
        return super().raw(answer)


class Long(HonestSync):
    """Promises unit length, and has vectors twice as long."""

    breaks = "test_lengths_are_those_of_the_card"

    def raw(self, answer):
        answer["vectors"] = (2 * np.array(answer["vectors"])).tolist()
        return super().raw(answer)


class TwinBlind(HonestSync):
    """Keeps vectors by their texts."""

    breaks = "test_twins_get_two_vectors"

    def embed(self, inputs, role):
        return super().embed(list(dict.fromkeys(inputs)), role)


class Sorting(HonestSync):
    """Hands out vectors as the service has them: in its own order, for long lists."""

    breaks = "test_order_is_kept"

    def embed(self, inputs, role):
        return super().embed(sorted(inputs) if len(inputs) > 3 else inputs, role)


class Backwards(HonestSync):
    """Hands out the last vector first, whatever it is asked."""

    breaks = "test_order_is_kept"

    def raw(self, answer):
        return super().raw({**answer, "vectors": answer["vectors"][::-1]})


class Mixing(HonestSync):
    """Lets the texts of a list see each other."""

    breaks = "test_neighbours_do_not_matter"

    def raw(self, answer):
        mixed = np.array(answer["vectors"])
        mixed += mixed.mean(axis=0)
        answer["vectors"] = (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).tolist()
        return super().raw(answer)


class Ascii(HonestSync):
    """Drops what it can't spell."""

    breaks = "test_unicode_is_embedded"

    def request(self, inputs, role):
        return super().request([text.encode("ascii", "ignore").decode() for text in inputs], role)


class Skipping(HonestSync):
    """Leaves empty texts out."""

    breaks = "test_an_empty_input_is_refused_or_embedded"

    def embed(self, inputs, role):
        return super().embed([text for text in inputs if text.strip()], role)


class Short(HonestSync):
    """Takes half of what its card says."""

    breaks = "test_the_longest_input_is_embedded"

    def embed(self, inputs, role):
        if any(len(text.split()) > 100 for text in inputs):
            raise RequestRefusedError("too long")
        return super().embed(inputs, role)


class Narrow(HonestSync):
    """Takes fewer inputs than its card says."""

    breaks = "test_the_most_inputs_are_embedded"

    def embed(self, inputs, role):
        if len(inputs) > 15:
            raise RequestRefusedError("too many")
        return super().embed(inputs, role)


class Roleless(HonestSync):
    """Takes every text for a document."""

    breaks = "test_roles_are_told_as_the_card_says"

    def request(self, inputs, role):
        return super().request(inputs, "document")


class Unsteady(HonestSync):
    """Has other vectors in every process."""

    breaks = "test_the_same_text_gets_the_same_vector"

    @classmethod
    def open(cls, context):
        embedder = super().open(context)
        embedder.__dict__["salt"] = next(_salt)
        return embedder

    def request(self, inputs, role):
        request = super().request(inputs, role)
        return {**request, "task": f"{request['task']} {self.__dict__['salt']}"}


class Unbilled(HonestSync):
    """Says that nothing was billed."""

    breaks = "test_tokens_are_a_number"

    def raw(self, answer):
        return super().raw({**answer, "tokens": 0})


class Shared(HonestSync):
    """Keeps the texts of a call on the embedder."""

    breaks = "test_threads_get_their_own_answers"

    def embed(self, inputs, role):
        self.__dict__["inputs"] = inputs
        time.sleep(0.005)
        return super().embed(self.__dict__["inputs"], role)


class Estranged(HonestSync):
    """Has another role in its async twin."""

    breaks = "test_the_async_twin_gives_the_same"

    async def aembed(self, inputs, role):
        return await asyncio.to_thread(self.embed, inputs, "query")


class LoopBound(HonestSync):
    """Keeps what belongs to its first event loop."""

    breaks = "test_the_async_twin_gives_the_same"

    async def aembed(self, inputs, role):
        loop = self.__dict__.setdefault("loop", asyncio.get_running_loop())
        if loop.is_closed():
            raise RuntimeError("Event loop is closed")
        return await asyncio.to_thread(self.embed, inputs, role)


class OneByOne(HonestSync):
    """Sends a request for each text."""

    breaks = "test_a_call_is_one_request"

    def embed(self, inputs, role):
        if not 1 < len(inputs) < 9:
            return super().embed(inputs, role)
        return RawEmbeddings(
            vectors=[super(OneByOne, self).embed([text], role).vectors[0] for text in inputs]
        )


class Insisting(HonestSync):
    """Tries again by itself."""

    breaks = "test_a_failure_is_one_request"

    def send(self, *request):
        answer = super().send(*request)
        return super().send(*request) if answer.status >= 500 else answer


class Resigned(HonestSync):
    """Takes an overload for a refusal."""

    breaks = "test_what_may_pass_is_transient"

    def error(self, answer):
        error = super().error(answer)
        return RequestRefusedError(error.message) if answer.status == 503 else error


class Foreign(HonestSync):
    """Lets an exception of its SDK out."""

    breaks = "test_what_may_pass_is_transient"

    def error(self, answer):
        return KeyError(answer.status) if answer.status == 502 else super().error(answer)


class Hopeful(HonestSync):
    """Takes a refusal for something that passes."""

    breaks = "test_what_cannot_pass_is_final"

    def error(self, answer):
        error = super().error(answer)
        return TransientError(error.message) if answer.status == 404 else error


class Puzzled(HonestSync):
    """Takes a bad key for a bad text."""

    breaks = "test_a_key_that_is_not_taken_is_told"

    def error(self, answer):
        error = super().error(answer)
        return RequestRefusedError(error.message) if answer.status == 401 else error


class Trusting(HonestSync):
    """Reads every answer as JSON."""

    breaks = "test_an_unreadable_answer_is_told"

    def read(self, answer):
        return json.loads(answer.body)


class Hasty(HonestSync):
    """Passes over the pause that is asked for."""

    breaks = "test_the_pause_that_is_asked_for_is_handed_on"

    def send(self, *request):
        return attrs.evolve(super().send(*request), retry_after=None)


class Chatty(HonestSync):
    """Repeats all that the service says."""

    breaks = "test_the_secret_is_never_shown"

    def error(self, answer):
        error = super().error(answer)
        error.message = answer.body.decode()
        return error


class Open(HonestSync):
    """Shows the secret in its representation."""

    breaks = "test_the_secret_is_never_shown"

    def __repr__(self):
        return f"Open(key={self.key!r})"


class Logging(HonestSync):
    """Logs its requests with all headers."""

    breaks = "test_the_secret_is_never_shown"

    def send(self, *request):
        logging.getLogger("toy").debug("sending with %s", {"X-Key": self.key})
        return super().send(*request)


class Chained(HonestSync):
    """Chains an exception that shows the secret."""

    breaks = "test_the_secret_is_never_shown"

    def asked(self, *request):
        try:
            return super().asked(*request)
        except TransientError as error:
            raise error from ValueError(f"bad header {self.key}")


LIARS = [
    kind
    for kind in list(vars().values())
    if isinstance(kind, type) and issubclass(kind, HonestSync) and kind.breaks
]


for kind in (HonestSync, *LIARS):
    globals()[f"Test{kind.__name__}"] = judged(SyncEmbedderSuite, kind)


class TestOverriding(judged(SyncEmbedderSuite, HonestSync)):
    """Breaks the rule that rules are not overridden."""

    def test_order_is_kept(self):
        """Nothing."""


class TestExcused(judged(SyncEmbedderSuite, HonestSync)):
    """Says why a rule does not hold."""

    @pytest.mark.xfail(reason="the toy sorts")
    def test_order_is_kept(self):
        """Fails, as it was said."""
        raise AssertionError
