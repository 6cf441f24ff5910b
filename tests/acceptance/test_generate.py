"""Requests to a model that generates: by file and inline, killed in the middle, paid for once."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from pydantic import BaseModel

from embedlane import Workspace
from embedlane.errors import CapabilityError

MODEL = "google:gemini-2.5-flash-lite"
PLUGIN = {"EMBEDLANE_PLUGINS": "gemini", "KEY_OF_THE_TEST": "any-key-will-do"}
ROWS = 500
SCHEMA = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}


class Review(BaseModel):
    """What is wanted of a review."""

    title: str
    stars: int
    tags: list[str]


def request(number):
    """One of the many requests that the interactive API takes."""
    turns = [{"role": "user", "parts": [{"text": f"What is {number} plus one?"}]}]
    match number:
        case 7:
            config = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA, "temperature": 0}
            return {"contents": turns, "generationConfig": config}
        case 8:
            return {"contents": turns, "tools": [{"google_search": {}}]}
        case 9:
            return {"contents": turns, "systemInstruction": {"parts": [{"text": "Be brief."}]}}
        case 10:
            answered = [{"role": "model", "parts": [{"text": "11"}]}, {"parts": [{"text": "And twice?"}]}]
            return {"contents": [*turns, *answered]}
        case 11:
            file = {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/files/a"}}
            return {"contents": [{"parts": [{"text": "Sum it up."}, file]}]}
    return {"contents": turns}


@pytest.fixture
def configured(tmp_path, gemini_emulator, monkeypatch):
    """Write a configuration; open its workspace."""
    monkeypatch.setenv("KEY_OF_THE_TEST", "any-key-will-do")
    monkeypatch.setenv("EMBEDLANE_PLUGINS", "gemini")
    opened = []

    def configured(**settings):
        more = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        (tmp_path / "embedlane.toml").write_text(
            f'[providers.gemini]\nbase_url = "{gemini_emulator.url}"\napi_key_env = "KEY_OF_THE_TEST"\n{more}'
        )
        opened.append(Workspace.open(tmp_path))
        return opened[-1]

    yield configured
    for workspace in opened:
        workspace.close()


def wait_for(condition, seconds=40):
    """Wait until *condition* holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_killed_run_goes_on_and_is_paid_for_once(configured, gemini_emulator, shell):
    """500 requests in two jobs, killed with both at the provider: all lines in order, billed once."""
    workspace = configured(max_rows_per_job=300)
    lines = [json.dumps({"key": f"q{number}", "request": request(number)}) for number in range(ROWS)]
    (shell.folder / "questions.jsonl").write_text("\n".join(lines))
    gemini_emulator.configure(running=3600)
    gemini_emulator.faults.add("error-rows", fraction=0.02, code=3, reason="Not allowed.", times=1)
    gemini_emulator.faults.add("blocked-rows", fraction=0.02, times=1, seed=1)
    command = ("generate", "run", "questions.jsonl", "-o", "answers.jsonl", "--model", MODEL)
    killed = shell.start(*command, **PLUGIN)
    wait_for(lambda: len(gemini_emulator.bill.creates()) == 2)
    killed.kill()
    shell.end(killed)
    assert not (shell.folder / "answers.jsonl").exists()
    gemini_emulator.clock.advance(7200)
    ended = shell.run(*command, **PLUGIN)
    assert ended.status == 5, ended.err
    answers = [json.loads(line) for line in (shell.folder / "answers.jsonl").read_text().splitlines()]
    assert [answer["key"] for answer in answers] == [f"q{number}" for number in range(ROWS)]
    errors = {answer["key"]: answer["error"]["code"] for answer in answers if "error" in answer}
    assert set(errors.values()) == {"3", "SAFETY"}
    good = {answer["key"]: answer["response"] for answer in answers if "response" in answer}
    assert len(good) + len(errors) == ROWS
    assert 480 <= len(good) < ROWS

    bill, [lane] = gemini_emulator.bill, workspace.costs().lanes
    assert sorted(bill.creates().values()) == [1, 1]
    assert (lane.cost.tokens, lane.cost.output_tokens) == (bill.total().tokens, bill.total().output_tokens)
    assert lane.cost.billed == pytest.approx(bill.total().dollars)
    assert lane.cost.billed == pytest.approx((lane.cost.tokens * 0.05 + lane.cost.output_tokens * 0.20) / 1e6)
    assert lane.cost.saved == pytest.approx(lane.cost.billed)

    found = {row.key: row for row in workspace.generation.open(lane.index)}
    assert [row.key for row in found.values()] == [answer["key"] for answer in answers]
    assert all(found[key].response == response for key, response in good.items())


def test_every_option_of_a_request_is_answered(configured, gemini_emulator):
    """A schema, a search, an instruction, turns, a file: each shows in the response to its request."""
    workspace = configured()
    asked = workspace.generate(((f"q{number}", request(number)) for number in range(7, 12)), MODEL)
    gemini_emulator.clock.advance(60)
    assert asked.wait().complete
    schema, search, system, turns, file = asked
    assert json.loads(schema.text)["mood"] in {"good", "bad"}
    assert "groundingMetadata" in search.response["candidates"][0]
    assert "Be brief." in system.text
    assert "And twice?" in turns.text
    assert file.response["usageMetadata"]["promptTokenCount"] > 258


def test_inline_answers_become_objects_of_a_class(configured, gemini_emulator, shell):
    """20 prompts inline; awaited in this process, resumed by name in another."""
    workspace = configured(batch_input="inline")
    prompts = [(f"r{number}", f"Review book number {number}.") for number in range(20)]
    reviews = workspace.generate(prompts, MODEL, schema=Review)
    gemini_emulator.clock.advance(60)
    assert asyncio.run(_awaited(reviews)) is reviews
    assert [row.key for row in reviews] == [key for key, _ in prompts]
    for row in reviews:
        assert isinstance(row.value, Review)
        assert json.loads(row.text) == row.value.model_dump()
    assert gemini_emulator.bill.total().rows == 20
    again = workspace.generate(prompts, MODEL, schema=Review)
    assert (again.name, again.tally().pending) == (reviews.name, 0)
    ended = shell.run("generate", "results", reviews.name, "-o", "out.jsonl", "--json", **PLUGIN)
    assert (ended.status, ended.json["tally"]["answered"]) == (0, 20)
    assert len((shell.folder / "out.jsonl").read_text().splitlines()) == 20
    assert list(gemini_emulator.bill.creates().values()) == [1]


async def _awaited(generation):
    return await generation


def test_each_kind_of_command_refuses_models_of_the_other(configured):
    """A model that generates makes no index, one that embeds answers nothing; nothing is sent."""
    workspace = configured()
    with pytest.raises(CapabilityError, match="generates text"):
        workspace.create_index("docs", MODEL)
    with pytest.raises(CapabilityError, match="it generates no text"):
        workspace.generate(["Why?"], "google:gemini-embedding-001")
    assert not workspace.has_ledger
