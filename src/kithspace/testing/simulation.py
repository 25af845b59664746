"""How do many nodes share a space in one process, under one seed?

    with simulate(seed=7, nodes=5, loss=0.1) as net:
        ana, ben, *_ = net.nodes
        task = net.write(ana).add("Task", title="Milk")
        net.cut(ana, ben)
        net.crash(ben, CrashPoint.BEFORE_SHOW)
        net.heal()
        net.restart(ben)
        net.run_until_quiet()
        net.check()

Real protocol and core code, real engine and keys; simulated are time, randomness, disks and lines.
The same seed and the same calls give the same run.

Rules: protocol.md section 6 (back-off), N4 (who accepts whom), X1 (ancestry for strangers), X12.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Final

from kithspace.core.credential import Signed
from kithspace.core.roles import Role
from kithspace.errors import KithError, PeerError
from kithspace.protocol.messages import AnyMessage, Blocks, Credentials, Gone
from kithspace.testing.convergence import (
    check_other_order,
    check_same,
    check_written,
    picture_of,
)
from kithspace.testing.founding import Person, found_space
from kithspace.testing.simulated_disk import CrashPoint, SimulatedCrash, SimulatedDisk
from kithspace.testing.simulated_link import Line, Link
from kithspace.testing.simulated_node import SimulatedNode
from kithspace.testing.simulated_time import START_MS, SeededEntropy, SimulatedClock, Timeline
from kithspace.testing.simulated_writes import Writer, Written

if TYPE_CHECKING:
    from kithspace.core.ids import ObjectId

ALL_CONNECTED: Final = 8
"""Up to so many nodes all connect; more of them have some neighbours each."""
NEIGHBOURS: Final = 4
DIAL_MS: Final = 500
DENIED_MS: Final = 30_000
REMEMBERED: Final = 64
"""So many of the last messages with content can be replayed."""
QUIET_LIMIT_MS: Final = 3_600_000
WAIT_FOR_MS: Final = 1_200_000
"""Blocks that become due within this time are waited for."""

Pair = frozenset[int]


@contextmanager
def simulate(
    seed: int,
    nodes: int = 3,
    *,
    roles: Sequence[Role] = (),
    devices: Sequence[int] = (),
    loss: float = 0.0,
    delay_ms: tuple[int, int] = (1, 60),
    skew_ms: int = 0,
) -> Iterator["Simulation"]:
    """Give a simulation in which all nodes share one space from the start.

    Args:
        seed: All chance comes from it.
        nodes: How many nodes, each of another person unless `devices` says otherwise.
        roles: Of the persons; those not named are writers, the first is admin.
        devices: How many nodes each person has; their sum is the number of nodes.
        loss: How likely a connection breaks at each message.
        delay_ms: The least and the most time a message takes.
        skew_ms: How far clocks are off at most, either way.
    """
    people = tuple(devices) or (1,) * nodes
    given = tuple(roles) or (Role.ADMIN,)
    roles = (*given, *(Role.WRITER,) * (len(people) - len(given)))
    yield Simulation(seed, tuple(roles), people, Line(loss, *delay_ms), skew_ms)


class Simulation:
    """Nodes, lines between them, and one time for all. Made by `simulate`."""

    def __init__(
        self,
        seed: int,
        roles: tuple[Role, ...],
        devices: tuple[int, ...],
        line: Line,
        skew_ms: int,
    ) -> None:
        self.seed = seed
        self.timeline = Timeline(seed)
        self._line = line
        founded = found_space(roles, devices)
        self.space = founded.space
        self._people = {person.identity: person for person in founded.people}
        self.nodes = [
            SimulatedNode(
                f"node {number}",
                founded.space,
                author,
                SimulatedDisk([rows]),
                SimulatedClock(self.timeline, self.timeline.random.randint(-skew_ms, skew_ms)),
                SeededEntropy(seed, f"node {number}"),
            )
            for number, (author, rows) in enumerate(zip(founded.authors, founded.rows, strict=True))
        ]
        self._sent: deque[Blocks | Credentials] = deque(maxlen=REMEMBERED)
        self.written: list[Written] = []
        self.objects: dict[ObjectId, str] = {}
        self._writers = {node.key: Writer(node, self.written, self.objects) for node in self.nodes}
        self._number = {node.key: number for number, node in enumerate(self.nodes)}
        self._wake_ms: dict[int, int] = {}
        self._links: dict[Pair, Link] = {}
        self._dialling: set[Pair] = set()
        self._denied: dict[Pair, tuple[int, int]] = {}
        self._cuts: set[Pair] = set()
        self._pairs = self._neighbours()
        for node in self.nodes:
            self.restart(node)

    def _neighbours(self) -> list[Pair]:
        count = len(self.nodes)
        if count <= ALL_CONNECTED:
            return [frozenset(pair) for pair in combinations(range(count), 2)]
        ring = {frozenset((n, (n + 1) % count)) for n in range(count)}
        chance = self.timeline.random
        for number in range(count):
            others = chance.sample([n for n in range(count) if n != number], NEIGHBOURS - 2)
            ring |= {frozenset((number, other)) for other in others}
        return sorted(ring, key=sorted)

    # ---------------------------------------------------------------- what one does to them

    @contextmanager
    def at(self, node: SimulatedNode) -> Iterator[SimulatedNode]:
        """Do something at a node that is up; if it crashes over it, it is down afterwards."""
        try:
            yield node
        except SimulatedCrash:
            self._died(node)
        self._pump(node)

    def write(self, node: SimulatedNode) -> Writer:
        """The writer of a node; use it within `at`, where the node may crash."""
        return self._writers[node.key]

    def cut(self, *nodes: SimulatedNode) -> None:
        """Cut these nodes off from each other; one alone: from everybody."""
        numbers = [self._number[node.key] for node in nodes]
        if len(numbers) == 1:
            pairs = [pair for pair in self._pairs if numbers[0] in pair]
        else:
            pairs = [frozenset(pair) for pair in combinations(numbers, 2)]
        for pair in pairs:
            self._cuts.add(pair)
            self._close(pair)

    def partition(self, *groups: Sequence[SimulatedNode]) -> None:
        """Cut all lines between these groups."""
        for left, right in combinations(groups, 2):
            for one in left:
                for other in right:
                    self.cut(one, other)

    def heal(self) -> None:
        """Undo all cuts."""
        self._cuts.clear()
        for pair in self._pairs:
            self._dial_later(pair, 0)

    def crash(self, node: SimulatedNode, point: CrashPoint | None = None) -> None:
        """Kill a node now, or when it comes to a point; what its commits returned from is there."""
        if point is not None:
            node.disk.crash_at = point
        elif node.is_up:
            self._died(node)

    def cut_power(self, node: SimulatedNode) -> None:
        """Kill a node and lose a part of what its disk had not synced (F2, F3)."""
        self.crash(node)
        node.disk.cut_power(self.timeline.random.randint(0, node.disk.unsynced))
        self._excuse(node)

    def restore(self, node: SimulatedNode, commits: int) -> None:
        """Kill a node and put back a copy of its folder, as it was after so many commits."""
        self.crash(node)
        node.disk.restore(commits)
        self._excuse(node)

    def _excuse(self, node: SimulatedNode) -> None:
        """What a disk has forgotten is there only if others have it."""
        for one in self.written:
            if one.node is node and one.commits > len(node.disk):
                one.is_excused = True

    def restart(self, node: SimulatedNode) -> None:
        """Start a node that is down; one that runs goes on."""
        if node.is_up:
            return
        number = self._number[node.key]
        node.start()
        for pair in self._pairs:
            if number in pair:
                self._dial_later(pair, 0)
        self._pump(node)

    def replay(self, node: SimulatedNode) -> None:
        """Hand a node something again that was once sent to anybody: late, twice, out of order."""
        if not node.is_up or not self._sent:
            return
        message = self.timeline.random.choice(self._sent)
        with self.at(node):
            if isinstance(message, Blocks):
                node.running.exchange.receive_blocks(message.blocks, None)
            else:
                signed = [Signed(*record) for record in message.records]
                node.running.exchange.receive_credentials(signed, None)

    def jump_clock(self, node: SimulatedNode, ms: int) -> None:
        """Move a node's clock."""
        node.clock.skew_ms += ms

    def calm(self) -> None:
        """From now on no connection breaks by itself."""
        self._line.loss = 0.0

    def remove(
        self, node: SimulatedNode, target: SimulatedNode, *, only_device: bool = False
    ) -> None:
        """A node removes a member, or one device of it."""
        device = target.key if only_device else None
        reason = "lost" if only_device else "removed"
        with self._parting(node, is_own=target is node):
            node.running.acts.remove(target.identity, device, reason)

    def leave(self, node: SimulatedNode) -> None:
        """A member leaves."""
        with self._parting(node, is_own=True):
            node.running.acts.leave()

    @contextmanager
    def _parting(self, node: SimulatedNode, *, is_own: bool) -> Iterator[None]:
        """X12: what a member that parts has not sent by then, nobody gets any more."""
        try:
            yield
        except KithError:
            is_own = False
            raise
        finally:
            for one in self.written if is_own else ():
                one.is_excused = one.is_excused or one.node is node

    # ---------------------------------------------------------------- time

    def run(self, ms: int) -> None:
        """Let time pass."""
        end = self.timeline.now_ms + ms
        self.timeline.run_to(end)

    def run_until_quiet(self, limit_ms: int = QUIET_LIMIT_MS) -> None:
        """Run until nothing is on its way, nothing is lacking and nothing waits.

        Raises:
            AssertionError: It did not come to rest in this time.
        """
        end = self.timeline.now_ms + limit_ms
        for node in self.nodes:
            self._pump(node)
        while not self.is_quiet():
            due = self.timeline.next_ms()
            if due is None or due > end:
                raise AssertionError(f"seed {self.seed}: not quiet: {self.describe_unrest()}")
            self.timeline.run_to(due)

    def is_quiet(self) -> bool:
        """Whether all that can be known everywhere is known everywhere."""
        return next(self._unrest(), None) is None

    def describe_unrest(self) -> str:
        """What keeps it from being quiet."""
        return ", ".join(self._unrest())

    def _unrest(self) -> Iterator[str]:
        for pair, link in self._links.items():
            if link.on_the_way:
                yield f"{link.on_the_way} messages between {sorted(pair)}"
        for node in self.nodes:
            if node.is_up:
                yield from self._unrest_of(node)
        for pair in self._pairs:
            left, right = (self.nodes[number] for number in sorted(pair))
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
            if any(other.has_key(generation) for other in self.nodes):
                yield f"{node.name} lacks a key that another has"
        if running.engine.replica.has_unreleased:
            yield f"{node.name} has unsigned blocks"
        due = running.engine.replica.next_due()
        if due is not None and due < node.clock.now_ms() + WAIT_FOR_MS:
            yield f"{node.name} waits until {due - node.clock.now_ms()} ms from now"

    def person_of(self, node: SimulatedNode) -> Person:
        """The identity of a node, with its entries: what an admit needs."""
        return self._people[node.identity]

    # ---------------------------------------------------------------- what must hold

    def members(self) -> list[SimulatedNode]:
        """Nodes that are up and whose device is a live one of a member, as the first knows it."""
        judge = next(node for node in self.nodes if node.is_up and node.role >= Role.KEEPER)
        return [node for node in self.nodes if node.is_up and judge.accepts(node)]

    def check(self) -> None:
        """All members' replicas are the same, whatever came first, and nothing is lost.

        Raises:
            AssertionError: It says what is wrong, and the seed.
        """
        members = self.members()
        readers = [node for node in members if node.role >= Role.READER]
        try:
            check_same({node.name: picture_of(node, ()) for node in members})
            check_same({node.name: picture_of(node, self.objects) for node in readers})
            check_written(members, self.written, self.objects)
            judge = self.timeline.random.choice(readers)
            check_other_order(judge, self.objects, self.timeline.random)
        except AssertionError as error:
            raise AssertionError(f"seed {self.seed}: {error}") from error

    # ---------------------------------------------------------------- nodes at work

    def _pump(self, node: SimulatedNode) -> None:
        """Let a node do all it can now, and plan when it is to be woken."""
        try:
            if node.is_up:
                self._work(node)
        except SimulatedCrash:
            self._died(node)

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
        if planned is not None and self.timeline.now_ms < planned <= due:
            return
        due = max(due, self.timeline.now_ms + 1)
        self._wake_ms[number] = due
        self.timeline.at(due, lambda: self._pump(node))

    def _died(self, node: SimulatedNode) -> None:
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
        wait = least_ms + self.timeline.random.randint(1, DIAL_MS)
        self.timeline.after(wait, lambda: self._dial(pair))

    def _dial(self, pair: Pair) -> None:
        self._dialling.discard(pair)
        left, right = (self.nodes[number] for number in sorted(pair))
        if pair in self._links or pair in self._cuts or not (left.is_up and right.is_up):
            return
        try:
            is_shared = self._prove(left, right)
        except SimulatedCrash:
            for node in (left, right):
                if node.disk.crash_at is None and node.is_up:
                    self._died(node)
            return
        if not is_shared:
            self._denied[pair] = self._knowledge(pair)
            self._dial_later(pair, DENIED_MS)
            return
        self._denied.pop(pair, None)
        self._links[pair] = Link(
            self.timeline,
            self._line,
            lambda side, message: self._arrived(pair, side, message),
            lambda: self._broke(pair),
        )
        for node, other in ((left, right), (right, left)):
            running = node.running
            running.sync.peer_ready(other.key, 0, running.now_ms, is_dialer=node is left)
        self._pump(left)
        self._pump(right)

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
        left, right = (self.nodes[number].running.engine.membership for number in sorted(pair))
        return len(left), len(right)

    def _is_denied(self, pair: Pair) -> bool:
        return self._denied.get(pair) == self._knowledge(pair)

    def _arrived(self, pair: Pair, side: int, message: AnyMessage) -> None:
        if isinstance(message, Blocks | Credentials):
            self._sent.append(message)
        numbers = sorted(pair)
        node, other = self.nodes[numbers[side]], self.nodes[numbers[1 - side]]
        if isinstance(message, Gone):
            self._broke(pair)
            return
        try:
            node.running.receive(other.key, message)
        except PeerError as error:
            raise AssertionError(f"seed {self.seed}: an honest peer was refused") from error
        self._pump(node)

    def _broke(self, pair: Pair) -> None:
        self._close(pair)
        self._dial_later(pair, DIAL_MS)

    def _close(self, pair: Pair) -> None:
        link = self._links.pop(pair, None)
        if link is None:
            return
        link.close()
        for number in pair:
            node = self.nodes[number]
            (other,) = pair - {number}
            if node.is_up:
                node.running.sync.peer_gone(self.nodes[other].key)
