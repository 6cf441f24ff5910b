"""Faults as data: reading, matching, counting."""

import pytest

from embedlane_emulator import faults
from embedlane_emulator.faults import KINDS, Fault, FaultBook, Moment


def _strikes(book, count, **where):
    place = {"operation": "models.embedContent", "model": "m", "display_name": "d", **where}
    return [bool(book.draw(Moment.REQUEST, **place)) for _ in range(count)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [True, True, True, True]),
        ({"times": 2}, [True, True, False, False]),
        ({"every": 2}, [False, True, False, True]),
        ({"after": 2}, [False, False, True, True]),
        ({"after": 1, "every": 2, "times": 1}, [False, False, True, False]),
    ],
)
def test_counts(fields, expected):
    """The next N, every N, after N, and all of them together."""
    assert _strikes(FaultBook([Fault(kind="reset", **fields)]), 4) == expected


@pytest.mark.parametrize(
    ("pattern", "strikes"),
    [
        ({"operation": "models.*"}, True),
        ({"operation": "batches.*"}, False),
        ({"model": "m"}, True),
        ({"model": "other"}, False),
        ({"display_name": "d*"}, True),
        ({"display_name": "e*"}, False),
    ],
)
def test_patterns(pattern, strikes):
    """A fault strikes what its patterns match, and counts nothing else."""
    book = FaultBook()
    fault = book.add("reset", **pattern)
    assert _strikes(book, 1) == [strikes]
    assert book.fired(fault.id) == int(strikes)
    assert book.as_json()[0]["seen"] == int(strikes)


def test_dice_are_seeded():
    """The same seed throws the same, another seed something else."""
    throws = [
        _strikes(FaultBook([Fault(kind="reset", probability=0.5, seed=seed)]), 40) for seed in (1, 1, 2)
    ]
    assert throws[0] == throws[1] != throws[2]
    assert 5 < sum(throws[0]) < 35


def test_a_fault_waits_for_its_moment():
    """What strikes lists does not count requests."""
    book = FaultBook([Fault(kind="lagging-list", times=1)])
    assert book.draw(Moment.REQUEST, "batches.list") == ()
    assert len(book.draw(Moment.LIST, "batches.list")) == 1


def test_switching_off():
    """A fault goes by its id, or all go at once."""
    book = FaultBook([Fault(kind="reset", id="one"), Fault(kind="reset")])
    assert book.remove("one")
    assert not book.remove("one")
    assert len(book.as_json()) == 1
    book.clear()
    assert book.as_json() == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.toml", '[[fault]]\nkind = "slow"\nseconds = 2\ntimes = 1\n'),
        ("f.json", '{"fault": [{"kind": "slow", "seconds": 2, "times": 1}]}'),
        ("f.json", '[{"kind": "slow", "seconds": 2, "times": 1}]'),
        ("f.json", '{"kind": "slow", "seconds": 2, "times": 1}'),
    ],
)
def test_files(tmp_path, name, text):
    """TOML and JSON say the same, as one table or as a list."""
    path = tmp_path / name
    path.write_text(text)
    assert faults.load(path) == [Fault(kind="slow", seconds=2.0, times=1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"kind": "sloww"}', "unknown fault kind 'sloww'; the kinds are lost-reply"),
        ('{"kind": "slow", "second": 2}', "extra fields found (second)"),
        ('{"kind": "slow", "times": 0}', "'times' must be >= 1"),
        ('{"kind": "slow", "seconds": "x"}', "seconds"),
        ("{", "f.json"),
    ],
)
def test_mistakes_are_named(tmp_path, text, said):
    """A mistake in a file is named with the file and the place."""
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"f\.json") as caught:
        faults.load(path)
    assert said in str(caught.value)


def test_a_kind_that_means_nothing_is_refused():
    """A service refuses what it has no meaning for, with the reason, and keeps what was on."""
    book = FaultBook(pointless={"slow": "it is never slow"})
    book.add("reset")
    for add in (book.add, lambda fault: book.replace([Fault(kind=fault)])):
        with pytest.raises(ValueError, match="fault kind 'slow' means nothing here: it is never slow"):
            add("slow")
    assert [fault["kind"] for fault in book.as_json()] == ["reset"]
    with pytest.raises(ValueError, match="means nothing here"):
        FaultBook([Fault(kind="slow")], {"slow": "it is never slow"})


def test_every_kind_is_documented():
    """The README's table has every kind."""
    from pathlib import Path

    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in readme] == []
