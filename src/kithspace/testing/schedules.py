"""What may happen to people who share a space? Random schedules, one for each seed.

A schedule is a run of writes of all types, cuts and healed lines, crashes at every boundary of the
effects, power cuts, old copies put back, jumping clocks, and acts on members. After it all lines
are healed, all nodes run, and all must be the same.

Rules: data.md W, T, L, F; security.md M, C, K; protocol.md X, as one.
"""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from kithspace.core.credential import Admit
from kithspace.core.ids import ObjectId
from kithspace.core.roles import Role
from kithspace.core.value import RefValue, TextValue
from kithspace.errors import NotAllowed, NotFound
from kithspace.testing.simulated_disk import CrashPoint
from kithspace.testing.simulated_node import SimulatedNode
from kithspace.testing.simulated_writes import Writer
from kithspace.testing.simulation import Simulation, simulate

MAX_STEPS: Final = 30
LEAST_STEPS: Final = 8
RUN_MS: Final = (0, 1, 5, 50, 400, 3_000)
WORDS: Final = ("oat milk", "rye bread", "ünï", "👩‍👩‍👧", "a\u0301e", "")
KEYS: Final = ("a", "b", 1, True, 1.5)


class Shape(NamedTuple):
    """How big a schedule is, and how rough its lines are."""

    nodes: int
    steps: int
    loss: float
    skew_ms: int
    roles: tuple[Role, ...]
    devices: tuple[int, ...] = ()


def shape_of(chance: random.Random) -> Shape:
    """Mostly small: 2 to 4 nodes and up to 30 steps."""
    nodes = chance.choice((2, 2, 2, 3, 3, 4))
    others = (Role.ADMIN, Role.WRITER, Role.WRITER, Role.WRITER, Role.READER, Role.KEEPER)
    # Sometimes the last person has two devices.
    last = (2,) if nodes > 2 and chance.random() < 0.2 else (1, 1)
    devices = (*(1,) * (nodes - 2), *last)
    return Shape(
        nodes,
        chance.randint(LEAST_STEPS, MAX_STEPS),
        chance.choice((0.0, 0.0, 0.02, 0.1)),
        chance.choice((0, 0, 20_000, 200_000)),
        (Role.ADMIN, *(chance.choice(others) for _ in devices[1:])),
        devices,
    )


def run_schedule(seed: int, shape: Shape | None = None) -> Simulation:
    """Run one schedule to its end and check it.

    Args:
        seed: Which one.
        shape: How big; None: what the seed says.

    Raises:
        AssertionError: Something that must hold does not; it names the seed.
    """
    chance = random.Random(f"schedule {seed}")  # noqa: S311 - chance, not secrecy
    size = shape or shape_of(chance)
    with simulate(seed, size.nodes, roles=size.roles, loss=size.loss, skew_ms=size.skew_ms) as net:
        for _ in range(size.steps):
            step(net, chance)
        net.heal()
        for node in net.nodes:
            node.disk.crash_at = None
            net.restart(node)
        net.calm()
        net.run_until_quiet()
        net.check()
    return net


def step(net: Simulation, chance: random.Random) -> None:
    """Let one thing happen."""
    happening = chance.choices(list(_HAPPENINGS), weights=list(_HAPPENINGS.values()))[0]
    node = chance.choice(net.nodes)
    happening(net, node, chance)


# ---------------------------------------------------------------- what happens to nodes


def _write(net: Simulation, node: SimulatedNode, chance: random.Random) -> None:
    if not node.is_up:
        return
    with net.at(node):
        try:
            _do(net, net.write(node), chance)
        except NotAllowed:
            return


def _transaction(net: Simulation, node: SimulatedNode, chance: random.Random) -> None:
    if not node.is_up:
        return
    with net.at(node):
        try:
            with net.write(node).transaction() as writer:
                for _ in range(chance.randint(2, 5)):
                    _do(net, writer, chance)
        except NotAllowed:
            return


def _run_of_blocks(net: Simulation, node: SimulatedNode, chance: random.Random) -> None:
    """A transaction that does not fit in one block."""
    if not node.is_up:
        return
    with net.at(node):
        try:
            with net.write(node).transaction() as writer:
                for _ in range(3):
                    writer.add("Task", title="x" * 100_000, done=chance.random() < 0.5)
        except NotAllowed:
            return


def _pass_time(net: Simulation, _node: SimulatedNode, chance: random.Random) -> None:
    net.run(chance.choice(RUN_MS))


def _cut(net: Simulation, node: SimulatedNode, _chance: random.Random) -> None:
    net.cut(node)


def _heal(net: Simulation, _node: SimulatedNode, _chance: random.Random) -> None:
    net.heal()


def _crash(net: Simulation, node: SimulatedNode, chance: random.Random) -> None:
    net.crash(node, chance.choice((None, *CrashPoint)))


def _restart(net: Simulation, _node: SimulatedNode, _chance: random.Random) -> None:
    for node in net.nodes:
        net.restart(node)


def _cut_power(net: Simulation, node: SimulatedNode, _chance: random.Random) -> None:
    net.cut_power(node)


def _restore(net: Simulation, node: SimulatedNode, chance: random.Random) -> None:
    net.restore(node, chance.randint(1, len(node.disk)))


def _jump_clock(net: Simulation, node: SimulatedNode, chance: random.Random) -> None:
    net.jump_clock(node, chance.choice((-600_000, -1_000, 1_000, 60_000)))


def _replay(net: Simulation, node: SimulatedNode, _chance: random.Random) -> None:
    net.replay(node)


# ---------------------------------------------------------------- members


def _act(net: Simulation, node: SimulatedNode, chance: random.Random) -> None:
    """An act on a member; most of them are refused here already."""
    if not node.is_up:
        return
    target = chance.choice(net.nodes)
    role = chance.choice((Role.READER, Role.WRITER, Role.ADMIN))
    with net.at(node):
        try:
            match chance.randint(0, 5):
                case 0 | 1:
                    net.remove(node, target)
                case 2:
                    net.remove(node, target, only_device=True)
                case 3:
                    node.running.acts.change_role(target.identity, role)
                case 4:
                    net.leave(node)
                case _:
                    _admit(net, node, target, role)
        except (NotAllowed, NotFound):
            return


def _admit(net: Simulation, node: SimulatedNode, target: SimulatedNode, role: Role) -> None:
    engine = node.running.engine
    person = net.person_of(target)
    body = Admit(target.identity, person.entries, role)
    engine.admit_own([engine.make_credential(body)])


# ---------------------------------------------------------------- what people write


def _do(net: Simulation, writer: Writer, chance: random.Random) -> None:
    shared = [one for one, kind in net.objects.items() if kind == "Task"]
    if not shared or chance.random() < 0.15:
        _add(writer, chance)
        return
    chosen = chance.choice(shared[-6:])
    doing = chance.choice(_DOINGS)
    doing(writer, chosen, chance)


def _add(writer: Writer, chance: random.Random) -> None:
    if chance.random() < 0.2:
        writer.add("kith.message", channel="main", text=chance.choice(WORDS))
        return
    writer.add(
        "Task",
        title=chance.choice(WORDS),
        address={"city": "Ulm", "zip": 89073},
        tags={"red", 1},
        prefs={"a": 1, 2: [1, [2]]},
        steps=["one", "two", "three"],
        body=TextValue("Hello"),
    )


def _value(chance: random.Random) -> object:
    number = chance.randint(-9, 9)
    return chance.choice(
        (
            number,
            number << chance.choice((62, 64, 200)),
            number / 8,
            chance.choice(WORDS),
            bytes([number & 255]),
            None,
            number > 0,
            datetime(2024, 5, 1, 12, number & 31, tzinfo=UTC),
            datetime(2024, 5, 1, 12, number & 31),  # noqa: DTZ001 - naive ones are values too
            date(2024, 5, 1 + (number & 15)),
            time(12, number & 31),
            timedelta(days=number),
            Decimal(f"{number}.50"),
            UUID(int=number & 255),
            RefValue(ObjectId(bytes([number & 127]) * 16)),
        )
    )


def _scalar(writer: Writer, chosen: ObjectId, chance: random.Random) -> None:
    writer.set(chosen, chance.choice(("title", "done", "due")), value=_value(chance))


def _record(writer: Writer, chosen: ObjectId, chance: random.Random) -> None:
    if chance.random() < 0.3:
        writer.set(chosen, "address", value={"city": chance.choice(WORDS)})
    else:
        writer.set(chosen, "address", chance.choice(("city", "zip")), value=_value(chance))


def _map(writer: Writer, chosen: ObjectId, chance: random.Random) -> None:
    key = chance.choice(KEYS)
    match chance.randint(0, 3):
        case 0:
            writer.take(chosen, "prefs", key)
        case 1:
            writer.set(chosen, "prefs", value={key: _value(chance)})
        case _:
            writer.put(chosen, "prefs", key, _value(chance))


def _set(writer: Writer, chosen: ObjectId, chance: random.Random) -> None:
    element = chance.choice(KEYS)
    match chance.randint(0, 4):
        case 0 | 1:
            writer.exclude(chosen, "tags", element)
        case 2:
            writer.set(chosen, "tags", value={element})
        case _:
            writer.include(chosen, "tags", element)


def _list(writer: Writer, chosen: ObjectId, chance: random.Random) -> None:
    index, to = chance.randint(0, 5), chance.randint(0, 5)
    match chance.randint(0, 6):
        case 0 | 1:
            values = [_value(chance) for _ in range(chance.randint(1, 3))]
            writer.insert(chosen, "steps", index, *values)
        case 2 | 3:
            writer.move(chosen, "steps", index, to)
        case 4:
            writer.remove(chosen, "steps", index)
        case 5:
            writer.set(chosen, "steps", value=[_value(chance), ["nested", [index]]])
        case _:
            writer.assign_item(chosen, "steps", index, _value(chance))


def _counter(writer: Writer, chosen: ObjectId, chance: random.Random) -> None:
    if chance.random() < 0.2:
        writer.reset_count(chosen, "votes", chance.randint(-5, 5))
    else:
        writer.count(chosen, "votes", chance.randint(-5, 5))


def _text(writer: Writer, chosen: ObjectId, chance: random.Random) -> None:
    if chance.random() < 0.1:
        writer.set(chosen, "body", value=TextValue(chance.choice(WORDS)))
        return
    start = chance.randint(0, 8)
    end = start + chance.choice((0, 0, 2))
    writer.type_text(chosen, "body", start, end, chance.choice(WORDS))


def _life(writer: Writer, chosen: ObjectId, chance: random.Random) -> None:
    if chance.random() < 0.5:
        writer.delete(chosen)
    else:
        writer.undelete(chosen)


_DOINGS: Final[tuple[Callable[[Writer, ObjectId, random.Random], None], ...]] = (
    _scalar,
    _scalar,
    _record,
    _map,
    _set,
    _list,
    _list,
    _counter,
    _text,
    _life,
)
_HAPPENINGS: Final[dict[Callable[[Simulation, SimulatedNode, random.Random], None], float]] = {
    _write: 48,
    _transaction: 8,
    _run_of_blocks: 0.3,
    _pass_time: 16,
    _cut: 5,
    _heal: 6,
    _crash: 4,
    _restart: 6,
    _cut_power: 1,
    _restore: 0.5,
    _jump_clock: 1,
    _replay: 3,
    _act: 4,
}
