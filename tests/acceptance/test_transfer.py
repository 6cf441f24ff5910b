"""An import that is killed, by the command line as a process."""

import signal
import sqlite3
import time


def _items(place):
    with sqlite3.connect(place) as connection:
        try:
            return connection.execute("SELECT count(*) FROM items").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


def test_a_killed_import_goes_on(shell):
    """SIGKILL leaves whole pages behind; the same command brings in the rest, and nothing is lost."""
    shell.fill([f"text number {number}" for number in range(5000)])
    assert shell.run("embed", "docs").status == 0
    assert shell.run("index", "export", "docs", "out.npz").status == 0
    other = shell.folder / "other.db"
    process = shell.start("--ledger", str(other), "index", "import", "docs", "out.npz")
    deadline = time.monotonic() + 50
    while not _items(other):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    assert shell.end(process).status == -signal.SIGKILL
    there = _items(other)
    assert there % 1000 == 0
    again = shell.run("--ledger", str(other), "index", "import", "docs", "out.npz", "--json")
    assert again.status == 0, again.err
    assert again.json["changes"]["added"] == 5000 - there
    assert again.json["changes"]["unchanged"] == there
    assert again.json["tally"]["stored"] == 5000
    assert shell.run("--ledger", str(other), "index", "export", "docs", "back.npz").status == 0
    assert (shell.folder / "back.npz").read_bytes() == (shell.folder / "out.npz").read_bytes()
