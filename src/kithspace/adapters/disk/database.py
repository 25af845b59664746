"""How is an encrypted SQLite file opened, and what do its errors mean?

Rules:
    S1   ChaCha20, a raw key for each file (no derivation at opening), temporary data in memory.
    F1   WAL with `synchronous=NORMAL`: a commit survives `kill -9`.
    F3   `sync` makes it survive a power cut, through a descriptor of its own.
    B4   A newer format is refused, and the file left as it is.
    B5   An error leaves no transaction open.

Closing any descriptor of a file drops the locks that SQLite holds on it, so nothing here opens the
database or its `-shm` by itself; SQLite holds no lock on the `-wal`.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Never, TypeAlias

import apsw

from kithspace.errors import DiskFull, KithError, TooNew, VaultDamaged, VaultLocked

Migration: TypeAlias = Callable[[apsw.Connection], None]
"""Takes a file from one format to the next, inside a transaction that it does not end."""

PAGE_BYTES: Final = 2_048
"""Half of SQLite's default: a small commit writes five pages (32 instead of 43 µs)."""
CACHE_KIB: Final = 8_192
CHECKPOINT_BYTES: Final = 4 * 1_024 * 1_024
"""A longer WAL is copied into the file at the next sync, beside the writer."""
LAST_RESORT_PAGES: Final = 32_768
"""A WAL of so many pages (64 MiB) is copied within a commit, if nobody ever syncs."""
BUSY_MS: Final = 5_000
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.IOError, OSError)
_ROOM_MB: Final = 64
"""What to free: room for the longest WAL that a sync leaves, and then some."""


class Database:
    """One open file: its writing connection, and what belongs to its safety.

    Args:
        path: The file; it is made if it is missing.
        key: 32 bytes (S1).
        vault: The vault's name, for errors.
        migrations: One for each format; the first makes the tables of an empty file.
        is_durable: Sync at every commit.
        vfs: Another file layer of SQLite, for tests of a failing disk.

    Raises:
        TooNew: A newer version wrote it (B4).
        VaultDamaged: It is no database, or not under this key.
        VaultLocked: This user cannot read or write it.
        DiskFull: There is no room to make it.
    """

    def __init__(
        self,
        path: Path,
        key: bytes,
        *,
        vault: str,
        migrations: Sequence[Migration],
        is_durable: bool = False,
        vfs: str | None = None,
    ) -> None:
        self.path = path
        self.vault = vault
        self._key = key
        self._vfs = vfs
        self._guard = threading.Lock()
        self._helper: apsw.Connection | None = None
        self._wal: int | None = None
        self._is_closed = False
        try:
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self.connection = self._connect()
            try:
                self._open_well(migrations, is_durable=is_durable)
            except BaseException:
                self.connection.close()
                raise
        except (apsw.Error, OSError) as error:
            self.fail(error)
        self.execute = self.connection.execute

    def _connect(self) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE
        connection = apsw.Connection(str(self.path), flags=flags, vfs=self._vfs)
        # A file that is only looked at must stay as it is (B4): no checkpoint when it is closed.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(BUSY_MS)
        connection.wal_autocheckpoint(0)
        connection.execute("pragma cipher = 'chacha20'").fetchall()
        connection.execute(f"pragma key = 'raw:{self._key.hex()}'").fetchall()
        return connection

    def _open_well(self, migrations: Sequence[Migration], *, is_durable: bool) -> None:
        """Explain an error while the connection still knows the system's number."""
        try:
            self._open(migrations, is_durable=is_durable)
        except (apsw.Error, OSError) as error:
            self.fail(error)

    def _open(self, migrations: Sequence[Migration], *, is_durable: bool) -> None:
        connection = self.connection
        found = connection.pragma("user_version")
        if found > len(migrations):
            raise TooNew.of(self.vault, self._writer(), version("kithspace"))
        if found == 0:
            connection.pragma("page_size", PAGE_BYTES)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full" if is_durable else "normal")
        connection.pragma("journal_size_limit", CHECKPOINT_BYTES)
        connection.pragma("cache_size", -CACHE_KIB)
        connection.pragma("temp_store", "memory")
        connection.pragma("trusted_schema", 0)
        connection.wal_autocheckpoint(LAST_RESORT_PAGES)
        if found < len(migrations):
            self._migrate(migrations, found)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)

    def _migrate(self, migrations: Sequence[Migration], found: int) -> None:
        """B4: take the file to the newest format, in one transaction."""
        connection = self.connection
        connection.execute("begin immediate")
        for number, migration in enumerate(migrations[found:], found + 1):
            migration(connection)
            connection.execute(f"pragma user_version = {number}")
        connection.execute(
            "replace into about values ('software', ?)", (version("kithspace").encode(),)
        )
        connection.execute("commit")

    def _writer(self) -> str:
        """Which version wrote the file; a newer format may not even say so."""
        try:
            rows: Any = self.connection.execute("select value from about where key = 'software'")
            return str(rows.fetchall()[0][0].decode())
        except (apsw.Error, IndexError, AttributeError, ValueError):
            return "of a later date"

    # ------------------------------------------------------------ transactions

    def take_back(self) -> None:
        """End what is open without a trace (B5); no error if nothing is."""
        try:
            if not self.connection.get_autocommit():
                self.execute("rollback")
        except apsw.Error:
            # SQLite rolls back by itself on some errors; a closed connection has nothing open.
            return

    def fail(self, error: Exception) -> Never:
        """Raise what a caller should see of an error of SQLite or of the file system."""
        number = error.errno if isinstance(error, OSError) else None
        if isinstance(error, apsw.IOError):
            number = self.connection.system_errno
        fail(error, number, self.vault, self.path)

    # ------------------------------------------------------------ safety

    def sync(self) -> None:
        """F3: make what was committed survive a power cut. May be called from any thread."""
        with self._guard:
            if self._is_closed:
                return
            try:
                if self._wal is None:
                    self._wal = os.open(f"{self.path}-wal", os.O_RDWR)
                    _sync_folder(self.path.parent)
                os.fsync(self._wal)
                if os.fstat(self._wal).st_size > CHECKPOINT_BYTES:
                    self._checkpoint()
            except FileNotFoundError:
                return  # nothing was ever written
            except (apsw.Error, OSError) as error:
                self.fail(error)

    def _checkpoint(self) -> None:
        """Copy the WAL into the file, on a connection of its own: the writer goes on.

        Where the two are in each other's way, the next sync does it.
        """
        if self._helper is None:
            self._helper = self._connect()
        with contextlib.suppress(apsw.BusyError, apsw.LockedError):
            # A connection that has read nothing does not know of the WAL, and would do nothing.
            self._helper.pragma("user_version")
            self._helper.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def close(self) -> None:
        """Close; any number of times. The last connection copies the WAL into the file."""
        with self._guard:
            self._is_closed = True
            if self._helper is not None:
                self._helper.close()
                self._helper = None
            if self._wal is not None:
                os.close(self._wal)
                self._wal = None
            self.connection.close()


def fail(error: Exception, number: int | None, vault: str, path: Path) -> Never:
    """Raise what a caller should see of an error.

    Args:
        error: Of SQLite or of the file system; of ours, it is seen as it is.
        number: The system's, where it gave one.
        vault: The vault's name.
        path: The file or folder that was in hand.
    """
    seen = _explain(error, number, vault, path)
    if seen is None:
        raise error
    raise seen from error


def _explain(error: Exception, number: int | None, vault: str, path: Path) -> KithError | None:
    if isinstance(error, KithError):
        return None
    if isinstance(error, apsw.FullError) or number in _FULL:
        return DiskFull.unnamed(_ROOM_MB)
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError) or number in _DENIED:
        return VaultLocked.not_writable(vault, str(path if path.is_dir() else path.parent))
    if isinstance(error, _DAMAGE):
        return VaultDamaged.file(vault, path.name)
    return None


def _sync_folder(folder: Path) -> None:
    """Make the names of new files survive a power cut, where the system lets one."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
