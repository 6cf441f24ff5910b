"""What becomes of everything that goes wrong."""

import json

import click
import pytest

from embedlane.cli import failing
from embedlane.cli.main import TABLE, cli, main
from embedlane.errors import CapabilityError, TransientError


def _raising(error):
    @click.command("boom")
    @click.option("--json", "as_json", is_flag=True)
    def boom(as_json):
        raise error

    return boom


@pytest.fixture
def boom(folder, monkeypatch):
    """Adds a command that raises."""

    def add(error):
        monkeypatch.setitem(cli.commands, "boom", _raising(error))

    return add


@pytest.mark.parametrize(
    ("error", "status"),
    [(CapabilityError("No.", "Do this."), 3), (TransientError("Down.", "Wait."), 4)],
)
def test_an_error_of_the_library_becomes_words_and_a_status(boom, lane, error, status):
    """The message and the hint go to stderr, the branch's status to the shell."""
    boom(error)
    answer = lane("boom")
    assert (answer.status, answer.out) == (status, "")
    assert answer.err == f"error: {error.message}\nhint: {error.hint}\n"


def test_with_json_an_error_is_the_one_document(boom, lane):
    """--json adds the error's type, message and hint on stdout."""
    boom(CapabilityError("No.", "Do this."))
    answer = lane("boom", "--json")
    assert answer.json == {"error": {"type": "CapabilityError", "message": "No.", "hint": "Do this."}}
    assert answer.err.startswith("error: No.")


def test_what_is_not_foreseen_is_a_traceback(boom):
    """A bug is not dressed up as an error."""
    boom(ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError):
        main(["boom"])


def test_an_interrupt_says_how_to_go_on(boom, lane):
    """Ctrl-C ends with 130, also as JSON."""
    boom(KeyboardInterrupt())
    answer = lane("boom", "--json")
    assert answer.status == 130
    assert answer.json["error"]["type"] == "Interrupted"
    assert "Run the same command again" in answer.err


def test_without_arguments_the_help_is_shown(lane):
    """A bare `embedlane` lists the commands, as a usage error."""
    answer = lane()
    assert answer.status == 2
    assert "Commands:" in answer.err


@pytest.mark.parametrize("name", TABLE)
def test_every_command_has_a_sentence_and_an_example(lane, name):
    """--help of each command and subcommand is one sentence with an example."""
    command = cli.get_command(click.Context(cli), name)
    paths = [(name,), *((name, each) for each in getattr(command, "commands", {}))]
    for path in paths:
        answer = lane(*path, "--help")
        assert answer.status == 0
        assert f"Example: embedlane {' '.join(path[:1])}" in " ".join(answer.out.split())


def test_the_table_agrees_with_the_commands():
    """Each name of the table is the name of what it points to."""
    assert {cli.get_command(click.Context(cli), name).name for name in TABLE} == set(TABLE)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["a", "--json"], True), (["a"], False), (["search", "x", "--", "--json"], False)],
)
def test_wants_json(arguments, expected):
    """--json counts wherever it is an option."""
    assert failing.wants_json(arguments) is expected


def test_a_misspelt_command_names_the_near_miss(lane):
    """An unknown command is a usage error with advice, also as JSON."""
    answer = lane("inxed", "--json")
    assert answer.status == 2
    assert "Did you mean 'index'?" in json.loads(answer.out)["error"]["message"]
