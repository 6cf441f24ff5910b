"""``make workers``: four workers that are killed at random share many rows, on both databases."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).with_name("kit")))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import attrs
from dialects import DIALECTS
from fleet import Voyage, sail
from pg_server import running
from places import workplace

from embedlane.ledger.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping


def main() -> int:
    """Do what the command line says; 1 if a promise was broken."""
    asked = _arguments()
    per_job = max(asked.rows // 20, 1)
    calm = Voyage(dialect=asked.dialect, rows=asked.rows, rows_per_job=per_job, workers=1, seed=asked.seed)
    wild = attrs.evolve(calm, rows_per_job=max(asked.rows // 80, 1), workers=4, kills=asked.kills)
    with workplace() as root:
        vectors, broken = _sail(calm, "undisturbed", root, root / "calm.db", None)
        for name, place in (
            ("SQLite", root / "lane.db"),
            ("PostgreSQL", Server(running().address(running().create()))),
        ):
            broken += _sail(wild, name, root, place, vectors)[1]
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dialect", choices=list(DIALECTS), default="gemini")
    return parser.parse_args()


def _sail(
    voyage: Voyage, name: str, root: Path, place: Path | Server, calm: Mapping[str, bytes] | None
) -> tuple[Mapping[str, bytes], int]:
    """Do *voyage*, and say what it came to."""
    folder = root / name
    folder.mkdir()
    log = sail(voyage, folder, place)
    broken = list(log.broken(log.vectors if calm is None else calm))
    _say(f"seed {voyage.seed}, {voyage.dialect}, {name}: {log}")
    for promise in broken:
        _say(f"BROKEN {promise}")
    _say(f"  paid for {sum(charge.rows for charge in log.charges):,}, stored {len(log.vectors):,}")
    return log.vectors, len(broken)


def _say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
