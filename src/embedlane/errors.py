"""Everything that can go wrong, as one tree.

A branch is a decision the caller can take; its exit status is what the command line ends with.

    EmbedlaneError
    ├── SetupError (2)                 fix what was typed, configured or installed
    │   ├── UsageError                 an argument that can't be right
    │   ├── ConfigError                a setting that can't be right; names the file and the key
    │   ├── UnknownNameError           no such model, index, job or provider; lists near misses
    │   ├── InputError                 a file, a line or a text that can't be read
    │   ├── PluginError                a plugin that is broken, missing or in conflict
    │   ├── MissingDependencyError     a package that a route needs is not installed
    │   ├── CredentialError            no secret was found, or the provider does not take it
    │   └── LedgerError                the ledger is corrupt, newer than this release, busy or full
    ├── RefusedError (3)               possible, but embedlane will not do it
    │   ├── SpaceMismatchError         vectors of two spaces would meet
    │   ├── DriftError                 a model answers differently under the same name
    │   └── CapabilityError            the model, or what is installed, can't do that
    ├── ProviderError (4)              the service failed
    │   ├── TransientError             the same request may succeed later
    │   ├── RequestRefusedError        the request can't succeed as it stands
    │   ├── ResponseError              the answer breaks the contract; nothing of it was stored
    │   ├── CreateRejectedError        a batch job was surely not created
    │   └── CreateAmbiguousError       a batch job may or may not have been created
    └── IncompleteError (5)            finished, but some rows are not embedded

Fields are positional because an exception with keyword-only attrs fields can't be unpickled.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable


@attrs.define
class EmbedlaneError(Exception):
    """The root: what happened, and what to do next."""

    #: Process exit status of the command line for this branch.
    exit_status: ClassVar[int] = 1

    #: What happened, with the value and the place.
    message: str
    #: The next step, if there is one: a command or a setting.
    hint: str = ""

    def __str__(self) -> str:
        """The message, and the hint after it."""
        return f"{self.message} {self.hint}".rstrip()


@attrs.define
class SetupError(EmbedlaneError):
    """Something that was typed, configured or installed has to change first."""

    exit_status: ClassVar[int] = 2


@attrs.define
class UsageError(SetupError):
    """An argument can't be right."""


@attrs.define
class ConfigError(SetupError):
    """A setting can't be right; the message names the file and the path of the key."""


@attrs.define
class UnknownNameError(SetupError):
    """There is no model, index, job or provider of that name."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str], hint: str = "") -> Self:
        """Build the error with the near misses among *known*."""
        candidates = sorted(known)
        tails = {candidate.partition(":")[2] or candidate: candidate for candidate in candidates}
        close = [
            *difflib.get_close_matches(name, candidates, n=3, cutoff=0.6),
            *(tails[tail] for tail in difflib.get_close_matches(name, tails, n=3, cutoff=0.6)),
        ]
        misses = ", ".join(repr(candidate) for candidate in dict.fromkeys(close))
        advice = f"Did you mean {misses}?" if misses else ""
        return cls(f"There is no {kind} {name!r}.", f"{advice} {hint}".strip())


@attrs.define
class InputError(SetupError):
    """A file, a line or a text can't be read."""


@attrs.define
class PluginError(SetupError):
    """A plugin is broken, missing, or in conflict with another."""


@attrs.define
class MissingDependencyError(SetupError):
    """A package that a route needs is not installed."""


@attrs.define
class CredentialError(SetupError):
    """No secret was found for a provider, or the provider does not take the one that was."""


@attrs.define
class LedgerError(SetupError):
    """The ledger can't be used: corrupt, newer than this release, busy, or out of space."""


@attrs.define
class RefusedError(EmbedlaneError):
    """It could be done, but a promise would break."""

    exit_status: ClassVar[int] = 3


@attrs.define
class SpaceMismatchError(RefusedError):
    """Vectors of two spaces would meet; the message shows both side by side."""


@attrs.define
class DriftError(RefusedError):
    """A model answers differently under the same name; nothing more is stored in its space."""


@attrs.define
class CapabilityError(RefusedError):
    """The model, or what is installed, can't do what was asked."""


@attrs.define
class ProviderError(EmbedlaneError):
    """The service failed, or its answer can't be used."""

    exit_status: ClassVar[int] = 4


@attrs.define
class TransientError(ProviderError):
    """The same request may succeed later: a rate limit, an overload, a lost connection."""

    #: Seconds that the provider asked to wait, if it said so.
    retry_after: float | None = None


@attrs.define
class RequestRefusedError(ProviderError):
    """The provider took the request apart and said no; sending it again changes nothing."""

    #: The provider's own code, such as ``400`` or ``INVALID_ARGUMENT``.
    code: str = ""


@attrs.define
class ResponseError(ProviderError):
    """The answer breaks the contract of the interface; nothing of that call was stored."""


@attrs.define
class CreateRejectedError(ProviderError):
    """A batch job was surely not created; it costs nothing."""

    #: Whether the same create may be accepted later (a quota that is full, say).
    retryable: bool = False
    #: Seconds that the provider asked to wait, if it said so.
    retry_after: float | None = None


@attrs.define
class CreateAmbiguousError(ProviderError):
    """The reply to a create was lost: the job may exist and may cost money. Never just repeat it."""


@attrs.define
class IncompleteError(EmbedlaneError):
    """The work is finished, but some rows are not embedded."""

    exit_status: ClassVar[int] = 5
