"""How do simulated nodes find each other, work, and lose each other?

Rules: protocol.md section 6 (back-off), N4 (who accepts whom), X1 (ancestry for strangers), X12.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Final, TypeAlias

from kithspace.errors import PeerError
from kithspace.protocol.messages import AnyMessage, Blocks, Credentials, Gone
from kithspace.testing.simulated_disk import SimulatedCrash
from kithspace.testing.simulated_link import Line, Link
from kithspace.testing.simulated_node import SimulatedNode
from kithspace.testing.simulated_time import START_MS, Timeline

ALL_CONNECTED: Final = 8
"""Up to so many nodes all connect; more of them have some neighbours each."""
NEIGHBOURS: Final = 4
DIAL_MS: Final = 500
DENIED_MS: Final = 30_000
REMEMBERED: Final = 64
"""So many of the last messages with content can be replayed."""
WAIT_FOR_MS: Final = 1_200_000
"""Blocks that become due within this time are waited for."""

Pair: TypeAlias = frozenset[int]


class Mesh:
    """The nodes of a simulation and the lines between them.

    Args:
        nodes: All of them; those that run are dialled.
        timeline: The common time.
        line: How connections behave.

    Attributes:
        sent: The last messages with content that arrived anywhere.
    """

    def __init__(self, nodes: Sequence[SimulatedNode], timeline: Timeline, line: Line) -> None:
        self._nodes = nodes
        self._timeline = timeline
        self._line = line
        self.sent: deque[Blocks | Credentials] = deque(maxlen=REMEMBERED)
        self._number = {node.key: number for number, node in enumerate(nodes)}
        self._wake_ms: dict[int, int] = {}
        self._links: dict[Pair, Link] = {}
        self._dialling: set[Pair] = set()
        self._denied: dict[Pair, tuple[int, int]] = {}
        self._cuts: set[Pair] = set()
        self._pairs = self._neighbours()

    def _neighbours(self) -> list[Pair]:
        count = len(self._nodes)
        if count <= ALL_CONNECTED:
            return [frozenset(pair) for pair in combinations(range(count), 2)]
        ring = {frozenset((n, (n + 1) % count)) for n in range(count)}
        chance = self._timeline.random
        for number in range(count):
            others = chance.sample([n for n in range(count) if n != number], NEIGHBOURS - 2)
            ring |= {frozenset((number, other)) for other in others}
        return sorted(ring, key=sorted)

    # ---------------------------------------------------------------- lines and lives

    def cut(self, nodes: Sequence[SimulatedNode]) -> None:
        """Cut these nodes off from each other; one alone: from everybody."""
        numbers = [self._number[node.key] for node in nodes]
        if len(numbers) == 1:
            pairs = [pair for pair in self._pairs if numbers[0] in pair]
        else:
            pairs = [frozenset(pair) for pair in combinations(numbers, 2)]
        for pair in pairs:
            self._cuts.add(pair)
            self._close(pair)

    def heal(self) -> None:
        """Undo all cuts."""
        self._cuts.clear()
        for pair in self._pairs:
            self._dial_later(pair, 0)

    def calm(self) -> None:
        """From now on no connection breaks by itself."""
        self._line.loss = 0.0

    def start(self, node: SimulatedNode) -> None:
        """Start a node that is down; one that runs goes on."""
        if node.is_up:
            return
        node.start()
        for pair in self._pairs:
            if self._number[node.key] in pair:
                self._dial_later(pair, 0)
        self.pump(node)

    def unrest(self) -> Iterator[str]:
        """What keeps it from being quiet."""
        for pair, link in self._links.items():
            if link.on_the_way:
                yield f"{link.on_the_way} messages between {sorted(pair)}"
        for node in self._nodes:
            if node.is_up:
                yield from self._unrest_of(node)
        for pair in self._pairs:
            left, right = (self._nodes[number] for number in sorted(pair))
            if pair in self._cuts or not left.is_up or not right.is_up:
                continue
            if pair not in self._links and not self._is_denied(pair):
                yield f"no line between {sorted(pair)}"

    def _unrest_of(self, node: SimulatedNode) -> Iterator[str]:
        running = node.running
        for peer in running.sync.peers:
            if not running.sync.is_in_sync(peer):
                yield f"{node.name} not in sync with node {self._number[peer]}"
        for generation in running.exchange.lacking_keys():
            if any(other.has_key(generation) for other in self._nodes):
                yield f"{node.name} lacks a key that another has"
        if running.engine.replica.has_unreleased:
            yield f"{node.name} has unsigned blocks"
        due = running.engine.replica.next_due()
        if due is not None and due < node.clock.now_ms() + WAIT_FOR_MS:
            yield f"{node.name} waits until {due - node.clock.now_ms()} ms from now"

    # ---------------------------------------------------------------- nodes at work

    def pump(self, node: SimulatedNode) -> None:
        """Let a node do all it can now, and plan when it is to be woken."""
        try:
            if node.is_up:
                self._work(node)
        except SimulatedCrash:
            self.died(node)

    def _work(self, node: SimulatedNode) -> None:
        number = self._number[node.key]
        running = node.running
        running.work()
        running.act()
        for peer in running.sync.peers:
            other = self._number[peer]
            link = self._links.get(frozenset((number, other)))
            if link is None:
                running.sync.peer_gone(peer)
                continue
            side = self._side(number, other)
            running.send(peer, partial(link.room, side), partial(link.put, side))
        self._plan(number, node)

    def _plan(self, number: int, node: SimulatedNode) -> None:
        due = node.running.next_ms()
        if due is None:
            return
        due += START_MS
        planned = self._wake_ms.get(number)
        if planned is not None and self._timeline.now_ms < planned <= due:
            return
        due = max(due, self._timeline.now_ms + 1)
        self._wake_ms[number] = due
        self._timeline.at(due, lambda: self.pump(node))

    def died(self, node: SimulatedNode) -> None:
        """A node's process is gone, and with it its lines."""
        number = self._number[node.key]
        node.die()
        for pair in [pair for pair in self._links if number in pair]:
            self._close(pair)

    # ---------------------------------------------------------------- lines

    @staticmethod
    def _side(number: int, other: int) -> int:
        """The smaller number dials."""
        return 0 if number < other else 1

    def _dial_later(self, pair: Pair, least_ms: int) -> None:
        if pair in self._links or pair in self._dialling:
            return
        self._dialling.add(pair)
        wait = least_ms + self._timeline.random.randint(1, DIAL_MS)
        self._timeline.after(wait, lambda: self._dial(pair))

    def _dial(self, pair: Pair) -> None:
        self._dialling.discard(pair)
        left, right = (self._nodes[number] for number in sorted(pair))
        if pair in self._links or pair in self._cuts or not (left.is_up and right.is_up):
            return
        try:
            is_shared = self._prove(left, right)
        except SimulatedCrash:
            for node in (left, right):
                if node.disk.crash_at is None and node.is_up:
                    self.died(node)
            return
        if not is_shared:
            self._denied[pair] = self._knowledge(pair)
            self._dial_later(pair, DENIED_MS)
            return
        self._denied.pop(pair, None)
        self._links[pair] = Link(
            self._timeline,
            self._line,
            lambda side, message: self._arrived(pair, side, message),
            lambda: self._broke(pair),
        )
        for node, other in ((left, right), (right, left)):
            running = node.running
            running.sync.peer_ready(other.key, 0, running.now_ms, is_dialer=node is left)
        self.pump(left)
        self.pump(right)

    def _prove(self, left: SimulatedNode, right: SimulatedNode) -> bool:
        """N4, X1: each shows the ancestry of its proof; who is no member gets credentials alone."""
        if left.accepts(right) and right.accepts(left):
            return True
        for node, other in ((left, right), (right, left)):
            shown = other.running.engine.membership
            signed = shown.ancestry(shown.heads)
            node.running.exchange.receive_credentials(signed, other.key)
        return left.accepts(right) and right.accepts(left)

    def _knowledge(self, pair: Pair) -> tuple[int, int]:
        left, right = (self._nodes[number].running.engine.membership for number in sorted(pair))
        return len(left), len(right)

    def _is_denied(self, pair: Pair) -> bool:
        return self._denied.get(pair) == self._knowledge(pair)

    def _arrived(self, pair: Pair, side: int, message: AnyMessage) -> None:
        if isinstance(message, Blocks | Credentials):
            self.sent.append(message)
        numbers = sorted(pair)
        node, other = self._nodes[numbers[side]], self._nodes[numbers[1 - side]]
        if isinstance(message, Gone):
            self._broke(pair)
            return
        try:
            node.running.receive(other.key, message)
        except PeerError as error:
            raise AssertionError("an honest peer was refused") from error
        self.pump(node)

    def _broke(self, pair: Pair) -> None:
        self._close(pair)
        self._dial_later(pair, DIAL_MS)

    def _close(self, pair: Pair) -> None:
        link = self._links.pop(pair, None)
        if link is None:
            return
        link.close()
        for number in pair:
            node = self._nodes[number]
            (other,) = pair - {number}
            if node.is_up:
                node.running.sync.peer_gone(self._nodes[other].key)
