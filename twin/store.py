"""Finished work that outlives a killed process: a SQLite file of values by the digest of what they answer.

Every value is written in a transaction of its own, so that a process killed at any moment leaves all that it had
finished and nothing by halves. Several processes may use one file.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from twin.atomic import require_writable

PATIENCE = 60.0
"""Seconds to wait while another process writes."""


@dataclass(frozen=True)
class Store:
    """A file of byte strings by key. ValueError where the path holds something else or cannot be written."""

    path: Path

    def __post_init__(self) -> None:
        require_writable(self.path.parent)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS finished (key TEXT PRIMARY KEY, value BLOB NOT NULL)")

    def get(self, key: str) -> bytes | None:
        """The value of ``key``, None if it is not finished."""
        with self._open() as connection:
            row = connection.execute("SELECT value FROM finished WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: str, value: bytes) -> None:
        """Keeps a value; a later one of the same key takes its place."""
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO finished VALUES (?, ?)", (key, value))

    def __len__(self) -> int:
        with self._open() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM finished").fetchone()[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as connection, connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{self.path}: not a store of finished work ({error}); remove or rename it") from error


def digest(*parts: bytes | str) -> str:
    """SHA-256 of the parts, each with its length, so that no two sequences run together."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        total.update(f"{len(content)}:".encode())
        total.update(content)
    return total.hexdigest()
