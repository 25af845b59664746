"""Where does the node's own work run, and how is it woken and stopped?

One thread `kithspace` runs one event loop: sockets, machines, timers. `Chores` gathers what spaces
want done there (a head to sign, a write-ahead log to sync, a block that falls due) and does it in
turn. One thread `kithspace-callbacks` runs what users hand in.

Rules: G4 (threads), F3 (sync within 500 ms), F5 (heads are signed off the committing thread),
V11 (due blocks), K5 (idle generations after a random wait).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import threading
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from kithspace.errors import KithError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anyio.abc import TaskGroup

    from kithspace.ports import Clock

_log = logging.getLogger(__name__)

STOP_SECONDS: Final = 5.0
"""How long closing waits for the node's thread; it has nothing left to save by then."""


class Worker(Protocol):
    """Something with work that is due at a time: a space."""

    def next_due(self) -> int | None:
        """When there is something to do next, in monotonic ms; None: nothing."""

    def work(self) -> None:
        """Do what is due. Called on the node's thread."""

    def next_sync(self) -> int | None:
        """When `sync` is due, in monotonic ms; None: nothing to sync."""

    def sync(self) -> None:
        """Wait for the disk. Called on a thread that may wait."""


class Node:
    """The thread `kithspace` and what runs on it.

    Args:
        clock: For deadlines.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._workers: list[Worker] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: contextvars.Context | None = None
        self._wake: asyncio.Event | None = None
        self._wake_sync: asyncio.Event | None = None
        self._is_woken = False
        self._scope: anyio.CancelScope | None = None
        self._tasks: TaskGroup | None = None
        self._thread: threading.Thread | None = None
        self._is_ready = threading.Event()
        self._is_stopped = False

    # -- from any thread

    def start(self, main: Callable[[], Coroutine[object, object, None]] | None = None) -> None:
        """Start the thread; `main` runs beside the chores until `stop` cancels it."""
        self._thread = threading.Thread(
            target=self._run, args=(main,), name="kithspace", daemon=True
        )
        self._thread.start()
        self._is_ready.wait()

    def add(self, worker: Worker) -> None:
        """Take a worker on."""
        with self._lock:
            self._workers = [*self._workers, worker]
        self.wake()

    def drop(self, worker: Worker) -> None:
        """Let a worker go."""
        with self._lock:
            self._workers = [one for one in self._workers if one is not worker]

    def wake(self) -> None:
        """Look at the workers' deadlines again, soon. Cheap when it was woken already."""
        if self._is_woken or self._loop is None:
            return
        self._is_woken = True
        self.post(self._set_wake)

    def post(self, call: Callable[[], None]) -> bool:
        """Run on the node's thread, soon; false before it is started and once it is stopped."""
        loop = self._loop
        if loop is None or self._is_stopped:
            return False
        try:
            loop.call_soon_threadsafe(_attempt, call, context=self._context)
        except RuntimeError:  # the loop was closed between the look and the call
            self._is_stopped = True
            return False
        return True

    def run(self, act: Callable[[], Coroutine[object, object, None]], timeout: float) -> None:
        """Run something on the node's loop and wait for its end, at most so many seconds."""
        done = threading.Event()

        async def whole() -> None:
            try:
                await act()
            finally:
                done.set()

        def begin() -> None:
            if self._tasks is not None:
                self._tasks.start_soon(whole)

        if self._is_stopped or self._thread is threading.current_thread():
            return
        self.post(begin)
        done.wait(timeout)

    def stop(self) -> None:
        """Cancel what runs and end the thread; any number of times."""
        self.post(self._cancel)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_SECONDS)

    # -- on the node's thread

    def _run(self, main: Callable[[], Coroutine[object, object, None]] | None) -> None:
        try:
            anyio.run(self._serve, main)
        except Exception:  # noqa: BLE001 - the root of the thread: nobody above could be told
            _log.exception("The node has stopped.")
        finally:
            self._is_stopped = True
            self._is_ready.set()

    async def _serve(self, main: Callable[[], Coroutine[object, object, None]] | None) -> None:
        self._wake, self._wake_sync = asyncio.Event(), asyncio.Event()
        # What other threads post runs in the loop's context: anyio finds its backend there.
        self._context = contextvars.copy_context()
        self._loop = asyncio.get_running_loop()
        self._set_wake()  # who woke the node before it ran was not heard
        async with anyio.create_task_group() as tasks:
            self._scope, self._tasks = tasks.cancel_scope, tasks
            self._is_ready.set()
            tasks.start_soon(self._do_chores)
            tasks.start_soon(self._sync_disks)
            if main is not None:
                tasks.start_soon(main)

    def _set_wake(self) -> None:
        self._is_woken = False
        for event in (self._wake, self._wake_sync):
            if event is not None:
                event.set()

    def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    async def _do_chores(self) -> None:
        wake = self._wake
        assert wake is not None  # noqa: S101 - set before this task starts
        while True:
            wake.clear()
            for worker in self._workers:
                if self._is_due(worker.next_due()):
                    _attempt(worker.work)
            await self._sleep(wake, [worker.next_due() for worker in self._workers])

    async def _sync_disks(self) -> None:
        wake = self._wake_sync
        assert wake is not None  # noqa: S101 - set before this task starts
        while True:
            wake.clear()
            for worker in self._workers:
                if self._is_due(worker.next_sync()):
                    await anyio.to_thread.run_sync(_attempt, worker.sync)
            await self._sleep(wake, [worker.next_sync() for worker in self._workers])

    def _is_due(self, due: int | None) -> bool:
        return due is not None and due <= self._clock.monotonic_ms()

    async def _sleep(self, wake: asyncio.Event, deadlines: list[int | None]) -> None:
        """Sleep until the soonest deadline, or until woken."""
        soonest = min((due for due in deadlines if due is not None), default=None)
        if soonest is None:
            await wake.wait()
            return
        wait_ms = max(soonest - self._clock.monotonic_ms(), 0)
        with anyio.move_on_after(wait_ms / 1000):
            await wake.wait()


def _attempt(act: Callable[[], None]) -> None:
    try:
        act()
    except KithError as error:
        # Whoever works with the space is told in words; here no names are written down.
        _log.warning("A chore of a space has failed: %s.", error.code)
    except Exception:  # noqa: BLE001 - one space's trouble must not stop the others
        _log.exception("A chore of a space has failed.")


class Callbacks:
    """The thread `kithspace-callbacks`: runs what it is handed, one at a time, in order."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def run_later(self, call: Callable[[], None]) -> None:
        """Run it on the thread; an exception is logged and the next goes on."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="kithspace-callbacks", daemon=True
                )
                self._thread.start()
        self._calls.put(call)

    def stop(self, timeout: float) -> None:
        """Let what is queued run, then end the thread; any number of times."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        self._calls.put(None)
        if thread is not threading.current_thread():
            thread.join(timeout)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except Exception:  # noqa: BLE001 - a user's callback: theirs to mend, ours to report
                _log.exception("A callback has failed.")
