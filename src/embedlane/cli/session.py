"""What the options of the `embedlane` group say, and the workspace that a command opened with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

if TYPE_CHECKING:
    from embedlane.workspace.workspace import Workspace


@attrs.define(kw_only=True)
class Session:
    """One run of the command line. Light: nothing is opened before a command asks for it."""

    #: The configuration that was named; None to look for one.
    config_file: str | None = None
    #: The ledger that was named; None for the configuration's.
    ledger: str | None = None
    #: Where to append a line of JSON for each thing done; None for nowhere.
    log_file: str | None = None
    #: How much to log: 0 warnings, 1 what is done, 2 everything.
    verbosity: int = 0
    #: What the command works with, once it is opened.
    workspace: Workspace | None = None


#: Gives a command the session.
pass_session = click.make_pass_decorator(Session, ensure=True)
