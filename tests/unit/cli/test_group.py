"""Commands of plugins beside our own."""

import pytest

from embedlane.cli import main as module
from embedlane.cli.group import LazyGroup

_GREETING = """
import click
from embedlane.plugin import hookimpl

@click.command(help="Greet somebody.")
def greet():
    click.echo("hello")

@hookimpl
def embedlane_cli(group):
    group.add_command(greet)
    group.add_command(greet, "plan")
"""
_FAILING = """
from embedlane.plugin import hookimpl

@hookimpl
def embedlane_cli(group):
    raise RuntimeError("no luck")
"""


@pytest.fixture(autouse=True)
def _fresh_group(monkeypatch):
    """A group that has not asked the plugins yet."""
    group = LazyGroup("embedlane", table=module.TABLE, params=module.cli.params, callback=module.cli.callback)
    monkeypatch.setattr(module, "cli", group)


def test_a_plugin_adds_a_command(lane, plugin):
    """It is listed in the help after ours, and it runs."""
    plugin("greeting", _GREETING)
    lines = [line.split()[0] for line in lane("--help").out.splitlines() if line.startswith("  ")]
    assert lines[-1] == "greet"
    assert lane("greet").out == "hello\n"


def test_a_plugin_cannot_take_the_place_of_our_commands(folder, lane, plugin):
    """A command of ours stays ours."""
    plugin("greeting", _GREETING)
    lane("--help")
    assert "hello" not in lane("plan", "docs").out


def test_a_failing_hook_is_a_warning(lane, plugin):
    """The others' commands are there, and stderr names the plugin and what it raised."""
    plugin("failing", _FAILING)
    plugin("greeting", _GREETING)
    answer = lane("greet")
    assert (answer.status, answer.out) == (0, "hello\n")
    assert answer.err == (
        "warning: plugin failing (failing 1.0) could not add its commands: RuntimeError: no luck\n"
    )


def test_our_commands_do_not_ask_the_plugins(lane, plugin):
    """A failing hook is not even called where its commands don't matter."""
    plugin("failing", _FAILING)
    assert lane("models", "--help").err == ""


def test_a_plugin_that_is_not_wanted_adds_nothing(folder, lane, plugin, monkeypatch):
    """The configuration's list of plugins holds for their commands too."""
    plugin("greeting", _GREETING)
    monkeypatch.delenv("EMBEDLANE_PLUGINS")
    (folder / "embedlane.toml").write_text('plugins = ["-greeting"]')
    assert lane("greet").status == 2
    assert "greet" not in lane("--help").out


def test_a_broken_configuration_does_not_take_the_help_away(folder, lane, plugin):
    """Whoever has to mend a configuration needs --help; plugins' commands wait."""
    plugin("greeting", _GREETING)
    (folder / "embedlane.toml").write_text("nonsense")
    answer = lane("--help")
    assert answer.status == 0
    assert "warning: plugins could not add their commands" in answer.err
    assert "doctor" in answer.out
