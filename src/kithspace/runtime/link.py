"""What runs for one connection? A session, a task that reads and one that writes.

The link passes bytes to its session, acts on the session's events with the vault, and writes what
session and spaces have to send. It lives on the node's loop; `run` ends when the connection does.

Rules: G1, X8 (credit is given back when effects are on disk), J3 (a try is stored before it is
answered), N5, N6.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from kithspace.errors import CodecError, KithError, PeerError
from kithspace.protocol.invitation import InvitationFailed
from kithspace.protocol.inviter import Inviter
from kithspace.protocol.joiner import Joiner
from kithspace.protocol.noise import Side
from kithspace.protocol.session import SessionEnded
from kithspace.protocol.sharing_events import (
    EarlyCredentials,
    SpaceGone,
    SpaceMessage,
    SpaceReady,
)
from kithspace.runtime.exchange import Failure
from kithspace.runtime.introducing import play_inviter, play_joiner

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.core.ids import DeviceKey, SpaceId
    from kithspace.ports import Clock, Connection
    from kithspace.protocol.invitation import InvitationEvent
    from kithspace.protocol.session import Session, SessionEvent
    from kithspace.runtime.exchange import InviterExchange, SpaceExchange
    from kithspace.runtime.introducing import Guest
    from kithspace.runtime.share import Share

_log = logging.getLogger(__name__)

BAD_SCORE: Final = -20
CLOSE_SECONDS: Final = 1


class Host(Protocol):
    """What a link asks of the mesh."""

    @property
    def inviter(self) -> InviterExchange:
        """The vault, as inviter."""

    @property
    def clock(self) -> Clock:
        """The time."""

    def share(self, space: SpaceId) -> Share | None:
        """Return a space that takes part."""

    def space_ready(self, link: Link, event: SpaceReady) -> None:
        """A space is open on this link."""

    def space_gone(self, link: Link, space: SpaceId) -> None:
        """A space is not open on this link any more."""

    def welcomed(self, link: Link, exchange: SpaceExchange) -> None:
        """One has joined a space by this link."""

    def lost_score(self, link: Link, score: int) -> None:
        """The peer did something that costs."""

    def touch(self) -> None:
        """Something changed: look at all links and deadlines again."""

    def rested(self) -> None:
        """A link has nothing left to write."""


class Link:
    """One connection.

    Args:
        host: The mesh.
        connection: What carries it.
        session: Its session.
        guest: Who joins by it, if that is what it is for.
    """

    def __init__(
        self,
        host: Host,
        connection: Connection,
        session: Session,
        guest: Guest | None = None,
    ) -> None:
        self.connection: Final = connection
        self.session: Final = session
        self.guest: Final = guest
        self.device: DeviceKey | None = None
        self.open_spaces: Final[set[SpaceId]] = set()
        self.code = ""
        """Why it ended, for who dialled."""
        self.failure: Failure | None = None
        self.is_idle = False
        self.has_joined = False
        self.on_proved: Callable[[], None] | None = None
        self.ended: Final = anyio.Event()
        self.decided: Final = anyio.Event()
        """Set when a join is through, has failed, or the connection has ended."""
        self._host = host
        self._wake = anyio.Event()

    @property
    def is_dialer(self) -> bool:
        """Whether this side dialled."""
        return self.session.side is Side.DIALER

    # ---------------------------------------------------------------- tasks

    async def run(self) -> None:
        """Serve the connection until it ends."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, tasks.cancel_scope)
                await self._write()
                tasks.cancel_scope.cancel()
        finally:
            self.ended.set()
            self.decided.set()
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS):
                await self.connection.close()

    def proved(self) -> None:
        """The peer has proved something, or is gone: it is no longer pending (N6)."""
        call, self.on_proved = self.on_proved, None
        if call is not None:
            call()

    def hang_up(self, code: str) -> None:
        """Say goodbye, for a reason of one's own."""
        self.code = self.code or code
        self.session.close(code)
        self.wake()

    def wake(self) -> None:
        """There may be something to write."""
        self.is_idle = False
        self._wake.set()

    async def _read(self, scope: anyio.CancelScope) -> None:
        try:
            while not self.session.is_closed:
                message = await self.connection.receive()
                self.act(partial(self.session.receive_data, message, self._now()))
        except ConnectionError:
            self.code = self.code or "lost"
            scope.cancel()

    async def _write(self) -> None:
        while True:
            self._wake = anyio.Event()
            batch = self._next_batch()
            try:
                for message in batch:
                    await self.connection.send(message)
            except ConnectionError:
                self.code = self.code or "lost"
                return
            if batch:
                continue
            if self.session.is_closed:
                return
            self.is_idle = True
            self._host.rested()
            await self._wake.wait()

    def _next_batch(self) -> list[bytes]:
        try:
            self._fill()
            return self.session.data_to_send()
        except PeerError as error:
            self._fail(error.code, error.score)
        except KithError as error:
            _log.warning("A connection ends because the vault said: %s", error.code)
            self._fail("vault", 0)
        return []

    def _fill(self) -> None:
        """Let every open space say what it has to say, as far as credit goes."""
        device = self.device
        for space in list(self.open_spaces) if device is not None else ():
            share = self._host.share(space)
            while share is not None and device is not None:
                out = share.to_send(device, self.session.room, self._now())
                for message, lane in out:
                    self.session.send(space, message, lane)
                if not out:
                    break

    def act(self, call: Callable[[], None]) -> None:
        """Do something with the session and take its events; a peer's fault ends the link."""
        try:
            call()
            for event in self.session.events_received():
                self._take(event)
            if self.session.has_proved:
                self.proved()
        except PeerError as error:
            self._fail(error.code, error.score)
        except CodecError:
            self._fail("E_ENCODING", BAD_SCORE)
        except KithError as error:
            _log.warning("A connection ends because the vault said: %s", error.code)
            self._fail("vault", 0)
        self._host.touch()

    def _fail(self, code: str, score: int) -> None:
        _log.info("A connection is cut: %s", code)
        self.code = self.code or code
        self.session.abandon()
        self._host.lost_score(self, score)

    def _now(self) -> int:
        return self._host.clock.now_ms()

    # ---------------------------------------------------------------- events

    def _take(self, event: SessionEvent) -> None:
        match event:
            case SpaceReady():
                self.device = event.device
                self._host.space_ready(self, event)
                self._check_joined(event)
            case SpaceGone(space=space):
                self._host.space_gone(self, space)
            case SpaceMessage():
                self._take_message(event)
            case EarlyCredentials():
                self._take_early(event)
            case SessionEnded(code=code):
                self.code = self.code or code
            case InvitationFailed(code=code, tries_left=tries_left):
                self.failure = Failure(code, tries_left)
                self.decided.set()
            case _:
                self._take_invitation(event)
        self.wake()

    def _take_message(self, event: SpaceMessage) -> None:
        share = self._host.share(event.space)
        if share is not None and self.device is not None and event.space in self.open_spaces:
            score = share.receive(self.device, event.message, self._now())
            if score:
                self._host.lost_score(self, score)
        self.session.dealt_with(event.lane, event.size)

    def _take_early(self, event: EarlyCredentials) -> None:
        share = self._host.share(event.space)
        lacking = share.take_early(event.records) if share is not None else ()
        self.session.dealt_with(event.lane, event.size)
        self.session.credentials_taken(event.space, self._now(), lacking)

    def _check_joined(self, event: SpaceReady) -> None:
        if self.has_joined and event.ch == 0:
            self.decided.set()

    # ---------------------------------------------------------------- invitations

    def _take_invitation(self, event: InvitationEvent) -> None:
        machine = self.session.invitation
        if isinstance(machine, Inviter):
            play_inviter(machine, event, self._host.inviter)
        elif isinstance(machine, Joiner) and self.guest is not None:
            exchange = play_joiner(machine, event, self.guest)
            if exchange is not None:
                self.has_joined = True
                self._host.welcomed(self, exchange)
                self.session.joined(exchange.space, self._now())
