"""Nodes meet, come into step, lose each other and meet again."""

import anyio
import pytest

from kithspace.adapters.memory_store import MemoryStore
from kithspace.adapters.system import SystemClock
from kithspace.core.roles import Role
from kithspace.ports import Neighbour
from kithspace.testing.faults import FaultyStore
from kithspace.testing.founding import found_space
from tests.engines import Side
from tests.mesh_world import Node, Wires, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def nodes(count: int) -> tuple[list[Node], Wires, dict[int, Neighbour]]:
    founded = found_space((Role.ADMIN, *(Role.WRITER,) * (count - 1)), (1,) * count)
    wires, entries, clock = Wires(), dict[int, Neighbour](), SystemClock()
    made = [Node(Side(founded, n), wires, entries, n, clock) for n in range(count)]
    for node in made:
        node.side.engine.clock = clock
    return made, wires, entries


async def test_two_nodes_find_each_other_and_come_into_step() -> None:
    (ana, ben), _, _ = nodes(2)
    milk = ana.side.add(title="Milk")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ana.run)
        tasks.start_soon(ben.run)
        await until(lambda: ben.side.get(milk, "title") == "Milk")
        ben.side.set(milk, title="Oat milk")
        await until(lambda: ana.side.get(milk, "title") == "Oat milk")
        assert ana.here == {ben.side.device}
        tasks.cancel_scope.cancel()


async def test_a_cut_line_is_made_again_and_both_converge() -> None:
    (ana, ben), wires, _ = nodes(2)
    milk = ana.side.add(title="Milk", done=False)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ana.run)
        tasks.start_soon(ben.run)
        await until(lambda: ben.side.get(milk, "title") == "Milk")
        await wires.cut()
        await until(lambda: not ana.here and not ben.here)
        ana.side.set(milk, title="Oat milk")
        ben.side.set(milk, done=True)
        wires.mend()
        await until(lambda: ana.side.everything() == ben.side.everything())
        assert ana.side.get(milk, "title") == "Oat milk"
        assert ana.side.get(milk, "done") is True
        tasks.cancel_scope.cancel()


async def test_one_connection_to_each_peer_stays() -> None:
    made, _, _ = nodes(3)
    async with anyio.create_task_group() as tasks:
        for node in made:
            tasks.start_soon(node.run)
        await until(lambda: all(len(node.here) == 2 for node in made))
        await until(lambda: all(len(node.mesh._links) == 2 for node in made))
        tasks.cancel_scope.cancel()


async def test_what_was_written_before_the_end_has_gone_out_after_drain() -> None:
    (ana, ben), _, _ = nodes(2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ana.run)
        tasks.start_soon(ben.run)
        await until(lambda: bool(ana.here and ben.here))
        milk = ana.side.add(title="Milk")
        ana.side.engine.release()
        await ana.mesh.drain()
        await until(lambda: ben.side.get(milk, "title") == "Milk")
        tasks.cancel_scope.cancel()


async def test_a_full_disk_ends_a_connection_and_not_the_mesh() -> None:
    """Every third commit of Ben fails; he takes what he can, and meets Ana again for the rest."""
    founded = found_space((Role.ADMIN, Role.WRITER), (1, 1))
    wires, entries, clock = Wires(), dict[int, Neighbour](), SystemClock()
    store = MemoryStore()
    store.commit(founded.rows[1])
    faulty = FaultyStore(store, fail_at=3)
    sides = Side(founded, 0), Side(founded, 1, faulty, is_new=False)
    ana, ben = (Node(side, wires, entries, n, clock) for n, side in enumerate(sides))
    for node in (ana, ben):
        node.side.engine.clock = clock
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ana.run)
        tasks.start_soon(ben.mesh.run)
        for number in range(5):
            task = ana.side.add(title=str(number))
            await until(lambda id_=task: ben.side.get(id_, "title") is not None)  # type: ignore[misc]
        assert faulty.commits > 5
        tasks.cancel_scope.cancel()


async def test_presence_is_shown_to_the_other_and_ends_with_the_line() -> None:
    (ana, ben), wires, _ = nodes(2)
    space = ana.side.engine.space
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ana.run)
        tasks.start_soon(ben.run)
        await until(lambda: bool(ana.here and ben.here))
        ana.mesh.show(space, b"\x18\x2a")
        await until(lambda: [one[2] for one in ben.mesh.shown(space)] == [b"\x18\x2a"])
        await wires.cut()
        await until(lambda: ben.mesh.shown(space) == [])
        tasks.cancel_scope.cancel()


async def test_nothing_listens_while_nothing_is_shared() -> None:
    (ana,), wires, entries = nodes(1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ana.run)
        await anyio.wait_all_tasks_blocked()
        assert (wires.ports, entries) == ({}, {})
        tasks.cancel_scope.cancel()


async def test_the_announcement_is_taken_back_at_the_end() -> None:
    (ana, ben), wires, entries = nodes(2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ana.run)
        tasks.start_soon(ben.run)
        await until(lambda: bool(ana.here and ben.here))
        tasks.cancel_scope.cancel()
    assert (wires.ports, entries) == ({}, {})
