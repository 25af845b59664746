"""How do many nodes share a space in one process, under one seed?

    with simulate(seed=7, nodes=5, loss=0.01) as net:
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

Rules: data.md F1-F3, security.md M, C, K, protocol.md X, as one; what must hold: `convergence`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from typing import TYPE_CHECKING, Final

from kithspace.core.credential import Signed
from kithspace.core.roles import Role
from kithspace.errors import KithError
from kithspace.protocol.messages import Blocks
from kithspace.testing.convergence import (
    check_other_order,
    check_same,
    check_written,
    picture_of,
)
from kithspace.testing.founding import Person, found_space
from kithspace.testing.simulated_disk import CrashPoint, SimulatedCrash, SimulatedDisk
from kithspace.testing.simulated_link import Line
from kithspace.testing.simulated_mesh import Mesh
from kithspace.testing.simulated_node import SimulatedNode
from kithspace.testing.simulated_time import SeededEntropy, SimulatedClock, Timeline
from kithspace.testing.simulated_writes import Writer, Written

if TYPE_CHECKING:
    from kithspace.core.ids import ObjectId

QUIET_LIMIT_MS: Final = 3_600_000


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
        self.written: list[Written] = []
        self.objects: dict[ObjectId, str] = {}
        self._writers = {node.key: Writer(node, self.written, self.objects) for node in self.nodes}
        self._mesh = Mesh(self.nodes, self.timeline, line)
        for node in self.nodes:
            self.restart(node)

    # ---------------------------------------------------------------- what one does to them

    @contextmanager
    def at(self, node: SimulatedNode) -> Iterator[SimulatedNode]:
        """Do something at a node that is up; if it crashes over it, it is down afterwards."""
        try:
            yield node
        except SimulatedCrash:
            self._mesh.died(node)
        self._mesh.pump(node)

    def write(self, node: SimulatedNode) -> Writer:
        """The writer of a node; use it within `at`, where the node may crash."""
        return self._writers[node.key]

    def cut(self, *nodes: SimulatedNode) -> None:
        """Cut these nodes off from each other; one alone: from everybody."""
        self._mesh.cut(nodes)

    def partition(self, *groups: Sequence[SimulatedNode]) -> None:
        """Cut all lines between these groups."""
        for left, right in combinations(groups, 2):
            for one in left:
                for other in right:
                    self.cut(one, other)

    def heal(self) -> None:
        """Undo all cuts."""
        self._mesh.heal()

    def crash(self, node: SimulatedNode, point: CrashPoint | None = None) -> None:
        """Kill a node now, or when it comes to a point; what its commits returned from is there."""
        if point is not None:
            node.disk.crash_at = point
        elif node.is_up:
            self._mesh.died(node)

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
        self._mesh.start(node)

    def replay(self, node: SimulatedNode) -> None:
        """Hand a node something again that was once sent to anybody: late, twice, out of order."""
        if not node.is_up or not self._mesh.sent:
            return
        message = self.timeline.random.choice(self._mesh.sent)
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
        self._mesh.calm()

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
            self._mesh.pump(node)
        while not self.is_quiet():
            due = self.timeline.next_ms()
            if due is None or due > end:
                raise AssertionError(f"seed {self.seed}: not quiet: {self.describe_unrest()}")
            self.timeline.run_to(due)

    def is_quiet(self) -> bool:
        """Whether all that can be known everywhere is known everywhere."""
        return next(self._mesh.unrest(), None) is None

    def describe_unrest(self) -> str:
        """What keeps it from being quiet."""
        return ", ".join(self._mesh.unrest())

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
