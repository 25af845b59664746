"""Where does a node listen, whom does it find, and whom does it dial?

Rules (protocol.md section 6):
    Loopback, any free port, and only while a space is shared or an invitation open; elsewhere only
    where the vault's setting says.
    The registry is looked at every second while something is looked for, else every 10 s. Each
    entry is dialled once when the node starts and when it appears; a lost connection is made again,
    with back-off, by the side that had dialled.
    N6 by `Doorkeeper`.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from kithspace.runtime.reach import Doorkeeper, Target

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from kithspace.ports import Clock, Connection, Discovery, Entropy, Listener, Transport
    from kithspace.runtime.link import Link

_log = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"
LOOK_OFTEN_MS: Final = 1_000
LOOK_SELDOM_MS: Final = 10_000
SETTLED: Final = frozenset({"alone", "twice", "E_SELF", "version", "invitation", "banned"})
"""Ends after which one does not dial again by oneself."""


class Wants(Protocol):
    """What a meeting asks of the mesh."""

    @property
    def clock(self) -> Clock:
        """The time."""

    def is_sharing(self) -> bool:
        """Whether any space has somebody else in it."""

    def is_missing(self) -> bool:
        """Whether somebody is looked for who is not here."""

    def nameplates(self) -> tuple[str, ...]:
        """Nameplates of open codes."""

    def is_inviting(self) -> bool:
        """Whether a code or a link is open."""

    def listen_at(self) -> str | None:
        """`HOST:PORT` to listen at beside loopback."""

    def make_link(self, connection: Connection, *, is_dialer: bool) -> Link:
        """Make the link of a connection."""

    async def run_link(self, link: Link) -> None:
        """Serve it until it ends."""

    def found(self, neighbours: dict[str, tuple[str, ...]]) -> None:
        """The registry was looked at: addresses and their nameplates."""

    def wake(self) -> None:
        """A deadline has become sooner."""


class Meeting:
    """Listening, looking and dialling.

    Args:
        wants: The mesh.
        transport: Listens and dials.
        discovery: Finds nodes on this computer.
        entropy: For jitter.
    """

    def __init__(
        self, wants: Wants, transport: Transport, discovery: Discovery, entropy: Entropy
    ) -> None:
        self._wants = wants
        self._transport = transport
        self._discovery = discovery
        self._entropy = entropy
        self._doorkeeper = Doorkeeper()
        self._targets: dict[str, Target] = {}
        self._listeners: list[Listener] = []
        self._announced: tuple[int, tuple[str, ...]] | None = None
        self._beyond = ""
        self._look_ms = 0
        self._tasks: TaskGroup | None = None

    def start(self, tasks: TaskGroup, addresses: list[str]) -> None:
        """Begin; `addresses` are those kept in the vault."""
        self._tasks = tasks
        for address in addresses:
            self._targets[address] = Target(address, is_kept=True)

    async def stop(self) -> None:
        """Take back the announcement, stop listening."""
        self._discovery.stop()
        self._announced = None
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.close()

    def look_soon(self) -> None:
        """Something changed: look again at once."""
        self._look_ms = 0
        self._wants.wake()

    def hurry(self) -> None:
        """Spaces have grown: dial everybody again (back-off to zero)."""
        for target in self._targets.values():
            target.hurry(self._wants.clock.now_ms())
        self.look_soon()

    def next_deadline(self) -> int:
        """When `time_passed` is to be called."""
        dials = (
            target.due_ms
            for target in self._targets.values()
            if target.due_ms is not None and not target.is_busy
        )
        return min((self._look_ms, *dials))

    async def time_passed(self, now_ms: int) -> None:
        """Look if it is time to, listen as it is wanted now, dial who is due."""
        if now_ms >= self._look_ms:
            await self._adjust_listening()  # first: of two that start at once, one sees the other
            self._look(now_ms)
        for target in list(self._targets.values()):
            if target.due_ms is not None and target.due_ms <= now_ms and not target.is_busy:
                self._start_dial(target)

    # ---------------------------------------------------------------- looking and dialling

    def _look(self, now_ms: int) -> None:
        """Look at the registry: dial who is new, forget who is gone."""
        found = {f"ws://{LOOPBACK}:{one.port}": one.nameplates for one in self._discovery.find()}
        for target in list(self._targets.values()):
            if not target.is_kept and target.address not in found:
                del self._targets[target.address]
        for address in found:
            if address not in self._targets:
                self._targets[address] = Target(address, is_kept=False, due_ms=now_ms)
        self._wants.found(found)
        is_missing = self._wants.is_missing()
        self._look_ms = now_ms + (LOOK_OFTEN_MS if is_missing else LOOK_SELDOM_MS)

    def _start_dial(self, target: Target) -> None:
        if self._tasks is None or not self._wants.is_sharing():
            target.rest()
            return
        target.is_busy = True
        self._tasks.start_soon(self._dial, target)

    async def _dial(self, target: Target) -> None:
        code = "unreachable"
        try:
            connection = await self._transport.dial(target.address)
            link = self._wants.make_link(connection, is_dialer=True)
            await self._wants.run_link(link)
            code = link.code
            if link.device is not None:
                target.worked()
        except ConnectionError:
            pass
        finally:
            target.is_busy = False
        if code in SETTLED:
            target.rest()
        else:
            target.failed(self._wants.clock.now_ms(), self._entropy)
        self._wants.wake()

    # ---------------------------------------------------------------- listening

    async def _adjust_listening(self) -> None:
        is_wanted = self._wants.is_inviting() or self._wants.is_sharing()
        beyond = self._wants.listen_at() or ""
        if self._listeners and (not is_wanted or beyond != self._beyond):
            await self.stop()
        if is_wanted and not self._listeners:
            self._beyond = beyond
            await self._listen(LOOPBACK, 0)
            host, _, port = beyond.rpartition(":")
            if host and port.isdigit():
                await self._listen(host.strip("[]"), int(port))
        self._announce()

    async def _listen(self, host: str, port: int) -> None:
        try:
            listener = await self._transport.listen(host, port)
        except OSError as error:
            _log.warning("Listening at %s:%d failed: %s", host, port, error.strerror)
            return
        self._listeners.append(listener)
        if self._tasks is not None:
            self._tasks.start_soon(self._accept, listener)

    def _announce(self) -> None:
        said = (self._listeners[0].port, self._wants.nameplates()) if self._listeners else None
        if said == self._announced:
            return
        try:
            if said is None:
                self._discovery.stop()
            else:
                self._discovery.announce(*said)
        except OSError as error:
            _log.warning("The registry cannot be written: %s", error.strerror or error)
        self._announced = said

    async def _accept(self, listener: Listener) -> None:
        tasks = self._tasks
        while tasks is not None:
            try:
                connection = await listener.accept()
            except ConnectionError:
                return
            if self._doorkeeper.admit(connection.peer, self._wants.clock.now_ms()):
                link = self._wants.make_link(connection, is_dialer=False)
                link.on_proved = partial(self._doorkeeper.settled, connection.peer)
                tasks.start_soon(self._host, link)
            else:
                with anyio.move_on_after(0):  # without waiting for the other side
                    await connection.close()

    async def _host(self, link: Link) -> None:
        try:
            await self._wants.run_link(link)
        finally:
            link.proved()
