"""What is stored in a space's file? The port `State` over SQLite.

Rules:
    B3  Nothing here reads a block unless it is asked for one.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw

from kithspace.adapters.disk.database import Database
from kithspace.adapters.disk.rows import LAST_OBJECT, RowWriter
from kithspace.core.effects import (
    SEQ_BITS,
    PutBlock,
    PutCredential,
    PutFeed,
    PutHeld,
    PutItem,
    PutKey,
    PutObject,
    PutType,
)
from kithspace.core.state import prev_of

_FEED_BY_N: Final = "select * from feeds where n = ?"
_FEED_BY_ID: Final = "select * from feeds where id = ?"
_OBJECT_BY_N: Final = "select * from objects where n = ?"
_OBJECT_BY_ID: Final = "select * from objects where id = ?"
_BLOCK: Final = "select n >> 32, n & 0xffffffff, clear, sig, body from blocks where n = ?"
_BLOCKS: Final = (
    "select n >> 32, n & 0xffffffff, clear, sig, body from blocks"
    " where n between ? and ? order by n"
)
_ITEMS: Final = (
    "select * from items where obj = ?1 and path > ?2 and path < ?3 and parent = ?2 order by path"
)
_END: Final = b"\xff"
"""All below a parent begin with its path, and no item of CBOR begins with this byte."""
_HELD: Final = "select * from held where feed = ? order by seq, id"
_OURS: Final = frozenset({LAST_OBJECT, "software", "mark"})
"""Keys of `about` that belong to the store; they are not shown."""


class SqliteState:
    """Reads, on the writing connection; they see the newest commit."""

    def __init__(self, database: Database, writer: RowWriter) -> None:
        self._database = database
        self._execute = database.connection.execute
        self._writer = writer

    def rows(self, statement: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query to its end.

        Raises:
            VaultDamaged: A page of the file cannot be read.
        """
        try:
            return self._execute(statement, bindings).fetchall()
        except apsw.Error as error:
            self._database.fail(error)

    def _one(self, statement: str, *bindings: object) -> tuple[Any, ...] | None:
        found = self.rows(statement, bindings)
        return found[0] if found else None

    def feed(self, key: bytes | int) -> PutFeed | None:
        """The feed or branch of this id or local number."""
        found = self._one(_FEED_BY_N if isinstance(key, int) else _FEED_BY_ID, key)
        return PutFeed(*found) if found else None

    def feeds(self) -> Iterable[PutFeed]:
        """All feeds and branches, in order of their numbers."""
        return [PutFeed(*row) for row in self.rows("select * from feeds order by n")]

    def block(self, n: int, seq: int) -> PutBlock | None:
        """A stored block that lies under this very number."""
        found = self._one(_BLOCK, n << SEQ_BITS | seq)
        return PutBlock(*found) if found else None

    def blocks(self, n: int, first: int, end: int) -> Sequence[PutBlock]:
        """Stored blocks with `first <= seq < end` under this number, in order."""
        if end <= first:
            return []
        base = n << SEQ_BITS
        rows = self.rows(_BLOCKS, (base | first, base + end - 1))
        return [PutBlock(*row) for row in rows]

    def id_at(self, n: int, seq: int) -> bytes | None:
        """The id of block `seq` that lies under `n`."""
        found = self._one("select clear from blocks where n = ?", (n << SEQ_BITS) + seq + 1)
        if found:
            return prev_of(found[0])
        feed = self._one("select length, head from feeds where n = ?", n)
        return feed[1] if feed and feed[0] == seq + 1 else None

    def object(self, key: bytes | int) -> PutObject | None:
        """The object of this id or local number."""
        found = self._one(_OBJECT_BY_N if isinstance(key, int) else _OBJECT_BY_ID, key)
        return PutObject(*found) if found else None

    def last_object(self) -> int:
        """The greatest local number of an object that was ever given out; 0 if none."""
        try:
            return self._writer.last_object()
        except apsw.Error as error:
            self._database.fail(error)

    def item(self, obj: int, path: bytes) -> PutItem | None:
        """A child of a big container (B2)."""
        found = self._one("select * from items where obj = ? and path = ?", obj, path)
        return PutItem(*found) if found else None

    def items(self, obj: int, parent: bytes) -> Iterable[PutItem]:
        """All children of a big container, ordered by path."""
        return [PutItem(*row) for row in self.rows(_ITEMS, (obj, parent, parent + _END))]

    def texts(self, obj: int, path: bytes) -> Sequence[bytes]:
        """A text's updates, ordered by number."""
        found = self.rows(
            "select data from texts where obj = ? and path = ? order by n", (obj, path)
        )
        return [row[0] for row in found]

    def touched(self, obj: int) -> Sequence[int]:
        """Keys of the blocks that wrote to an object, ascending."""
        found = self.rows("select block from touched where obj = ? order by block", (obj,))
        return [row[0] for row in found]

    def objects_touched_by(self, blocks: Iterable[int]) -> Sequence[int]:
        """Local numbers of the objects that these blocks (keys) wrote to, each once."""
        found: set[int] = set()
        for block in blocks:
            rows = self.rows("select obj from touched where block = ?", (block,))
            found.update(row[0] for row in rows)
        return sorted(found)

    def held(self, feed: bytes) -> Sequence[PutHeld]:
        """Held blocks under a header's feed id, by seq, then id."""
        return [PutHeld(*row) for row in self.rows(_HELD, (feed,))]

    def held_feeds(self) -> Iterable[bytes]:
        """Feed ids that have held blocks, each once."""
        return [row[0] for row in self.rows("select distinct feed from held order by feed")]

    def key(self, generation: bytes) -> PutKey | None:
        """The keys of a generation."""
        found = self._one("select * from keys where gen = ?", generation)
        return PutKey(*found) if found else None

    def keys(self) -> Iterable[PutKey]:
        """All keys here."""
        return [PutKey(*row) for row in self.rows("select * from keys order by gen")]

    def credentials(self) -> Iterable[PutCredential]:
        """All credentials, in order of depth, then id."""
        found = self.rows("select * from credentials order by depth, id")
        return [PutCredential(*row) for row in found]

    def types(self) -> Iterable[PutType]:
        """All types, in order of their numbers."""
        return [PutType(*row) for row in self.rows("select * from types order by n")]

    def about(self, key: str) -> bytes | None:
        """A fact about the space's file."""
        found = self._one("select value from about where key = ?", key)
        return found[0] if found and key not in _OURS else None
