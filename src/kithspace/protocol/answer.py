"""Which of the blocks that a peer asked for go out next?

Ranges stay positions until the peer gives credit; then as many blocks are read as one message
holds. Asked for ranges are merged by the times of their blocks, so that what depends comes after
what it depends on, for honest authors; the waiting room of the asker takes the rest.

Rules:
    X6  Ranges of at most 256 blocks; the answer runs on to the next signed block; a shorter answer
        is valid. At most 1,024 ranges are open.
    X8  Without credit nothing is built: in memory are the positions and at most `BUFFER_BYTES`
        and one signed run.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kithspace.core.block import read_header, read_open_record
from kithspace.core.ids import FeedId
from kithspace.errors import InternalError, PeerError
from kithspace.protocol.messages import MAX_BLOCKS, MAX_MESSAGE_BYTES, ROOM, Range, WireBlock
from kithspace.protocol.peek import feed_and_seq, is_opening, size_of

MAX_RANGE: Final = 256
MAX_OPEN: Final = 1_024
BUFFER_BYTES: Final = 256 * 1_024
READ_BLOCKS: Final = 32
_MESSAGE_BYTES: Final = MAX_MESSAGE_BYTES - ROOM

ReadBlocks = Callable[[FeedId, int, int], Sequence[WireBlock]]
"""Blocks `[first, end)` of a feed or branch, or fewer, running on to the next signed one."""


class Ranges:
    """What one peer asked for and did not get yet.

    Args:
        read: Reads what of this node may be told.
    """

    def __init__(self, read: ReadBlocks) -> None:
        self._read = read
        self._fresh: deque[_Cursor] = deque()
        self._tails: dict[tuple[bytes, int], _Cursor] = {}
        self._ready: list[tuple[int, int, _Cursor]] = []
        self._buffered = 0
        self._turn = 0
        self._open = 0

    def __bool__(self) -> bool:
        return bool(self._fresh or self._ready)

    @property
    def open_ranges(self) -> int:
        """How many ranges are not answered yet."""
        return self._open

    def want(self, ranges: Iterable[Range]) -> None:
        """Take ranges to answer.

        Raises:
            PeerError: E_LIMIT: a range is empty or too long, or too many are open.
        """
        for feed, first, end in ranges:
            if not 0 < end - first <= MAX_RANGE:
                raise PeerError("E_LIMIT", "a range has 1 to 256 blocks")
            self._open += 1
            if self._open > MAX_OPEN:
                raise PeerError("E_LIMIT", f"more than {MAX_OPEN} ranges are open")
            self._add(feed, first, end)

    def _add(self, feed: FeedId, first: int, end: int) -> None:
        cursor = self._tails.pop((feed, first), None)
        if cursor is None:
            cursor = _Cursor(feed, first)
            self._fresh.append(cursor)
        cursor.ends.append(end)
        self._tails[feed, end] = cursor

    def next_blocks(self, room_bytes: int) -> list[WireBlock]:
        """Return the blocks of the next message, at most `room_bytes` of them; maybe none."""
        budget = min(_MESSAGE_BYTES, room_bytes - ROOM)
        blocks: list[WireBlock] = []
        while budget > 0:
            self._fill()
            if not self._ready:
                break
            cursor = self._ready[0][2]
            run = cursor.runs[0]
            size = size_of(run)
            if size > budget or len(blocks) + len(run) > MAX_BLOCKS:
                if size <= _MESSAGE_BYTES and len(run) <= MAX_BLOCKS:
                    break
                self._close(cursor)
                heapq.heappop(self._ready)
                continue
            heapq.heappop(self._ready)
            budget -= size
            blocks += run
            self._take_run(cursor, size)
        return blocks

    def _take_run(self, cursor: "_Cursor", size: int) -> None:
        self._buffered -= size
        run = cursor.runs.popleft()
        cursor.at = feed_and_seq(run[-1][0])[1] + 1
        while cursor.ends and cursor.ends[0] <= cursor.at:
            self._tails.pop((cursor.feed, cursor.ends.popleft()), None)
            self._open -= 1
        if cursor.runs:
            self._push(cursor)
        elif cursor.ends:
            self._fresh.append(cursor)

    def _fill(self) -> None:
        """Read the beginnings of ranges, until all have one or the buffer is full."""
        while self._fresh and (self._buffered < BUFFER_BYTES or not self._ready):
            cursor = self._fresh.popleft()
            runs = self._runs(cursor)
            if not runs:
                self._close(cursor)
                continue
            cursor.runs.extend(runs)
            self._buffered += sum(size_of(run) for run in runs)
            self._push(cursor)

    def _push(self, cursor: "_Cursor") -> None:
        self._turn += 1
        heapq.heappush(self._ready, (_time_of(cursor.runs[0]), self._turn, cursor))

    def _close(self, cursor: "_Cursor") -> None:
        for end in cursor.ends:
            self._tails.pop((cursor.feed, end), None)
        self._open -= len(cursor.ends)
        self._buffered -= sum(size_of(run) for run in cursor.runs)
        cursor.ends.clear()
        cursor.runs.clear()

    def _runs(self, cursor: "_Cursor") -> list[list[WireBlock]]:
        """The next blocks of a range, cut behind signatures."""
        blocks = self._read(cursor.feed, cursor.at, min(cursor.at + cursor.step, cursor.ends[-1]))
        cursor.step = _next_step(cursor.step, size_of(blocks))
        return _cut_behind_signatures(blocks)


class _Cursor:
    """How far the answer to the ranges of one feed has come."""

    __slots__ = ("at", "ends", "feed", "runs", "step")

    def __init__(self, feed: FeedId, first: int) -> None:
        self.feed = feed
        self.at = first
        self.ends: deque[int] = deque()
        self.runs: deque[list[WireBlock]] = deque()
        self.step = READ_BLOCKS


def _next_step(step: int, size: int) -> int:
    """How many blocks to read at once, so that big ones do not fill the memory."""
    if size > BUFFER_BYTES:
        return max(1, step // 4)
    return min(READ_BLOCKS, step * 2)


def _cut_behind_signatures(blocks: Sequence[WireBlock]) -> list[list[WireBlock]]:
    """Runs that each end at a signed block; what follows the last signature is left out."""
    runs: list[list[WireBlock]] = []
    run: list[WireBlock] = []
    for block in blocks:
        run.append(block)
        if block[2] is not None:
            runs.append(run)
            run = []
    return runs


def _time_of(run: Sequence[WireBlock]) -> int:
    record = run[0][0]
    try:
        if is_opening(record):
            return read_open_record(record, run[0][2] or b"").time
        return read_header(record).time
    except InternalError:
        return 0
