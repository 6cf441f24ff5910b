"""Rules for both lanes: how a route is opened and closed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import pytest

from embedlane.errors import ConfigError, CredentialError, EmbedlaneError
from embedlane.models.card import Lane, Role
from embedlane.providers.opening import open_checkup, open_counter
from embedlane.providers.values import Observation
from embedlane.testing.bench import Bench, Changes
from embedlane.testing.suite import Suite
from embedlane.testing.texts import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.providers.route import Route
    from embedlane.testing.relay import Relay
    from embedlane.testing.subject import Subject

#: A tag that no job has.
_NOBODY = "embedlane-nobody"
_SETTING = "no_such_setting"
_FEW = 3


class LaneSuite(Suite):
    """What holds for a route of either lane. Needs a fixture ``subject`` that returns a `Subject`."""

    #: The lane under test.
    lane: ClassVar[Lane]

    @pytest.fixture
    def bench(self, subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
        """Opens the subject's lanes, and closes them after the test."""
        # A name only: most tests need no folder.
        folder = tmp_path_factory.getbasetemp() / f"conformance-{secrets.token_hex(8)}"
        bench = Bench(subject=subject, directory=folder)
        yield bench
        bench.close()

    @pytest.fixture
    def route(self, subject: Subject) -> Route:
        """The route under test."""
        return subject.route(self.lane)

    @pytest.fixture
    def relay(self, bench: Bench) -> Relay:
        """A relay between the plugin and its service."""
        subject = bench.subject
        if not subject.url.startswith(("http://", "https://")):
            pytest.skip(f"give the subject a setting {subject.address!r} with the service's URL to run this")
        return bench.relay()

    def open(self, bench: Bench, **changes: Unpack[Changes]) -> Any:
        """Open the lane under test."""
        return bench.sync(**changes) if self.lane is Lane.SYNC else bench.batch(**changes)

    def ask(self, embedder: Any) -> None:
        """Make a call that needs the service, if there is one."""
        if self.lane is Lane.SYNC:
            embedder.embed([PLAIN[0]], Role.DOCUMENT)
        else:
            embedder.find(_NOBODY)

    def test_unknown_settings_are_refused(self, bench: Bench) -> None:
        """A setting that the plugin does not know is a ConfigError that names it."""
        change = (
            "compare the keys of context.settings with those you read, and raise a ConfigError that names "
            "providers.NAME.key for the others: a misspelt base_url is no detail"
        )
        try:
            self.open(bench, settings={_SETTING: 1})
        except ConfigError as error:
            self.require(_SETTING in str(error), f"the ConfigError does not name the key: {error}", change)
        except EmbedlaneError as error:
            self.broken(f"opening raised {type(error).__name__}: {error}", change)
        else:
            self.broken(f"the lane opened with {_SETTING} = 1", change)

    def test_the_secret_is_asked_for_once(self, bench: Bench) -> None:
        """The plugin asks for its secret once at most, and keeps it."""
        with self.succeeding("opening and using the lane"):
            embedder = self.open(bench)
            for _ in range(_FEW):
                self.ask(embedder)
        self.require(
            bench.asked <= 1,
            f"context.credential() was called {bench.asked} times",
            "call it in the factory and keep the secret: asking may mean a prompt, or a call of a key store",
        )

    def test_a_missing_secret_is_told(self, bench: Bench, route: Route) -> None:
        """Where no secret is found, the core's CredentialError comes through as it is."""
        if not route.credentials:
            pytest.skip("the route names no credentials")
        change = "call context.credential() in the factory, and let its CredentialError pass"
        try:
            self.ask(self.open(bench, keyless=True))
        except CredentialError:
            return
        except Exception as error:
            self.broken(f"{type(error).__name__} was raised instead: {error}", change)
        self.broken("the lane works without a secret, though the route names credentials", change)

    def test_closing_twice_is_harmless(self, bench: Bench) -> None:
        """Close may be called again, and before anything was embedded."""
        embedder = self.open(bench)
        for time in ("first", "second"):
            with self.succeeding(f"the {time} close()", "let close() do nothing where nothing is open"):
                embedder.close()

    def test_the_counter_counts_each_text(self, bench: Bench, route: Route) -> None:
        """The token counter gives a number for each text, in order, and cuts to a number of tokens."""
        if not route.counter:
            pytest.skip("the route has no counter")
        short, long = PLAIN[0], " ".join(PLAIN)
        with self.succeeding("opening and asking the counter"):
            counter = open_counter(route, bench.context(route))
            counts = list(counter.count([short, long, short]))
            head = counter.cut(long, counts[0]) if counts else ""
            cut = list(counter.count([head]))
        whole = all(isinstance(count, int) and count >= 0 for count in (*counts, *cut))
        self.require(
            whole and len(counts) == _FEW and counts[0] == counts[2] < counts[1],
            f"count() of a short text, a long one and the short one again gave {counts}",
            "return one whole number for each text, in the order of the texts",
        )
        self.require(
            long.startswith(head) and cut[0] <= counts[0],
            f"cut(text, {counts[0]}) gave a piece of {cut[0]} tokens: {head!r}",
            "return the longest head of the text that has no more tokens than asked for",
        )

    def test_the_checkup_makes_observations(self, bench: Bench, route: Route) -> None:
        """The check-up yields an Observation for each thing it looked at, and raises nothing."""
        if not route.checkup:
            pytest.skip("the route has no check-up")
        with self.succeeding("the check-up", "turn what goes wrong into Observation(level='problem', …)"):
            found = open_checkup(route, bench.context(route))
        self.require(
            found and all(isinstance(each, Observation) for each in found),
            f"it gave {found!r}",
            "yield at least one Observation, and nothing else",
        )
