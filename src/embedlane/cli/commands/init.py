"""``embedlane init``: write a configuration to start from."""

from __future__ import annotations

from pathlib import Path

import click

from embedlane.cli.output import emit, json_option
from embedlane.cli.tables import say
from embedlane.config.files import FILE
from embedlane.errors import ConfigError, RefusedError

TEMPLATE = """\
# The configuration of embedlane. Every line is optional; what is commented out shows an example.
# Paths, and the ids of items, start from this file's folder.

# Where indexes, items, vectors and jobs are kept.
ledger = ".embedlane/lane.db"

# Which plugins to load: names for only those, names with a minus for all but those. Default: all.
# plugins = ["-name"]

# An index is made from its table when it is first asked for, and is bound to that model and size for life.
# [indexes.docs]
# model = "google:gemini-embedding-001"   # `embedlane models` lists them all
# dimensions = 768                        # default: the model's native size
# chunk_size = 512                        # 0 keeps texts whole; default: 512, or the model's limit if smaller
# chunk_overlap = 0
# chunk_unit = "tokens"                   # or "characters"
# on_too_long = "error"                   # or "truncate", "chunk"

# Which installed provider serves a model in each lane. Default: the best one.
# [routes."google:gemini-embedding-001"]
# sync = "gemini-legacy"
# batch = "gemini"

# Settings of a provider. Secrets never stand here: name the variable of the environment that holds them.
# [providers.gemini]
# api_key_env = "GEMINI_API_KEY"
# concurrency = 4
# requests_per_minute = 100
"""


@click.command(epilog="Example: embedlane init")
@click.option("--force", is_flag=True, help="Overwrite the file if there is one.")
@json_option
def init(force: bool, as_json: bool) -> None:
    """Write an embedlane.toml with comments into the working directory."""
    path = Path.cwd() / FILE
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise RefusedError(
            f"There is a file {path} already.", "`embedlane init --force` overwrites it."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} can't be written: {error.strerror}.", "Go to a folder that can be written to."
        ) from error
    emit(as_json, {"file": path}, lambda value: say(f"Wrote {value['file']}."))
