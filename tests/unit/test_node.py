"""The node's thread, its chores and the callbacks' thread."""

import threading
from collections.abc import Callable

import pytest

from kithspace.adapters.system import SystemClock
from kithspace.runtime.node import Callbacks, Node

LONG = 10.0


class Chore:
    """Work that is due when it is told, and tells when it was done."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self.due: int | None = None
        self.sync_due: int | None = None
        self.worked = threading.Event()
        self.synced = threading.Event()
        self.threads: list[str] = []
        self._act = act

    def next_due(self) -> int | None:
        return self.due

    def work(self) -> None:
        self.due = None
        self.threads.append(threading.current_thread().name)
        self.worked.set()
        self._act()

    def next_sync(self) -> int | None:
        return self.sync_due

    def sync(self) -> None:
        self.sync_due = None
        self.threads.append(threading.current_thread().name)
        self.synced.set()


@pytest.fixture
def node() -> Node:
    return Node(SystemClock())


def test_g4_work_runs_on_the_nodes_thread_and_waiting_for_the_disk_does_not(node: Node) -> None:
    chore = Chore()
    node.add(chore)
    node.start()
    chore.due = chore.sync_due = 0
    node.wake()
    assert chore.worked.wait(LONG)
    assert chore.synced.wait(LONG)
    node.stop()
    assert chore.threads.count("kithspace") == 1
    assert len(chore.threads) == 2


def test_work_that_is_due_before_the_start_is_done_at_the_start(node: Node) -> None:
    chore = Chore()
    chore.due = 0
    node.add(chore)
    node.wake()
    node.start()
    assert chore.worked.wait(LONG)
    chore.worked.clear()
    chore.due = 0
    node.wake()
    assert chore.worked.wait(LONG)
    node.stop()


def test_work_is_done_when_its_time_comes(node: Node) -> None:
    clock = SystemClock()
    chore = Chore()
    node.add(chore)
    node.start()
    chore.due = due = clock.monotonic_ms() + 30
    node.wake()
    assert chore.worked.wait(LONG)
    assert clock.monotonic_ms() >= due
    node.stop()


def test_a_chore_that_fails_does_not_stop_the_others(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("one space's trouble")

    bad, good = Chore(fail), Chore()
    node.add(bad)
    node.add(good)
    node.start()
    bad.due = good.due = 0
    node.wake()
    assert good.worked.wait(LONG)
    node.stop()
    assert "one space's trouble" in caplog.text


def test_run_waits_for_what_runs_on_the_loop_and_stop_ends_everything(node: Node) -> None:
    done: list[str] = []

    async def act() -> None:
        done.append(threading.current_thread().name)

    node.start()
    node.run(act, LONG)
    node.stop()
    node.stop()
    node.run(act, LONG)
    assert done == ["kithspace"]
    assert node.post(lambda: None) is False


def test_callbacks_run_in_order_on_their_thread_and_survive_an_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    callbacks = Callbacks()
    seen: list[str] = []

    def fail() -> None:
        raise ValueError("a user's trouble")

    callbacks.run_later(lambda: seen.append("one"))
    callbacks.run_later(fail)
    callbacks.run_later(lambda: seen.append(threading.current_thread().name))
    callbacks.stop(LONG)
    callbacks.stop(LONG)
    assert seen == ["one", "kithspace-callbacks"]
    assert "a user's trouble" in caplog.text
