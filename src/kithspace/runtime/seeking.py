"""How does one find who invited, from a code or a link?

A `Seeker` gathers addresses (the code's own, the link's, or the registry's), tries them one after
the other, and follows the first that leads on. It ends when the space was compared once, when the
inviter says no, or when nobody answers for 10 s.

Rules: protocol.md section 6 (where to look), J1, J6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import anyio

from kithspace.protocol.invitation import WHOLE_MS
from kithspace.protocol.words import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kithspace.ports import Connection, Transport
    from kithspace.runtime.exchange import Failure, SpaceExchange
    from kithspace.runtime.introducing import Guest
    from kithspace.runtime.link import Link

GIVE_UP_SECONDS: Final = 10
PAUSE_SECONDS: Final = 1
MAX_ROUNDS: Final = 64
UNKNOWN: Final = "unknown"


class Ways(Protocol):
    """What a seeker asks of the mesh."""

    @property
    def transport(self) -> Transport:
        """What dials."""

    def make_link(
        self, connection: Connection, *, is_dialer: bool, guest: Guest | None = None
    ) -> Link:
        """Make the link of a connection."""

    def start_link(self, link: Link) -> None:
        """Serve it as a task of its own."""


class Seeker:
    """One attempt to join.

    Args:
        ways: The mesh.
        guest: Who joins, by what, and who is told.
    """

    def __init__(self, ways: Ways, guest: Guest) -> None:
        self.link: Link | None = None
        self._ways = ways
        self._guest = guest
        self._found: tuple[str, ...] = ()
        self._is_done = False
        self._is_cancelled = False
        self._scope: anyio.CancelScope | None = None  # made in `run`: it belongs to a task
        self._changed = anyio.Event()

    def cancel(self) -> None:
        """Give up."""
        self._is_cancelled = True
        if self._scope is not None:
            self._scope.cancel()
        if self.link is not None and not self._is_done:
            self.link.hang_up("cancelled")

    def look(self, found: Mapping[str, tuple[str, ...]]) -> None:
        """The registry was looked at: addresses and their nameplates."""
        by = self._guest.by
        self._found = tuple(
            address
            for address, nameplates in found.items()
            if not isinstance(by, Code) or by.nameplate in nameplates
        )
        self._changed.set()

    def done(self, exchange: SpaceExchange) -> None:
        """The space is here and was compared once."""
        self._is_done = True
        self._guest.ending.done(exchange)

    async def run(self) -> None:
        """Try until it is decided."""
        with anyio.CancelScope() as self._scope:
            if self._is_cancelled:
                return
            failure: Failure | None = None
            with anyio.move_on_after(GIVE_UP_SECONDS) as limit:
                failure = await self._try_all(limit)
            if self.link is not None and self.link.has_joined:
                return
            if failure is not None:
                self._guest.ending.failed(failure)
            else:
                self._guest.ending.unreachable(self._nobody())

    async def _try_all(self, limit: anyio.CancelScope) -> Failure | None:
        """Try all addresses, round after round; return why it does not go on."""
        for _ in range(MAX_ROUNDS):
            self._changed = anyio.Event()
            addresses = self._addresses()
            refusals: list[Failure] = []
            for address in addresses:
                link = await self._try(address, limit)
                if link is not None and link.has_joined:
                    return None
                if link is not None and link.failure is not None:
                    if link.failure.code != UNKNOWN:
                        return link.failure
                    refusals.append(link.failure)
            if addresses and len(refusals) == len(addresses):
                return refusals[0]
            with anyio.move_on_after(PAUSE_SECONDS):
                await self._changed.wait()
        return None

    def _addresses(self) -> tuple[str, ...]:
        by = self._guest.by
        if isinstance(by, Code):
            return (f"ws://{by.address}",) if by.address else self._found
        return by.ways or self._found

    async def _try(self, address: str, limit: anyio.CancelScope) -> Link | None:
        """Dial one address and play the joiner there; None: nobody is there."""
        try:
            connection = await self._ways.transport.dial(address)
        except ConnectionError:
            return None
        link = self._ways.make_link(connection, is_dialer=True, guest=self._guest)
        self.link = link
        limit.deadline = anyio.current_time() + GIVE_UP_SECONDS + WHOLE_MS / 1000
        self._ways.start_link(link)
        self._guest.ending.found("Found who invited you; the invitation is being checked.")
        await link.decided.wait()
        if link.has_joined and self._guest.by_address:
            self._guest.vault.keep_address(address)
        return link

    def _nobody(self) -> str:
        if isinstance(self._guest.by, Code) and not self._guest.by.address:
            return "Nobody on this computer has that code open now."
        return "Nobody answers there now."
