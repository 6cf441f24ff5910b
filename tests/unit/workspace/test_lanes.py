"""Choosing and opening routes."""

import sys
import types
from datetime import date
from types import SimpleNamespace

import numpy as np
import pluggy
import pytest

from embedlane.config.settings import Config, RouteChoice
from embedlane.errors import CapabilityError, ConfigError, CredentialError, UnknownNameError
from embedlane.models.card import Dimensions, Lane, Lifecycle, ModelCard
from embedlane.models.names import ModelId
from embedlane.models.registry import Registry
from embedlane.models.space import Space
from embedlane.plugin import hookimpl, hookspecs
from embedlane.plugin.discovery import Plugins
from embedlane.providers.route import Route
from embedlane.providers.values import BatchLimits, RawEmbeddings
from embedlane.text.tokens import EstimatedCounter
from embedlane.vectors.bound import BoundSpace
from embedlane.vectors.charges import Origin
from embedlane.workspace.lanes import Lanes

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
CARD = ModelCard(id="acme:one", lanes=["sync", "batch"], dimensions=Dimensions(native=2))
OLD = ModelCard(
    id="acme:old",
    lanes=["sync"],
    dimensions=Dimensions(native=2),
    lifecycle=Lifecycle(retires=date(2026, 1, 1)),
)
SPACE = Space.of(CARD)


class _Service:
    """Both lanes of a provider; remembers what it was opened with."""

    limits = BatchLimits(rows=100, concurrent_jobs=3)

    def __init__(self, context):
        self.context, self.closed = context, 0

    def embed(self, inputs, role):
        return RawEmbeddings(vectors=[[3.0, 4.0] for _ in inputs])

    def close(self):
        self.closed += 1


class _Broken(_Service):
    def close(self):
        super().close()
        raise OSError("lost")


@pytest.fixture
def opened(monkeypatch):
    """All services that the routes below have opened."""
    services = []
    module = types.ModuleType("acme_for_lanes")
    module.open = lambda context: services.append(_Service(context)) or services[-1]
    module.broken = lambda context: services.append(_Broken(context)) or services[-1]
    module.count = lambda context: ("a counter", context)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return services


def route(provider="acme", lane="sync", function="open", models=("acme:one", "acme:old"), **fields):
    return Route(provider=provider, models=models, lane=lane, factory=f"acme_for_lanes:{function}", **fields)


def lanes(tmp_path, *routes, providers=None, choices=None, plugin=None):
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    if plugin is not None:
        manager.register(plugin)
    return Lanes(
        config=Config(
            root=tmp_path,
            ledger=tmp_path / "lane.db",
            providers=providers or {},
            routes={ModelId.parse(model): choice for model, choice in (choices or {}).items()},
        ),
        registry=Registry.build([("test", [CARD, OLD])], [("test", each) for each in routes]),
        plugins=Plugins(loaded=(), broken=(), disabled=(), manager=manager),
        directory=tmp_path / "providers",
        clock=lambda: NOON,
    )


def test_the_most_preferred_route_is_taken(tmp_path):
    """Where nothing is asked for or configured."""
    mine = lanes(tmp_path, route("a"), route("b", preference=5), route("c"))
    assert mine.route(CARD, Lane.SYNC).provider == "b"


def test_the_choice_does_not_depend_on_the_order_of_installation(tmp_path):
    """Equal routes are told apart by name."""
    assert lanes(tmp_path, route("a"), route("b")).route(CARD, Lane.SYNC).provider == "b"
    assert lanes(tmp_path, route("b"), route("a")).route(CARD, Lane.SYNC).provider == "b"


def test_configuration_stands_above_preference_and_argument_above_both(tmp_path):
    """Each lane has a choice of its own."""
    routes = [route("a"), route("b", preference=5), route("c"), route("c", lane="batch"), route("a", "batch")]
    mine = lanes(tmp_path, *routes, choices={"acme:one": RouteChoice(sync="a")})
    assert mine.route(CARD, Lane.SYNC).provider == "a"
    assert mine.route(CARD, Lane.BATCH).provider == "c"
    assert mine.route(CARD, Lane.SYNC, "c").provider == "c"


def test_a_provider_that_does_not_serve_the_model_is_refused(tmp_path):
    """The error lists those that do, and the setting to change."""
    mine = lanes(tmp_path, route("a"), route("b"), choices={"acme:one": RouteChoice(sync="gemini")})
    with pytest.raises(CapabilityError) as caught:
        mine.route(CARD, Lane.SYNC)
    assert caught.value.message == (
        "Provider 'gemini' does not serve acme:one in the sync lane; installed for it: 'a', 'b'."
    )
    assert '[routes."acme:one"] sync' in caught.value.hint


def test_a_retired_model_is_not_opened(tmp_path):
    """From the day of its retirement on, in UTC."""
    mine = lanes(tmp_path, route())
    assert mine.today() == date(2026, 1, 1)
    with pytest.raises(CapabilityError, match="shut down on 2026-01-01"):
        mine.route(OLD, Lane.SYNC)


def test_an_unknown_model_is_refused(tmp_path):
    """A space whose model has no card can't be opened."""
    stranger = Space(model=ModelId("acme", "ones"), revision="1", dimensions=2)
    with pytest.raises(UnknownNameError, match="acme:one"):
        lanes(tmp_path).embedder(stranger)


def test_an_embedder_is_wired_to_the_provider(tmp_path, opened):
    """It has the model, the space and a folder of its own; its vectors are checked and normalised."""
    with lanes(tmp_path, route()).embedder(SPACE) as embedder:
        np.testing.assert_allclose(embedder.embed_query("a"), [0.6, 0.8], rtol=1e-6)
    [service] = opened
    assert (service.context.card, service.context.space) == (CARD, SPACE)
    assert service.context.directory == tmp_path / "providers" / "acme"
    assert not service.context.directory.exists()
    assert service.closed == 1


def test_a_plugin_sees_its_own_settings_only(tmp_path, opened):
    """Keys that the core reads are kept back, so that a plugin can refuse keys that it doesn't know."""
    table = {
        "base_url": "x",
        "concurrency": 3,
        "requests_per_minute": 60,
        "texts_per_minute": 60,
        "tokens_per_minute": 60,
        "api_key_env": "K",
        "max_rows_per_job": 5,
    }
    mine = lanes(tmp_path, route(), providers={"acme": table, "other": {"y": 1}})
    mine.embedder(SPACE)
    assert opened[0].context.settings == {"base_url": "x"}
    assert mine.settings("acme").max_rows_per_job == 5
    assert mine.settings("unknown").concurrency is None


def test_the_real_provider_takes_all_settings_of_the_core(tmp_path):
    """None of the core's keys is refused by `hash`, which is strict about its own."""
    core = Route(
        provider="hash",
        models=["acme:one"],
        lane="sync",
        factory="embedlane.providers.builtin.hash:open_sync",
    )
    table = dict.fromkeys(("requests_per_minute", "texts_per_minute", "max_rows_per_job"), 5)
    with lanes(tmp_path, core, providers={"hash": table}).embedder(SPACE) as embedder:
        assert embedder.embed_query("a").shape == (2,)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("concurrency", "4", r"providers\.acme\.concurrency: expected a whole number, not '4'"),
        ("concurrency", 0, r"providers\.acme: 'concurrency' must be > 0: 0"),
        ("requests_per_minute", 0, r"providers\.acme: 'requests_per_minute' must be > 0: 0"),
        ("tokens_per_minute", -1, r"providers\.acme: 'tokens_per_minute' must be > 0: -1"),
        ("api_key_env", 3, r"providers\.acme\.api_key_env: expected text, not 3"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_path(tmp_path, opened, key, value, message):
    """The error names the place and the key, and nothing is sent."""
    mine = lanes(tmp_path, route(), providers={"acme": {key: value}})
    with pytest.raises(ConfigError, match=f"the defaults: {message}"):
        mine.embedder(SPACE)


def test_concurrency_is_the_users_or_the_routes(tmp_path, opened):
    """The configuration stands above what the plugin's author thinks best."""
    slow = route(concurrency=2)
    assert lanes(tmp_path, slow).embedder(SPACE).concurrency == 2
    mine = lanes(tmp_path, slow, providers={"acme": {"concurrency": 7}})
    assert mine.embedder(SPACE).concurrency == 7


def test_one_rate_limit_holds_for_all_embedders_of_a_provider(tmp_path, opened):
    """Queries beside documents count against the same minute."""
    mine = lanes(tmp_path, route("a"), route("b"), providers={"b": {"requests_per_minute": 60}})
    one, two = mine.embedder(SPACE).caller.rate, mine.embedder(SPACE).caller.rate
    assert one is two
    assert one.requests_per_minute is not None
    other = lanes(tmp_path, route("a")).embedder(SPACE).caller.rate
    assert other.requests_per_minute is None


KEYED = {"credentials": ("ACME_KEY", "ACME_OTHER_KEY")}


@pytest.fixture
def no_keys(monkeypatch):
    for name in (*KEYED["credentials"], "MY_KEY"):
        monkeypatch.delenv(name, raising=False)


def secret(mine, opened):
    mine.embedder(SPACE)
    return opened[-1].context.credential()


@pytest.mark.usefixtures("no_keys")
def test_a_secret_comes_from_the_first_variable_that_is_set(tmp_path, opened, monkeypatch):
    """In the order in which the route names them; an empty variable is not set."""
    mine = lanes(tmp_path, route(**KEYED))
    monkeypatch.setenv("ACME_OTHER_KEY", "other")
    monkeypatch.setenv("ACME_KEY", "")
    assert secret(mine, opened) == "other"
    monkeypatch.setenv("ACME_KEY", "first")
    assert secret(mine, opened) == "first"
    assert mine.has_credential(route(**KEYED))


@pytest.mark.usefixtures("no_keys")
def test_the_configuration_may_name_another_variable(tmp_path, opened, monkeypatch):
    """Then the route's own are not looked at."""
    monkeypatch.setenv("ACME_KEY", "theirs")
    mine = lanes(tmp_path, route(**KEYED), providers={"acme": {"api_key_env": "MY_KEY"}})
    assert not mine.has_credential(route(**KEYED))
    monkeypatch.setenv("MY_KEY", "mine")
    assert secret(mine, opened) == "mine"


@pytest.mark.usefixtures("no_keys")
def test_a_plugins_secret_stands_above_the_environment(tmp_path, opened, monkeypatch):
    """The hook is asked with the provider's id; without its answer the environment is read."""

    class _Vault:
        @hookimpl
        def embedlane_credential(self, provider):
            return "vault" if provider == "acme" else None

    monkeypatch.setenv("ACME_KEY", "environment")
    assert secret(lanes(tmp_path, route(**KEYED), plugin=_Vault()), opened) == "vault"
    assert secret(lanes(tmp_path, route("b", **KEYED), plugin=_Vault()), opened) == "environment"


@pytest.mark.usefixtures("no_keys")
def test_a_missing_secret_says_what_to_set(tmp_path, opened):
    """The error names the provider, the variables, and the setting that names another."""
    mine = lanes(tmp_path, route(**KEYED))
    assert not mine.has_credential(route(**KEYED))
    with pytest.raises(CredentialError) as caught:
        secret(mine, opened)
    assert caught.value.message == "No key was found for provider 'acme'."
    assert caught.value.hint == (
        "Set ACME_KEY or ACME_OTHER_KEY in the environment, or name another variable as "
        "[providers.acme] api_key_env in the configuration."
    )


def test_a_provider_without_secrets_has_what_it_needs(tmp_path):
    """A local model needs no key."""
    assert lanes(tmp_path).has_credential(route())


def job(provider):
    """What a lane needs to know of a job."""
    return SimpleNamespace(id=7, tag="tag", account="docs", provider=provider)


def test_a_jobs_bill_is_on_the_index_it_was_planned_for(tmp_path, opened):
    """The cargo knows the job, its account, and the price of the lane."""
    cargo = lanes(tmp_path, route(lane="batch")).batch(job("acme"), BoundSpace(1, SPACE)).cargo
    assert cargo.origin == Origin(
        provider="acme", lane=Lane.BATCH, run="tag", job_id=7, account="docs", price=CARD.price.batch
    )


def test_a_batch_lane_is_opened_once_for_a_space(tmp_path, opened):
    """Jobs of one provider and space share it; another space or provider gets its own."""
    mine = lanes(tmp_path, route("a", "batch"), route("b", "batch"))
    bound = BoundSpace(1, SPACE)
    first = mine.batch(job("a"), bound)
    assert mine.batch(job("a"), bound).service is first.service
    assert mine.batch(job("b"), bound).service is not first.service
    other = BoundSpace(2, Space(model=CARD.id, revision="2", dimensions=2))
    assert mine.batch(job("a"), other).service is not first.service
    assert [service.context.directory.name for service in opened] == ["a", "b", "a"]


def test_closing_closes_every_batch_lane_once(tmp_path, opened):
    """Also those after one that fails; a second close has nothing to do."""
    mine = lanes(tmp_path, route("a", "batch", "broken"), route("b", "batch"), route("c", "batch", "broken"))
    for provider in "abc":
        mine.batch(job(provider), BoundSpace(1, SPACE))
    with pytest.raises(OSError, match="lost"):
        mine.close()
    mine.close()
    assert [service.closed for service in opened] == [1, 1, 1]


def test_tokens_are_counted_by_the_best_route_that_can(tmp_path, opened):
    """A route without a counter is passed by, whatever its preference."""
    mine = lanes(
        tmp_path,
        route("a", preference=9),
        route("b", counter="acme_for_lanes:count"),
        providers={"b": {"vocabulary": "x"}},
    )
    kind, context = mine.counter(SPACE)
    assert kind == "a counter"
    assert (context.directory.name, context.settings) == ("b", {"vocabulary": "x"})
    assert opened == []


def test_tokens_are_estimated_where_no_route_can_count(tmp_path):
    """Also where no route is installed at all, so that adding and planning work without a provider."""
    for routes in ([], [route()]):
        assert lanes(tmp_path, *routes).counter(SPACE) == EstimatedCounter(CARD.characters_per_token)


def test_the_lower_limit_holds(tmp_path, opened):
    """What the user sets stands below what the provider takes, never above it."""
    table = {"max_rows_per_job": 5, "max_concurrent_jobs": 9, "max_enqueued_tokens": 7}
    mine = lanes(tmp_path, route(lane="batch"), providers={"acme": table})
    limits = mine.batch_limits("acme", BoundSpace(1, SPACE))
    assert (limits.rows, limits.concurrent_jobs, limits.enqueued_tokens) == (5, 3, 7)
    assert mine.batch(job("acme"), BoundSpace(1, SPACE)).limits == limits
