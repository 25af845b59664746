"""What does one node of a simulation do with what comes, and what does it send?

A node is the real engine, keys and sync of one space, on a simulated disk and clock. What the mesh
does in a running node is done here in order, in one thread: hand what arrived to the gate, tell
sync what became of it, and send what sync has to say.

Rules: G1 (persist, show, send), F2 (a doubt at opening), X6, X7, X11, X12.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kithspace.core.credential import Signed
from kithspace.core.effects import AskCredentials, AskKey, AskRange, Proof, Refused, Send
from kithspace.core.gate.drafting import Author
from kithspace.core.ids import DeviceKey, GenerationId, IdentityId, SpaceId
from kithspace.core.roles import Role
from kithspace.errors import Closed
from kithspace.protocol.messages import AnyMessage, Fork
from kithspace.protocol.sync import SpaceSync
from kithspace.protocol.sync_events import (
    BlocksArrived,
    ChunkArrived,
    CredentialsArrived,
    KeyArrived,
    SyncEvent,
)
from kithspace.runtime.acts import Acts
from kithspace.runtime.engine import Engine
from kithspace.runtime.exchange import Intake, News
from kithspace.runtime.names import Names
from kithspace.runtime.space_exchange import EngineExchange
from kithspace.testing.simulated_disk import CrashPoint, SimulatedDisk
from kithspace.testing.simulated_time import SeededEntropy, SimulatedClock

if TYPE_CHECKING:
    from kithspace.core.stamp import Stamp
    from kithspace.ports import Draft


class SimulatedNode:
    """One device of one member.

    Args:
        name: For people who read a failing run.
        space: The space.
        author: Who writes here.
        disk: What survives a crash.
        clock: Its clock.
        entropy: Its random bytes.
    """

    def __init__(
        self,
        name: str,
        space: SpaceId,
        author: Author,
        disk: SimulatedDisk,
        clock: SimulatedClock,
        entropy: SeededEntropy,
    ) -> None:
        self.name = name
        self.space = space
        self.author = author
        self.disk = disk
        self.clock = clock
        self.entropy = entropy
        self.scores: dict[DeviceKey, int] = {}
        self._running: _Running | None = None

    def __repr__(self) -> str:
        return f"<{self.name}>"

    # ---------------------------------------------------------------- life

    @property
    def key(self) -> DeviceKey:
        """The device's key."""
        return DeviceKey(self.author.device.public)

    @property
    def identity(self) -> IdentityId:
        """Whose node it is."""
        return self.author.identity

    @property
    def is_up(self) -> bool:
        """Whether a process runs."""
        return self._running is not None

    @property
    def running(self) -> "_Running":
        """The process.

        Raises:
            AssertionError: None runs.
        """
        if self._running is None:
            raise AssertionError(f"{self.name} is down")
        return self._running

    def start(self) -> None:
        """Start a process on what is on disk."""
        self._running = _Running(self)

    def die(self) -> None:
        """The process is gone, without a word."""
        self._running = None
        self.disk.crash_at = None

    def stop(self) -> None:
        """The process ends as it should."""
        self.running.engine.close(Closed("The simulation stopped this node."))
        self._running = None

    # ---------------------------------------------------------------- what others see

    def accepts(self, peer: "SimulatedNode") -> bool:
        """N4: whether the fold here has that device as a live one of a member."""
        membership = self.running.engine.membership
        return membership.owner(peer.key) == peer.identity and (
            membership.role(peer.identity) >= Role.KEEPER
        )

    @property
    def role(self) -> Role:
        """One's own role, as this node knows it."""
        return self.running.engine.role

    def has_key(self, generation: GenerationId) -> bool:
        """Whether it runs, is of a member, and has that content key."""
        if self._running is None or self.role < Role.READER:
            return False
        return self._running.engine.keyring.content_key(generation) is not None

    def commit(self, draft: "Draft") -> "Stamp":
        """Write a transaction, as the API does."""
        return self.running.engine.commit(draft)


class _Running:
    """The process of a node: gone with a crash."""

    def __init__(self, node: SimulatedNode) -> None:
        self.node = node
        store = node.disk.open()
        self.engine = Engine(node.space, store, node.author, node.clock, node.entropy, lambda: None)
        self.exchange = EngineExchange(node.space, self.engine)
        self.acts = Acts(self.engine, Names(self.engine, "simulation", lambda _: ""))
        self.sync = SpaceSync(self.exchange)
        self.engine.listen(self._take_news)
        self.engine.keyring.look_for_keys()
        self._look_for_keys()

    # ---------------------------------------------------------------- from the engine

    def _take_news(self, news: News) -> None:
        now = self.now_ms
        self.sync.credentials_added(news.credentials, now)
        self.sync.feeds_changed(news.feeds, now)
        self._ask(news.asks, news.source)
        if news.credentials:
            self._look_for_keys()
            membership = self.engine.membership
            for peer in self.sync.peers:
                owner = membership.owner(peer)
                if owner is None or membership.role(owner) < Role.KEEPER:
                    self.sync.peer_removed(peer)

    def _look_for_keys(self) -> None:
        self.sync.lack_keys(self.exchange.lacking_keys())
        self.sync.want_chunks(self.exchange.lacking_chunks())

    def _ask(self, sends: Iterable[Send], peer: DeviceKey | None) -> None:
        for send in sends:
            match send:
                case AskRange():
                    self.sync.ask_range(send.feed, send.first, send.end, peer)
                case AskCredentials():
                    self.sync.ask_credentials(send.ids, peer)
                case AskKey():
                    self._look_for_keys()
                case Proof():
                    sides = send.left, send.left_sig, send.right, send.right_sig
                    self.sync.tell_fork(Fork(0, *sides), peer)
                case _:
                    pass

    # ---------------------------------------------------------------- from peers

    @property
    def now_ms(self) -> int:
        """The time that waiting is measured by."""
        return self.node.clock.monotonic_ms()

    def receive(self, peer: DeviceKey, message: AnyMessage) -> None:
        """A message came.

        Raises:
            PeerError: The peer broke the protocol.
        """
        self.sync.receive(peer, message, self.now_ms)

    def act(self) -> None:
        """Hand what arrived to the gate, until there is nothing more."""
        while events := self.sync.events_received():
            for event in events:
                self._act(event)

    def _act(self, event: SyncEvent) -> None:
        match event:
            case CredentialsArrived():
                signed = [Signed(*record) for record in event.records]
                self._took(self.exchange.receive_credentials(signed, event.peer), event.peer)
            case BlocksArrived():
                self._took(self.exchange.receive_blocks(event.blocks, event.peer), event.peer)
            case KeyArrived():
                generation = GenerationId(event.generation)
                self._took(self.exchange.receive_key(generation, event.sealed), event.peer)
                self._look_for_keys()
            case ChunkArrived():
                self._took(self.exchange.receive_chunk(event.hash, event.body), event.peer)
                self._look_for_keys()
            case _:
                pass

    def _took(self, intake: Intake, peer: DeviceKey) -> None:
        self._refuse(intake.refused, peer)
        self._ask(intake.send, peer)

    def _refuse(self, refused: Iterable[Refused], peer: DeviceKey) -> None:
        scores = self.node.scores
        for one in refused:
            self.sync.refused(peer, one.feed)
            scores[peer] = scores.get(peer, 0) + one.score

    # ---------------------------------------------------------------- by itself

    def work(self) -> None:
        """Sign heads, take in what is due, sync the disk, mind the deadlines of sync."""
        now = self.now_ms
        due = self.engine.next_due()
        if due is not None and due <= now:
            self.engine.work()
        due = self.engine.next_sync()
        if due is not None and due <= now:
            self.engine.sync()
        due = self.sync.next_deadline()
        if due is not None and due <= now:
            self.sync.time_passed(now)

    def next_ms(self) -> int | None:
        """When `work` has something to do."""
        times = (self.engine.next_due(), self.engine.next_sync(), self.sync.next_deadline())
        return min((ms for ms in times if ms is not None), default=None)

    def send(
        self,
        peer: DeviceKey,
        room: Callable[[int], int],
        put: Callable[[AnyMessage, int], None],
    ) -> None:
        """Send what sync has for a peer."""
        while out := self.sync.to_send(peer, room, self.now_ms):
            for message, lane in out:
                put(message, lane)
            self.node.disk.meet(CrashPoint.AFTER_SEND)
