"""Enrichers: what a model is asked of each chunk of an index, as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import attrs

from embedlane.text.hashing import content_hash


class Purpose(StrEnum):
    """What becomes of an answer."""

    #: It is put before the chunk, and both are embedded together.
    TEXT = "text"
    #: It is a list of questions that the chunk answers, kept beside it.
    QUESTIONS = "questions"


def _check_prompt(_instance: object, _attribute: attrs.Attribute[str], prompt: str) -> None:
    if prompt.count("{chunk}") != 1 or prompt.count("{document}") > 1:
        raise ValueError("the prompt must hold {chunk} once, and {document} once or not at all")


@attrs.frozen(kw_only=True)
class Enricher:
    """What is asked of a model for each chunk, and what its answer is for. Declared; holds no code."""

    #: Its name, as in ``embedlane enrich docs --with NAME``.
    name: str = attrs.field(validator=attrs.validators.matches_re("[a-z0-9][a-z0-9-]{0,29}"))
    #: One line for people.
    summary: str
    #: What becomes of the answers.
    purpose: Purpose = attrs.field(default=Purpose.TEXT, converter=Purpose)
    #: What the model is told about how to answer.
    system: str = ""
    #: What it is asked: holds {chunk} once, and {document} where it has to see what the chunk was cut from.
    prompt: str = attrs.field(validator=_check_prompt)
    #: The longest excerpt of the document, in characters; what is nearest to the chunk is taken.
    excerpt: int = attrs.field(default=20_000, validator=attrs.validators.gt(0))
    #: Tokens that plans take an answer to have.
    answer_tokens: int = attrs.field(default=100, validator=attrs.validators.gt(0))

    @property
    def schema(self) -> Mapping[str, object] | None:
        """The JSON schema of an answer; None for text."""
        return _QUESTIONS if self.purpose is Purpose.QUESTIONS else None

    @property
    def needs_others(self) -> bool:
        """Whether there is nothing to ask of a chunk that is its whole document."""
        return self.purpose is Purpose.TEXT and "{document}" in self.prompt

    def ask(self, document: str, chunk: str) -> str:
        """The prompt for *chunk*, which is of *document*."""
        # In one go: the texts may themselves hold what looks like a place.
        before, _, after = self.prompt.partition("{chunk}")
        return f"{_filled(before, document)}{chunk}{_filled(after, document)}"

    def key(self, prompt: str) -> str:
        """What the request of *prompt* is called: the same for the same prompt, whatever index it is for."""
        return f"{self.name}-{content_hash(chr(0).join((self.purpose, self.system, prompt)))}"


def _filled(template: str, document: str) -> str:
    return template.replace("{document}", document)


_QUESTIONS: Mapping[str, object] = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": 5,
}
_SHOWN = (
    "<document>\n{document}\n</document>\n\n"
    "Above is a document, or the part of it around the chunk below; […] stands for what is left out.\n\n"
    "<chunk>\n{chunk}\n</chunk>\n\n"
)

CONTEXT = Enricher(
    name="context",
    summary="a sentence that places each chunk in its document, embedded with it",
    system="You write for a search index. Answer with one sentence and nothing else.",
    prompt=_SHOWN
    + (
        "Write one short sentence that places the chunk in the document, so that a search finds it: what the "
        "document is about, and which names, places and times the chunk means without saying them."
    ),
    answer_tokens=80,
)
QUESTIONS = Enricher(
    name="questions",
    summary="questions that each chunk answers, to measure a search with",
    purpose=Purpose.QUESTIONS,
    system="You write questions that test a search engine. Answer with a JSON list of questions.",
    prompt=_SHOWN
    + (
        "Write one to three questions that the chunk answers, as a reader would ask who has not seen the "
        "document. Use other words than the chunk where there are any."
    ),
    answer_tokens=120,
)
#: What comes with the core.
BUILTIN = (CONTEXT, QUESTIONS)
