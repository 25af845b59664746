"""What is left of a node's disk after a crash, and where exactly does it crash?

A `SimulatedDisk` is the list of all commits. Opening it plays them into a memory store, so any
moment of the past can be opened again: as after a power cut, or from a copied folder.

Rules: F1 (what a commit returned from survives a kill), F2 (after a doubt the own feed gets a
successor), F3 (what was synced survives a power cut), G1 (persist, show, release, send).
"""

from collections.abc import Mapping, Sequence
from enum import Enum

from kithspace.adapters.memory_store import MemoryStore
from kithspace.core.effects import PutAbout, PutBlock, PutFeed, PutObject, Row
from kithspace.core.query import Plan
from kithspace.core.state import State, WireBlock


class CrashPoint(Enum):
    """A boundary of the effects, at which a node can be made to crash."""

    BEFORE_PERSIST = "before a commit is on disk"
    BEFORE_SHOW = "after a commit is on disk, before anybody is told"
    BEFORE_RELEASE = "before an own head is signed"
    BEFORE_SEND = "after an own head is signed, before it is announced"
    AFTER_SEND = "after something was sent"


class SimulatedCrash(BaseException):
    """The process is gone at this very point. Nothing catches it but the simulation."""


class SimulatedDisk:
    """The commits of one node, oldest first."""

    def __init__(self, commits: Sequence[Sequence[Row]] = ()) -> None:
        self._commits: list[Sequence[Row]] = list(commits)
        self._synced = len(self._commits)
        self.is_doubtful = False
        self.crash_at: CrashPoint | None = None

    def __len__(self) -> int:
        return len(self._commits)

    def open(self) -> "SimulatedStore":
        """Start a process on what is there."""
        memory = MemoryStore()
        for rows in self._commits:
            memory.commit(rows)
        return SimulatedStore(self, memory)

    def write(self, rows: Sequence[Row], memory: MemoryStore) -> None:
        """Commit, or crash before or after it."""
        is_release = _is_release(rows)
        self.meet(CrashPoint.BEFORE_RELEASE if is_release else CrashPoint.BEFORE_PERSIST)
        memory.commit(rows)
        self._commits.append(tuple(rows))
        if any(isinstance(row, PutAbout) and row.key == "own" for row in rows):
            self.is_doubtful = False
        self.meet(CrashPoint.BEFORE_SEND if is_release else CrashPoint.BEFORE_SHOW)

    def meet(self, point: CrashPoint) -> None:
        """Crash, if this is where the node is to crash.

        Raises:
            SimulatedCrash: It is.
        """
        if self.crash_at is point:
            self.crash_at = None
            raise SimulatedCrash(point.value)

    def sync(self) -> None:
        """F3: what is there survives a power cut."""
        self._synced = len(self._commits)

    def cut_power(self, left: int) -> None:
        """Forget the newest commits that were not synced, all but `left` of them; a doubt (F2)."""
        del self._commits[self._synced + left :]
        self.is_doubtful = True

    def restore(self, commits: int) -> None:
        """Go back to an earlier moment, as when an old copy is put back; a doubt (F2)."""
        del self._commits[commits:]
        self._synced = len(self._commits)
        self.is_doubtful = True

    @property
    def unsynced(self) -> int:
        """How many commits a power cut may take."""
        return len(self._commits) - self._synced


class SimulatedStore:
    """The port `Store`, on a simulated disk."""

    def __init__(self, disk: SimulatedDisk, memory: MemoryStore) -> None:
        self._disk = disk
        self._memory = memory

    @property
    def is_doubtful(self) -> bool:
        """Whether more may have been sent than is here (F2)."""
        return self._disk.is_doubtful

    def state(self) -> State:
        """Return a view of what is stored."""
        return self._memory.state()

    def commit(self, rows: Sequence[Row]) -> None:
        """Write all rows, or none."""
        self._disk.write(rows, self._memory)

    def sync(self) -> None:
        """F3."""
        self._disk.sync()

    def query(self, plan: Plan) -> list[PutObject]:
        """Answer a plan."""
        return self._memory.query(plan)

    def count(self, plan: Plan) -> int:
        """How many pass a plan."""
        return self._memory.count(plan)

    def blocks(self, feed: int, first: int, end: int) -> list[WireBlock]:
        """Return blocks as they were sent."""
        return self._memory.blocks(feed, first, end)

    def sizes(self) -> Mapping[str, int]:
        """Nothing is on a real disk."""
        return {}

    def close(self, *, clean: bool) -> None:
        """The process ends; `clean` leaves no doubt for another boot."""
        if clean:
            self._disk.sync()


def _is_release(rows: Sequence[Row]) -> bool:
    """Whether rows sign and announce an own head (F5), and write nothing new."""
    return bool(rows) and all(
        (isinstance(row, PutFeed) and row.released == row.length)
        or (isinstance(row, PutBlock) and row.sig is not None)
        for row in rows
    )
