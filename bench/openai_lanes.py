"""Measure the OpenAI plugin beside the openai SDK called directly, against the emulator in its own process.

make bench-openai

(A script called openai.py would be found in place of the SDK.)
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from openai import OpenAI
from timing import ROUNDS, compare, report

from embedlane import Workspace
from embedlane.config.settings import load_config
from embedlane.jobs.job import Job
from embedlane_openai._results import read_results

MODEL = "text-embedding-3-small"
DIMENSIONS = 768
KEY = "any-key-will-do"
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
    """The emulator in a process of its own; yields its URL."""
    command = [sys.executable, "-m", "embedlane.cli.main", "emulator", "openai", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "http://" in line)
        url = "http://" + line.split("http://", 1)[1].split("/")[0].strip("'\"`,\n")
        settings = json.dumps({"pending": 0, "running": 0, "finalizing": 0}).encode()
        request = urllib.request.Request(f"{url}/emulator/settings", settings, method="PATCH")
        urllib.request.urlopen(request).close()
        try:
            yield url
        finally:
            process.terminate()


def workspace(folder: Path, url: str) -> Workspace:
    """A workspace that talks to the emulator."""
    file = folder / "embedlane.toml"
    table = f'base_url = "{url}/v1"\napi_key_env = "BENCH_KEY"\nconcurrency = 1\n'
    file.write_text(f"[providers.openai]\n{table}")
    os.environ["BENCH_KEY"] = KEY
    return Workspace.open(config=load_config(file=file))


def sync_lane(open_workspace: Workspace, sdk: OpenAI, number: int = 4_096) -> None:
    """Texts per second, one call at a time."""
    embedder = open_workspace.embedder(f"openai:{MODEL}", DIMENSIONS)
    some = texts(number)

    def directly() -> None:
        for start in range(0, number, 512):
            reply = sdk.embeddings.create(model=MODEL, input=some[start : start + 512], dimensions=DIMENSIONS)
            assert np.array([item.embedding for item in reply.data]).shape == (512, DIMENSIONS)

    def ours() -> None:
        for start in range(0, number, 512):
            assert embedder.embed_documents(some[start : start + 512]).shape == (512, DIMENSIONS)

    compare(
        f"Sync lane, {number:,} texts at {DIMENSIONS} dimensions, 512 a call, one call at a time",
        "texts",
        number,
        {"Embedder.embed_documents": ours, "openai": directly},
    )
    embedder.close()


def collecting(open_workspace: Workspace, sdk: OpenAI, number: int = 20_000) -> None:
    """Rows per second from a finished job to stored vectors, and from its file to results of rows."""
    index = open_workspace.create_index("collecting", f"openai:{MODEL}", dimensions=DIMENSIONS)

    def directly(job: Job) -> None:
        batch = sdk.batches.retrieve(job.remote)
        lines = sdk.files.content(batch.output_file_id).text.splitlines()
        found = [json.loads(line)["response"]["body"]["data"][0]["embedding"] for line in lines]
        assert len([np.frombuffer(base64.b64decode(numbers), "<f4") for numbers in found]) == number

    whole: dict[str, list[float]] = {"Workspace.work": [], "SDK and json to arrays": []}
    parts: dict[str, list[float]] = {"base64 to results of rows": [], "digits to results of rows": []}
    for _ in range(ROUNDS):
        index.add((text, text) for text in texts(number))
        [job] = index.embed("batch", wait=False).jobs
        _wait_until_over(open_workspace)
        job = open_workspace.job(job.id).job
        whole["SDK and json to arrays"].append(_seconds(lambda job=job: directly(job)))
        whole["Workspace.work"].append(_seconds(open_workspace.work))
    report(f"A finished job of {number:,} rows, with its download", "rows", number, whole)
    for name, encoded in (("base64 to results of rows", True), ("digits to results of rows", False)):
        with tempfile.TemporaryFile() as file:
            _write_results(file, number, encoded=encoded)
            for _ in range(ROUNDS):
                file.seek(0)
                parts[name].append(_seconds(lambda file=file: sum(1 for _ in read_results(file, "bench"))))
    report(f"A result file of {number:,} rows that is here", "rows", number, parts)
    assert index.tally().pending == 0


def _write_results(file: object, number: int, *, encoded: bool) -> None:
    """Lines as OpenAI writes them, of random unit vectors."""
    dice = np.random.default_rng(7)
    for row in range(number):
        vector = dice.standard_normal(DIMENSIONS).astype("<f4")
        vector /= np.linalg.norm(vector)
        numbers = base64.b64encode(vector.tobytes()).decode() if encoded else vector.tolist()
        body = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": numbers}]}
        line = {"id": "r", "custom_id": f"{row}+1", "response": {"status_code": 200, "body": body}}
        file.write(json.dumps(line).encode() + b"\n")


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
        OpenAI(api_key=KEY, base_url=f"{url}/v1") as sdk,
        tempfile.TemporaryDirectory(prefix="embedlane-bench-") as folder,
        workspace(Path(folder), url) as open_workspace,
    ):
        sync_lane(open_workspace, sdk)
        collecting(open_workspace, sdk)


if __name__ == "__main__":
    main()
