"""A model's name, ``publisher:model``."""

from __future__ import annotations

import attrs

from embedlane.errors import UsageError


@attrs.frozen(order=True)
class ModelId:
    """Who defines a vector space, such as ``acme:embed-large``.

    The text is split at the first colon, so that a model's own name may hold more of them.
    """

    #: Who publishes the model; holds no colon.
    publisher: str = attrs.field()
    #: The publisher's own name for it.
    model: str = attrs.field()

    @publisher.validator
    @model.validator
    def _check_half(self, attribute: attrs.Attribute[str], value: str) -> None:
        # Whatever is let in here comes back from `parse` unchanged, so that a space can be read again.
        if not value or value != value.strip() or (attribute.name == "publisher" and ":" in value):
            raise ValueError(f"{value!r} can't be the {attribute.name} of a model id")

    @classmethod
    def parse(cls, text: str) -> ModelId:
        """Read ``publisher:model``.

        Raises:
            UsageError: If either half is missing.
        """
        publisher, colon, model = text.partition(":")
        if not (publisher.strip() and colon and model.strip()):
            raise UsageError(
                f"{text!r} is not a model id.",
                "Write it as publisher:model, for example 'local:hash'; "
                "`embedlane models list` shows them all.",
            )
        return cls(publisher.strip(), model.strip())

    def __str__(self) -> str:
        """The text that `parse` reads."""
        return f"{self.publisher}:{self.model}"
