"""Who is told what has changed in a space, in which order, and when?

Whoever changes a space holds its lock and queues; when the last holder lets go, the queue is handed
out: under no lock, in commit order, by one thread at a time.

Rules: G1 (shown, then sent), G5 (the lock is reentrant; inside a transaction nothing is shown).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Self, TypeVar

from kithspace.core.ids import BlockId, FeedId
from kithspace.errors import Closed
from kithspace.protocol.leaves import FeedLeaf
from kithspace.runtime.exchange import News

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from kithspace.core.effects import Changed, PutFeed
    from kithspace.core.state import State

T = TypeVar("T")

_log = logging.getLogger(__name__)


class SpaceLock:
    """The lock of a space: reentrant; calls `after` when its last holder has let go (G5)."""

    __slots__ = ("_after", "_depth", "_lock")

    def __init__(self, after: Callable[[], None]) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._after = after

    def __enter__(self) -> Self:
        self._lock.acquire()
        self._depth += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._depth -= 1
        is_last = self._depth == 0
        self._lock.release()
        if is_last:
            self._after()


class Delivery:
    """The watchers and listeners of a space, and what they are to be told."""

    def __init__(self) -> None:
        self._watchers: tuple[Callable[[Sequence[Changed]], None], ...] = ()
        self._listeners: tuple[Callable[[News], None], ...] = ()
        self._queue: deque[Sequence[Changed] | News] = deque()
        self._is_handing_out = threading.Lock()
        self._changing = threading.Lock()

    @property
    def has_listeners(self) -> bool:
        """Whether somebody wants news for peers."""
        return bool(self._listeners)

    def show(self, changed: Sequence[Changed]) -> None:
        """Queue changes for watchers; under the space's lock."""
        if self._watchers:
            self._queue.append(changed)

    def tell(self, news: News) -> None:
        """Queue news for peers; under the space's lock."""
        if self._listeners:
            self._queue.append(news)

    def watch(self, call: Callable[[Sequence[Changed]], None]) -> Callable[[], None]:
        """Call with what each commit changed. Returns what stops it."""
        with self._changing:
            self._watchers = (*self._watchers, call)

        def stop() -> None:
            with self._changing:
                self._watchers = tuple(one for one in self._watchers if one is not call)

        return stop

    def listen(self, call: Callable[[News], None]) -> Callable[[], None]:
        """Call with what may be told to peers. Returns what stops it."""
        with self._changing:
            self._listeners = (*self._listeners, call)

        def stop() -> None:
            with self._changing:
                self._listeners = tuple(one for one in self._listeners if one is not call)

        return stop

    def hand_out(self) -> None:
        """Hand out what is queued; what comes meanwhile, from any thread, goes along."""
        while self._queue and self._is_handing_out.acquire(blocking=False):
            try:
                while self._queue:
                    self._hand_out_one(self._queue.popleft())
            finally:
                self._is_handing_out.release()

    def _hand_out_one(self, item: Sequence[Changed] | News) -> None:
        if isinstance(item, News):
            for listener in self._listeners:
                _attempt(listener, item)
            return
        for watcher in self._watchers:
            _attempt(watcher, item)


def leaf_of(row: PutFeed, state: State) -> FeedLeaf | None:
    """What is announced of a feed: up to its last signed block that may be told of (F5).

    Where a cut lies within a signed run, a held block signs what is before the cut.
    """
    length = row.released
    if row.signed < row.length and any(held.sig for held in state.held(row.id)):
        length = row.length
    if not length:
        return None
    head = row.head if length == row.length else state.id_at(row.n, length - 1)
    return None if head is None else FeedLeaf(FeedId(row.id), length, BlockId(head))


def _attempt(call: Callable[[T], None], item: T) -> None:
    try:
        call(item)
    except Closed:
        return  # the vault was closed between the change and its telling
    except Exception:  # noqa: BLE001 - one listener's trouble is not the next one's
        _log.exception("A listener of a space has failed.")
