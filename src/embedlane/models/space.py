"""The space: what must be equal for two vectors to be comparable."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Self

import attrs

from embedlane.errors import LedgerError, UsageError
from embedlane.models.card import Role, TaskMechanism, TaskScheme
from embedlane.models.names import ModelId

if TYPE_CHECKING:
    from embedlane.models.card import ModelCard

#: Every stored vector has unit length, so that a dot product is the cosine.
UNIT_LENGTH = "unit"


@attrs.frozen(kw_only=True)
class Space:
    """A vector space. Two vectors may meet only when their spaces are equal."""

    #: Who defines it.
    model: ModelId
    #: The publisher's revision of the model.
    revision: str
    #: Numbers in a vector.
    dimensions: int = attrs.field(validator=attrs.validators.gt(0))
    #: How lengths are treated; always `UNIT_LENGTH` today.
    normalisation: str = UNIT_LENGTH
    #: How the role of a text reaches the model.
    tasks: TaskScheme = attrs.field(factory=TaskScheme)

    @classmethod
    def of(cls, card: ModelCard, dimensions: int | None = None) -> Self:
        """The space of *card* at *dimensions*, or at its native size."""
        return cls(
            model=card.id,
            revision=card.revision,
            dimensions=card.dimensions.native if dimensions is None else dimensions,
            tasks=card.tasks,
        )

    @classmethod
    def parse(cls, canonical: str) -> Self:
        """Read what `canonical` wrote.

        Raises:
            LedgerError: If *canonical* holds anything else. A key that this release does not know would
                otherwise be dropped, and two different spaces would look equal.
        """
        try:
            fields = json.loads(canonical)
            space = cls(
                model=ModelId.parse(fields["model"]),
                revision=fields["revision"],
                dimensions=int(fields["dimensions"]),
                normalisation=fields["normalisation"],
                tasks=TaskScheme(
                    mechanism=TaskMechanism(fields["tasks"]),
                    document=fields["document"],
                    query=fields["query"],
                ),
            )
        except (ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
            raise _unreadable(canonical) from error
        if space.canonical != canonical:
            raise _unreadable(canonical)
        return space

    @property
    def canonical(self) -> str:
        """The space as one line of JSON in ASCII: equal spaces, equal text."""
        return json.dumps(self.lines(), separators=(",", ":"))

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the canonical text."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()[:12]

    def lines(self) -> dict[str, str]:
        """Name and value of each thing that changes vectors, in a fixed order."""
        return {
            "model": str(self.model),
            "revision": self.revision,
            "dimensions": str(self.dimensions),
            "normalisation": self.normalisation,
            "tasks": str(self.tasks.mechanism),
            "document": self.tasks.document,
            "query": self.tasks.query,
        }

    def render(self, text: str, role: Role) -> str:
        """The exact text to send for *text* in *role*."""
        return self.tasks.render(text, role)

    def beside(self, other: Space, names: tuple[str, str] = ("stored", "asked for")) -> str:
        """Both spaces as a table for people, with a mark at each line that differs."""
        mine, theirs = (
            {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in space.lines().items()}
            for space in (self, other)
        )
        width = max(len(names[0]), *(len(value) for value in mine.values()))
        rows = [f"  {'':13} {names[0]:<{width}}  {names[1]}"]
        for name, value in mine.items():
            mark = " " if value == theirs[name] else "≠"
            rows.append(f"{mark} {name:13} {value:<{width}}  {theirs[name]}")
        rows.append(f"  {'fingerprint':13} {self.fingerprint:<{width}}  {other.fingerprint}")
        return "\n".join(rows)

    def __str__(self) -> str:
        """Such as ``acme:embed-large @ 768 (3f2a…)``."""
        return f"{self.model} @ {self.dimensions} ({self.fingerprint})"


def _unreadable(canonical: str) -> LedgerError:
    return LedgerError(
        f"The ledger holds a space that this release can't read: {canonical}",
        "It was written by a newer release, or changed by hand; update embedlane.",
    )
