"""Whatever the order in which blocks come, replicas end equal (G2, F5, V10, A10)."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kithspace.core.effects import Effects
from kithspace.core.value import ABSENT
from tests.gate_world import Node, World, object_of

NAMES = ("Ana", "Ben", "Cem")
WORLD = World.make({"Ben": "writer", "Cem": "writer", "Dan": "reader"})
OBJECTS = [object_of(f"thing {number}") for number in range(3)]

nodes = st.integers(0, 2)


@dataclass(frozen=True)
class Write:
    """A node writes: creates, assigns one or more fields in one transaction, or deletes."""

    node: int
    obj: int
    field: str
    value: int
    size: int


@dataclass(frozen=True)
class Release:
    node: int


@dataclass(frozen=True)
class Send:
    """A node sends some parts of what it has, in an order drawn."""

    source: int
    target: int
    picks: tuple[int, ...]


@dataclass(frozen=True)
class Pull:
    """A node takes all that another one has, and answers with a write."""

    source: int
    answer: Write


@dataclass(frozen=True)
class Restart:
    node: int


writes = st.builds(
    Write,
    nodes,
    st.integers(0, 2),
    st.sampled_from(["a", "b"]),
    st.integers(0, 9),
    st.integers(1, 3),
)
sends = st.builds(Send, nodes, nodes, st.lists(st.integers(0, 30), max_size=8).map(tuple))
pulls = st.builds(Pull, nodes, writes)
actions = st.one_of(
    writes, pulls, pulls, pulls, st.builds(Release, nodes), sends, st.builds(Restart, nodes)
)
stories = st.lists(actions, min_size=10, max_size=30)


def act(all_nodes: list[Node], action: Any) -> None:
    match action:
        case Write(node, obj, name, value, size):
            write(all_nodes[node], obj, name, value, size)
        case Release(node):
            all_nodes[node].release()
        case Pull(source, answer):
            if source != answer.node:
                all_nodes[answer.node].pull(all_nodes[source])
            act(all_nodes, answer)
        case Restart(node):
            all_nodes[node].restart()
        case Send(source, target, picks):
            parts = all_parts(all_nodes[source])
            for pick in picks:
                if parts:
                    all_nodes[target].receive(parts[pick % len(parts)])
        case _:
            raise AssertionError(action)


def write(node: Node, obj: int, name: str, value: int, size: int) -> Effects:
    node.now += value  # clocks of nodes differ
    target = OBJECTS[obj]
    if node.get(target) is None:
        node.create(f"thing {obj}", **{name: value})
    if value == 0:
        return node.write((target, (), (ABSENT,)))
    assigned = [(other, (name,), value) for other in OBJECTS[:size] if node.get(other)]
    return node.write(*(assigned or [(target, (name,), value)]))


def all_parts(node: Node) -> list[list[Any]]:
    return [part for row in node.state.feeds() for part in node.parts(row.id)]


def settle(all_nodes: list[Node]) -> None:
    """Everybody gets everything, twice over, so that what waited is asked for and comes."""
    for _ in range(2):
        for source in all_nodes:
            for target in all_nodes:
                if source is not target:
                    target.pull(source)


def run(steps: list[Any]) -> list[Node]:
    all_nodes = [WORLD.node(name) for name in NAMES]
    for step in steps:
        act(all_nodes, step)
    settle(all_nodes)
    return all_nodes


@given(stories)
def test_replicas_converge_in_documents_and_heads(steps: list[Any]) -> None:
    first, *others = run(steps)
    for other in others:
        assert other.documents() == first.documents()
        assert other.heads() == first.heads()


@given(stories, st.data())
def test_any_order_of_parts_gives_the_same_replica(steps: list[Any], data: st.DataObject) -> None:
    ana = run(steps)[0]
    parts = data.draw(st.permutations(all_parts(ana) * 2))
    dan = WORLD.node("Dan")
    for part in parts:
        dan.receive(part)
    # A part before its open record is asked for, not kept: it comes once more.
    for part in parts:
        dan.receive(part)
    assert dan.documents() == ana.documents()
    assert dan.heads() == ana.heads()


@given(stories, st.data())
def test_one_message_of_shuffled_feeds_is_stored_at_once(
    steps: list[Any], data: st.DataObject
) -> None:
    ana = run(steps)[0]
    feeds = data.draw(st.permutations([row.id for row in ana.state.feeds()]))
    dan = WORLD.node("Dan")
    dan.receive([block for feed in feeds for block in ana.blocks(feed)])
    assert dan.documents() == ana.documents()
    assert dan.heads() == ana.heads()


@given(stories, st.data())
def test_blocks_before_their_key_are_applied_when_it_comes(
    steps: list[Any], data: st.DataObject
) -> None:
    ana = run(steps)[0]
    dan = WORLD.node("Dan", has_keys=False)
    for part in data.draw(st.permutations(all_parts(ana))):
        dan.receive(part)
    dan.pull(ana)
    assert dan.heads() == ana.heads()
    assert not dan.documents()
    if data.draw(st.booleans()):
        dan.restart()
    dan.take_keys()
    assert dan.documents() == ana.documents()


@given(stories)
@settings(max_examples=20)
def test_a_keeper_passes_on_the_same_bytes(steps: list[Any]) -> None:
    ana = run(steps)[0]
    keeper, dan = WORLD.node("Dan", has_keys=False), WORLD.node("Dan")
    keeper.pull(ana)
    dan.pull(keeper)
    assert dan.documents() == ana.documents()
    for feed in ana.heads():
        sent = [(record, payload) for record, payload, _ in ana.blocks(feed)]
        assert [(record, payload) for record, payload, _ in dan.blocks(feed)] == sent
