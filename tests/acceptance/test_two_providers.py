"""Two providers whose batch APIs differ in everything, in one workspace, over the wire."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select

from embedlane import Workspace
from embedlane.errors import SpaceMismatchError
from embedlane.ledger.schema import vectors
from embedlane.vectors.archive import Archive

MODELS = {"openai": "openai:text-embedding-3-small", "gemini": "google:gemini-embedding-001"}
#: Eight words each, in combinations that no two share.
TEXTS = [" ".join(f"term{(n + 1) * step % 997}" for step in range(1, 9)) for n in range(60)]


@pytest.fixture
def workspace(tmp_path, gemini_emulator, openai_emulator, monkeypatch):
    """A workspace with an index of each provider, at 512 dimensions, both with the same items."""
    monkeypatch.setenv("KEY_OF_THE_TEST", "any-key-will-do")
    urls = {"openai": openai_emulator.base_url, "gemini": gemini_emulator.url}
    lines = [f'[routes."{MODELS["gemini"]}"]', 'sync = "gemini"']
    for name, model in MODELS.items():
        lines += [f"[indexes.{name}]", f'model = "{model}"', "dimensions = 512"]
        lines += [f"[providers.{name}]", f'base_url = "{urls[name]}"', 'api_key_env = "KEY_OF_THE_TEST"']
    (tmp_path / "embedlane.toml").write_text("\n".join(lines))
    with Workspace.open(tmp_path) as opened:
        for name in MODELS:
            opened.index(name).add((str(number), text) for number, text in enumerate(TEXTS))
        yield opened


def test_each_provider_fills_its_own_index_through_both_lanes(workspace, gemini_emulator, openai_emulator):
    """Half of the texts go through each lane; both services bill one pass, and everything is found."""
    for name, emulator in (("openai", openai_emulator), ("gemini", gemini_emulator)):
        index = workspace.index(name)
        assert index.embed("sync", limit=30).sync.stored == 30
        assert index.embed("batch").complete
        # Six canaries go with the run, and six with the job.
        assert [emulator.bill.total(lane).rows for lane in ("sync", "batch")] == [36, 36]
        assert set(emulator.bill.creates().values()) == {1}
        for number in (0, 29, 30, 59):
            assert index.search(TEXTS[number], k=1)[0].id == str(number)


def test_neither_index_takes_the_others_model_or_vectors(workspace):
    """Opening with the other's model is refused, and so is writing its vectors, of the same size though."""
    openai, gemini = (workspace.index(name) for name in ("openai", "gemini"))
    openai.embed("batch")
    with pytest.raises(SpaceMismatchError, match="must never meet"):
        workspace.index("openai", model=MODELS["gemini"], dimensions=512)
    spaces = [index._record.bound for index in (openai, gemini)]
    with workspace.ledger.read() as connection:
        hashes = connection.scalars(select(vectors.c.content_hash)).all()
    matrix = np.ones((len(hashes), 512), dtype=np.float32)
    foreign = Archive(type(spaces[0])(spaces[0].id, spaces[1].space))
    with pytest.raises(SpaceMismatchError), workspace.ledger.write() as connection:
        foreign.store(connection, hashes, matrix)
    assert gemini.tally().stored == 0
