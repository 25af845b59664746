"""How do a node's spaces and its connections come together?

`Mesh` implements `MeshControl`. Everything but the few methods that any thread may call runs on the
node's loop; what other threads want is posted there. `Meeting` finds and dials, a `Link` serves one
connection, a `Share` keeps one space in step, a `Seeker` follows one invitation.

Rules:
    X2   Tags go out again when spaces or generations grow.
    X12  When credentials come, every peer of the space is judged again.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

from kithspace.core.ids import DeviceKey
from kithspace.errors import KithError
from kithspace.protocol.noise import Side
from kithspace.protocol.session import Session
from kithspace.runtime.book import VaultBook
from kithspace.runtime.introducing import Guest
from kithspace.runtime.link import Link
from kithspace.runtime.meeting import Meeting
from kithspace.runtime.peers import Peers
from kithspace.runtime.postbox import Postbox
from kithspace.runtime.reach import is_due
from kithspace.runtime.seeking import Seeker
from kithspace.runtime.share import Share

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup

    from kithspace.core.ids import IdentityId, SpaceId
    from kithspace.ports import Clock, Connection, Discovery, Entropy, Transport
    from kithspace.protocol.sharing_events import SpaceReady
    from kithspace.protocol.words import Code
    from kithspace.protocol.words import Link as InviteLink
    from kithspace.runtime.exchange import (
        InviterExchange,
        JoinerExchange,
        Joining,
        News,
        SpaceExchange,
        VaultExchange,
    )

_log = logging.getLogger(__name__)

LONGEST_SLEEP_MS: Final = 60_000
FAREWELL_SECONDS: Final = 1


class Mesh:
    """A node's connections.

    Args:
        vault: The open vault.
        inviter: The vault, letting others in.
        joiner: The vault, joining.
        transport: Listens and dials.
        discovery: Finds nodes on this computer.
        clock: The time.
        entropy: Random bytes.
    """

    def __init__(
        self,
        vault: VaultExchange,
        inviter: InviterExchange,
        joiner: JoinerExchange,
        transport: Transport,
        discovery: Discovery,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self.inviter: Final = inviter
        self.clock: Final = clock
        self.transport: Final = transport
        self._vault = vault
        self._joiner = joiner
        self._entropy = entropy
        self._book = VaultBook(vault)
        self._meeting = Meeting(self, transport, discovery, entropy)
        self._posts = Postbox()
        self._tasks: TaskGroup | None = None
        self._shares: dict[SpaceId, Share] = {}
        self._links: set[Link] = set()
        self._unserved: set[Link] = set()
        self._peers = Peers(self._shares)
        self._joins: set[Seeker] = set()
        self._arriving: dict[SpaceId, Seeker] = {}
        self._shown_calls: tuple[Callable[[SpaceId], None], ...] = ()
        self._wake = anyio.Event()
        self._rest = anyio.Event()

    # ---------------------------------------------------------------- from any thread

    def join(self, invitation: Code | InviteLink, ending: Joining) -> Callable[[], None]:
        """Find the inviter and play the joiner; report to `ending`. Returns what gives up."""
        join = Seeker(self, Guest(invitation, self._vault, self._joiner, ending))
        self._posts.put(partial(self._start_join, join))
        return partial(self._posts.put, join.cancel)

    def invitations_changed(self) -> None:
        """Nameplates or links have changed: listen, and write the registry's entry anew."""
        self._posts.put(self._meeting.look_soon)

    def show(self, space: SpaceId, state: bytes) -> None:
        """Send an ephemeral state (canonical CBOR) to the devices that are here (X10)."""

        def do() -> None:
            if space in self._shares:
                self._shares[space].show(state)
                self.touch()

        self._posts.put(do)

    def shown(self, space: SpaceId) -> list[tuple[IdentityId, DeviceKey, bytes]]:
        """What other devices show now (X10)."""
        return self._shares[space].shown() if space in self._shares else []

    def watch_shown(self, call: Callable[[SpaceId], None]) -> Callable[[], None]:
        """Call when what others show has changed. Returns what stops it."""
        self._shown_calls = (*self._shown_calls, call)

        def stop() -> None:
            self._shown_calls = tuple(one for one in self._shown_calls if one is not call)

        return stop

    # ---------------------------------------------------------------- life

    async def run(self) -> None:
        """Listen, look at the registry, dial, serve connections; until cancelled."""
        stop_spaces = self._vault.listen_spaces(partial(self._posts.put, self._look_at_spaces))
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                self._meeting.start(tasks, self._vault.peer_addresses())
                self._look_at_spaces()
                self._posts.open()
                await self._keep_time()
        finally:
            stop_spaces()
            for share in self._shares.values():
                share.close()
            self._posts.close()
            with anyio.CancelScope(shield=True), anyio.move_on_after(FAREWELL_SECONDS):
                await self._meeting.stop()
                for link in self._unserved:
                    await link.connection.close()

    async def drain(self) -> None:
        """Return when everything announced so far has gone out to those who are here."""
        await anyio.lowlevel.checkpoint()
        self.touch()
        while any(not link.is_idle for link in self._links):
            self._rest = anyio.Event()
            await self._rest.wait()

    async def _keep_time(self) -> None:
        while True:
            self._wake = anyio.Event()
            now_ms = self.clock.now_ms()
            if self._do_due(now_ms):
                self.touch()
            await self._meeting.time_passed(now_ms)
            wait_ms = max(self._next_ms() - self.clock.now_ms(), 0)
            with anyio.move_on_after(min(wait_ms, LONGEST_SLEEP_MS) / 1000):
                await self._wake.wait()

    def _next_ms(self) -> int:
        times = [share.next_deadline() for share in self._shares.values()]
        times += [link.session.next_deadline() for link in self._links]
        known = [one for one in times if one is not None]
        return min([self._meeting.next_deadline(), *known])

    def _do_due(self, now_ms: int) -> bool:
        """Do what machines have due; whether anything was."""
        shares = [one for one in self._shares.values() if is_due(one.next_deadline(), now_ms)]
        for share in shares:
            self._attempt(partial(share.time_passed, now_ms))
        links = [one for one in self._links if is_due(one.session.next_deadline(), now_ms)]
        for link in links:
            link.act(partial(link.session.time_passed, now_ms))
        return bool(shares or links)

    def _attempt(self, act: Callable[[], None]) -> None:
        """Do something with a space; a space that is closed or broken is not the mesh's end."""
        try:
            act()
        except KithError as error:
            _log.warning("A space could not be followed: %s", error.code)

    def touch(self) -> None:
        """Something changed: look at all links and deadlines again."""
        self._report()
        for link in self._links:
            link.wake()
        self._wake.set()

    def wake(self) -> None:
        """A deadline has become sooner."""
        self._wake.set()

    def rested(self) -> None:
        """A link has nothing left to write: what it wrote may have made two spaces the same."""
        self._report()
        self._rest.set()

    def _report(self) -> None:
        for share in self._shares.values():
            share.report_sameness()
            self._end_arrival(share)

    # ---------------------------------------------------------------- spaces

    def share(self, space: SpaceId) -> Share | None:
        """Return a space that takes part."""
        return self._shares.get(space)

    def _look_at_spaces(self) -> None:
        """Follow which spaces take part; new ones are told to everybody (X2)."""
        now = {one.space: one for one in self._vault.exchanges() if one.is_open_to_peers}
        for space in [one for one in self._shares if one not in now]:
            self._drop_share(space)
        new = [exchange for space, exchange in now.items() if space not in self._shares]
        for exchange in new:
            self._add_share(exchange)
        if new:
            self._tell_keys()
            self._meeting.hurry()
        self.touch()

    def _add_share(self, exchange: SpaceExchange) -> None:
        share = Share(exchange, self._vault, self._entropy, self._tell_shown)
        take = partial(self._take_news, exchange.space)
        share.stop_listening = exchange.listen(lambda news: self._posts.put(partial(take, news)))
        self._shares[exchange.space] = share

    def _drop_share(self, space: SpaceId) -> None:
        self._shares.pop(space).close()
        for link in list(self._links):
            link.open_spaces.discard(space)
            link.act(partial(link.session.leave, space))

    def _take_news(self, space: SpaceId, news: News) -> None:
        share = self._shares.get(space)
        if share is None:
            return
        now_ms = self.clock.now_ms()
        self._attempt(partial(share.news, news, now_ms))
        if news.credentials:
            for link in list(self._links):
                link.act(partial(link.session.credentials_taken, space, now_ms))
            if news.source is None:
                self._meeting.hurry()  # who shared nothing before may do so now
        if news.is_new_generation:
            self._tell_keys()
        self.touch()

    def _tell_keys(self) -> None:
        for link in list(self._links):
            link.act(partial(link.session.keys_grown, self.clock.now_ms()))

    def _tell_shown(self, space: SpaceId) -> None:
        for call in self._shown_calls:
            call(space)

    # ---------------------------------------------------------------- what links tell

    def space_ready(self, link: Link, event: SpaceReady) -> None:
        """A space is open on this link."""
        self._peers.ready(link, event, DeviceKey(self._vault.device.public))

    def space_gone(self, link: Link, space: SpaceId) -> None:
        """A space is not open on this link any more."""
        self._peers.space_gone(link, space)

    def lost_score(self, link: Link, score: int) -> None:
        """The peer did something that costs (security.md section 7)."""
        self._peers.lost_score(link, score, self.clock.now_ms())

    # ---------------------------------------------------------------- connections

    def make_link(
        self, connection: Connection, *, is_dialer: bool, guest: Guest | None = None
    ) -> Link:
        """Make the link of a connection."""
        session = Session(
            Side.DIALER if is_dialer else Side.LISTENER,
            "ws",
            self._book,
            self._entropy,
            self.clock.now_ms(),
            by=guest.by if guest is not None else None,
            is_inviting=self.is_inviting(),
        )
        link = Link(self, connection, session, guest)
        self._unserved.add(link)
        return link

    async def run_link(self, link: Link) -> None:
        """Serve a connection until it ends; its trouble is nobody else's."""
        self._unserved.discard(link)
        self._links.add(link)
        self.touch()
        try:
            await link.run()
        except Exception:  # noqa: BLE001 - the root of the connection's tasks
            _log.exception("A connection has failed.")
        finally:
            self._links.discard(link)
            self._peers.link_ended(link)
            self.rested()
            self._meeting.look_soon()

    def start_link(self, link: Link) -> None:
        """Serve a connection as a task of its own."""
        if self._tasks is not None:
            self._tasks.start_soon(self.run_link, link)

    # ---------------------------------------------------------------- what the meeting asks

    def is_sharing(self) -> bool:
        """Whether any space has somebody else in it."""
        return any(share.is_shared for share in self._shares.values())

    def is_missing(self) -> bool:
        """Whether somebody is looked for who is not here."""
        return bool(self._joins) or any(
            not share.people and share.is_shared for share in self._shares.values()
        )

    def nameplates(self) -> tuple[str, ...]:
        """Nameplates of open codes."""
        return tuple(self.inviter.nameplates())

    def is_inviting(self) -> bool:
        """Whether a code or a link is open."""
        return bool(self.inviter.nameplates()) or self.inviter.has_links()

    def listen_at(self) -> str | None:
        """`HOST:PORT` to listen at beside loopback."""
        return self._vault.listen_at

    def found(self, neighbours: dict[str, tuple[str, ...]]) -> None:
        """The registry was looked at."""
        for join in list(self._joins):
            join.look(neighbours)

    # ---------------------------------------------------------------- joining

    def _start_join(self, join: Seeker) -> None:
        if self._tasks is not None:
            self._joins.add(join)
            self._tasks.start_soon(self._follow_join, join)
            self._meeting.look_soon()

    async def _follow_join(self, join: Seeker) -> None:
        try:
            await join.run()
        finally:
            self._joins.discard(join)

    def welcomed(self, link: Link, exchange: SpaceExchange) -> None:
        """One has joined a space by this link."""
        if exchange.space not in self._shares:
            self._add_share(exchange)
        for join in self._joins:
            if join.link is link:
                self._arriving[exchange.space] = join
        self._tell_keys()

    def _end_arrival(self, share: Share) -> None:
        """A join is done when the space was compared once."""
        join = self._arriving.get(share.space)
        if join is not None and any(share.sync.is_in_sync(device) for device in share.people):
            del self._arriving[share.space]
            join.done(share.exchange)
