"""Who calls a watcher back, when, and where?

Rules:
    G6  A watch has a queue of one: what happens while a change waits is merged into it.
    experience.md section 2, Threads: one call at a time per watch, in order, never inside one's
        own statement; on the event loop that was running where `watch` was called, else on the
        thread `kithspace-callbacks`, or where `via` sends them; an exception is logged and the
        watch goes on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from kithspace.api.change import Change, Gathered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from types import TracebackType
    from typing import Self

    from kithspace.api.live import Delta
    from kithspace.core.ids import IdentityId

T = TypeVar("T")

Via: TypeAlias = "Callable[[Callable[[], None]], object]"
"""Runs what it is given, later, where it belongs: `lambda f: root.after(0, f)`."""

_log = logging.getLogger("kithspace")


def where_to_call(via: Via | None, thread: Via) -> Via:
    """Return what runs callbacks: as asked, else the running loop, else our thread."""
    if via is not None:
        return via
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return thread
    return loop.call_soon_threadsafe


class Watch:
    """A watch that goes on until it is stopped; also a context manager."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def stop(self) -> None:
        """Call no more; any number of times."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()


class Teller(Generic[T]):
    """Gathers what a watcher is to be told, and tells it (G6).

    Args:
        call: The watcher.
        via: Where it is called.
        make: Makes a change of what was gathered.
    """

    def __init__(
        self,
        call: Callable[[Change[T]], object],
        via: Via,
        make: Callable[[Gathered], Change[T]],
    ) -> None:
        self._call = call
        self._via = via
        self._make = make
        self._lock = threading.Lock()
        self._gathered = Gathered()
        self._is_due = False
        self._is_stopped = False

    def start(self, ids: Iterable[bytes]) -> None:
        """Tell the content at the start."""
        with self._lock:
            self._gathered.start(ids)  # type: ignore[arg-type]  # ids of objects
        self._plan()

    def take(self, delta: Delta, who: Iterable[IdentityId]) -> None:
        """Tell what happened."""
        with self._lock:
            self._gathered.take(delta, who)
        self._plan()

    def stop(self) -> None:
        """Tell nothing more."""
        self._is_stopped = True

    def _plan(self) -> None:
        with self._lock:
            if self._is_due or self._is_stopped or self._gathered.is_empty:
                return
            self._is_due = True
        try:
            self._via(self._tell)
        except RuntimeError:
            # The loop that was running then is closed: nobody is left to be told.
            self._is_stopped = True

    def _tell(self) -> None:
        with self._lock:
            gathered, self._gathered = self._gathered, Gathered()
        try:
            if not self._is_stopped:
                self._call(self._make(gathered))
        except Exception:  # noqa: BLE001 - a user's callback: theirs to mend, ours to report
            _log.exception("A callback of a watch has failed; the watch goes on.")
        finally:
            with self._lock:
                self._is_due = False
            self._plan()


class ChangeStream(Generic[T]):
    """The changes of a result, for `async for`; ends when the vault closes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Change[T]] = []
        self._is_there = asyncio.Event()
        self._is_over = False

    def put(self, change: Change[T]) -> None:
        """Give it the next change; on its loop."""
        self._waiting.append(change)
        self._is_there.set()

    def finish(self) -> None:
        """Let it end; from any thread."""
        self._is_over = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._is_there.set)

    async def changes(self, stop: Callable[[], None]) -> AsyncIterator[Change[T]]:
        """Yield changes as they come."""
        try:
            while True:
                await self._is_there.wait()
                self._is_there.clear()
                while self._waiting:
                    yield self._waiting.pop(0)
                if self._is_over:
                    return
        finally:
            stop()
