"""Vaults whose clocks are wrong meet over real sockets: nothing is lost."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import kithspace as ks
from kithspace.adapters.memory_store import MemoryFolder
from kithspace.adapters.registry import Registry
from kithspace.adapters.system import SystemClock, system_entropy
from kithspace.adapters.websocket import WebSockets
from kithspace.runtime.exchange import InviterExchange, JoinerExchange, VaultExchange
from kithspace.runtime.mesh import Mesh
from kithspace.runtime.vault import Setup
from kithspace.runtime.vault import Vault as Engine
from tests.meshed import WORDS

pytestmark = pytest.mark.end_to_end
HOUR_MS = 3_600_000
YEARS_MS = 10 * 365 * 24 * HOUR_MS


class Task(ks.Object):
    title: str
    n: int = 0


class SetClock:
    """A clock that somebody has set."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return self._real.now_ms() + self.ahead_ms

    def monotonic_ms(self) -> int:
        return self._real.monotonic_ms()


class Person:
    """A vault, and its clock."""

    def __init__(self, name: str, runtime: Path) -> None:
        self.clock = SetClock()
        registry = Registry(system_entropy, runtime / "nodes")

        def make_mesh(
            vault: VaultExchange, inviter: InviterExchange, joiner: JoinerExchange
        ) -> Mesh:
            sockets = WebSockets()
            return Mesh(vault, inviter, joiner, sockets, registry, self.clock, system_entropy)

        setup = Setup(
            MemoryFolder(system_entropy),
            name,
            "laptop",
            "test",
            self.clock,
            system_entropy,
            WORDS,
            make_mesh,
            lambda: {plate for found in registry.find() for plate in found.nameplates},
        )
        self.vault = ks.Vault(Engine(setup), "test", system_entropy)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[tuple[Person, Person]]:
    with ExitStack() as stack:
        ana, ben = Person("Ana", tmp_path), Person("Ben", tmp_path)
        stack.enter_context(ana.vault)
        stack.enter_context(ben.vault)
        code = ana.vault.space("Groceries").invite().code
        ben.vault.join(code).result(20).synced().result(20)
        yield ana, ben


def is_soon(space: ks.Space, look: Callable[[], object]) -> bool:
    """Whether it becomes true with a change of the space."""
    seen = threading.Event()

    def see(_: ks.Change[Task]) -> None:
        if look():
            seen.set()

    with space.all(Task).watch(see):
        return seen.wait(20)


def titles(space: ks.Space) -> set[str]:
    return {task.title for task in space.all(Task)}


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, YEARS_MS])
def test_v11_what_a_fast_clock_wrote_waits_and_is_not_lost(
    people: tuple[Person, Person], ahead_ms: int
) -> None:
    ana, ben = people
    mine, theirs = ana.vault.space("Groceries"), ben.vault.space("Groceries")
    ben.clock.ahead_ms = ahead_ms
    theirs.add(Task("from the future"))
    mine.add(Task("now"))
    assert is_soon(theirs, lambda: "now" in titles(theirs))
    assert titles(mine) == {"now"}

    ana.clock.ahead_ms = ahead_ms
    mine.add(Task("later"))
    assert is_soon(mine, lambda: "from the future" in titles(mine))
    assert is_soon(theirs, lambda: titles(theirs) >= titles(mine))
