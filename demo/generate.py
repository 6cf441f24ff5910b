"""Generation in batches, over the wire, against the local emulator.

500 requests by file through the command line, killed in the middle and started again, and 20 prompts inline
whose answers become objects of a pydantic class. Prints what the emulator billed. The exit status is 1 if a
check fails. Needs no key and no network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from pydantic import BaseModel
from standard_library import Checks

from embedlane import Workspace
from embedlane_emulator.emulator import GeminiEmulator

MODEL = "google:gemini-2.5-flash-lite"
ROWS, INLINE = 500, 20
CONFIG = '[providers.gemini]\nbase_url = "{url}"\napi_key_env = "DEMO_KEY"\n{more}\n'
_EMBEDLANE = Path(sys.executable).parent / "embedlane"


class Review(BaseModel):
    """What is wanted of a review."""

    title: str
    stars: int
    tags: list[str]


def main() -> int:
    """Run all steps and return the exit status."""
    began, checks = time.perf_counter(), Checks()
    os.environ["DEMO_KEY"] = "any-key-will-do"
    with tempfile.TemporaryDirectory(prefix="embedlane-demo-") as folder, GeminiEmulator() as emulator:
        by_file(Path(folder), emulator, checks)
        emulator.bill.clear()
        inline(Path(folder), emulator, checks)
    print(f"\n{time.perf_counter() - began:.1f} s in all, {checks.failed} checks failed")
    return 1 if checks.failed else 0


def request(number: int) -> dict[str, object]:
    """A question; each tenth wants JSON that satisfies a schema, each eleventh may search."""
    asked: dict[str, object] = {"contents": [{"role": "user", "parts": [{"text": f"What is {number} + 1?"}]}]}
    if number % 10 == 0:
        schema = Review.model_json_schema()
        asked["generationConfig"] = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    if number % 11 == 0:
        asked["tools"] = [{"google_search": {}}]
    return asked


def by_file(folder: Path, emulator: GeminiEmulator, checks: Checks) -> None:
    """Send 500 requests in two jobs, be killed, go on, and look at every line."""
    print(f"{ROWS} requests by file; some are refused, some are blocked")
    (folder / "embedlane.toml").write_text(CONFIG.format(url=emulator.url, more="max_rows_per_job = 250"))
    lines = (json.dumps({"key": f"q{number}", "request": request(number)}) for number in range(ROWS))
    (folder / "questions.jsonl").write_text("\n".join(lines))
    emulator.faults.add("error-rows", fraction=0.02, code=3, reason="Not allowed.", times=1)
    emulator.faults.add("blocked-rows", fraction=0.02, times=1)
    emulator.configure(running=3600)
    words = ("generate", "run", "questions.jsonl", "-o", "answers.jsonl", "--model", MODEL, "--quiet")
    killed = subprocess.Popen([_EMBEDLANE, *words], cwd=folder)
    while len(emulator.bill.creates()) < 2:
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    print("  killed with two jobs at the provider; an hour later, the same command again:")
    emulator.clock.advance(3700)
    ended = subprocess.run([_EMBEDLANE, *words], cwd=folder, capture_output=True, text=True, check=False)
    print("  " + ended.stdout.strip().replace("\n", "\n  "))
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    errors = Counter(answer["error"]["code"] for answer in answers if "error" in answer)
    print(f"  without a response: {dict(errors)}")
    checks.expect("exit status 5: some have no response", ended.returncode == 5)
    checks.expect("a line for each request, in order", [a["key"] for a in answers] == keys())
    checks.expect("refused and blocked are told apart", set(errors) == {"3", "SAFETY"})
    checks.expect("each job was created once", set(emulator.bill.creates().values()) == {1})
    checks.expect("schemas are satisfied", all(map(satisfied, answers[::10])))
    bill(folder, emulator, checks)


def keys() -> list[str]:
    """The keys of the file."""
    return [f"q{number}" for number in range(ROWS)]


def satisfied(answer: dict[str, dict[str, list[dict[str, dict[str, list[dict[str, str]]]]]]]) -> bool:
    """Whether an answer, where there is one, is a review."""
    if "error" in answer:
        return True
    text = answer["response"]["candidates"][0]["content"]["parts"][0]["text"]
    return isinstance(Review.model_validate_json(text), Review)


def bill(folder: Path, emulator: GeminiEmulator, checks: Checks) -> None:
    """Compare the ledger's bill with the emulator's: one pass at batch price."""
    total = emulator.bill.total("batch")
    with Workspace.open(folder) as workspace:
        cost = workspace.costs().total
    print(f"  billed: {total.tokens} tokens in, {total.output_tokens} out, ${total.dollars:.6f}")
    half = (total.tokens * 0.10 + total.output_tokens * 0.40) / 2 / 1_000_000
    checks.expect("the emulator's bill is one pass at half price", abs(total.dollars - half) < 1e-9)
    checks.expect("the ledger says the same", abs((cost.billed or 0) - total.dollars) < 1e-9)


def inline(folder: Path, emulator: GeminiEmulator, checks: Checks) -> None:
    """Send 20 prompts with the request itself, and get objects back."""
    print(f"\n{INLINE} prompts inline, answered as objects of a class")
    (folder / "embedlane.toml").write_text(CONFIG.format(url=emulator.url, more='batch_input = "inline"'))
    emulator.faults.clear()
    prompts = [(f"r{number}", f"Review book number {number}.") for number in range(INLINE)]
    with Workspace.open(folder) as workspace:
        name = workspace.generate(prompts, MODEL, schema=Review).name
    emulator.clock.advance(3700)
    with Workspace.open(folder) as workspace:
        reviews = workspace.generation.open(name, schema=Review)
        reviews.wait()
        found = list(reviews)
    print(f"  {found[0].key}: {found[0].value}")
    checks.expect("all are reviews, in order", [row.key for row in found] == [key for key, _ in prompts])
    checks.expect("each is an object", all(isinstance(row.value, Review) for row in found))
    checks.expect("each was paid for once", emulator.bill.total("batch").rows == INLINE)


if __name__ == "__main__":
    sys.exit(main())
