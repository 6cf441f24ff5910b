"""Generating: what a request may be, what a response is, and the lane over the wire."""

import json

import pytest

from embedlane.plugin import Prompt, Refusal, RequestRow, Response, ServiceContext
from embedlane_gemini._generating import open_batch
from embedlane_gemini._requests import GenerateContentForm
from embedlane_gemini._responses import ResponseReader

FORM = GenerateContentForm()
TURN = {"role": "user", "parts": [{"text": "Why?"}]}


@pytest.mark.parametrize(
    "request_",
    [
        {"contents": [TURN]},
        {"contents": [{"parts": [{"fileData": {"fileUri": "https://x", "mimeType": "text/plain"}}]}]},
        {"contents": [TURN, {"role": "model", "parts": [{"text": "So."}]}, TURN]},
        {"contents": [TURN], "system_instruction": {"parts": [{"text": "x"}]}, "generation_config": {}},
        {"contents": [TURN], "tools": [{"google_search": {}}], "toolConfig": {}, "safetySettings": []},
        {"model": "models/x", "contents": [TURN], "cachedContent": "cachedContents/x"},
    ],
)
def test_every_option_of_the_interactive_api_may_stand_in_a_request(request_):
    """In both spellings."""
    assert FORM.problem(request_) == ""


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ({}, "no 'contents'"),
        ({"contents": []}, "no 'contents'"),
        ({"contents": "Why?"}, "no 'contents'"),
        ({"contents": ["Why?"]}, "contents[0] of its request is no object"),
        ({"contents": [TURN, {"parts": []}]}, "contents[1] of its request has no 'parts'"),
        ({"contents": [{"parts": ["Why?"]}]}, "a part that is no object"),
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "the role 'system'"),
        ({"contents": [TURN], "config": {}}, "'generationConfig', 'systemInstruction' and 'tools'"),
        ({"content": TURN}, "'contents', a list"),
        ({"contents": [TURN], "tools": {}}, "'tools' of its request is no list"),
        ({"contents": [TURN], "generation_config": []}, "'generation_config' of its request is no object"),
    ],
)
def test_what_the_service_would_not_take_is_told(request_, problem):
    """Before anything is uploaded, with what it should be."""
    assert problem in FORM.problem(request_)


def test_a_prompt_becomes_a_request():
    """With its instruction and its schema in their places; what it composes has no problem."""
    request = FORM.compose(Prompt(text="Why?", system="Be brief.", schema={"type": "object"}))
    assert request["contents"][0]["parts"] == [{"text": "Why?"}]
    assert request["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert request["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    }
    assert FORM.problem(request) == ""
    assert FORM.size(request).characters == len("Why?Be brief.")


def test_a_schema_leaves_the_other_settings():
    """Whichever spelling they have."""
    request = {"contents": [TURN], "generation_config": {"temperature": 0, "maxOutputTokens": 7}}
    bound = FORM.constrain(request, {"type": "string"})
    assert set(bound) == {"contents", "generationConfig"}
    assert bound["generationConfig"]["temperature"] == 0
    assert FORM.size(bound).output_tokens == 7


def test_the_text_of_a_response_is_without_thoughts():
    """Of the first candidate; empty where there is none."""
    parts = [{"text": "Hm.", "thought": True}, {"text": "So "}, {"functionCall": {}}, {"text": "so."}]
    assert FORM.text({"candidates": [{"content": {"parts": parts}}]}) == "So so."
    assert FORM.text({"candidates": []}) == FORM.text({}) == ""


def read(response):
    return ResponseReader().answer("k", response, "line 1")


def candidate(reason="STOP", *parts):
    return {"content": {"parts": list(parts), "role": "model"}, "finishReason": reason}


def test_a_response_comes_whole_with_what_is_billed():
    """Thoughts are billed as output, what a tool brings as input."""
    usage = {
        "promptTokenCount": 5,
        "toolUsePromptTokenCount": 2,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 4,
    }
    response = {"candidates": [candidate("STOP", {"text": "So."})], "usageMetadata": usage}
    found = read(response)
    assert isinstance(found, Response)
    assert (json.loads(found.body), found.tokens, found.output_tokens) == (response, 7, 7)
    assert read({"candidates": [candidate("MAX_TOKENS", {"text": "S"})]}).tokens is None


@pytest.mark.parametrize(
    ("response", "code", "retryable"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "SAFETY", False),
        ({"candidates": [candidate("SAFETY")]}, "SAFETY", False),
        ({"candidates": [{"finishReason": "RECITATION"}]}, "RECITATION", False),
        ({"candidates": [candidate("STOP")]}, "EMPTY", True),
        ({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}, "EMPTY", True),
        ({"candidates": []}, "EMPTY", True),
        ({}, "EMPTY", True),
    ],
)
def test_a_response_without_an_answer_is_a_refusal(response, code, retryable):
    """Blocked for good, or empty and tried again; the request is billed all the same."""
    found = read({**response, "usageMetadata": {"promptTokenCount": 5}})
    assert isinstance(found, Refusal)
    assert (found.code, found.retryable, found.tokens) == (code, retryable, 5)


@pytest.fixture
def generator(cards, tmp_path, gemini_emulator):
    """Opens the lane with settings."""
    opened = []

    def generator(**settings):
        context = ServiceContext(
            provider="gemini",
            card=cards("google:gemini-2.5-flash-lite"),
            settings={"base_url": gemini_emulator.url, **settings},
            credential=lambda: "AIza-not-a-key",
            directory=tmp_path,
        )
        opened.append(open_batch(context))
        return opened[-1]

    yield generator
    for each in opened:
        each.close()


@pytest.mark.parametrize("choice", ["file", "inline"])
def test_the_lane_over_the_wire(generator, gemini_emulator, tmp_path, choice):
    """Staged, created under our tag, found by it, read with keys and tokens, removed."""
    lane = generator(batch_input=choice)
    rows = [RequestRow(f"k{n}", json.dumps({"contents": [TURN]})) for n in range(3)]
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"".join(lane.encode([row]) + b"\n" for row in rows))
    from embedlane.plugin import BatchFile

    staged = lane.stage(BatchFile(path=path, rows=3, size=path.stat().st_size, digest=""), "tag-1")
    job = lane.create(staged, "tag-1")
    assert [found.name for found in lane.find("tag-1")] == [job.name]
    gemini_emulator.clock.advance(60)
    results = list(lane.results(lane.get(job.name)))
    assert sorted(result.key for result in results) == ["k0", "k1", "k2"]
    assert all(isinstance(result, Response) and result.tokens and result.output_tokens for result in results)
    assert gemini_emulator.bill.total().output_tokens == sum(result.output_tokens for result in results)
    lane.delete(job.name)
    assert lane.find("tag-1") == []
