"""Reading results ahead, until the canaries are seen."""

from __future__ import annotations

from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from embedlane.jobs import preview
from embedlane.jobs.preview import preview_results
from embedlane.providers.values import Malformed, Refusal, Vector

_NAMES = {"0": "canary-a", "1": "canary-b"}
_RESULTS = st.sampled_from(
    [
        Vector("0", [1.0]),
        Vector("0", [2.0]),
        Vector("1", [1.0]),
        Refusal("1", "POLICY", "no"),
        Vector("2", [1.0]),
        Malformed("a line"),
    ]
)


@given(st.lists(_RESULTS, max_size=12), st.integers(0, 12))
def test_no_result_is_lost_and_the_first_answers_of_canaries_are_found(results, held):
    """Whatever the order, and however little is held, all results follow, from the first on."""
    with mock.patch.object(preview, "_HELD", held):
        found = preview_results(lambda: iter(results), _NAMES)
        assert list(found.results) == results
    first = {name: next((r for r in results if getattr(r, "key", "") == name), None) for name in _NAMES}
    assert {canary.key: canary.values for canary in found.canaries} == {
        _NAMES[name]: result.values for name, result in first.items() if isinstance(result, Vector)
    }


def test_results_are_read_once_where_canaries_come_first():
    """The file has them at its beginning, and most services keep the order: nothing is downloaded twice."""
    reads = []

    def read():
        reads.append(1)
        yield from (Vector(str(number), [1.0]) for number in range(5000))

    found = preview_results(read, _NAMES)
    assert sum(1 for _ in found.results) == 5000
    assert len(reads) == 1


def test_a_job_without_canaries_is_not_read_ahead():
    """Nothing is looked for, so nothing is held."""
    stream = iter([Vector("0", [1.0])])
    assert preview_results(lambda: stream, {}).canaries == ()
    assert next(stream).key == "0"
