"""``embedlane init``: write a configuration to start from."""

from __future__ import annotations

from pathlib import Path

import click

from embedlane.cli.output import emit, json_option
from embedlane.cli.tables import say
from embedlane.config.files import FILE
from embedlane.errors import ConfigError, RefusedError
from embedlane.models.loading import example_configuration


@click.command(epilog="Example: embedlane init")
@click.option("--force", is_flag=True, help="Overwrite the file if there is one.")
@json_option
def init(force: bool, as_json: bool) -> None:
    """Write an embedlane.toml with comments into the working directory."""
    path = Path.cwd() / FILE
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(example_configuration())
    except FileExistsError:
        raise RefusedError(
            f"There is a file {path} already.", "`embedlane init --force` overwrites it."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} can't be written: {error.strerror}.", "Go to a folder that can be written to."
        ) from error
    emit(as_json, {"file": path}, lambda value: say(f"Wrote {value['file']}."))
