"""Enrichers: what is asked, and by which key it is found again."""

import pytest

from embedlane.text.enrichers import BUILTIN, CONTEXT, QUESTIONS, Enricher


def test_the_texts_are_put_in_as_they_are():
    """Also those that hold what looks like a place."""
    enricher = Enricher(name="x", summary="x", prompt="{document}|{chunk}|")
    assert enricher.ask("a {chunk} b", "c {document} d") == "a {chunk} b|c {document} d|"


@pytest.mark.parametrize("prompt", ["{document}", "{chunk}{chunk}", "{chunk}{document}{document}"])
def test_a_prompt_holds_the_chunk_once(prompt):
    """And the document once, or not at all."""
    with pytest.raises(ValueError, match="must hold"):
        Enricher(name="x", summary="x", prompt=prompt)


def test_a_name_is_one_that_can_be_typed():
    """It is a part of keys and of variants' names."""
    with pytest.raises(ValueError, match="name"):
        Enricher(name="by the way", summary="x", prompt="{chunk}")


def test_the_key_is_of_all_that_is_asked():
    """Another prompt, another instruction or another purpose is another question."""
    others = [Enricher(name="x", summary="x", prompt="{chunk}", system=told) for told in ("", "Be brief.")]
    others.append(Enricher(name="x", summary="x", prompt="{chunk}", purpose="questions"))
    assert len({enricher.key("text") for enricher in others} | {others[0].key("other")}) == 4
    assert others[0].key("text") == others[0].key("text")


def test_a_document_of_one_chunk_needs_no_context():
    """But may have questions."""
    assert [each.needs_others for each in BUILTIN] == [True, False]
    assert CONTEXT.schema is None
    assert QUESTIONS.schema["items"] == {"type": "string"}
