"""What is written in a format is what is read from it."""

import contextlib
import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from embedlane.errors import InputError, MissingDependencyError, UsageError
from embedlane.models.names import ModelId
from embedlane.models.space import Space
from embedlane.transfer import parquet
from embedlane.transfer.files import replacing
from embedlane.transfer.formats import SUFFIXES, open_sink, open_source, suffix_of
from embedlane.transfer.records import Header, Record
from embedlane.transfer.rows import BadRowError, own_record, unit

SIZE = 3
SPACE = Space(model=ModelId("test", "small"), revision="1", dimensions=SIZE)
SETTINGS = {"chunk_size": None}
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    str.strip
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


def unit_or_none(values):
    with contextlib.suppress(BadRowError):
        return unit(values, SIZE)


VECTORS = st.none() | arrays.arrays(np.float32, SIZE, elements=st.floats(-1, 1, width=32)).map(unit_or_none)
RECORDS = st.builds(
    Record,
    id=WORDS,
    text=WORDS,
    metadata=st.dictionaries(WORDS, VALUES, max_size=3),
    document=WORDS,
    source=WORDS,
    vector=VECTORS,
)


def header(items):
    return Header(index="docs", items=items, space=SPACE, settings=SETTINGS)


def write(path, pages):
    with contextlib.closing(open_sink(path, suffix_of(path), header(sum(map(len, pages))))) as sink:
        for page in pages:
            sink.write(page)


def told(record):
    return (*record.to_json().items(), None if record.vector is None else record.vector.tobytes())


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=25, deadline=None)
@given(pages=st.lists(st.lists(RECORDS, min_size=1, max_size=3), max_size=3))
def test_what_is_written_is_read_bit_by_bit(suffix, pages):
    """Odd ids, texts of any script, nested metadata, missing vectors, none at all: all come back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"v{suffix}")
        write(path, pages)
        source = open_source(path, "vector")
        assert source.header() == header(sum(map(len, pages)))
        read = [own_record(row, SIZE) for _, row in source.rows()]
    assert list(map(told, read)) == [told(record) for page in pages for record in page]


def test_numbers_that_two_roundings_would_change_are_written_in_full(monkeypatch):
    """The short form is read back, and not trusted."""
    from embedlane.transfer import jsonl

    vector = np.array([0.1, 0.2], dtype=np.float32)
    assert jsonl._numbers(vector) == b"[0.1,0.2]"
    monkeypatch.setattr(jsonl.np, "array_equal", lambda *_: False)
    assert jsonl._numbers(vector) == b"[0.10000000149011612,0.20000000298023224]"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_records_make_equal_files(tmp_path, suffix, monkeypatch):
    """No time of writing is in them."""
    record = Record(id="a", text="t", metadata={}, document="d", source="s", vector=None)
    write(tmp_path / f"a{suffix}", [[record]])
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2030, 1, 1, 1, 1, 1, 1, 1, 1))
    write(tmp_path / f"b{suffix}", [[record]])
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_other_programs_can_read_them(tmp_path):
    """Parquet with pyarrow, an archive with NumPy, JSON Lines with any JSON."""
    vector = np.array([0.6, 0.8, 0], dtype=np.float32)
    pages = [[Record(id="a", text="t", metadata={"k": 1}, document="d", source="s", vector=vector)]]
    for suffix in SUFFIXES:
        write(tmp_path / f"v{suffix}", pages)
    table = pq.read_table(tmp_path / "v.parquet")
    assert table.column("vector").to_pylist() == [pytest.approx(vector.tolist())]
    assert json.loads(table.schema.metadata[b"embedlane"])["space"]["model"] == "test:small"
    with np.load(tmp_path / "v.npz") as archive:
        assert archive["vectors"].tolist() == [vector.tolist()]
        assert b'"id":"a"' in archive["items.jsonl"]
    first, second = (tmp_path / "v.jsonl").read_text().splitlines()
    assert json.loads(first)["embedlane"]["items"] == 1
    assert json.loads(second)["metadata"] == {"k": 1}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"\x1f\x8b broken", b"PK\x03\x04 broken", b"PAR1 broken PAR1"])
def test_a_file_that_is_not_what_its_name_says(tmp_path, suffix, content):
    """It is named in the error; JSON Lines tell each line that is wrong."""
    path = tmp_path / f"v{suffix}"
    path.write_bytes(content)
    source = open_source(path, "vector")
    if suffix == ".jsonl" or (suffix == ".jsonl.gz" and not content):
        assert source.header() is None
        assert all(isinstance(row, str) for _, row in source.rows())
    else:
        with pytest.raises(InputError, match=f"v{suffix} can't be read"):
            source.header()


def test_a_compressed_file_that_was_cut(tmp_path):
    """What a broken download left is no whole file."""
    records = [
        Record(id=str(n), text=f"t{n}", metadata={}, document="d", source="s", vector=None) for n in range(99)
    ]
    write(tmp_path / "v.jsonl.gz", [records])
    whole = (tmp_path / "v.jsonl.gz").read_bytes()
    (tmp_path / "v.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"v\.jsonl\.gz can't be read"):
        list(open_source(tmp_path / "v.jsonl.gz", "vector").rows())


@pytest.mark.parametrize("name", ["v.csv", "v", "v.gz", "jsonl"])
def test_a_suffix_says_the_format(name):
    """Another one is refused with those there are."""
    with pytest.raises(UsageError, match=r"Use one of \.parquet, \.jsonl, \.jsonl\.gz, \.npz"):
        suffix_of(Path(name))


def test_without_pyarrow(tmp_path, monkeypatch):
    """The error has the line that installs it, and what works without."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'embedlane\[parquet\]'"):
        open_sink(tmp_path / "v.parquet", ".parquet", header(0))
    assert parquet.KEY == "embedlane"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "has version 2 of the layout"),
        ({"space": {}}, "can't be read"),
        ({"items": "many"}, "can't be read"),
    ],
)
def test_a_header_that_can_not_be_right(tmp_path, change, reason):
    """A later layout, or one that was changed by hand."""
    (tmp_path / "v.jsonl").write_bytes(orjson.dumps({"embedlane": header(0).to_json() | change}))
    with pytest.raises(InputError, match=reason):
        open_source(tmp_path / "v.jsonl", "vector").header()


def test_a_space_that_was_changed_in_the_header(tmp_path):
    """Its fingerprint gives it away."""
    values = header(0).to_json()
    values["space"]["revision"] = "2"
    (tmp_path / "v.jsonl").write_bytes(orjson.dumps({"embedlane": values}))
    with pytest.raises(InputError, match="was changed: it gives"):
        open_source(tmp_path / "v.jsonl", "vector").header()


def test_rows_of_other_programs_as_their_formats_hold_them(tmp_path):
    """Lists of any float in Parquet, arrays of texts in an archive."""
    kinds = {
        "f32": pa.list_(pa.float32()),
        "f64": pa.large_list(pa.float64()),
        "fixed": pa.list_(pa.float64(), 2),
    }
    for name, kind in kinds.items():
        table = pa.table({"id": [1, 2], "embedding": pa.array([[1.0, 2.0], None], kind), "tags": [["a"], []]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
        (_, one), (_, two) = open_source(tmp_path / f"{name}.parquet", "embedding").rows()
        assert (one["id"], one["embedding"].tolist(), one["tags"]) == (1, [1.0, 2.0], ["a"])
        assert two["embedding"] is None
    np.savez(tmp_path / "v.npz", ids=np.array(["a", "büro"]), vectors=np.ones((2, 3)), year=np.array([1, 2]))
    rows = [row for _, row in open_source(tmp_path / "v.npz", "vectors").rows()]
    assert [(row["ids"], row["year"], row["vectors"].tolist()) for row in rows] == [
        ("a", 1, [1.0, 1.0, 1.0]),
        ("büro", 2, [1.0, 1.0, 1.0]),
    ]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"ids": np.array(["a", None], dtype=object)}, "Python objects"),
        ({"ids": np.array(["a"]), "vectors": np.ones((2, 3))}, "not of one length"),
        ({"vectors": np.asfortranarray(np.ones((2, 3)))}, "Fortran's order"),
        ({"ids": np.array(3)}, "single value"),
    ],
)
def test_arrays_that_can_not_be_streamed(tmp_path, arrays, reason):
    """Nothing is unpickled, ever; the error says what to save instead."""
    np.savez(tmp_path / "v.npz", **arrays)
    with pytest.raises(InputError, match=reason):
        list(open_source(tmp_path / "v.npz", "vectors").rows())


def test_an_archive_whose_array_was_cut(tmp_path):
    """Its header promises more than there is."""
    whole = io.BytesIO()
    np.save(whole, np.ones((9, 3)))
    with zipfile.ZipFile(tmp_path / "v.npz", "w") as archive:
        archive.writestr("vectors.npy", whole.getvalue()[:-10])
    with pytest.raises(InputError, match="ends early"):
        list(open_source(tmp_path / "v.npz", "vectors").rows())


def test_a_file_is_whole_or_not_there(tmp_path):
    """What fails half-way leaves the old file and nothing else."""
    place = tmp_path / "v.jsonl"
    place.write_text("old")
    with pytest.raises(InputError), replacing(place) as part:
        part.write_text((tmp_path / "nowhere").read_text())
    assert [path.name for path in tmp_path.iterdir()] == ["v.jsonl"]
    assert place.read_text() == "old"
    with replacing(place) as part:
        part.write_text("new")
    assert place.read_text() == "new"
    (tmp_path / "other").touch()
    assert place.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_folder_that_is_not_there(tmp_path):
    """Nothing is made that nobody asked for."""
    with pytest.raises(InputError, match="can't be written"), replacing(tmp_path / "no" / "v.jsonl"):
        pass
