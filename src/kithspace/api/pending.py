"""How does a program wait for another party?

Rules: experience.md section 2, Waiting: `.result()` blocks, `await` does not; `.words` says what it
waits for. Over a second of `.result()` on a running event loop is a `BlockingWarning`.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from kithspace.api.overriding import override
from kithspace.errors import BlockingWarning, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from kithspace.ports import Operation

T = TypeVar("T")

PATIENCE: Final = 1.0
"""Seconds that an event loop may be kept waiting without a warning."""


class Pending(Generic[T]):
    """Something that needs another party.

    Args:
        operation: What goes on.
        make: Makes the result of what the operation gives.
    """

    def __init__(self, operation: Operation[Any], make: Callable[[Any], T]) -> None:
        self._operation = operation
        self._make = make
        self.timeout: float | None = None
        """Seconds that `.result()` waits where it is given none."""

    @property
    def words(self) -> str:
        """What it waits for, as a sentence."""
        return self._operation.words

    @property
    def done(self) -> bool:
        """Whether there is a result or an error."""
        return self._operation.is_done

    def result(self, timeout: float | None = None) -> T:
        """Block until it is done.

        Raises:
            TimedOut: It is not done after `timeout` seconds; it goes on.
            KithError: The operation's own error.
        """
        timeout = self.timeout if timeout is None else timeout
        if not self.done and _is_on_loop() and (timeout is None or timeout > PATIENCE):
            try:
                return self._make(self._operation.result(PATIENCE))
            except TimedOut:
                if self.done:
                    raise
            warnings.warn(
                f"This event loop is kept waiting: {self.words} Write `await` instead of"
                " `.result()`.",
                BlockingWarning,
                stacklevel=2,
            )
            timeout = None if timeout is None else timeout - PATIENCE
        return self._make(self._operation.result(timeout))

    def __await__(self) -> Generator[Any, None, T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle)

        self._operation.when_done(tell)
        yield from future.__await__()
        return self._make(self._operation.result(0))

    def cancel(self) -> None:
        """Give up; no error if it is done already."""
        self._operation.cancel()

    @override
    def __repr__(self) -> str:
        return f"<Pending: {'done' if self.done else self.words}>"


def _is_on_loop() -> bool:
    """Whether an event loop runs here that is not a notebook's: there waiting is normal."""
    if "ipykernel" in sys.modules:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
