"""Spaces without a gate, and wires between their `SpaceSync`s: what the tests of sync run on.

A `BareSpace` takes credentials whose parents it has, and blocks that continue a feed: the rest
waits. A `Wire` carries encoded messages, each lane in order, with credit as X8 has it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from kithspace.core.codec import decode, encode
from kithspace.core.crypto import hash_of
from kithspace.core.ids import BlockId, CredentialId, DeviceKey, FeedId, GenerationId
from kithspace.errors import CodecError
from kithspace.protocol import messages
from kithspace.protocol.messages import BULK, CONTROL, LIVE, AnyMessage, Gone, Want, WireBlock
from kithspace.protocol.peek import feed_and_seq
from kithspace.protocol.sync import SpaceSync
from kithspace.protocol.sync_events import (
    BlocksArrived,
    ChunkArrived,
    CredentialsArrived,
    KeyArrived,
    SyncEvent,
)

START_MS = 1_700_000_000_000
WINDOWS = {LIVE: 1 << 20, BULK: 4 << 20}
SIGNATURE = bytes(64)


def device(number: int) -> DeviceKey:
    """The key of the n-th device."""
    return DeviceKey(hash_of("ks1/hello", number.to_bytes(4)))


def feed_of(number: int) -> FeedId:
    """The id of the n-th feed."""
    return FeedId(hash_of("ks1/feed", opening(number)))


def opening(number: int) -> bytes:
    """An open record that is well formed, but of nobody."""
    key = bytes(32)
    return encode((1, 0, key, key, key, key, number.to_bytes(16), (1_000, 0), 0))


def block(feed: FeedId, seq: int, *, size: int = 40, ms: int = 0) -> WireBlock:
    """A signed block that is well formed, but of nobody."""
    payload = bytes(size)
    header = (1, 1, feed, seq, bytes(32), (), (ms or 1_000 + seq, 0), bytes(16), size, bytes(32))
    return encode(header), payload, SIGNATURE


def head_of(feed: FeedId, length: int) -> BlockId:
    """The id of block `length - 1`; any function of both will do."""
    return BlockId(hash_of("ks1/block", feed + length.to_bytes(4)))


def credential(number: int, parent: bytes = b"") -> bytes:
    """Bytes of a credential; it needs its parent to be there first."""
    return encode((number, parent))


@dataclass
class BareSpace:
    """The sets of one node."""

    name: int
    seen: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    prefixes: dict[bytes, bytes] = field(default_factory=dict)
    feeds: dict[FeedId, list[WireBlock]] = field(default_factory=dict)
    waiting: dict[tuple[bytes, int], WireBlock] = field(default_factory=dict)
    orphans: dict[bytes, list[bytes]] = field(default_factory=dict)
    keys: dict[GenerationId, bytes] = field(default_factory=dict)
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    refuses: bool = False
    only: Sequence[WireBlock] | None = None
    orphans_met: int = 0
    waits_met: int = 0

    # what sync reads
    def credential_leaves(self) -> list[tuple[CredentialId, int]]:
        return [(CredentialId(id_), depth) for id_, (_, depth) in self.seen.items()]

    def feed_leaves(self) -> list[tuple[FeedId, int, BlockId]]:
        return [self.leaf(feed) for feed in self.feeds]

    def leaf(self, feed: FeedId) -> tuple[FeedId, int, BlockId]:
        length = len(self.feeds[feed])
        return feed, length, head_of(feed, length)

    def credentials_by_prefix(self, prefixes: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        ids = [self.prefixes[prefix] for prefix in prefixes if prefix in self.prefixes]
        return [(self.seen[id_][0], SIGNATURE) for id_ in ids]

    def blocks(self, feed: FeedId, first: int, end: int) -> list[WireBlock]:
        return self.feeds.get(feed, [])[first:end]

    def seal_key(self, generation: GenerationId, device: DeviceKey) -> bytes | None:
        return self.keys.get(generation)

    def chunk(self, hash_: bytes) -> bytes | None:
        return self.chunks.get(hash_)

    # what a gate would do
    def admit(self, record: bytes) -> list[tuple[CredentialId, int]]:
        """Take a credential, and all that waited for it."""
        try:
            fields = decode(record, 1_000)
        except CodecError:
            return []
        assert isinstance(fields, tuple)
        parent = fields[1]
        assert isinstance(parent, bytes)
        id_ = CredentialId(hash_of("ks1/cred", record))
        if id_ in self.seen:
            return []
        if parent and parent not in self.seen:
            self.orphans_met += 1
            self.orphans.setdefault(parent, []).append(record)
            return []
        depth = self.seen[parent][1] + 1 if parent else 0
        self.seen[id_] = (record, depth)
        self.prefixes[id_[:16]] = id_
        added = [(id_, depth)]
        for child in self.orphans.pop(id_, []):
            added += self.admit(child)
        return added

    def take(self, blocks: Sequence[WireBlock]) -> list[tuple[FeedId, int, BlockId]]:
        """Take blocks that go on where a feed ends; others wait."""
        changed: dict[FeedId, None] = {}
        for item in blocks:
            if self.only is not None and item not in self.only:
                continue
            feed, seq = feed_and_seq(item[0])
            held = self.feeds.setdefault(FeedId(feed), [])
            if seq > len(held):
                self.waits_met += 1
                self.waiting[feed, seq] = item
            elif seq == len(held):
                held.append(item)
                changed[FeedId(feed)] = None
                while (feed, len(held)) in self.waiting:
                    held.append(self.waiting.pop((feed, len(held))))
        return [self.leaf(feed) for feed in changed]

    def grow(self, number: int, count: int, size: int = 40) -> list[tuple[FeedId, int, BlockId]]:
        """Write `count` blocks into the n-th feed, its open record first."""
        feed = feed_of(number)
        held = self.feeds.setdefault(feed, [])
        for _ in range(count):
            seq = len(held)
            held.append(block(feed, seq, size=size) if seq else (opening(number), None, SIGNATURE))
        return [self.leaf(feed)]


class Wire:
    """A connection between two nodes, with credit; each lane keeps its order."""

    def __init__(self) -> None:
        self.queues: dict[tuple[int, int], deque[bytes]] = {
            (side, lane): deque() for side in (0, 1) for lane in (CONTROL, LIVE, BULK)
        }
        self.credit = {(side, lane): WINDOWS[lane] for side in (0, 1) for lane in (LIVE, BULK)}
        self.bytes = 0
        self.most_queued = 0

    def room(self, side: int, lane: int) -> int:
        return self.credit[side, lane]

    def put(self, side: int, message: AnyMessage, lane: int) -> None:
        body = messages.encode(message)
        self.bytes += len(body)
        self.queues[side, lane].append(body)
        if lane != CONTROL:
            self.credit[side, lane] -= len(body)
            assert self.credit[side, lane] >= 0, "sent beyond credit (X8)"
        queued = sum(len(b) for (s, _), queue in self.queues.items() if s == side for b in queue)
        self.most_queued = max(self.most_queued, queued)

    def take(self, side: int) -> list[tuple[AnyMessage, int]]:
        """What comes out for `side`: all of lane 0, two messages of each other lane."""
        out: list[tuple[AnyMessage, int]] = []
        for lane in (CONTROL, LIVE, BULK):
            queue = self.queues[1 - side, lane]
            for _ in range(len(queue) if lane == CONTROL else min(2, len(queue))):
                body = queue.popleft()
                message = messages.decode(body, lane)
                assert message is not None
                out.append((message, lane))
                if lane != CONTROL:
                    self.credit[1 - side, lane] += len(body)
        return out

    @property
    def is_empty(self) -> bool:
        return not any(self.queues.values())


class Node:
    """A bare space, its sync, and what arrived."""

    def __init__(self, number: int, space: BareSpace | None = None) -> None:
        self.key = device(number)
        self.space = space or BareSpace(number)
        self.sync = SpaceSync(self.space)
        self.wires: dict[DeviceKey, tuple[Wire, int]] = {}
        self.events: list[SyncEvent] = []
        self.is_silent = False
        """It compares sets, and answers no `want`."""

    def act(self, now_ms: int) -> None:
        """Do what a runtime does with events."""
        while events := self.sync.events_received():
            self.events += events
            for event in events:
                self._act(event, now_ms)

    def _act(self, event: SyncEvent, now_ms: int) -> None:
        match event:
            case CredentialsArrived():
                added = [leaf for record, _ in event.records for leaf in self.space.admit(record)]
                self.sync.credentials_added(added, now_ms)
            case BlocksArrived():
                if self.space.refuses:
                    for item in event.blocks:
                        self.sync.refused(event.peer, feed_and_seq(item[0])[0])
                else:
                    self.sync.feeds_changed(self.space.take(event.blocks), now_ms)
            case ChunkArrived():
                self.space.chunks[event.hash] = event.body
            case KeyArrived():
                self.space.keys[GenerationId(event.generation)] = event.sealed
                self.sync.lack_keys([])
            case _:
                pass


class World:
    """Nodes and wires, moved by hand."""

    def __init__(self, *nodes: Node) -> None:
        self.nodes = nodes
        self.now_ms = START_MS

    def connect(self, left: Node, right: Node) -> Wire:
        """Left dials right."""
        wire = Wire()
        for side, (node, other) in enumerate(((left, right), (right, left))):
            node.wires[other.key] = (wire, side)
            node.sync.peer_ready(other.key, 0, self.now_ms, is_dialer=side == 0)
        return wire

    def cut(self, left: Node, right: Node) -> None:
        """The connection breaks; what is on it is lost."""
        for node, other in ((left, right), (right, left)):
            node.wires.pop(other.key, None)
            node.sync.peer_gone(other.key)

    def round(self) -> bool:
        """Everybody sends once and gets one message of each lane; False if nothing moved."""
        self.now_ms += 1
        sent = [self._send(node) for node in self.nodes]
        received = [self._receive(node) for node in self.nodes]
        return any(sent) or any(received)

    def _send(self, node: Node) -> bool:
        moved = False
        node.act(self.now_ms)
        for other, (wire, side) in list(node.wires.items()):
            for _ in range(8):
                out = node.sync.to_send(other, partial(wire.room, side), self.now_ms)
                for message, lane in out:
                    wire.put(side, message, lane)
                    moved = True
                if not out:
                    break
        return moved

    def _receive(self, node: Node) -> bool:
        moved = False
        for other, (wire, side) in list(node.wires.items()):
            for message, _ in wire.take(side):
                moved = True
                if isinstance(message, Gone):
                    node.sync.peer_gone(other)
                elif not (node.is_silent and isinstance(message, Want)):
                    node.sync.receive(other, message, self.now_ms)
        node.act(self.now_ms)
        return moved

    def run(self, most: int = 10_000) -> int:
        """Rounds until nothing moves."""
        for count in range(most):
            if not self.round():
                return count
        raise AssertionError(f"still busy after {most} rounds")

    def pass_time(self, ms: int) -> None:
        """Let time pass, deadline by deadline, running in between."""
        end = self.now_ms + ms
        while True:
            self.run()
            times = [node.sync.next_deadline() for node in self.nodes]
            due = min((t for t in times if t is not None), default=end)
            if due >= end:
                self.now_ms = max(self.now_ms, end)
                break
            self.now_ms = max(self.now_ms, due)
            for node in self.nodes:
                node.sync.time_passed(self.now_ms)
        for node in self.nodes:
            node.sync.time_passed(self.now_ms)
        self.run()
