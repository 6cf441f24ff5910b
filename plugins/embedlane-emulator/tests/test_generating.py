"""Generation jobs: answers that do what their request says, faults that silence them, and two prices."""

import json
from datetime import date
from typing import Literal

import pytest
from google.genai import types
from pydantic import BaseModel, Field

from embedlane_emulator.gemini.generate import answer
from embedlane_emulator.gemini.structured import Maker

MODEL = "gemini-2.5-flash-lite"


def asked(text="Why is the sky blue?", **more):
    return {"contents": [{"parts": [{"text": text}]}], **more}


def text_of(response):
    return response["candidates"][0]["content"]["parts"][0]["text"]


class Leaf(BaseModel):
    """A part of a tree."""

    name: str = Field(min_length=3, max_length=12)
    on: date
    kind: Literal["red", "green"]
    weight: float = Field(gt=0, le=2)


class Tree(BaseModel):
    """A schema with references, choices, bounds and itself."""

    count: int = Field(ge=5, le=9)
    leaves: list[Leaf] = Field(min_length=2, max_length=4)
    child: "Tree | None" = None
    note: str | None
    by_name: dict[str, int] = {}
    yes: bool


def test_an_answer_depends_on_the_request_alone():
    """The same twice, another for another request or model."""
    assert answer(asked(), MODEL) == answer(asked(), MODEL)
    others = (answer(asked("Why?"), MODEL), answer(asked(), "other"), answer(asked(store=True), MODEL))
    assert text_of(answer(asked(), MODEL)) not in map(text_of, others)


@pytest.mark.parametrize("seed", range(20))
def test_a_made_value_satisfies_its_schema(seed):
    """Of pydantic's own making, with references to itself; a class reads it back."""
    schema = Tree.model_json_schema()
    value = Maker.of(schema, "some words of a prompt", str(seed)).value(schema)
    assert Tree.model_validate_json(json.dumps(value)).count in range(5, 10)


def test_the_apis_own_schema_works_too():
    """Types in capitals, as `responseSchema` has them."""
    schema = {
        "type": "OBJECT",
        "properties": {"n": {"type": "INTEGER", "minimum": 3, "maximum": 3}, "s": {"type": "STRING"}},
        "required": ["n"],
    }
    config = {"response_mime_type": "application/json", "responseSchema": schema}
    assert json.loads(text_of(answer(asked(generationConfig=config), MODEL)))["n"] == 3


def test_tools_system_and_limits_show_in_the_answer():
    """A search brings sources, a function is called, the instruction is repeated, a limit cuts."""
    search = answer(asked(tools=[{"google_search": {}}]), MODEL)
    assert search["candidates"][0]["groundingMetadata"]["groundingChunks"]
    function = {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    }
    forced = {"functionCallingConfig": {"mode": "ANY"}}
    tools = [{"functionDeclarations": [function]}]
    part = answer(asked(tools=tools, toolConfig=forced), MODEL)["candidates"][0]["content"]["parts"][0]
    assert (part["functionCall"]["name"], set(part["functionCall"]["args"])) == ("weather", {"place"})
    assert "text" in answer(asked(tools=tools), MODEL)["candidates"][0]["content"]["parts"][0]
    system = answer(asked(systemInstruction={"parts": [{"text": "Be brief."}]}), MODEL)
    assert "Be brief." in text_of(system)
    cut = answer(asked(generationConfig={"maxOutputTokens": 3}), MODEL)
    assert cut["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert cut["usageMetadata"]["candidatesTokenCount"] == 3


def test_jobs_by_the_sdk_inline_and_by_file(gemini_emulator, genai):
    """google-genai reads the answers of both; the bill has both prices."""
    import io

    inline = genai.batches.create(model=MODEL, src=[{"contents": "Why?"}, {"contents": "How?"}])
    line = json.dumps({"key": "k", "request": asked()})
    config = types.UploadFileConfig(mime_type="jsonl")
    upload = genai.files.upload(file=io.BytesIO(line.encode()), config=config)
    filed = genai.batches.create(model=MODEL, src=upload.name)
    gemini_emulator.clock.advance(60)
    responses = genai.batches.get(name=inline.name).dest.inlined_responses
    assert [each.response.text.rpartition("to: ")[2] for each in responses] == ["Why?", "How?"]
    result = genai.files.download(file=genai.batches.get(name=filed.name).dest.file_name)
    assert json.loads(result)["key"] == "k"
    total = gemini_emulator.bill.total("batch")
    assert (total.rows, total.requests) == (3, 2)
    assert total.dollars == pytest.approx((total.tokens * 0.05 + total.output_tokens * 0.20) / 1e6)


def test_a_chunk_of_a_document_is_placed_in_it():
    """By the document's first line and the heading before the chunk; with a schema, in words of the chunk."""
    document = "# Report of Acme\n\n## Sales\n\nThey rose.\n\n## Risks\n\nEnergy is dear."
    prompt = f"<document>\n{document}\n</document>\n<chunk>\nEnergy is dear.\n</chunk>\nPlace it."
    assert text_of(answer(asked(prompt), MODEL)) == "This is from: Report of Acme, Risks."
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    config = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    questions = json.loads(text_of(answer(asked(prompt, generationConfig=config), MODEL)))
    assert questions
    assert all(set(each.split()) <= {"Energy", "is", "dear."} for each in questions)
