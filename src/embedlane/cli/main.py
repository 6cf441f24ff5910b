"""The entry point: the group, and what becomes of everything that goes wrong."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from types import MappingProxyType

import click

from embedlane.cli import failing
from embedlane.cli.group import LazyGroup
from embedlane.cli.session import Session
from embedlane.errors import EmbedlaneError

_COMMANDS = "embedlane.cli.commands"
#: Our own commands in the order of a first use: where each is, and its sentence for ``--help``.
TABLE = MappingProxyType(
    {
        "init": (f"{_COMMANDS}.init:init", "Write an embedlane.toml with comments."),
        "plugins": (f"{_COMMANDS}.plugins:plugins", "Show what loaded, what is broken and why."),
        "plugin": (f"{_COMMANDS}.plugin:plugin", "Write a plugin of your own to start from."),
        "models": (f"{_COMMANDS}.models:models", "Show models: lanes, sizes, limits, prices, routes."),
        "index": (f"{_COMMANDS}.index:index", "Create, list, show and drop indexes; failures."),
        "add": (f"{_COMMANDS}.add:add", "Read, cut and enter files into an index."),
        "plan": (f"{_COMMANDS}.plan:plan", "Say what embedding would cost in each lane."),
        "embed": (f"{_COMMANDS}.embed:embed", "Embed what is pending, now or in batch jobs."),
        "generate": (f"{_COMMANDS}.generate:generate", "Answer requests in batch jobs, at batch price."),
        "enrich": (f"{_COMMANDS}.enrich:enrich", "Ask a model about each chunk, and embed what it says."),
        "jobs": (f"{_COMMANDS}.jobs:jobs", "List, show and cancel batch jobs."),
        "work": (f"{_COMMANDS}.work:work", "Drive all batch jobs: submit, poll, collect."),
        "cost": (f"{_COMMANDS}.cost:cost", "Say what was billed, beside what was planned."),
        "search": (f"{_COMMANDS}.search:search", "Find the items nearest to a query."),
        "compare": (f"{_COMMANDS}.compare:compare", "Measure models and sizes on an index's own texts."),
        "migrate": (f"{_COMMANDS}.migrate:migrate", "Move an index to another model, or another size."),
        "doctor": (f"{_COMMANDS}.doctor:doctor", "Look for what is wrong or soon will be."),
    }
)


@click.group(
    cls=LazyGroup,
    table=TABLE,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: embedlane add docs notes/ && embedlane embed docs",
)
@click.option("--config", "config_file", metavar="FILE", help="Read this configuration.")
@click.option("--ledger", metavar="PLACE", help="Use this ledger: a file, or a postgresql:// address.")
@click.option("--log", "log_file", metavar="FILE", help="Append a JSON line for each thing done.")
@click.option("-v", "--verbose", count=True, help="Log to stderr; twice for more.")
@click.version_option(package_name="embedlane", prog_name="embedlane")
@click.pass_context
def cli(
    ctx: click.Context, config_file: str | None, ledger: str | None, log_file: str | None, verbose: int
) -> None:
    """Embed a corpus, at batch price where there is one, into indexes that never mix two models."""
    session = ctx.ensure_object(Session)
    session.config_file, session.ledger = config_file, ledger
    session.log_file, session.verbosity = log_file, verbose


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What was typed after the program's name; None for the process's own.

    Returns:
        The exit status: 0 done, 2 usage or configuration, 3 refused, 4 provider failed, 5 finished, but some
        rows are not embedded, 130 interrupted. Anything that is not foreseen is raised: it is a bug.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json, session = failing.wants_json(given), Session()
    _print_anything()
    try:
        with failing.terminable():
            status = cli.main(given, prog_name="embedlane", standalone_mode=False, obj=session)
            sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        return failing.interrupted(session, as_json=as_json)
    except EmbedlaneError as error:
        return failing.failed(error, as_json=as_json)
    except click.ClickException as error:
        return failing.misused(error, as_json=as_json)
    except BrokenPipeError:
        return failing.unheard()
    return status if isinstance(status, int) else 0


def _print_anything() -> None:
    """Let no name of a file end a command because the terminal's encoding lacks a letter."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
