"""Taking an index out, and bringing vectors in that are paid for."""

import json

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedlane.errors import InputError, RefusedError, SpaceMismatchError, UnknownNameError, UsageError
from embedlane.indexes.settings import IndexSettings
from embedlane.ledger.database import Ledger
from embedlane.ledger.server import Server
from embedlane.text.cutting import ChunkRule
from embedlane.transfer.formats import SUFFIXES
from embedlane.workspace.importing import import_index
from embedlane.workspace.transfers import ImportOptions

ITEMS = [
    ("a", "cats sleep", {"lang": "en", "deep": {"x": [1, None, 2.5]}}),
    ("b/ü ?", "dogs run\nand bark"),
    ("c", "cats sleep"),
    ("🦉", "鳥は歌う", {"n": 2**60, "t": True}),
]
MODEL = "local:hash"


@pytest.fixture
def fill(workspace):
    """A function that makes an index of some items, two of whose contents are embedded."""

    def fill(name="docs", items=ITEMS, limit=None, **options):
        made = workspace()
        settings = IndexSettings(chunks=ChunkRule(size=50))
        index = made.create_index(name, MODEL, dimensions=64, settings=settings)
        index.add(items)
        index.embed("sync", limit=limit)
        return index

    return fill


@pytest.fixture
def elsewhere(workspace):
    """A function that opens a workspace with another ledger in the same folder."""

    def elsewhere(ledger="other.db"):
        return workspace(f"ledger = {json.dumps(str(ledger))}\n")

    return elsewhere


@pytest.fixture
def vectors(workspace):
    """A function that gives the model's vectors for texts."""

    def vectors(texts, dimensions=64):
        with workspace().embedder(MODEL, dimensions) as embedder:
            return embedder.embed_documents(texts)

    return vectors


def dump(workspace):
    """All that an index consists of, as its exported lines."""
    place = workspace.config.root / "dump.jsonl"
    workspace.index("docs").export(place)
    return place.read_bytes()


def lines(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def names_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_export_comes_back_bit_by_bit(fill, elsewhere, tmp_path, place, suffix):
    """Items, metadata, settings and vectors come in; a second time nothing changes, or is paid."""
    docs = fill(limit=2)
    out = tmp_path / f"out{suffix}"
    exported = docs.export(out)
    assert (exported.items, exported.pending, exported.size) == (
        4,
        1 + (docs.tally().stored < 2),
        out.stat().st_size,
    )
    first = elsewhere(place.address if isinstance(place, Server) else place)
    report = import_index(first, "docs", [out])
    assert (report.rows, report.changes.added, report.stored, report.bad) == (4, 4, 2, 0)
    assert report.without == exported.pending
    assert report.check.lowest == pytest.approx(1.0)
    assert report.tally == docs.tally()
    assert dump(first) == dump_of(docs, tmp_path)
    again = import_index(first, "docs", [out])
    assert (again.changes.unchanged, again.stored, again.check) == (4, 0, None)
    assert first.index("docs").search("cats sleep", 1)[0].score == pytest.approx(1.0)


def dump_of(index, folder):
    index.export(folder / "original.jsonl")
    return (folder / "original.jsonl").read_bytes()


def test_an_empty_index_goes_out_and_comes_in(fill, elsewhere, tmp_path):
    """There is nothing to compare, and the space is kept."""
    docs = fill(items=[])
    for suffix in SUFFIXES:
        docs.export(tmp_path / f"out{suffix}")
        other = elsewhere(f"{suffix}.db")
        assert import_index(other, "docs", [tmp_path / f"out{suffix}"]).rows == 0
        assert other.index("docs").space == docs.space


def test_documents_stay_whole_across_pages(fill, elsewhere, tmp_path, monkeypatch):
    """Chunks of one document come in different pages, and none removes another; the document is still one."""
    monkeypatch.setattr("embedlane.workspace.vector_files.PAGE", 2)
    (tmp_path / "notes.md").write_text("\n\n".join(f"# Part {n}\n\n{'word ' * 40}{n}" for n in range(5)))
    docs = fill(items=[])
    docs.add_paths([tmp_path / "notes.md"])
    docs.embed()
    docs.export(tmp_path / "out.npz")
    other = elsewhere()
    assert import_index(other, "docs", [tmp_path / "out.npz"]).changes.added == docs.count() > 4
    (tmp_path / "notes.md").write_text("short")
    assert other.index("docs").add_paths([tmp_path / "notes.md"]).changes.removed >= docs.count() - 1


def test_files_of_other_programs(vectors, workspace, tmp_path):
    """Named fields, any float, any length of vector; the other columns become metadata."""
    texts = [text for _, text, *_ in ITEMS[1:]]
    found = vectors(texts) * np.array([[1.0], [7.0], [0.001]])
    table = pa.table(
        {"key": [1, 2, 3], "body": texts, "emb": list(found.astype(np.float64)), "year": [1999, 2000, 2001]}
    )
    pq.write_table(table, tmp_path / "theirs.parquet")
    rows = [
        {"key": str(n), "body": text, "emb": vector.tolist()}
        for n, (text, vector) in enumerate(zip(texts, found, strict=True))
    ]
    lines(tmp_path / "theirs.jsonl", rows)
    np.savez(tmp_path / "theirs.npz", key=np.array(["x", "y", "z"]), body=np.array(texts), emb=found)
    options = ImportOptions(model=MODEL, id_field="key", text_field="body", vector_field="emb")
    names = ["theirs.parquet", "theirs.jsonl", "theirs.npz"]
    made = workspace()
    report = import_index(made, "docs", [tmp_path / name for name in names], options)
    assert (report.rows, report.changes.added, report.changes.updated, report.stored, report.bad) == (
        9,
        7,
        2,
        3,
        0,
    )
    index = made.index("docs")
    assert index.space.dimensions == 64
    hit = index.search("cats sleep", 1, where=["year=2000"])
    assert hit == [] or hit[0].score <= 1.0
    assert {hit.source for hit in index.search("cats sleep", 9)} <= set(names)
    assert [each.files for each in index.imports()] == [tuple(str(tmp_path / name) for name in names)]


@pytest.mark.parametrize("wrong", ["noise", "shuffled", "another size"])
def test_vectors_that_are_not_the_models(vectors, workspace, tmp_path, wrong):
    """Another model, or another order: a table says how far off, and nothing is there afterwards."""
    texts = [f"text number {n}" for n in range(20)]
    found = vectors(texts)
    if wrong == "noise":
        found = np.random.default_rng(1).normal(size=found.shape)
    elif wrong == "shuffled":
        found = np.roll(found, 1, axis=0)
    rows = [
        {"id": str(n), "text": text, "vector": vector.tolist()}
        for n, (text, vector) in enumerate(zip(texts, found, strict=True))
    ]
    path, made = lines(tmp_path / "v.jsonl", rows), workspace()
    options = ImportOptions(model=MODEL, dimensions=128 if wrong == "another size" else None)
    if wrong == "another size":
        with pytest.raises(InputError, match=r"None of 20 rows.*has 64 numbers, not 128"):
            import_index(made, "docs", [path], options)
    else:
        with pytest.raises(
            RefusedError, match=r"(?s)nothing was imported.*cosine, at least 0\.99.*≠.*another model"
        ):
            import_index(made, "docs", [path], options)
        assert made.costs().total.tokens > 0
    assert made.indexes() == []


def test_vectors_that_differ_from_the_ledgers_are_refused_for_nothing(fill, workspace, tmp_path):
    """What the ledger has of a text is as good as a new one, and costs nothing; it stays as it is."""
    docs = fill()
    docs.export(tmp_path / "out.jsonl")
    before = dump_of(docs, tmp_path)
    rows = [{"id": "b", "text": "cats sleep", "vector": [1.0] * 64}]
    made = workspace()
    billed = made.costs().total.tokens
    with pytest.raises(RefusedError, match="1 of 1 vectors are not what"):
        import_index(made, "docs", [lines(tmp_path / "v.jsonl", rows)], ImportOptions(model=MODEL))
    assert made.costs().total.tokens == billed
    assert dump(made) == before


def test_nothing_is_compared_where_it_was_asked_not_to(workspace, tmp_path):
    """What is taken on its word is remembered as that."""
    path = lines(tmp_path / "v.jsonl", [{"id": "a", "text": "cats", "vector": [1.0] * 64}])
    made = workspace()
    report = import_index(made, "docs", [path], ImportOptions(model=MODEL, sample=0))
    assert (report.check, report.unchecked, report.stored) == (None, True, 1)
    (arrival,) = made.index("docs").imports()
    assert (arrival.checked, arrival.compared, arrival.lowest, arrival.vectors, arrival.items) == (
        False,
        0,
        None,
        1,
        1,
    )


def test_bad_rows_are_listed_and_the_rest_goes_on(vectors, workspace, tmp_path):
    """Each with its line and its reason."""
    good = {"id": "a", "text": "cats", "vector": vectors(["cats"])[0].tolist()}
    rows = [good, {**good, "id": "b", "vector": [1.0]}, {"id": "c"}, {**good, "id": "d", "vector": None}, [1]]
    report = import_index(
        workspace(), "docs", [lines(tmp_path / "v.jsonl", rows)], ImportOptions(model=MODEL)
    )
    assert (report.rows, report.bad, report.changes.added, report.stored, report.without) == (5, 3, 2, 1, 1)
    assert [row.line for row in report.bad_rows] == [2, 3, 5]
    assert not report.complete


def test_the_sample_is_the_same_each_time_and_no_larger_than_asked(vectors, workspace, tmp_path):
    """So that a refusal can be looked into."""
    texts = [f"text number {n}" for n in range(50)]
    rows = [{"id": t, "text": t, "vector": v.tolist()} for t, v in zip(texts, vectors(texts), strict=True)]
    path = lines(tmp_path / "v.jsonl", rows)
    made = workspace()
    one, two = (import_index(made, name, [path], ImportOptions(model=MODEL, sample=5)) for name in "xy")
    assert len(one.check.rows) == 5
    assert len({row.id for row in one.check.rows} - set(texts[:5])) > 0
    # The second index shares the vectors of the first: all are in the ledger already.
    assert two.check is None
    assert two.tally.stored == 50


def test_an_index_of_another_space_is_left_alone(fill, workspace, tmp_path):
    """Both spaces side by side, and nothing stored."""
    docs = fill()
    docs.export(tmp_path / "out.jsonl")
    made = workspace()
    made.create_index("small", MODEL, dimensions=32)
    with pytest.raises(SpaceMismatchError, match=r"(?s)'small' is bound to another space.*≠ dimensions"):
        import_index(made, "small", [tmp_path / "out.jsonl"])
    with pytest.raises(SpaceMismatchError, match=r"(?s)two spaces would meet.*asked for"):
        import_index(made, "new", [tmp_path / "out.jsonl"], ImportOptions(model=MODEL, dimensions=32))
    made.index("small").export(tmp_path / "small.jsonl")
    with pytest.raises(SpaceMismatchError, match=r"small\.jsonl"):
        import_index(made, "new", [tmp_path / "out.jsonl", tmp_path / "small.jsonl"])
    assert {record.name for record in made.indexes()} == {"docs", "small"}
    assert made.index("small").count() == 0


def test_what_is_not_said_is_asked_for(workspace, tmp_path):
    """Which model, which file, which fields."""
    made, path = workspace(), lines(tmp_path / "v.jsonl", [{"id": "a", "page": "x", "vector": [1.0] * 64}])
    with pytest.raises(UsageError, match=r"v\.jsonl does not say which model.*--model"):
        import_index(made, "docs", [path])
    with pytest.raises(UsageError, match="no file"):
        import_index(made, "docs", [])
    with pytest.raises(InputError, match=r"There is no file .*nowhere\.npz"):
        import_index(made, "docs", [tmp_path / "nowhere.npz"])
    with pytest.raises(InputError, match=r"no field 'text'; its fields are 'id', 'page', 'vector'"):
        import_index(made, "docs", [path], ImportOptions(model=MODEL))
    with pytest.raises(UnknownNameError, match="local:hash"):
        import_index(made, "docs", [path], ImportOptions(model="local:hsh"))
    assert not made.has_ledger


def test_a_file_that_ends_before_its_end(fill, elsewhere, tmp_path):
    """The header says how many there are."""
    fill().export(tmp_path / "out.jsonl")
    whole = (tmp_path / "out.jsonl").read_text().splitlines()
    (tmp_path / "out.jsonl").write_text("\n".join(whole[:-1]))
    with pytest.raises(InputError, match="ends after 3 of 4 items"):
        import_index(elsewhere(), "docs", [tmp_path / "out.jsonl"])


def test_an_export_is_one_state_and_leaves_nothing_behind(fill, tmp_path, monkeypatch):
    """What is removed while it is written is still in it; what fails leaves no file."""
    docs = fill()
    before = names_in(tmp_path)

    def removed(_count):
        docs.add([("z", "late")])

    report = docs.export(tmp_path / "out.jsonl", on_progress=removed)
    assert report.items == 4
    assert names_in(tmp_path) - before == {"out.jsonl"}
    monkeypatch.setattr(Ledger, "read", None)
    with pytest.raises(TypeError):
        docs.export(tmp_path / "two.jsonl")
    assert names_in(tmp_path) - before == {"out.jsonl"}


def test_options_are_checked():
    """A sample can't be smaller than none."""
    with pytest.raises(ValueError, match="sample"):
        ImportOptions(sample=-1)
    assert attrs.evolve(ImportOptions(), sample=0).sample == 0
