"""What do others show at this moment, and what does one show them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kithspace.api.watch import Via, Watch, where_to_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kithspace.api.session import Session


class Present(NamedTuple):
    """A device of somebody who is here now."""

    name: str
    state: Mapping[str, object]


class Presence:
    """Never stored: what direct peers show now."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def set(self, **state: object) -> None:
        """Show this to the others; no keywords: nothing any more."""
        self._session.check_open()
        self._session.backend.set_presence(state)

    @property
    def others(self) -> Sequence[Present]:
        """What the others show."""
        self._session.check_open()
        return [Present(one.name, one.state) for one in self._session.backend.others()]

    def watch(
        self, call: Callable[[Sequence[Present]], object], *, via: Via | None = None
    ) -> Watch:
        """Call with what the others show, whenever it changes."""
        send = where_to_call(via, self._session.household.run_later)

        def tell() -> None:
            call(self.others)

        def look() -> None:
            send(tell)

        return Watch(self._session.backend.watch_others(look))
