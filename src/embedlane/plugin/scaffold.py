"""Writing a plugin to start from: it installs, is discovered, and passes the conformance kit.

The files are templates in the folder beside this module. Their names end in ``.in``, so that no tool takes
them for files of this project. In their text ``§name`` is a blank; the folder ``package`` gets the package's
name.
"""

from __future__ import annotations

import re
import string
from importlib.metadata import version
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

import attrs

from embedlane.errors import RefusedError, UsageError
from embedlane.models.loading import all_shipped, known_plugins
from embedlane.models.names import ModelId
from embedlane.plugin.hookspecs import PROJECT
from embedlane.providers.builtin.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date
    from importlib.resources.abc import Traversable
    from pathlib import Path

#: A name becomes a provider's id, and a part of the names of a distribution, a package and a variable.
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
#: A model's name stands inside quotes in Python and in sentences of Markdown.
_MODEL = re.compile(r"[A-Za-z0-9._/+@:-]+")
_SUFFIX = ".in"


class _Template(string.Template):
    # A sign that neither Python, TOML, make nor Markdown has a use for.
    delimiter = "§"


@attrs.frozen(kw_only=True)
class Plan:
    """A plugin that is to be written."""

    #: The provider's id, such as ``acme``.
    name: str
    #: The model that it serves.
    model: ModelId

    @classmethod
    def of(cls, name: str, model: str = "") -> Self:
        """Take what was typed.

        Args:
            name: The provider's id.
            model: ``publisher:model``; by default one of the provider's own.

        Raises:
            UsageError: If either can't be right.
            RefusedError: If the name or the model is somebody's already.
        """
        _check_name(name)
        return cls(name=name, model=_checked_model(model) if model else ModelId(name, "embed-1"))

    @property
    def distribution(self) -> str:
        """What is installed."""
        return f"{PROJECT}-{self.name}"

    @property
    def package(self) -> str:
        """What is imported."""
        return self.distribution.replace("-", "_")

    def render(self, today: date) -> dict[str, str]:
        """The text of each file by its path in the distribution, as of *today*."""
        blanks = {
            "name": self.name,
            "model": str(self.model),
            "distribution": self.distribution,
            "package": self.package,
            "variable": f"{self.name.replace('-', '_').upper()}_API_KEY",
            "pin": compatible(version(PROJECT)),
            "year": today.year,
            "month": today.month,
            "day": today.day,
        }
        return {
            str(path).replace("/package/", f"/{self.package}/"): _Template(text).substitute(blanks)
            for path, text in _templates(files("embedlane.plugin") / "template", PurePosixPath())
        }


def write(texts: Mapping[str, str], folder: Path) -> None:
    """Write files below *folder*, which is new or empty.

    Raises:
        RefusedError: If there is something already.
        UsageError: If the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except FileExistsError:
        raise RefusedError(
            f"There is something in {folder} already, and nothing is overwritten.",
            "Name another folder with --directory, or remove this one.",
        ) from None
    except OSError as error:
        raise UsageError(
            f"{folder} can't be written: {error.strerror}.", "Name another folder with --directory."
        ) from error


def compatible(release: str) -> str:
    """What a plugin written for *release* of the core pins, as docs/reference/compatibility.md allows."""
    major, minor = map(int, release.split(".")[:2])
    return f">={major}.{minor},<{major + 1}" if major else f">=0.{minor},<0.{minor + 1}"


def _templates(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    """Each template below *folder*: the path of its file, and its text."""
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_dir():
            yield from _templates(each, at / each.name)
        elif each.name.endswith(_SUFFIX):
            yield at / each.name.removesuffix(_SUFFIX), each.read_text(encoding="utf-8")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        meant = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-").lstrip("0123456789-")
        raise UsageError(
            f"{name!r} can't be the name of a plugin: it is made of small letters, digits and single "
            "hyphens, and begins with a letter.",
            f"Write {meant or 'acme'!r}, for example.",
        )
    short = name.removeprefix(f"{PROJECT}-")
    if short != name:
        raise UsageError(f"{name!r} would be {PROJECT}-{name}: the prefix is added.", f"Write {short!r}.")
    taken = {*(route.provider for route in ROUTES), *(each.distribution for each in known_plugins()), PROJECT}
    if taken & {name, f"{PROJECT}-{name}"}:
        raise RefusedError(f"There is a plugin {name!r} already.", "Choose a name of your own.")


def _checked_model(text: str) -> ModelId:
    model = ModelId.parse(text)
    if not _MODEL.fullmatch(str(model)):
        raise UsageError(
            f"{text!r} can't be the model of a new plugin.",
            "Write letters, digits and any of . _ / + @ : - as in acme:embed-1.",
        )
    if model in {card.id for card in all_shipped()}:
        raise RefusedError(
            f"{PROJECT} has a card of {model} already. A new plugin makes its vectors up, and those must not "
            "meet the real ones.",
            "Begin without --model. When your SDK answers, name the model in the routes and drop the card.",
        )
    return model
