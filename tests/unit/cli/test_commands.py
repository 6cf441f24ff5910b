"""Each command: parse, one call, render."""

import json
import re
import threading
import tomllib

import pytest
from sqlalchemy import update

from embedlane import Workspace
from embedlane.config.settings import load_config
from embedlane.jobs.states import JobEvent
from embedlane.ledger.schema import jobs


def test_init_writes_a_configuration_that_loads(folder, lane):
    """The file is read back without complaint, as it stands and with every example switched on."""
    assert lane("init").status == 0
    assert load_config(folder).file == folder / "embedlane.toml"
    examples = re.compile(r"^# (?=\[|\w+ = )", re.MULTILINE)
    switched_on = examples.sub("", (folder / "embedlane.toml").read_text())
    (folder / "embedlane.toml").write_text(switched_on)
    config = load_config(folder, environment={})
    assert config.indexes["docs"].dimensions == 768
    assert tomllib.loads(switched_on)["plugins"] == ["-name"]


def test_init_does_not_overwrite(folder, lane):
    """A file that is there is refused, unless --force says otherwise."""
    (folder / "embedlane.toml").write_text("# mine\n")
    answer = lane("init")
    assert answer.status == 3
    assert "--force" in answer.err
    assert (folder / "embedlane.toml").read_text() == "# mine\n"
    assert lane("init", "--force", "--json").json == {"file": str(folder / "embedlane.toml")}


def test_plugins_shows_the_core(lane):
    """What comes with the core is a row of its own."""
    loaded = lane("plugins", "--json").json["loaded"]
    assert loaded[0]["name"] == "embedlane"
    assert {route["provider"] for route in loaded[0]["routes"]} == {"hash"}
    assert "hash (sync), hash (batch)" in lane("plugins").out


def test_models_hides_the_retired(lane):
    """Retired models are listed only with --all; `embedlane models` alone is `list`."""
    current = {model["id"] for model in lane("models", "--json").json["models"]}
    everything = {model["id"]: model for model in lane("models", "list", "--all", "--json").json["models"]}
    gone = set(everything) - current
    assert "local:hash" in current
    assert gone
    assert {everything[model]["status"] for model in gone} == {"retired"}
    assert "retired 20" in lane("models", "--all").out


def test_models_filters_by_lane(lane):
    """--lane leaves only models with that lane."""
    models = lane("models", "--lane", "batch", "--json").json["models"]
    assert all("batch" in model["lanes"] for model in models)


def test_models_show_prints_the_whole_card(lane):
    """The card stands in the JSON with all its keys; people get its facts and sources."""
    view = lane("models", "show", "local:hash", "--json").json
    assert view["card"]["dimensions"]["native"] == view["dimensions"]["native"]
    assert view["owners"] == ["embedlane"]
    assert view["routes"] == {"sync": ["hash"], "batch": ["hash"]}
    assert "sync by" in lane("models", "show", "local:hash").out


def test_an_index_is_created_listed_shown_and_dropped(docs, lane):
    """The four commands agree on one index."""
    assert [each["name"] for each in lane("index", "--json").json["indexes"]] == ["docs"]
    view = lane("index", "show", "docs", "--json").json
    assert view["space"]["model"] == "local:hash"
    assert (view["contents"]["wanted"], view["contents"]["pending"]) == (3, 3)
    assert view["space"]["fingerprint"] in lane("index", "show", "docs").out
    assert view["space"]["fingerprint"] in lane("index", "list").out
    assert lane("index", "drop", "docs", "--yes", "--json").json == {"dropped": "docs"}
    assert lane("index", "--json").json == {"indexes": []}
    assert "embedlane index create" in lane("index").err


def test_flags_of_chunks_stand_above_the_configuration(folder, lane):
    """A flag changes one setting; the others come from the index's table."""
    (folder / "embedlane.toml").write_text(
        '[indexes.docs]\nmodel = "local:hash"\nchunk_size = 100\non_too_long = "truncate"\n'
    )
    settings = lane("index", "create", "docs", "--chunk-overlap", "10", "--json").json["settings"]
    assert settings == {
        "chunk_size": 100,
        "chunk_overlap": 10,
        "chunk_unit": "tokens",
        "on_too_long": "truncate",
    }


def test_chunks_that_cannot_be_cut_are_refused(lane):
    """An overlap as large as the chunk is a usage error."""
    answer = lane("index", "create", "docs", "--chunk-size", "10", "--chunk-overlap", "10")
    assert answer.status == 2
    assert "--chunk-overlap" in answer.err


def test_drop_asks_somebody(docs, lane):
    """Without --yes and without a person nothing is dropped."""
    answer = lane("index", "drop", "docs")
    assert answer.status == 2
    assert "--yes" in answer.err
    assert lane("index", "show", "docs").status == 0


def test_add_reports_what_it_could_not_read(docs, lane):
    """Places and reasons go to stderr, the rest is added, and the status is 5."""
    (docs / "more.jsonl").write_text('{"id": "d", "text": "fish swim"}\n{broken\n{"id": "e"}\n')
    answer = lane("add", "docs", "more.jsonl", "missing.jsonl", "--jsonl", "--json")
    assert answer.status == 5
    assert answer.json["changes"]["added"] == 1
    assert answer.json["unreadable"] == 3
    assert "more.jsonl:2: not JSON" in answer.err
    assert "more.jsonl:3: no field 'text'" in answer.err
    assert "missing.jsonl: no such file" in answer.err


def test_add_reports_what_is_too_long(folder, lane):
    """A text over the model's limit is named with the settings that take it."""
    card = '[[models]]\nid = "local:tiny"\nlanes = ["sync"]\n[models.dimensions]\nnative = 8\n'
    (folder / "embedlane.toml").write_text(f"{card}[models.limits]\ntokens_per_input = 4\n")
    (folder / "d.jsonl").write_text(json.dumps({"id": "long", "text": "word " * 50}))
    assert lane("index", "create", "t", "--model", "local:tiny").status == 0
    answer = lane("add", "t", "d.jsonl", "--jsonl")
    assert answer.status == 5
    assert "too long: 'long'" in answer.err
    assert "--on-too-long" in answer.err


def test_add_warns_of_json_lines_that_are_read_as_text(docs, lane):
    """A .jsonl without --jsonl is probably a slip."""
    assert "--jsonl" in lane("add", "docs", "d.jsonl").err


def test_add_refuses_fields_without_jsonl(docs, lane):
    """--id-field without --jsonl is a usage error, not ignored."""
    answer = lane("add", "docs", "d.jsonl", "--id-field", "key")
    assert answer.status == 2
    assert "Add --jsonl" in answer.err


def test_add_takes_other_fields_and_prunes(docs, lane):
    """--id-field and --text-field name the fields; --prune removes what is gone."""
    (docs / "d.jsonl").write_text('{"key": "a", "body": "cats sleep"}')
    fields = ("--jsonl", "--id-field", "key", "--text-field", "body", "--prune")
    changes = lane("add", "docs", "d.jsonl", *fields, "--json").json["changes"]
    assert (changes["removed"], changes["added"]) == (2, 0)


def test_plan_shows_each_lane_and_what_is_in_its_way(docs, lane):
    """A lane without a provider has an obstacle instead of a price."""
    plan = lane("plan", "docs", "--json").json
    assert plan["rows"] == 3
    assert [each["lane"] for each in plan["lanes"]] == ["sync", "batch"]
    assert "free" in lane("plan", "docs").out
    lane("index", "create", "far", "--model", "openai:text-embedding-3-small")
    assert "No installed provider" in lane("plan", "far").out


def test_embed_and_search(docs, lane):
    """What is embedded is found, filtered, and shown to people with rank, score, id and text."""
    report = lane("embed", "docs", "--json").json
    assert report["sync"]["stored"] == report["tally"]["stored"] == 3
    hits = lane("search", "docs", "dogs run", "-k", "2", "--json").json["hits"]
    assert hits[0]["id"] == "b"
    assert hits[0]["metadata"] == {"year": 2021}
    where = ("--where", "year>=2020", "--where", "year<2022")
    assert [hit["id"] for hit in lane("search", "docs", "cats", *where, "--json").json["hits"]] == ["b"]
    assert lane("search", "docs", "dogs run", "-k", "1").out == " 1  1.000  b\n    dogs run\n"


def test_search_says_that_something_is_missing(docs, lane):
    """Hits of a half embedded index come with a warning and the command that goes on."""
    assert lane("embed", "docs", "--limit", "1").status == 0
    answer = lane("search", "docs", "cats", "--json")
    assert len(answer.json["hits"]) == 1
    assert "only 1 of 3" in answer.err
    assert "embedlane embed docs" in answer.err


def test_search_that_finds_nothing_says_so(docs, lane):
    """No hits is an answer, not an error."""
    lane("embed", "docs")
    answer = lane("search", "docs", "cats", "--where", "year=1")
    assert (answer.status, answer.out, answer.err) == (0, "", "Nothing was found.\n")


def test_waiting_is_for_the_batch_lane(docs, lane):
    """--wait without --lane batch is a slip worth a word."""
    answer = lane("embed", "docs", "--wait")
    assert answer.status == 2
    assert "--lane batch" in answer.err


def test_the_batch_lane_from_submit_to_work(docs, lane):
    """Without --wait the jobs are submitted; `work` brings the results; the story can be read."""
    answer = lane("embed", "docs", "--lane", "batch", "--json")
    assert answer.status == 0
    assert answer.json["tally"]["in_flight"] == 3
    assert "embedlane work" in answer.err
    assert lane("jobs", "--json").json["jobs"][0]["job"]["state"] == "submitted"
    worked = lane("work", "--json")
    assert worked.status == 0
    assert worked.json["jobs"][0]["rows"]["stored"] == 3
    assert lane("jobs", "show", "1", "--json").json["model"] == "local:hash"
    assert "rows stored   3" in lane("jobs", "show", "1").out
    events = [event["event"] for event in lane("jobs", "events", "1", "--json").json["events"]]
    assert events[0] == "planned"
    assert "results stored" in events
    assert "results stored" in lane("jobs", "events", "1").out
    assert lane("work").err == "No job is unfinished.\n"


def test_a_job_can_be_cancelled_once(docs, lane, monkeypatch):
    """Cancelling asks the provider; a job that is over refuses."""
    monkeypatch.setenv("EMBEDLANE_PROVIDERS__HASH__BATCH_DELAY", "600")
    lane("embed", "docs", "--lane", "batch")
    answer = lane("jobs", "cancel", "1")
    assert answer.out == "Job 1 is cancelling.\n"
    assert "embedlane work" in answer.err
    assert lane("jobs", "cancel", "1").status == 3


def test_work_says_what_a_cancelled_job_left(docs, lane, monkeypatch):
    """Status 5, the number of rows that are pending again, and the command for the index at hand."""
    monkeypatch.setenv("EMBEDLANE_PROVIDERS__HASH__BATCH_DELAY", "600")
    lane("embed", "docs", "--lane", "batch")
    lane("jobs", "cancel", "1")
    answer = lane("work")
    assert answer.status == 5
    assert "job 1 is cancelled: 3 of 3 rows have no vector." in answer.err
    assert "`embedlane embed docs` sends 3 of them again." in answer.err


def test_jobs_without_any(lane):
    """An empty list says how to make one; an unknown number names the list."""
    assert lane("jobs", "list", "--json").json == {"jobs": []}
    assert "--lane batch" in lane("jobs").err
    answer = lane("jobs", "show", "7")
    assert answer.status == 2
    assert "embedlane jobs list" in answer.err


def test_failures_of_a_clean_index(docs, lane):
    """Nothing refused is said in words, and an empty list in JSON."""
    assert lane("index", "failures", "docs").err == "Nothing was refused.\n"
    assert lane("index", "failures", "docs", "--json").json == {"total": 0, "failures": []}


def test_doctor_is_content_with_a_healthy_workspace(docs, lane):
    """Every finding is ok, and so is the status."""
    answer = lane("doctor", "--json")
    assert answer.status == 0
    assert {finding["level"] for finding in answer.json["findings"]} == {"ok"}
    assert "ok       index docs" in lane("doctor").out


def test_doctor_finds_a_problem(folder, lane, monkeypatch):
    """An index whose model is described anew is a problem, with status 2."""
    card = (
        '[[models]]\nid = "local:own"\nlanes = ["sync"]\nrevision = "{}"\n[models.dimensions]\nnative = 8\n'
    )
    (folder / "embedlane.toml").write_text(card.format(1))
    lane("index", "create", "own", "--model", "local:own")
    (folder / "embedlane.toml").write_text(card.format(2))
    answer = lane("doctor", "--json")
    assert answer.status == 2
    assert [each["subject"] for each in answer.json["findings"] if each["level"] == "problem"] == [
        "index own"
    ]


@pytest.mark.parametrize("ledger", ["mysql://x/y", " "])
def test_a_ledger_that_is_none(lane, ledger):
    """--ledger takes a file's path or PostgreSQL's address."""
    answer = lane("--ledger", ledger, "index", "list")
    assert answer.status == 2
    assert "--ledger" in answer.err


def test_the_option_stands_above_variable_and_file(folder, lane, monkeypatch):
    """--ledger and --config win over the environment and the file that is found."""
    (folder / "embedlane.toml").write_text('ledger = "file.db"')
    (folder / "other.toml").write_text('ledger = "other.db"')
    monkeypatch.setenv("EMBEDLANE_LEDGER", "variable.db")
    lane("--ledger", "option.db", "index", "create", "a", "--model", "local:hash")
    assert (folder / "option.db").exists()
    assert not (folder / "variable.db").exists()
    monkeypatch.delenv("EMBEDLANE_LEDGER")
    lane("--config", "other.toml", "index", "create", "a", "--model", "local:hash")
    assert (folder / "other.db").exists()
    assert not (folder / "file.db").exists()


_PICKY = """
import numpy as np
from embedlane.errors import RequestRefusedError
from embedlane.plugin import Dimensions, ModelCard, RawEmbeddings, Route, hookimpl

@hookimpl
def embedlane_models():
    return [ModelCard(id="local:picky", lanes={"sync"}, dimensions=Dimensions(native=4))]

@hookimpl
def embedlane_routes():
    return [Route(provider="picky", models=("local:picky",), lane="sync", factory=f"{__name__}:open_sync")]

class Picky:
    def embed(self, inputs, role):
        if any("dogs" in text for text in inputs):
            raise RequestRefusedError("no dogs", code="DOGS")
        return RawEmbeddings(vectors=np.ones((len(inputs), 4), dtype=np.float32))
    def close(self): ...

def open_sync(context):
    return Picky()
"""


def test_what_a_provider_refuses_ends_with_5(docs, lane, plugin):
    """The rest is embedded; the refused item is named by `index failures` with code and reason."""
    plugin("picky", _PICKY)
    lane("index", "create", "picky", "--model", "local:picky")
    lane("add", "picky", "d.jsonl", "--jsonl")
    answer = lane("embed", "picky", "--json")
    assert answer.status == 5
    assert (answer.json["tally"]["stored"], answer.json["tally"]["refused"]) == (2, 1)
    assert "embedlane index failures picky" in answer.err
    failure = lane("index", "failures", "picky", "--json").json["failures"][0]
    assert (failure["items"], failure["code"], failure["message"]) == (["b"], "DOGS", "no dogs")
    assert "DOGS" in lane("index", "failures", "picky").out


def test_a_broken_plugin_is_shown_with_its_reason(lane, plugin):
    """`plugins` is a report: broken and disabled ones are in it, and the status is 0."""
    plugin("shaky", "raise RuntimeError('no luck')")
    answer = lane("plugins")
    assert answer.status == 0
    assert "broken: shaky (shaky 1.0): its import failed: RuntimeError: no luck" in answer.out
    assert lane("doctor").status == 2


def test_a_job_that_fails_at_the_provider_ends_with_5(docs, lane, monkeypatch):
    """The job and its reason are named, with the command that sends its rows again."""
    monkeypatch.setenv("EMBEDLANE_PROVIDERS__HASH__BATCH_EXPIRES_AFTER", "0")
    monkeypatch.setenv("EMBEDLANE_PROVIDERS__HASH__BATCH_DELAY", "600")
    answer = lane("embed", "docs", "--lane", "batch", "--wait", "--json")
    assert answer.status == 5
    assert answer.json["tally"]["pending"] == 3
    assert "error: job 1 failed" in answer.err
    assert "embedlane jobs events 1" in answer.err
    assert "3 contents still pending" in answer.err


def test_work_tells_of_jobs_that_brought_less_than_they_were_given(docs, lane, monkeypatch):
    """A job that `work` sees fail ends with 5 and names the next command."""
    lane("embed", "docs", "--lane", "batch")
    monkeypatch.setenv("EMBEDLANE_PROVIDERS__HASH__BATCH_EXPIRES_AFTER", "0")
    answer = lane("work", "--quiet", "--json")
    assert answer.status == 5
    assert answer.json["jobs"][0]["job"]["state"] == "failed"
    assert answer.err.startswith("error: job 1 is failed: 3 of 3 rows have no vector.")


def test_quiet_is_quiet(docs, lane):
    """--quiet leaves the answer, and the next step."""
    answer = lane("embed", "docs", "--lane", "batch", "--wait", "--quiet")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.endswith("3 of 3 contents embedded.\n")


@pytest.fixture
def doubtful(folder, docs):
    """A job whose create was never answered, at a provider that can't be searched."""
    with Workspace.open(folder) as workspace:
        index, manager = workspace.index("docs"), workspace.manager
        [job] = index.embed("batch", wait=False).jobs
        with workspace.ledger.write() as connection:
            connection.execute(update(jobs).values(state="submitting", remote=None))
            manager.book.change(
                connection, manager.book.get(connection, job.id), JobEvent.UNTRACEABLE, "nobody knows"
            )


def test_a_job_in_doubt_waits_for_a_person(doubtful, lane):
    """The work ends with its problem and both ways out; after either word it goes on."""
    worked = lane("work")
    assert worked.status == 5
    assert "job 1 is quarantined: nobody knows" in worked.err
    assert "jobs resolve 1 --adopt NAME" in worked.err
    assert "jobs resolve 1 --adopt NAME" in lane("doctor").out
    for wrong in ((), ("--adopt", "x", "--resubmit")):
        answer = lane("jobs", "resolve", "1", *wrong)
        assert answer.status == 2
        assert "pays for it twice" in answer.err
    assert "knows no job 'batch-nobody'" in lane("jobs", "resolve", "1", "--adopt", "batch-nobody").err
    assert lane("jobs", "resolve", "1", "--resubmit").out == "Job 1 is staged.\n"
    assert lane("jobs", "resolve", "1", "--resubmit").status == 3
    assert lane("work").status == 0


def test_jobs_can_be_watched_to_their_end(docs, folder, lane):
    """Each change is a line, until all are final; what ended before is left out unless asked for."""
    lane("embed", "docs", "--lane", "batch")

    def work():
        with Workspace.open(folder) as workspace:
            workspace.work()

    worker = threading.Thread(target=work)
    worker.start()
    watched = lane("jobs", "watch", "--every", "0.1")
    worker.join()
    assert watched.status == 0
    assert watched.out.splitlines()[-1].startswith("job 1 at hash: stored")
    assert lane("jobs", "watch").out == ""
    assert lane("jobs", "watch", "--all", "--json").json["jobs"][0]["job"]["state"] == "stored"


def test_a_log_is_lines_of_json(docs, folder, lane):
    """Each change of a job is one, with its fields; a file that can't be written is refused."""
    lane("--log", "lane.log", "embed", "docs", "--lane", "batch", "--wait")
    lines = [json.loads(line) for line in (folder / "lane.log").read_text().splitlines()]
    changes = [
        (line["before"], line["after"]) for line in lines if line["logger"] == "embedlane.jobs.manager"
    ]
    assert changes[0] == ("planned", "written")
    assert changes[-1] == ("ended", "stored")
    assert {line["level"] for line in lines} == {"info"}
    assert all(line["tag"].startswith("embedlane-") for line in lines)
    refused = lane("--log", "nowhere/lane.log", "jobs")
    assert refused.status == 2
    assert "--log" in refused.err
