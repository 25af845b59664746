"""How is one space stored? The port `Store` over one encrypted SQLite file.

Rules:
    B3  Opening reads no history.
    B5  A commit is one transaction; a failure leaves file and memory as they were.
    B6  `sizes` says what uses room.
    B7  Where the content key is known, bodies lie opened; `blocks` seals them again.
    F2  A file that may be older than what was sent from it is in doubt. Its mark says under which
        instance of the vault and in which boot it was last written, and whether it was closed
        cleanly since. The mark of a written file is on disk before the first commit is.
    F3  `sync`; `close` syncs before it marks the end as clean.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import apsw

from kithspace.adapters.disk.database import Database
from kithspace.adapters.disk.formats import SPACE
from kithspace.adapters.disk.indexes import declare_indexes
from kithspace.adapters.disk.rows import RowWriter
from kithspace.adapters.disk.state import SqliteState
from kithspace.core.codec import decode, encode
from kithspace.core.effects import PutAbout, PutObject, Row
from kithspace.core.ids import to_text
from kithspace.core.sql_text import ID_FUNCTION
from kithspace.core.state import State, WireBlock
from kithspace.core.wire import blocks_as_sent

if TYPE_CHECKING:
    from kithspace.core.query import Plan

_MARK_BYTES: Final = 256
_ANALYSIS_LIMIT: Final = 400
"""Rows of an index that are looked at when a store is closed; SQLite's own advice."""
_MARK: Final = "replace into about values ('mark', ?)"
_USES: Final[Mapping[str, str]] = {
    "blocks": "history",
    "touched": "history",
    "held": "held",
    "objects": "objects",
    "items": "objects",
    "texts": "objects",
    "feeds": "members",
    "credentials": "members",
    "keys": "members",
    "chunks": "files",
}
_SIZES: Final = """select coalesce(s.tbl_name, d.name), sum(d.pgsize) from dbstat('main', 1) as d
 left join sqlite_schema as s on s.name = d.name group by 1"""


class Session(NamedTuple):
    """Who writes now: the vault's instance, and the boot of the computer (empty: not known)."""

    instance: bytes
    boot: bytes


class SqliteStore:
    """One space's file.

    Args:
        path: The file; it is made if it is missing.
        key: 32 bytes (S1).
        vault: The vault's name, for errors.
        session: Who writes now (F2).
        is_durable: Sync at every commit.
        vfs: Another file layer of SQLite, for tests of a failing disk.

    Raises:
        TooNew: A newer version wrote it.
        VaultDamaged: It cannot be read.
        VaultLocked: This user cannot read or write it.
        DiskFull: There is no room to make it.
    """

    def __init__(
        self,
        path: Path,
        key: bytes,
        *,
        vault: str,
        session: Session,
        is_durable: bool = False,
        vfs: str | None = None,
    ) -> None:
        self._database = Database(
            path, key, vault=vault, migrations=SPACE, is_durable=is_durable, vfs=vfs
        )
        connection = self._database.connection
        connection.create_scalar_function(ID_FUNCTION, _id_text, 1, deterministic=True)
        self._execute = connection.execute
        self._writer = RowWriter(
            connection, lambda before, after: declare_indexes(connection, before, after)
        )
        self._state = SqliteState(self._database, self._writer)
        self._session = session
        self._is_closed = False
        self._is_marked = False
        self._is_doubtful = self._judge()

    def _judge(self) -> bool:
        """F2: read the mark; an unclean end is only trusted within one boot."""
        found = self._state.rows("select value from about where key = 'mark'")
        if not found:
            return False
        fields = decode(found[0][0], _MARK_BYTES)
        assert isinstance(fields, tuple)  # noqa: S101 - our own bytes, out of an authentic page
        instance, boot, is_clean = fields
        ours = self._session
        is_same_boot = boot == ours.boot and boot != b""
        return instance != ours.instance or not (is_clean or is_same_boot)

    @property
    def is_doubtful(self) -> bool:
        """Whether more may have been sent from here than the file holds (F2)."""
        return self._is_doubtful

    def state(self) -> State:
        """Return a view of what is stored."""
        return self._state

    # ------------------------------------------------------------ writing

    def commit(self, rows: Sequence[Row]) -> None:
        """Write all rows in one transaction, or none."""
        if not self._is_marked:
            self._mark_first()
        execute = self._execute
        try:
            execute("begin immediate")
            self._writer.write(rows)
            if self._is_doubtful and _names_own_feed(rows):
                self._write_mark(is_clean=False)
            execute("commit")
        except BaseException as error:
            self._writer.forget()
            self._database.take_back()
            if isinstance(error, Exception):
                self._database.fail(error)
            raise
        if self._is_doubtful and _names_own_feed(rows):
            self._is_doubtful = False

    def _mark_first(self) -> None:
        """F2: before the first commit of a session, say on the disk that it is written to.

        A file in doubt keeps its mark until its feed has a successor.
        """
        if not self._is_doubtful:
            try:
                self._write_mark(is_clean=False)
            except (apsw.Error, OSError) as error:
                self._database.take_back()
                self._database.fail(error)
            self.sync()
        self._is_marked = True

    def _write_mark(self, *, is_clean: bool) -> None:
        self._execute(_MARK, (encode((*self._session, is_clean)),))

    def sync(self) -> None:
        """Make what was committed survive a power cut (F3). May be called from another thread."""
        self._database.sync()

    def close(self, *, clean: bool) -> None:
        """Close; any number of times. `clean` lets the feed be continued in another boot (F2)."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if clean:
                self._optimize()
            if clean and self._is_marked and not self._is_doubtful:
                self._database.sync()
                self._write_mark(is_clean=True)
                self._database.sync()
        except (apsw.Error, OSError) as error:
            self._database.fail(error)
        finally:
            self._database.close()

    def _optimize(self) -> None:
        """Q2: let SQLite count what it wants to know; a full disk is no reason not to close."""
        with contextlib.suppress(apsw.Error):
            self._execute(f"pragma analysis_limit = {_ANALYSIS_LIMIT}").fetchall()
            self._execute("pragma optimize").fetchall()

    # ------------------------------------------------------------ reading

    def query(self, plan: "Plan") -> list[PutObject]:
        """Return the objects that a plan's SQL finds, in its order."""
        return [PutObject(*row) for row in self._state.rows(*plan.statement(self._number_of))]

    def count(self, plan: "Plan") -> int:
        """How many pass, whatever limit and offset; only where the plan is exact."""
        return int(self._state.rows(*plan.count_statement(self._number_of))[0][0])

    def _number_of(self, name: str) -> int:
        found = self._state.rows("select n from types where name = ?", (name,))
        return int(found[0][0]) if found else -1

    def blocks(self, feed: int, first: int, end: int) -> list[WireBlock]:
        """Return the blocks `[first, end)` of a feed or branch, byte for byte as sent (B7)."""
        return blocks_as_sent(self._state, feed, first, end)

    def sizes(self) -> Mapping[str, int]:
        """Bytes on disk by what uses them (B6)."""
        sizes: dict[str, int] = {}
        for table, size in self._state.rows(_SIZES):
            use = _USES.get(table, "other")
            sizes[use] = sizes.get(use, 0) + size
        return sizes


def _id_text(*arguments: object) -> str:
    (raw,) = arguments
    return to_text(raw) if isinstance(raw, bytes) else ""


def _names_own_feed(rows: Sequence[Row]) -> bool:
    return any(type(row) is PutAbout and row.key == "own" for row in rows)
