"""How does a row of `core.effects` become a statement of SQL?

Rules:
    B5  Everything of a commit happens in one transaction; this module neither begins nor ends it.

A row is a tuple, and is bound as it is: `?1` is its first item. The everyday commit writes one
row each of block, feed, object and touched; those are updated in place, so that indexes of
columns that stayed the same are not written. A block's key is `n << 32 | seq` (`SEQ_BITS`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import apsw

from kithspace.core.effects import (
    DropBlock,
    DropHeld,
    DropItem,
    DropObject,
    DropTexts,
    MoveBlocks,
    PutAbout,
    PutBlock,
    PutChunk,
    PutCredential,
    PutFeed,
    PutHeld,
    PutItem,
    PutKey,
    PutObject,
    PutText,
    PutTouched,
    PutType,
    Row,
)

LAST_OBJECT: Final = "last-object"
"""The key in `about` of the greatest number of an object that is gone (see `last_object`)."""

_PLAIN: Final[Mapping[type, str]] = {
    PutBlock: "replace into blocks values (?1 << 32 | ?2, ?3, ?4, ?5)",
    PutTouched: "insert or ignore into touched values (?1, ?2)",
    PutItem: "replace into items values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    DropItem: "delete from items where obj = ?1 and path = ?2",
    PutText: "replace into texts values (?1, ?2, ?3, ?4)",
    DropTexts: "delete from texts where obj = ?1 and path = ?2",
    PutHeld: "replace into held values (?1, ?2, ?3, ?4, ?5, ?6)",
    DropHeld: "delete from held where feed = ?1 and seq = ?2 and id = ?3",
    PutCredential: "replace into credentials values (?1, ?2, ?3, ?4, ?5)",
    PutKey: "replace into keys values (?1, ?2, ?3, ?4)",
    PutChunk: "replace into chunks values (?1, ?2, ?3, ?4)",
    PutAbout: "replace into about values (?1, ?2)",
}
_FEED_GROWS: Final = """update feeds set length = ?4, applied = ?5, signed = ?6, released = ?7,
 tip = ?8, head = ?9, last_time = ?10
 where n = ?1 and id = ?2 and branch_of is ?3 and opening = ?11 and opening_sig = ?12"""
_FEED: Final = "replace into feeds values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
_OBJECT_CHANGES: Final = """update objects set doc = ?6, meta = ?7
 where n = ?1 and id = ?2 and type = ?3 and live = ?4 and created = ?5"""
_OBJECT: Final = "replace into objects values (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
_DROP_BLOCK: Final = (
    "delete from blocks where n = (?1 << 32 | ?2)",
    "delete from touched where block = (?1 << 32 | ?2)",
)
_MOVE: Final = (
    (
        "update or replace blocks set n = n + ((?2 - ?1) << 32)"
        " where n between (?1 << 32 | ?3) and (?1 << 32 | 0xffffffff)"
    ),
    (
        "update or replace touched set block = block + ((?2 - ?1) << 32)"
        " where block between (?1 << 32 | ?3) and (?1 << 32 | 0xffffffff)"
    ),
)
_DROP_OBJECT: Final = (
    "delete from objects where n = ?1",
    "delete from items where obj = ?1",
    "delete from texts where obj = ?1",
)


class RowWriter:
    """Carries rows out, on one connection.

    Args:
        connection: The writing one.
        index: Makes the declared indexes of a type, and drops those that it has no more.
    """

    def __init__(
        self, connection: apsw.Connection, index: Callable[[PutType | None, PutType], None]
    ) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._execute_many = connection.executemany
        self._index = index
        self._last_object: int | None = None
        self._special: dict[type, Callable[[Any], None]] = {
            PutFeed: self._put_feed,
            PutType: self._put_type,
            DropBlock: self._drop_block,
            MoveBlocks: self._move_blocks,
            DropObject: self._drop_object,
        }

    def write(self, rows: Iterable[Row]) -> None:
        """Carry the rows out in their order."""
        for kind, run in groupby(rows, type):
            statement = _PLAIN.get(kind)
            if statement is not None:
                self._execute_many(statement, run)
            elif kind is PutObject:
                self._put_objects(list(run))  # type: ignore[arg-type]  # of this very type
            else:
                special = self._special[kind]
                for row in run:
                    special(row)

    def forget(self) -> None:
        """A transaction was taken back: what is remembered of the file may be wrong."""
        self._last_object = None

    def last_object(self) -> int:
        """The greatest local number of an object that was ever given out; 0 if none."""
        if self._last_object is None:
            found = self._execute(
                "select max(n) from objects union all"
                " select cast(value as integer) from about where key = ?",
                (LAST_OBJECT,),
            ).fetchall()
            self._last_object = max(int(row[0] or 0) for row in found)
        return self._last_object

    def _put_feed(self, row: PutFeed) -> None:
        self._execute(_FEED_GROWS, row)
        if not self._connection.changes():
            self._execute(_FEED, row)

    def _put_objects(self, rows: Sequence[PutObject]) -> None:
        last = self.last_object()
        new = [row for row in rows if row.n > last]
        if new:
            self._execute_many(_OBJECT, new)
            self._last_object = max(row.n for row in new)
        for row in rows if len(new) < len(rows) else ():
            if row.n > last:
                continue
            self._execute(_OBJECT_CHANGES, row)
            if not self._connection.changes():
                self._execute(_OBJECT, row)

    def _put_type(self, row: PutType) -> None:
        found: Any = self._execute("select * from types where n = ?", (row.n,)).fetchall()
        self._execute("replace into types values (?1, ?2, ?3, ?4, ?5)", row)
        self._index(PutType(*found[0]) if found else None, row)

    def _drop_block(self, row: DropBlock) -> None:
        for statement in _DROP_BLOCK:
            self._execute(statement, row)

    def _move_blocks(self, row: MoveBlocks) -> None:
        for statement in _MOVE:
            self._execute(statement, row)

    def _drop_object(self, row: DropObject) -> None:
        if row.n == self.last_object():
            # Its number must not be given out again: `touched` still names it.
            value = str(row.n).encode()
            self._execute("replace into about values (?, ?)", (LAST_OBJECT, value))
        for statement in _DROP_OBJECT:
            self._execute(statement, row)
