"""How do other threads have something done on the node's loop?

Rules: G4 (sockets, machines and timers live on one thread).
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Postbox:
    """Calls for a loop; those that come before it runs wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: contextvars.Context | None = None
        self._early: list[Callable[[], None]] = []

    def put(self, call: Callable[[], None]) -> None:
        """Have it called on the loop, soon; from any thread."""
        with self._lock:
            loop = self._loop
            if loop is None:
                self._early.append(call)
                return
        with contextlib.suppress(RuntimeError):  # the loop has ended, and all it served
            loop.call_soon_threadsafe(call, context=self._context)

    def open(self) -> None:
        """On the loop: take what came before, and what comes from now on."""
        # What other threads post runs in the loop's context: anyio finds its backend there.
        self._context = contextvars.copy_context()
        with self._lock:
            self._loop = asyncio.get_running_loop()
            early, self._early = self._early, []
        for call in early:
            call()

    def close(self) -> None:
        """On the loop, at its end."""
        with self._lock:
            self._loop = None
