"""Measure the Gemini plugins beside google-genai called directly, against the emulator in its own process.

make bench-gemini
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import simdjson
from google import genai
from google.genai import types
from timing import ROUNDS, compare, report

from embedlane import Workspace
from embedlane.config.settings import load_config
from embedlane.jobs.collecting import Collector
from embedlane.jobs.job import Job
from embedlane_gemini._results import read_results
from embedlane_gemini._vectors import VectorReader

MODEL = "gemini-embedding-001"
DIMENSIONS = 768
FILLER = (
    "a passage of about seventy tokens on caches, queries, joins and indexes, and on what they cost; " * 3
)
_fresh = count()


def texts(number: int) -> list[str]:
    """*number* texts that no earlier call has given."""
    series = next(_fresh)
    return [f"{series} {serial} {FILLER}" for serial in range(number)]


@contextmanager
def emulator() -> Iterator[str]:
    """The emulator in a process of its own; yields its base URL."""
    command = [sys.executable, "-m", "embedlane.cli.main", "emulator", "gemini", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "http://" in line)
        url = "http://" + line.split("http://", 1)[1].split()[0].strip("'\"`,")
        settings = json.dumps({"pending": 0, "running": 0}).encode()
        request = urllib.request.Request(f"{url}/emulator/settings", settings, method="PATCH")
        urllib.request.urlopen(request).close()
        try:
            yield url
        finally:
            process.terminate()


def workspace(folder: Path, url: str) -> Workspace:
    """A workspace that talks to the emulator through google-genai."""
    file = folder / "embedlane.toml"
    file.write_text(
        f'[providers.gemini]\nbase_url = "{url}"\napi_key_env = "BENCH_KEY"\nconcurrency = 1\n'
        f'[routes."google:{MODEL}"]\nsync = "gemini"\nbatch = "gemini"\n'
    )
    os.environ["BENCH_KEY"] = "any-key-will-do"
    return Workspace.open(config=load_config(file=file))


def client(url: str) -> genai.Client:
    """The SDK, as its documentation says."""
    options = types.HttpOptions(base_url=url, api_version="v1beta")
    return genai.Client(api_key="any-key-will-do", http_options=options)


def sync_lane(open_workspace: Workspace, url: str, number: int = 2_000) -> None:
    """Texts per second, one call at a time."""
    sdk, embedder = client(url), open_workspace.embedder(f"google:{MODEL}", DIMENSIONS)
    config = types.EmbedContentConfig(task_type="RETRIEVAL_DOCUMENT", output_dimensionality=DIMENSIONS)

    def directly() -> None:
        some = texts(number)
        for start in range(0, number, 100):
            reply = sdk.models.embed_content(model=MODEL, contents=some[start : start + 100], config=config)
            assert reply.embeddings is not None

    compare(
        f"Sync lane, {number:,} texts at {DIMENSIONS} dimensions, 100 a call, one call at a time",
        "texts",
        number,
        {
            "Embedder.embed_documents": lambda: embedder.embed_documents(texts(number)),
            "google-genai": directly,
        },
    )
    embedder.close()


def collecting(open_workspace: Workspace, url: str, number: int = 20_000) -> None:
    """Rows per second from a finished job to stored vectors, with the download and from the file."""
    index = open_workspace.create_index("collecting", f"google:{MODEL}", dimensions=DIMENSIONS)
    sdk = client(url)

    def finished() -> Job:
        index.add((text, text) for text in texts(number))
        [job] = index.embed("batch", wait=False).jobs
        _wait_until_over(open_workspace)
        return open_workspace.job(job.id).job

    def download(job: Job) -> bytes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return sdk.files.download(file=sdk.batches.get(name=job.remote).dest.file_name)

    def directly(job: Job) -> None:
        lines = download(job).splitlines()
        assert len([json.loads(line)["response"]["embedding"]["values"] for line in lines]) == number

    def parse(data: bytes) -> None:
        parser = simdjson.Parser()
        for line in io.BytesIO(data):
            parser.parse(line)["response"]["embedding"]["values"].as_buffer(of_type="d")

    def store(job: Job, data: bytes) -> None:
        lane = open_workspace.manager.open_lane(job)
        correlation = lane.embedder.limits.correlation
        ledger, book = open_workspace.ledger, open_workspace.manager.book
        collector = Collector(ledger=ledger, book=book, job=job, cargo=lane.cargo, correlation=correlation)
        assert collector.collect(read_results(io.BytesIO(data), VectorReader())).stored == number

    whole: dict[str, list[float]] = {"Workspace.work": [], "SDK and json to lists": []}
    parts: dict[str, list[float]] = {
        "lines to stored vectors": [],
        "lines to results of rows": [],
        "pysimdjson alone": [],
    }
    for _ in range(ROUNDS):
        job = finished()
        whole["SDK and json to lists"].append(_seconds(lambda job=job: directly(job)))
        whole["Workspace.work"].append(_seconds(open_workspace.work))
        job = finished()
        data = download(job)
        parts["pysimdjson alone"].append(_seconds(lambda data=data: parse(data)))
        parts["lines to results of rows"].append(
            _seconds(lambda data=data: sum(1 for _ in read_results(io.BytesIO(data), VectorReader())))
        )
        parts["lines to stored vectors"].append(_seconds(lambda job=job, data=data: store(job, data)))
        open_workspace.work()
    report(f"A finished job of {number:,} rows, with its download", "rows", number, whole)
    report(f"A result file of {number:,} rows that is here", "rows", number, parts)
    assert index.tally().pending == 0


def _seconds(deed: Callable[[], object]) -> float:
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


def _wait_until_over(open_workspace: Workspace) -> None:
    """Step the jobs until the provider has ended them all, without collecting."""
    manager = open_workspace.manager
    while True:
        with open_workspace.ledger.read() as connection:
            jobs = manager.book.unfinished(connection)
        going = [job for job in jobs if job.state != "ended"]
        if not going:
            return
        for job in going:
            manager.step(job)
        time.sleep(0.2)


def main() -> None:
    """Run all measurements."""
    with (
        emulator() as url,
        tempfile.TemporaryDirectory(prefix="embedlane-bench-") as folder,
        workspace(Path(folder), url) as open_workspace,
    ):
        sync_lane(open_workspace, url)
        collecting(open_workspace, url)


if __name__ == "__main__":
    main()
