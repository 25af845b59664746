"""What is shown of a change, and how long texts travel (Q3, T4)."""

import pycrdt

from kithspace.core.gate.drafting import Draft
from kithspace.core.payload import Group
from kithspace.core.stamp import ZERO
from kithspace.core.value import ABSENT, ROOT, TEXT_PART, TEXT_UPDATE
from kithspace.core.verify import VerifiedBlock
from kithspace.core.write import make_write
from tests.gate_world import TYPE, Forger, World, object_of


def world() -> World:
    return World.make({"Ben": "writer", "Cem": "writer"})


def test_a_change_names_the_object_before_and_after() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    milk = ana.create("milk", title="Milk")
    (made,) = ana.changed
    assert (made.object, made.type, made.before, made.fields) == (
        milk,
        TYPE,
        None,
        frozenset({"title"}),
    )
    ben.pull(ana)
    ben.write((milk, ("title",), "Oat"))
    ana.pull(ben)
    change = ana.changed[-1]
    assert change.before is not None
    assert change.after is not None
    assert (change.before.get("title"), change.after.get("title")) == ("Milk", "Oat")
    assert (change.who, change.app, change.reason) == (ben.person.id, "test", "write")
    assert change.stamp.feed == ben.own


def test_deleting_is_a_change_without_fields() -> None:
    ana = world().node("Ana")
    milk = ana.create("milk", title="Milk")
    ana.write((milk, (), (ABSENT,)))
    change = ana.changed[-1]
    assert change.fields == frozenset()
    assert change.after is not None
    assert not change.after.live


def test_one_change_for_each_object_of_a_message() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    milk = ana.create("milk", title="0")
    for number in range(5):
        ana.write((milk, ("title",), f"{number}"), (milk, ("n",), number))
    effects = ben.pull(ana)
    assert [(change.object, change.fields) for change in effects.changed] == [
        (milk, frozenset({"title", "n"}))
    ]


def test_what_changes_nothing_is_no_change() -> None:
    """A write that lost before it came."""
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    milk = ana.create("milk", title="1")
    ben.pull(ana)
    ben.write((milk, (), (ROOT, TYPE, ("list", (18, bytes(8), ())))))
    ana.pull(ben)
    assert ana.changed[-1].fields == {"list"}
    before = len(ana.changed)
    ana.pull(ben)
    assert len(ana.changed) == before


def test_t4_a_long_update_is_cut_and_joined_in_a_run() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), Forger(the_world.node("Ben"))
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    doc["text"] = pycrdt.Text("lorem ipsum " * 20_000)
    update = doc.get_update()
    note = object_of("note")
    pieces = [update[i : i + 90_000] for i in range(0, len(update), 90_000)]
    forms = [(TEXT_PART, ZERO, piece) for piece in pieces[:-1]]
    blocks, prev = [], bytes(ben.feed)
    for seq, form in enumerate([*forms, (TEXT_UPDATE, ZERO, pieces[-1])], 1):
        writes = [make_write(("body",), form)]
        if seq == 1:
            writes.insert(0, make_write((), (ROOT, TYPE, ())))
        body = ben.body(Group(0, note, 1, tuple(writes)))
        blocks.append(ben.block(seq, prev, body, kind=3 if seq < len(pieces) else 1))
        prev = blocks[-1].id
    ana.receive([ben.open, *(block.wire for block in blocks)])
    assert ana.refused == []
    whole: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    for each in ana.read(note).text("body"):
        whole.apply_update(each)
    assert str(whole.get("text", type=pycrdt.Text)) == "lorem ipsum " * 20_000


def test_t4_parts_without_their_end_are_dropped_with_the_run() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), Forger(the_world.node("Ben"))
    note = object_of("note")
    writes = (
        make_write((), (ROOT, TYPE, ())),
        make_write(("body",), (TEXT_PART, ZERO, b"left over")),
    )
    first = ben.block(1, ben.feed, ben.body(Group(0, note, 1, writes)))
    update = make_write(("body",), (TEXT_UPDATE, ZERO, b"whole"))
    second = ben.block(2, first.id, ben.body(Group(0, note, 1, (update,))))
    ana.receive([ben.open, first.wire, second.wire])
    assert ana.read(note).text("body") == [b"whole"]


def test_the_label_goes_with_the_first_block_of_a_run() -> None:
    ana = world().node("Ana")
    groups = tuple(
        Group(0, object_of(f"{n}"), 1, (make_write((), (ROOT, TYPE, ("t", "x" * 100_000))),))
        for n in range(4)
    )
    witnesses = ana.replica.seal(Draft("test", groups, "label"), ana.state, ana.now, ana.entropy)
    blocks = [w for w in witnesses if isinstance(w, VerifiedBlock)]
    labels = [block.content.label for block in blocks if block.content is not None]
    assert labels[0] == "label"
    assert set(labels[1:]) == {""}


def test_a_replica_of_a_restarted_node_gives_out_no_number_twice() -> None:
    ana = world().node("Ana")
    ana.create("one")
    ana.create("two")
    ana.restart()
    ana.create("three")
    rows = [ana.state.object(object_of(name)) for name in ("one", "two", "three")]
    assert len({row.n for row in rows if row is not None}) == 3
