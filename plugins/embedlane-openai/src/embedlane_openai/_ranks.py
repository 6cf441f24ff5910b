"""Where tiktoken keeps the data of OpenAI's tokenizer, found without importing it or asking the network.

tiktoken downloads what it does not find. This module looks first, by the same rules, so that it never does.
"""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

#: The encoding of all of OpenAI's embedding models.
ENCODING: Final = "cl100k_base"
#: SHA-256 of the data, as tiktoken states it.
DIGEST: Final = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
#: The data's file in tiktoken's folder: SHA-1 of the address that it is downloaded from.
FILE: Final = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"


def data_file() -> Path | None:
    """Where the data is if it is anywhere; None if tiktoken is told to keep none."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            folder = os.environ[variable]
            return Path(folder, FILE) if folder else None
    return Path(tempfile.gettempdir(), "data-gym-cache", FILE)


def at_hand() -> bool:
    """Whether tokens can be counted exactly without a download."""
    path = data_file()
    return path is not None and path.is_file() and find_spec("tiktoken") is not None
