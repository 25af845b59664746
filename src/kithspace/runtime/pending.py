"""How does a thread wait for something that another party must do?

`Deferred` is the port `Operation`: settled once, from any thread; waited for from any thread; told
about by callback. It never runs anything itself.

Rules: experience.md section 2 (Waiting: `.words`, `TimedOut` with the words, goes on after it).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from kithspace.errors import Cancelled, KithError, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Deferred(Generic[T]):
    """A result to come.

    Args:
        words: What it waits for, as a sentence.
        on_cancel: Called once, when somebody gives up before it is settled.
    """

    def __init__(self, words: str, on_cancel: Callable[[], None] | None = None) -> None:
        self._words = words
        self._on_cancel = on_cancel
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._value: T | None = None
        self._error: KithError | None = None
        self._calls: list[Callable[[], None]] = []

    def on_cancel(self, call: Callable[[], None]) -> None:
        """Call this when somebody gives up before it is settled."""
        self._on_cancel = call

    @property
    def words(self) -> str:
        """What it waits for, as a sentence."""
        return self._words

    @property
    def is_done(self) -> bool:
        """Whether there is a result or an error."""
        return self._settled.is_set()

    def say(self, words: str) -> None:
        """Change the words: it waits for something else now."""
        self._words = words

    def succeed(self, value: T) -> None:
        """Settle it with a result; no effect if it is settled."""
        self._settle(value, None)

    def fail(self, error: KithError) -> None:
        """Settle it with an error; no effect if it is settled."""
        self._settle(None, error)

    def _settle(self, value: T | None, error: KithError | None) -> bool:
        with self._lock:
            if self._settled.is_set():
                return False
            self._value, self._error = value, error
            self._settled.set()
            calls, self._calls = self._calls, []
        for call in calls:
            call()
        return True

    def result(self, timeout: float | None = None) -> T:
        """Block until it is settled.

        Raises:
            TimedOut: Not settled after `timeout` seconds; it goes on.
            KithError: The operation's own error.
        """
        if not self._settled.wait(timeout):
            raise TimedOut.of(timeout or 0, self._words)
        if self._error is not None:
            raise self._error
        return cast("T", self._value)  # settled without an error: the value was given

    def when_done(self, call: Callable[[], None]) -> None:
        """Call once when it is settled, on the settling thread; at once if it is already."""
        with self._lock:
            if not self._settled.is_set():
                self._calls.append(call)
                return
        call()

    def cancel(self) -> None:
        """Give up: `result` raises `Cancelled`; no effect if it is settled."""
        was_open = self._settle(None, Cancelled.of())
        if was_open and self._on_cancel is not None:
            self._on_cancel()
