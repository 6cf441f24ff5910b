"""The page: a template, filled with tables and plots."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from embedlane.errors import InputError, MissingDependencyError
from embedlane.evaluation import wording
from embedlane.evaluation.report import plots

if TYPE_CHECKING:
    from embedlane.evaluation.comparison import Comparison

_NEEDED = ("jinja2", "matplotlib")
_TEMPLATE = Path(__file__).with_name("page.html.jinja")


def require_report(path: Path) -> None:
    """Check that a report can be written to *path*, before anything is measured for it.

    Raises:
        MissingDependencyError: If the extra is not installed; has the line that installs it.
        InputError: If there is no such folder.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"A report needs {' and '.join(missing)}.", "Run: pip install 'embedlane[report]'"
        )
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent} to write {path.name} into.", "Make it first.")


def write_report(found: Comparison, path: Path) -> None:
    """Write *found* to *path* as one page of HTML, with all it needs inside it.

    Raises:
        MissingDependencyError: If the extra is not installed; has the line that installs it.
        InputError: If the file can't be written.
    """
    require_report(path)
    text = render(found)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}.", "Name another file.") from error


def render(found: Comparison) -> str:
    """*found* as one page of HTML."""
    import jinja2  # noqa: PLC0415 - comes with an extra

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(
        span=wording.span,
        signed=wording.signed,
        signed_span=wording.signed_span,
        dollars=wording.dollars,
        percent=wording.percent,
        level=wording.level,
        change=wording.change,
        places=wording.places,
        title=wording.title,
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        found=found,
        metrics=list(found.candidates[0].metrics),
        gaps={each.candidate: each.metrics for each in found.differences},
        pairs=found.crossing,
        plots=plots.draw(found),
    )
