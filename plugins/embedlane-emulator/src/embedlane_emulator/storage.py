"""What survives a restart: documents in SQLite and contents in files, in one directory.

Without a directory the documents live in memory and the contents in a temporary directory, which is removed
when the store is closed. Each change is one transaction; a process that is killed loses none it answered.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    doc  BLOB NOT NULL,
    UNIQUE (kind, id)
);
"""

#: A stored thing: what SQLite keeps as JSON.
Document = dict[str, Any]


def link(content: Path, target: Path) -> None:
    """Make *target* the same content, without a copy where that can be."""
    try:
        os.link(content, target)
    except OSError:  # a file system without links
        shutil.copyfile(content, target)


class Store:
    """Documents by kind and id, in the order of their creation, and a place for contents."""

    def __init__(self, directory: Path | None = None) -> None:
        self._temporary = None
        if directory is None:
            self._temporary = tempfile.TemporaryDirectory(
                prefix="embedlane-emulator-", ignore_cleanup_errors=True
            )
            self._blobs = Path(self._temporary.name)
        else:
            self._blobs = directory / "blobs"
            self._blobs.mkdir(parents=True, exist_ok=True)
        database = ":memory:" if directory is None else str(directory / "emulator.db")
        self._lock = threading.RLock()
        self._db = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def put(self, kind: str, key: str, doc: Document) -> None:
        """Create or replace a document; a replaced one keeps its place in the order."""
        with self._lock:
            self._db.execute(
                "INSERT INTO documents (kind, id, doc) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, id) DO UPDATE SET doc = excluded.doc",
                (kind, key, orjson.dumps(doc)),
            )

    def get(self, kind: str, key: str) -> Document | None:
        """The document, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT doc FROM documents WHERE kind = ? AND id = ?", (kind, key)
            ).fetchone()
        return None if row is None else dict(orjson.loads(row[0]))

    def change(self, kind: str, key: str, edit: Callable[[Document], None]) -> Document | None:
        """Edit a document as one step that no other thread sees half done."""
        with self._lock:
            doc = self.get(kind, key)
            if doc is not None:
                edit(doc)
                self.put(kind, key, doc)
            return doc

    def delete(self, kind: str, key: str) -> bool:
        """Remove a document; whether it was there."""
        with self._lock:
            done = self._db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, key))
            return done.rowcount > 0

    def clear(self) -> None:
        """Remove all documents and contents."""
        with self._lock:
            self._db.execute("DELETE FROM documents")
        for path in self._blobs.iterdir():
            path.unlink(missing_ok=True)

    def newest(self, kind: str, before: int | None = None) -> Iterator[tuple[int, Document]]:
        """Documents with their sequence numbers, the newest first, those below *before*."""
        with self._lock:
            rows = self._db.execute(
                "SELECT seq, doc FROM documents WHERE kind = ? AND seq < ? ORDER BY seq DESC",
                (kind, before if before is not None else 2**62),
            ).fetchall()
        return ((seq, dict(orjson.loads(doc))) for seq, doc in rows)

    def oldest(self, kind: str) -> Iterator[Document]:
        """Documents in the order of their creation."""
        with self._lock:
            rows = self._db.execute(
                "SELECT doc FROM documents WHERE kind = ? ORDER BY seq", (kind,)
            ).fetchall()
        return (dict(orjson.loads(doc)) for (doc,) in rows)

    def blob(self, name: str) -> Path:
        """Where the content called *name* is, or is to be written."""
        return self._blobs / name

    def close(self) -> None:
        """Close the database and remove what was temporary."""
        with self._lock:
            self._db.close()
        if self._temporary is not None:
            self._temporary.cleanup()
