"""Opening the workspace as the options say. Heavy: only commands import it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from embedlane.cli.logs import logged
from embedlane.config.settings import Config, load_config, read_ledger
from embedlane.workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.cli.session import Session


@contextlib.contextmanager
def opened(session: Session) -> Iterator[Workspace]:
    """Open the workspace for the time of a command.

    Raises:
        ConfigError: If the configuration can't be right.
    """
    with (
        logged(session.verbosity, session.log_file),
        Workspace.open(config=configuration(session)) as workspace,
    ):
        # Kept after it is closed: on an interrupt its jobs are asked for once more.
        session.workspace = workspace
        yield workspace


def configuration(session: Session) -> Config:
    """Read the configuration; options stand above the environment.

    Raises:
        ConfigError: If it, or ``--ledger``, can't be right.
    """
    file = Path(session.config_file) if session.config_file is not None else None
    config = load_config(file=file)
    if session.ledger is None:
        return config
    # A path that is typed starts from where it is typed; one in the file starts from the file.
    return attrs.evolve(config, ledger=read_ledger(session.ledger, Path.cwd(), "--ledger"))
