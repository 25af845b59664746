"""A removed member's blocks: beyond the cut, under it, accepted again (security.md 5, 15)."""

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.credential import AcceptHeld, Head, Signed
from kithspace.core.envelope import read_clear
from kithspace.core.ids import ObjectId
from kithspace.core.state import WireBlock
from tests.gate_world import Node, World


def world() -> World:
    return World.make({"Ben": "writer", "Cem": "writer"})


def remove(the_world: World, *heads: Head) -> Signed:
    return the_world.sign(
        the_world.stage.remove, the_world.ana, the_world.people["Ben"], cut=tuple(sorted(heads))
    )


def write_three(ben: Node) -> ObjectId:
    """Ben makes an object and changes it twice: blocks 1, 2 and 3."""
    milk = ben.create("milk", title="1")
    ben.release()
    ben.write((milk, ("title",), "2"))
    ben.release()
    ben.write((milk, ("title",), "3"))
    ben.release()
    return milk


def test_beyond_cut_held() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    milk = write_three(ben)
    ana.admit(remove(the_world, ben.head(ben.own, 2)))
    ana.pull(ben)
    assert ana.read(milk).get("title") == "2"
    assert ana.feed(ben.own).length == 3
    assert [row.seq for row in ana.state.held(ben.own)] == [3]


def test_a_cut_that_comes_late_takes_back_what_was_applied() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    milk = write_three(ben)
    ana.pull(ben)
    effects = ana.admit(remove(the_world, ben.head(ben.own, 2)))
    assert ana.read(milk).get("title") == "2"
    assert [(c.fields, c.reason) for c in effects.changed] == [(frozenset({"title"}), "membership")]
    assert [row.seq for row in ana.state.held(ben.own)] == [3]


def test_cut_names_hash() -> None:
    """C2: nobody can put another history under a cut."""
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    milk = ben.create("milk", title="1")
    ben.release()
    copy = ben.copy()
    for node, title in ((ben, "ben"), (copy, "copy")):
        node.write((milk, ("title",), title))
        node.release()
    ana.admit(remove(the_world, ben.head(ben.own, 2)))
    ana.receive(copy.blocks(ben.own))
    assert not ana.documents()
    ana.pull(ben)
    assert ana.read(milk).get("title") == "ben"
    assert ana.heads() == {ben.own: (3, ben.head(ben.own, 2).id)}


def test_a_removed_member_with_no_listed_feed_counts_for_nothing() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    write_three(ben)
    ana.pull(ben)
    ana.admit(remove(the_world))
    assert not ana.documents()
    assert not ana.heads()
    assert len(ana.state.held(ben.own)) == 3


def test_held_dep_satisfies() -> None:
    """C6: others' work on what was cut away goes on."""
    the_world = world()
    ana, ben, cem = (the_world.node(name) for name in ("Ana", "Ben", "Cem"))
    milk = write_three(ben)
    cem.pull(ben)
    cem.write((milk, ("done",), True))
    ana.admit(remove(the_world, ben.head(ben.own, 1)))
    ana.pull(ben)
    ana.pull(cem)
    assert ana.read(milk).get("title") == "1"
    assert ana.read(milk).get("done") is True


def test_what_a_block_taken_back_had_named_is_a_head_again() -> None:
    """Else the next own block would not come after it everywhere (W3)."""
    the_world = world()
    ana, ben, cem = (the_world.node(name) for name in ("Ana", "Ben", "Cem"))
    milk = cem.create("milk", title="1")
    ben.pull(cem)
    ben.write((milk, ("title",), "2"))
    ana.pull(ben)
    ana.admit(remove(the_world))
    the_world.rotate()
    ana.admit(the_world.credentials[-1])
    ana.take_keys()
    ana.write((milk, ("title",), "3"))
    last = ana.state.block(ana.feed(ana.own).n, 1)
    assert last is not None
    assert [dep.feed for dep in read_clear(last.clear).deps] == [cem.own]


def test_accepted_blocks_count_again() -> None:
    """C3, and what Cem replaced meanwhile does not come back as a sibling (W3)."""
    the_world = world()
    ana, ben, cem = (the_world.node(name) for name in ("Ana", "Ben", "Cem"))
    milk = write_three(ben)
    cem.pull(ben)
    cem.write((milk, ("title",), "4"))
    ana.admit(remove(the_world, ben.head(ben.own, 1)))
    ana.pull(ben)
    ana.pull(cem)
    accept = the_world.sign(the_world.stage.act, the_world.ana, AcceptHeld((ben.head(ben.own, 3),)))
    ana.admit(accept)
    assert ana.heads() == cem.heads()
    assert ana.documents() == cem.documents()
    assert not ana.state.held(ben.own)


@given(
    st.lists(st.tuples(st.sampled_from(["Ana", "Ben", "Cem"]), st.integers(0, 2)), max_size=12),
    st.integers(0, 12),
    st.booleans(),
    st.data(),
)
def test_rollback_equals_rebuild(
    turns: list[tuple[str, int]], cut_at: int, accepts: bool, data: st.DataObject
) -> None:
    """C7: a cut after the blocks equals the blocks after the cut, in any order."""
    the_world = world()
    nodes = {name: the_world.node(name) for name in ("Ana", "Ben", "Cem")}
    for name, number in turns:
        for other in nodes.values():
            if other is not nodes[name]:
                nodes[name].pull(other)
        milk = nodes[name].create(f"thing {number}", title=name)
        nodes[name].write((milk, ("title",), f"{name} {number}"))
        nodes[name].release()
    ben, late = nodes["Ben"], nodes["Ana"]
    for other in nodes.values():
        late.pull(other) if other is not late else None
    length = ben.feed(ben.own).length if ben.replica.own_feed else 0
    heads = [ben.head(ben.own, cut_at % length)] if length and cut_at % length else []
    news = [remove(the_world, *heads)]
    if accepts and length > 1:
        head = ben.head(ben.own, length - 1)
        news.append(the_world.sign(the_world.stage.act, the_world.ana, AcceptHeld((head,))))
    for credential in news:
        late.admit(credential)
    early = the_world.node("Ana")
    parts = [part for node in nodes.values() for part in all_parts(node)]
    for index in data.draw(st.permutations(range(len(parts)))):
        early.receive(parts[index])
    for part in parts:
        early.receive(part)
    assert early.documents() == late.documents()
    assert early.heads() == late.heads()


def all_parts(node: Node) -> list[list[WireBlock]]:
    if node.replica.own_feed is None:
        return []
    return node.parts(node.own)
