"""What fails on demand: a store's commits, and a disk's writes.

`FaultyStore` stands in for any store and fails at every nth commit, as a full disk does.
`FaultyDisk` is a file layer below SQLite and fails at the nth write or sync from now on, once or
for good; with all n in turn, and a look at the file after each, it shows that no moment of a
commit leaves half of it (B5).
"""

from collections.abc import Mapping, Sequence

import apsw

from kithspace.core.effects import PutObject, Row
from kithspace.core.query import Plan
from kithspace.core.state import State, WireBlock
from kithspace.errors import DiskFull
from kithspace.ports import Store


class FaultyStore:
    """A store whose every nth commit fails and leaves nothing.

    Args:
        store: The one that does the work.
        fail_at: Which commit fails, counted from 1, and then every so many.
    """

    def __init__(self, store: Store, fail_at: int) -> None:
        self._store = store
        self._fail_at = fail_at
        self.commits = 0

    @property
    def is_doubtful(self) -> bool:
        """As the store that does the work."""
        return self._store.is_doubtful

    def state(self) -> State:
        """As the store that does the work."""
        return self._store.state()

    def commit(self, rows: Sequence[Row]) -> None:
        """Write all rows, or fail.

        Raises:
            DiskFull: At every nth call.
        """
        self.commits += 1
        if self.commits % self._fail_at == 0:
            raise DiskFull.unnamed(1)
        self._store.commit(rows)

    def sync(self) -> None:
        """As the store that does the work."""
        self._store.sync()

    def query(self, plan: Plan) -> list[PutObject]:
        """As the store that does the work."""
        return self._store.query(plan)

    def count(self, plan: Plan) -> int:
        """As the store that does the work."""
        return self._store.count(plan)

    def blocks(self, feed: int, first: int, end: int) -> list[WireBlock]:
        """As the store that does the work."""
        return self._store.blocks(feed, first, end)

    def sizes(self) -> Mapping[str, int]:
        """As the store that does the work."""
        return self._store.sizes()

    def close(self, *, clean: bool) -> None:
        """As the store that does the work."""
        self._store.close(clean=clean)


class FaultyDisk(apsw.VFS):
    """A file layer of SQLite that fails when it is told to.

    Give its `name` as a store's `vfs`, and keep the object: SQLite does not. It lies above the
    layer that encrypts, so files written through it are plain.

    Args:
        name: Under which SQLite knows it; no two alive at once have the same.

    Attributes:
        left: Writes and syncs that still work; negative: all.
        error: What the next one raises.
        is_for_good: Whether it goes on failing.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self.name = name
        self.left = -1
        self.error: type[apsw.Error] = apsw.FullError
        self.is_for_good = False

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> "_FaultyFile":
        """Open a file; called by SQLite."""
        return _FaultyFile(self, name, flags)

    def count_down(self) -> None:
        """Fail if it is time to; called at each write and sync.

        Raises:
            apsw.Error: Of the kind in `error`.
        """
        if self.left == 0:
            self.left = 0 if self.is_for_good else -1
            raise self.error("a failing disk")
        self.left -= self.left > 0


class _FaultyFile(apsw.VFSFile):
    def __init__(
        self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._disk = disk

    def xWrite(  # noqa: N802
        self, data: bytes, offset: int
    ) -> None:
        self._disk.count_down()
        super().xWrite(data, offset)

    def xSync(  # noqa: N802
        self, flags: int
    ) -> None:
        self._disk.count_down()
        super().xSync(flags)
