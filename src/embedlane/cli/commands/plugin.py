"""``embedlane plugin``: write a plugin to start from."""

from __future__ import annotations

import shlex
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from embedlane.cli.output import emit, json_option
from embedlane.cli.tables import say
from embedlane.plugin.scaffold import Plan, write


@click.group(epilog="Example: embedlane plugin new acme")
def plugin() -> None:
    """Write plugins."""


@plugin.command(epilog="Example: embedlane plugin new acme --model acme:embed-large")
@click.argument("name")
@click.option("--directory", metavar="DIR", help="The folder to write; default: NAME.")
@click.option("--model", metavar="ID", default="", help="Its model; default: NAME:embed-1.")
@json_option
def new(name: str, directory: str | None, model: str, as_json: bool) -> None:
    """Write a plugin that passes the conformance kit, with a mark wherever an SDK goes."""
    plan = Plan.of(name, model)
    folder = Path(directory or name).expanduser()
    texts = plan.render(datetime.now(UTC).date())
    write(texts, folder)
    emit(as_json, _view(plan, folder, list(texts)), _render)


def _view(plan: Plan, folder: Path, names: list[str]) -> dict[str, Any]:
    place = shlex.quote(str(folder))
    return {
        "directory": folder,
        "distribution": plan.distribution,
        "package": plan.package,
        "provider": plan.name,
        "model": plan.model,
        "files": names,
        "next": [f"make -C {place} test{_python()}", f'grep -rn "YOUR SDK" {place}'],
    }


def _python() -> str:
    """What makes `make` use this Python, where it would find another one."""
    found = shutil.which("python3")
    same = found is not None and Path(found).parent == Path(sys.executable).parent
    return "" if same else f" PYTHON={shlex.quote(sys.executable)}"


def _render(view: dict[str, Any]) -> None:
    test, look = view["next"]
    say(f"Wrote {view['distribution']} into {view['directory']}: {view['model']}, made up, in both lanes.")
    say(f"Put it to the test: {test}")
    say(f"Put your SDK in:    {look}")
