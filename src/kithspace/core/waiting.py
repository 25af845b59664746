"""Which verified blocks cannot be stored yet, and what are they waiting for?

The room is bounded memory, never disk: what is dropped is asked for again. It keeps witnesses, so
nothing is verified twice.

Rules:
    protocol.md section 3  Waiting: predecessor, dep, credential or due time (V11) is missing.
    security.md 2.4        At most 10,000 blocks or 64 MiB for a space; the newest are dropped.
    V11                    A block is due when its time is at most 5 minutes ahead; more than 24
                           hours ahead it is not even kept.
"""

import heapq
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from kithspace.core.verify import VerifiedBlock

if TYPE_CHECKING:
    from kithspace.core.ids import BlockId, FeedId

MAX_BLOCKS: Final = 10_000
MAX_BYTES: Final = 64 * 2**20


class Wait(NamedTuple):
    """A block and why it waits.

    Attributes:
        block: The witness.
        needs: Ids without which it cannot be stored: of blocks, of its feed, of credentials.
        due_ms: When it may be tried again for its time; 0: its time is no obstacle.
    """

    block: VerifiedBlock
    needs: frozenset[bytes]
    due_ms: int = 0


class WaitingRoom:
    """The waiting blocks of one space. Changed only when effects are adopted."""

    def __init__(self) -> None:
        self._waits: dict[bytes, Wait] = {}
        self._needed_by: dict[bytes, set[BlockId]] = {}
        self._due: list[tuple[int, BlockId]] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waits)

    def __contains__(self, block: bytes) -> bool:
        return block in self._waits

    @property
    def next_due(self) -> int | None:
        """When the first block is due, in ms UTC."""
        while self._due and not self._is_waiting_until(*self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def due(self, now_ms: int) -> list[VerifiedBlock]:
        """Blocks whose time has come."""
        return [
            self._waits[block].block
            for due_ms, block in self._due
            if due_ms <= now_ms and self._is_waiting_until(due_ms, block)
        ]

    def woken_by(self, ids: Iterable[bytes]) -> list[VerifiedBlock]:
        """All blocks that may be storable if these ids were there, and so on from them.

        With each comes what waits below it in its feed: a run is stored as a whole (F5).
        """
        if not self._waits:
            return []
        found: dict[bytes, VerifiedBlock] = {}
        todo = list(ids)
        while todo:
            for block in self._reached_from(todo.pop()):
                if block.id not in found:
                    found[block.id] = block
                    todo.append(block.id)
        return list(found.values())

    def add(self, waits: Iterable[Wait]) -> None:
        """Take blocks in, or renew why they wait; the newest are dropped when it is full."""
        for wait in waits:
            self.drop([wait.block.id])
            size = len(wait.block.payload) + len(wait.block.record)
            if len(self._waits) >= MAX_BLOCKS or self._bytes + size > MAX_BYTES:
                continue
            self._bytes += size
            self._waits[wait.block.id] = wait
            for need in wait.needs:
                self._needed_by.setdefault(need, set()).add(wait.block.id)
            if wait.due_ms:
                heapq.heappush(self._due, (wait.due_ms, wait.block.id))

    def drop(self, ids: Iterable[bytes]) -> None:
        """Let blocks go: stored, held, or refused."""
        for block in ids:
            wait = self._waits.pop(block, None)
            if wait is None:
                continue
            self._bytes -= len(wait.block.payload) + len(wait.block.record)
            for need in wait.needs:
                waiting = self._needed_by[need]
                waiting.discard(wait.block.id)
                if not waiting:
                    del self._needed_by[need]

    def gaps(self) -> "dict[tuple[FeedId, bytes], int]":
        """How many blocks wait for a link: by their feed, and the feed that it is missing from."""
        found: dict[tuple[FeedId, bytes], int] = {}
        for wait in self._waits.values():
            header = wait.block.header
            if wait.due_ms or not wait.needs:
                continue
            missing = next((dep.feed for dep in header.deps if dep.id in wait.needs), header.feed)
            found[(header.feed, missing)] = found.get((header.feed, missing), 0) + 1
        return found

    def _is_waiting_until(self, due_ms: int, block: bytes) -> bool:
        wait = self._waits.get(block)
        return wait is not None and wait.due_ms == due_ms

    def _reached_from(self, found: bytes) -> Iterator[VerifiedBlock]:
        for block in tuple(self._needed_by.get(found, ())):
            yield self._waits[block].block
        wait = self._waits.get(found)
        if wait is not None and wait.block.header.prev in self._waits:
            yield self._waits[wait.block.header.prev].block
