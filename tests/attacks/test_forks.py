"""A device that writes two histories: both count, and everybody agrees on them (V12)."""

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.block import branch_id, read_header
from kithspace.core.effects import Proof
from kithspace.core.gate.fork import is_proof
from kithspace.core.ids import ObjectId
from kithspace.core.state import WireBlock
from kithspace.core.value import SUM
from tests.gate_world import Node, World


def world() -> World:
    return World.make({"Ben": "writer", "Cem": "writer"})


def forked(the_world: World, copy_is_later_by: int = 1) -> tuple[ObjectId, Node, Node]:
    """Ben and his copy: one block in common, then one each."""
    ben = the_world.node("Ben")
    milk = ben.create("milk", title="1")
    ben.release()
    copy = ben.copy()
    copy.now += copy_is_later_by
    ben.write((milk, ("title",), "ben"))
    copy.write((milk, ("title",), "copy"), (milk, ("done",), True))
    ben.release()
    copy.release()
    return milk, ben, copy


def test_fork_both_count() -> None:
    the_world = world()
    milk, ben, copy = forked(the_world)
    ana, cem = the_world.node("Ana"), the_world.node("Cem")
    ana.pull(ben)
    effects = ana.pull(copy)
    cem.pull(copy)
    cem.pull(ben)
    assert len(ana.read(milk).heads(b"\x65title")) == 2
    assert ana.read(milk).get("done") is True
    assert ana.documents() == cem.documents()
    assert ana.heads() == cem.heads()
    firsts = [node.head(ben.own, 2).id for node in (ben, copy)]
    assert set(ana.heads()) == {ben.own, *(branch_id(ben.own, first) for first in firsts)}
    assert ana.heads()[ben.own][0] == 2
    (proof,) = [send for send in effects.send if isinstance(send, Proof)]
    assert is_proof(proof, ana.replica.space, ben.person.hands.key)
    assert not is_proof(proof, ana.replica.space, ana.person.hands.key)


def test_after_a_fork_others_write_on_both_sides() -> None:
    the_world = world()
    milk, ben, copy = forked(the_world)
    ana, cem = the_world.node("Ana"), the_world.node("Cem")
    ana.pull(ben)
    ana.pull(copy)
    ana.write((milk, ("title",), "ana"))
    cem.pull(ana)
    assert len(cem.read(milk).heads(b"\x65title")) == 1
    assert cem.documents() == ana.documents()
    assert cem.heads() == ana.heads()


def test_who_saw_one_side_alone_replaced_that_side_alone() -> None:
    the_world = world()
    milk, ben, copy = forked(the_world)
    cem = the_world.node("Cem")
    cem.pull(ben)
    cem.write((milk, ("title",), "cem"))
    results = []
    for first, second in ((copy, cem), (cem, copy)):
        node = the_world.node("Ana")
        node.pull(first)
        node.pull(second)
        titles = {head.value for head in node.read(milk).heads(b"\x65title")}
        assert titles == {"cem", "copy"}
        results.append(node.documents())
    assert results[0] == results[1]


def test_branches_with_equal_times_are_told_apart_by_nobody_and_everybody_agrees() -> None:
    the_world = world()
    milk, ben, copy = forked(the_world, copy_is_later_by=0)
    cem = the_world.node("Cem")
    cem.pull(ben)
    cem.write((milk, ("title",), "cem"))
    results = []
    for first, second in ((copy, cem), (cem, copy)):
        node = the_world.node("Ana")
        node.pull(first)
        node.pull(second)
        results.append(node.documents())
    assert results[0] == results[1]


def test_a_node_that_meets_its_own_unknown_blocks_writes_in_a_new_feed() -> None:
    """F4: never continue what somebody else continued."""
    the_world = world()
    milk, ben, copy = forked(the_world)
    feed = ben.own
    ben.pull(copy)
    ben.write((milk, ("title",), "ben again"))
    ben.release()
    assert ben.own != feed
    assert ben.replica._known.opening(ben.feed(ben.own).n).reason == 2
    ana = the_world.node("Ana")
    ana.pull(ben)
    assert ana.documents() == ben.documents()


def test_counters_of_a_forked_feed_count_what_both_sides_added() -> None:
    the_world = world()
    ben = the_world.node("Ben")
    milk = ben.create("milk")
    ben.write((milk, ("count",), (SUM, 3)))
    ben.release()
    copy = ben.copy()
    ben.write((milk, ("count",), (SUM, 4)))
    copy.write((milk, ("count",), (SUM, 5)))
    copy.release()
    ana = the_world.node("Ana")
    ana.pull(ben)
    ana.pull(copy)
    assert ana.read(milk).counter("count") == 3 + 1 + 2


def test_branch_flood_paused() -> None:
    """V5: after 64 branches the author is paused."""
    the_world = world()
    ben = the_world.node("Ben")
    milk = ben.create("milk", title="0")
    ben.release()
    ana = the_world.node("Ana")
    ana.pull(ben)
    for number in range(70):
        copy = ben.copy()
        copy.write((milk, ("title",), f"{number}"))
        copy.release()
        ana.receive(copy.blocks(ben.own))
    assert len(ana.heads()) == 1 + 64
    assert ana.refused.count("E_QUOTA") == 70 - 64


def test_branch_flood_in_one_message_is_paused() -> None:
    the_world = world()
    ben = the_world.node("Ben")
    milk = ben.create("milk", title="0")
    ben.release()
    flood = []
    for number in range(70):
        copy = ben.copy()
        copy.write((milk, ("title",), f"{number}"))
        copy.release()
        flood += copy.blocks(ben.own, 2)
    ana = the_world.node("Ana")
    ana.pull(ben)
    ana.receive(flood)
    assert len(ana.heads()) == 1 + 64


steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "copy", "cem", "release"]), st.integers(0, 5), st.integers(0, 1)
    ),
    min_size=4,
    max_size=12,
)


@given(steps, st.integers(0, 2**32))
def test_any_order_of_a_forked_history_gives_the_same_branches(
    story: list[tuple[str, int, int]], seed: int
) -> None:
    the_world = world()
    copies, cem = tell(the_world, story)
    messages = [part for node in [*copies, cem] for part in whole_parts(node)]
    results = []
    for shift in range(3):
        node = the_world.node("Ana")
        order = sorted(range(len(messages)), key=lambda i: hash((seed, shift, i)))
        for index in [*order, *order]:
            node.receive(messages[index])
        for message in messages:
            node.receive(message)
        results.append((node.heads(), node.documents()))
    assert results[0] == results[1]
    assert results[0] == results[2]


def tell(the_world: World, story: list[tuple[str, int, int]]) -> tuple[list[Node], Node]:
    """Ben's copies write, are copied, and Cem answers what he sees of one of them."""
    copies = [the_world.node("Ben")]
    cem = the_world.node("Cem")
    copies[0].create("thing 0", title="0")
    copies[0].release()
    for what, which, number in story:
        node = copies[which % len(copies)]
        match what:
            case "write":
                thing = node.create(f"thing {number}", title=f"{which}")
                node.write((thing, ("title",), f"again {which}"))
            case "release":
                node.release()
            case "copy":
                copies.append(node.copy())
            case _:
                cem.pull(node)
                cem.create(f"thing {number}", title="cem")
    for node in [*copies, cem]:
        node.release()
    return copies, cem


def whole_parts(node: Node) -> list[list[WireBlock]]:
    return [part for row in node.state.feeds() if row.length for part in node.parts(row.id)]


def test_the_header_names_the_feed_also_on_a_branch() -> None:
    the_world = world()
    _, ben, copy = forked(the_world)
    ana = the_world.node("Ana")
    ana.pull(ben)
    ana.pull(copy)
    for branch in set(ana.heads()) - {ben.own}:
        assert read_header(ana.blocks(branch)[-1][0]).feed == ben.own
