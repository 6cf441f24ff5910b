"""``embedlane generate``, typed as people type it: right, wrong, too early, too dear, and again."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from embedlane import Workspace
from embedlane.errors import UsageError

MODEL = "google:gemini-2.5-flash-lite"
OLD = """
[[generators]]
id = "google:gemini-2.5-flash-lite"
override = true
lanes = ["batch"]
{more}
"""


@pytest.fixture
def configure(folder, monkeypatch, gemini_emulator):
    """Writes the configuration, with more lines if wanted."""
    monkeypatch.setenv("EMBEDLANE_PLUGINS", "gemini")
    monkeypatch.setenv("MY_KEY", "any-key-will-do")

    def configure(more=""):
        (folder / "embedlane.toml").write_text(
            f'[providers.gemini]\nbase_url = "{gemini_emulator.url}"\napi_key_env = "MY_KEY"\n{more}'
        )

    return configure


@pytest.fixture
def asked(configure, folder, gemini_emulator):
    """Three requests in a file, and jobs that end at once."""
    configure()
    gemini_emulator.configure(pending=0.0, running=0.0)
    lines = [{"key": key, "request": {"contents": [{"parts": [{"text": f"Why {key}?"}]}]}} for key in "cab"]
    (folder / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return ("in.jsonl", "--model", MODEL)


def answers(folder, name="out.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_a_run_writes_a_line_for_each_request(lane, asked, folder, gemini_emulator):
    """In order; the same command again sends nothing and writes the same."""
    first = lane("generate", "run", *asked, "-o", "out.jsonl")
    assert (first.status, "3 of 3 requests answered" in first.out) == (0, True)
    assert [answer["key"] for answer in answers(folder)] == list("cab")
    before = (folder / "out.jsonl").read_bytes()
    again = lane("generate", "run", *asked, "-o", "out.jsonl", "--json").json
    assert (again["tally"]["answered"], again["jobs"]) == (3, [])
    assert (folder / "out.jsonl").read_bytes() == before
    assert gemini_emulator.bill.total().rows == 3
    assert [path.name for path in folder.glob(".out*")] == []


def test_answers_never_replace_the_requests(lane, asked, folder, gemini_emulator):
    """The same file for both, by whatever name, is refused before anything is sent."""
    before = (folder / "in.jsonl").read_bytes()
    (folder / "alias.jsonl").symlink_to(folder / "in.jsonl")
    for name in ("in.jsonl", "./in.jsonl", "alias.jsonl"):
        answer = lane("generate", "run", *asked, "-o", name)
        assert (answer.status, "Name another file" in answer.err) == (2, True)
    assert (folder / "in.jsonl").read_bytes() == before
    assert gemini_emulator.bill.total().rows == 0


def test_sets_jobs_and_costs_are_listed(lane, asked, monkeypatch):
    """The set under `generate list`, its job under `jobs`, its bill under `cost` and under its name."""
    assert "There are no job sets" in lane("generate", "list").err
    name = lane("generate", "run", *asked, "-o", "out.jsonl", "--json").json["name"]
    (listed,) = lane("generate", "list", "--json").json["jobsets"]
    assert (listed["name"], listed["source"], listed["tally"]["answered"]) == (name, "in.jsonl", 3)
    assert name in lane("generate", "list").out
    (report,) = lane("jobs", "list", "--json").json["jobs"]
    assert (report["model"], report["job"]["account"], report["rows"]["stored"]) == (MODEL, name, 3)
    assert f"job set       {name}" in lane("jobs", "show", "1").out
    (bill,) = lane("cost", name, "--json").json["lanes"]
    assert bill["cost"]["billed"] == pytest.approx(report["cost"])
    assert "TOKENS OUT" in lane("cost").out
    # A complete set is written without a key.
    monkeypatch.delenv("MY_KEY")
    assert lane("generate", "results", name, "-o", "again.jsonl").status == 0


def test_a_set_is_written_before_it_is_complete(lane, asked, folder, gemini_emulator):
    """Partial output is said to be; each line without a response tells where its request is."""
    gemini_emulator.configure(running=3600.0)
    report = lane("generate", "submit", *asked, "--json").json
    assert report["tally"]["in_flight"] == 3
    early = lane("generate", "results", report["name"], "-o", "out.jsonl")
    assert early.status == 5
    assert "3 of them hold no response" in early.out
    assert {answer["error"]["code"] for answer in answers(folder)} == {"in-flight"}
    gemini_emulator.clock.advance(4000)
    (job,) = report["jobs"]
    assert lane("jobs", "cancel", str(job["id"])).status == 0
    assert lane("work", "--quiet").status in (0, 5)
    assert lane("generate", "run", *asked, "-o", "out.jsonl", "--quiet").status == 0
    assert all("response" in answer for answer in answers(folder))


def test_refused_requests_are_told_and_may_be_tried_again(lane, asked, folder, gemini_emulator):
    """Exit status 5, the reason in the output, and the next command."""
    gemini_emulator.faults.add("blocked-rows", fraction=0.3, times=1)
    first = lane("generate", "run", *asked, "-o", "out.jsonl")
    assert (first.status, "1 request refused" in first.err) == (5, True)
    (refused,) = [answer for answer in answers(folder) if "error" in answer]
    assert refused["error"]["code"] == "SAFETY"
    name = lane("generate", "list", "--json").json["jobsets"][0]["name"]
    assert f"generate retry {name}" in first.err
    assert lane("generate", "retry", name, "--json").json == {"retried": 1}
    assert lane("generate", "run", *asked, "-o", "out.jsonl", "--quiet").status == 0


def test_what_may_pass_is_sent_again_by_the_same_run(lane, asked, folder, gemini_emulator):
    """An empty answer and an internal error: both in one command, each within another job."""
    gemini_emulator.faults.add("malformed-rows", fraction=0.3, times=1)
    gemini_emulator.faults.add("error-rows", fraction=0.3, times=1, seed=2)
    assert lane("generate", "run", *asked, "-o", "out.jsonl", "--quiet").status == 0
    assert len(gemini_emulator.bill.creates()) == 2
    assert all("response" in answer for answer in answers(folder))


def test_a_failing_job_ends_the_run(lane, asked, gemini_emulator):
    """It is not sent again and again: its requests are pending, and the story is named."""
    gemini_emulator.faults.add("failed", reason="the machine fell over")
    ended = lane("generate", "run", *asked, "-o", "out.jsonl")
    assert (ended.status, len(gemini_emulator.bill.creates())) == (5, 1)
    assert "the machine fell over" in ended.err
    assert "3 requests still pending" in ended.err


def test_a_plan_costs_nothing_and_needs_no_key(lane, asked, folder, monkeypatch):
    """By the request's own limit where it has one; nothing is entered."""
    monkeypatch.delenv("MY_KEY")
    plan = lane("generate", "plan", *asked, "--answer-tokens", "100", "--json").json
    assert (plan["rows"], plan["pending"], plan["output_tokens"]) == (3, 3, 300)
    assert plan["cost"] == pytest.approx((plan["tokens"] * 0.05 + 300 * 0.20) / 1e6)
    assert not (folder / ".embedlane" / "lane.db").exists()
    keyless = lane("generate", "submit", *asked)
    assert (keyless.status, "MY_KEY" in keyless.err) == (2, True)


def test_a_budget_is_kept(lane, asked, gemini_emulator):
    """Above it nothing is sent; within it all is; what is no amount is refused."""
    dear = lane("generate", "submit", *asked, "--budget", "0.0001")
    assert (dear.status, "the budget is $0.0001" in dear.err) == (3, True)
    assert lane("generate", "submit", *asked, "--budget", "-1").status == 2
    assert gemini_emulator.bill.creates() == {}
    cheap = lane("generate", "run", *asked, "-o", "out.jsonl", "--budget", "0.0001", "--answer-tokens", "10")
    assert cheap.status == 0


def test_without_a_price_no_budget_can_be_kept(lane, asked, configure):
    """A card of one's own may have none; the hint says where it goes."""
    configure(OLD.format(more=""))
    assert lane("generate", "plan", *asked, "--json").json["cost"] is None
    ended = lane("generate", "submit", *asked, "--budget", "1")
    assert (ended.status, "[generators.price]" in ended.err) == (3, True)


def test_a_retired_model_answers_no_more_but_its_answers_stay(lane, asked, configure):
    """Soon is a warning; then requests are refused with the successor, and answers can be written."""
    name = lane("generate", "run", *asked, "-o", "out.jsonl", "--json").json["name"]
    soon = datetime.now(UTC).date() + timedelta(days=30)
    configure(OLD.format(more=f"[generators.lifecycle]\nretires = {soon}"))
    assert f"may be shut down from {soon} on" in lane("generate", "plan", *asked).err
    gone = '[generators.lifecycle]\nretires = 2026-01-01\nsuccessor = "google:gemini-9"'
    configure(OLD.format(more=gone))
    refused = lane("generate", "plan", *asked)
    assert (refused.status, "google:gemini-9" in refused.err) == (3, True)
    assert lane("generate", "results", name, "-o", "again.jsonl").status == 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("run", "none.jsonl", "-o", "out.jsonl", "--model", MODEL), 2, "none.jsonl can't be read"),
        (("run", "in.jsonl", "-o", ".", "--model", MODEL), 2, ". can't be written"),
        (("run", "in.jsonl", "-o", "no/out.jsonl", "--model", MODEL), 2, "can't be written"),
        (("run", "in.jsonl", "-o", "out.jsonl"), 2, "--model"),
        (("plan", "in.jsonl", "--model", "google:gemini-2.5-flash-light"), 2, "gemini-2.5-flash-lite"),
        (("plan", "in.jsonl", "--model", "local:hash"), 3, "it generates no text"),
        (("plan", "bad.jsonl", "--model", MODEL), 2, "line 2: it is not JSON"),
        (("plan", "empty.jsonl", "--model", MODEL), 2, "holds no request"),
        (("results", "nothing", "-o", "out.jsonl"), 2, "no job set 'nothing'"),
        (("retry", "nothing"), 2, "no job set 'nothing'"),
    ],
)
def test_what_is_typed_wrong_is_told(lane, asked, folder, gemini_emulator, words, status, said):
    """With the place and the next step, before anything is sent."""
    (folder / "bad.jsonl").write_text((folder / "in.jsonl").read_text().splitlines()[0] + "\n{oops\n")
    (folder / "empty.jsonl").write_text("\n")
    ended = lane("generate", *words)
    assert (ended.status, said in ended.err) == (status, True), ended.err
    assert "hint: " in ended.err
    assert gemini_emulator.bill.creates() == {}


def test_models_that_generate_stand_apart(lane, configure):
    """In a table and a list of their own; `show` says what they do."""
    configure()
    view = lane("models", "list", "--json").json
    assert MODEL in [card["id"] for card in view["generators"]]
    assert MODEL not in [card["id"] for card in view["models"]]
    shown = lane("models", "show", MODEL)
    assert "generates text" in shown.out
    assert "0.05 $ per million tokens in, 0.2 $ out" in shown.out
    assert "TOKENS OUT" in lane("models", "list").out
    refused = lane("index", "create", "docs", "--model", MODEL)
    assert (refused.status, "embedlane generate run" in refused.err) == (3, True)


class Picky:
    """A class that takes no answer."""

    @classmethod
    def model_json_schema(cls):
        """Anything."""
        return {"type": "object", "properties": {"a": {"type": "string"}}}

    @classmethod
    def model_validate_json(cls, text):
        """Nothing."""
        raise ValueError(f"not {text}")


def test_an_answer_that_is_no_object_of_the_class_is_told(configure, folder, gemini_emulator):
    """It is paid for and kept; its row has no value, but a reason."""
    configure()
    with Workspace.open(folder) as workspace:
        picky = workspace.generate(["Why?"], MODEL, schema=Picky)
        gemini_emulator.clock.advance(60)
        assert picky.wait().complete
        (row,) = picky
        assert (row.code, row.value, row.message.startswith("not {")) == ("invalid-answer", None, True)
        (plain,) = workspace.generation.open(picky.name, schema={"type": "object"})
        assert set(plain.value) == {"a"}
        with pytest.raises(UsageError, match="is no schema"):
            workspace.generate(["Why?"], MODEL, schema=int)
