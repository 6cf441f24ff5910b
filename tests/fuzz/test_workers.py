"""Four workers on one ledger, one of them killed every moment: each row is paid for and stored once.

`make workers` does it with 20,000 rows.
"""

import pytest
from dialects import DIALECTS
from fleet import Voyage, sail

ROWS = 140


@pytest.fixture(scope="session", params=[name for name, each in DIALECTS.items() if not each.generates])
def calm(request, tmp_path_factory):
    """A provider, and the vectors of a voyage that nothing disturbs."""
    folder = tmp_path_factory.mktemp("calm")
    voyage = Voyage(dialect=request.param, rows=ROWS, rows_per_job=ROWS, workers=1)
    log = sail(voyage, folder, folder / "lane.db")
    assert list(log.broken(log.vectors)) == []
    return request.param, log.vectors


def test_workers_that_are_killed_share_the_work(calm, tmp_path, place):
    """No row twice, none lost, none left behind, by the provider's bill and by the ledger."""
    dialect, vectors = calm
    log = sail(Voyage(dialect=dialect, rows=ROWS, rows_per_job=20, kills=7, apart=2.0), tmp_path, place)
    assert list(log.broken(vectors)) == [], f"{log}\n{(tmp_path / 'log').read_text()}"
    assert log.crew["killed"] > log.voyage.workers
