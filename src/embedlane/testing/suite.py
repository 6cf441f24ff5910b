"""What all suites share: a failure says which rule is broken, what was found, and what to change."""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_KIT = __name__.rpartition(".")[0] + "."
_QUIET = (
    "raise nothing for what the interface allows; what the service does wrong is an error of embedlane.plugin"
)


class Suite:
    """Rules as tests. A plugin's tests subclass one of its subclasses."""

    #: The sentence of the rule under test.
    rule: str = ""

    @pytest.fixture(autouse=True)
    def _know_the_rule(self, request: pytest.FixtureRequest) -> None:
        test = request.function
        self.rule = first_line(rules_of(type(self)).get(test.__name__, test))

    def broken(self, found: str, change: str) -> NoReturn:
        """Fail: the plugin breaks the rule.

        Args:
            found: What it did.
            change: What its author is to change.
        """
        __tracebackhide__ = True
        raise self._failure(found, change)

    def require(self, holds: object, found: str, change: str) -> None:
        """Fail unless *holds* is true. Takes what `broken` does."""
        __tracebackhide__ = True
        if not holds:
            raise self._failure(found, change)

    @contextlib.contextmanager
    def succeeding(self, deed: str, change: str = _QUIET) -> Iterator[None]:
        """Fail if what is done inside raises anything.

        Args:
            deed: What is done, for the message.
            change: What the plugin's author is to change then.
        """
        __tracebackhide__ = True
        try:
            yield
        except Exception as error:
            # Chained, so that the author sees the plugin's own frames.
            raise self._failure(f"{deed} raised {type(error).__name__}: {error}", change) from error

    def test_rules_are_not_overridden(self) -> None:
        """A rule is changed by nobody, unless the override is marked xfail and gives a reason."""
        changed = [name for name, rule in rules_of(type(self)).items() if not _kept(type(self), name, rule)]
        self.require(
            not changed,
            f"{type(self).__name__} overrides {', '.join(changed)}",
            "remove the override, or mark it @pytest.mark.xfail(reason=…) and call the rule by super()",
        )

    def _failure(self, found: str, change: str) -> AssertionError:
        return AssertionError(
            f"a rule is broken\n  rule:   {self.rule}\n  found:  {found}\n  change: {change}"
        )


def rules_of(suite: type) -> dict[str, Any]:
    """The tests that the kit has for *suite*, by name."""
    return {
        name: value
        for kind in reversed(suite.__mro__)
        if kind.__module__.startswith(_KIT)
        for name, value in vars(kind).items()
        if name.startswith("test_")
    }


def first_line(test: object) -> str:
    """The sentence that stands first in the docstring of *test*."""
    return (inspect.getdoc(test) or "").partition("\n")[0]


def _kept(suite: type, name: str, rule: object) -> bool:
    found = inspect.getattr_static(suite, name)
    marks = getattr(found, "pytestmark", ())
    return found is rule or any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)
