"""Own transactions: runs, heads, signatures, doubts (A5, A10, F2, F5, K5)."""

import pytest

from kithspace.core.block import CONTINUED, LAST, MAX_DEPS
from kithspace.core.envelope import read_clear
from kithspace.core.gate.drafting import Draft
from kithspace.core.payload import Group
from kithspace.core.value import ROOT
from kithspace.core.write import make_write
from kithspace.errors import SealError, TooBig
from tests.gate_world import TYPE, Forger, Node, World, object_of


def world() -> World:
    return World.make({"Ben": "writer", "Rea": "reader"})


def big(count: int, size: int) -> Draft:
    """Objects with much text."""
    groups = tuple(
        Group(0, object_of(f"big {n}"), 1, (make_write((), (ROOT, TYPE, ("t", "x" * size))),))
        for n in range(count)
    )
    return Draft("test", groups, label="many")


def kinds(node: Node) -> list[int]:
    row = node.feed(node.own)
    return [read_clear(b.clear).kind for b in node.state.blocks(row.n, 1, row.length)]


def test_a10_a_transaction_that_does_not_fit_becomes_a_run() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    ana.commit(big(10, 100_000))
    assert len(kinds(ana)) > 3
    assert set(kinds(ana)[:-1]) == {CONTINUED}
    assert kinds(ana)[-1] == LAST
    ben.pull(ana)
    assert ben.documents() == ana.documents()


def test_a10_more_than_64_blocks_are_too_big_and_nothing_is_written() -> None:
    ana = world().node("Ana")
    with pytest.raises(TooBig):
        ana.commit(big(200, 120_000))
    assert ana.replica.own_feed is None
    assert not ana.documents()


def test_more_than_4096_writes_become_a_run() -> None:
    ana = world().node("Ana")
    writes = tuple(make_write((f"f{n}",), n) for n in range(5_000))
    ana.commit(Draft("test", (Group(0, object_of("wide"), 1, writes),)))
    assert kinds(ana) == [CONTINUED, LAST]
    assert ana.read(object_of("wide")).get("f4999") == 4999


def test_a5_more_than_16_heads_are_named_by_empty_blocks_first() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    for _ in range(40):
        forger = Forger(ben)
        ana.receive([forger.open, forger.block(1, forger.feed).wire])
    ana.create("thing")
    row = ana.feed(ana.own)
    clears = [read_clear(b.clear) for b in ana.state.blocks(row.n, 1, row.length)]
    assert [len(clear.deps) for clear in clears] == [MAX_DEPS, MAX_DEPS, 8]
    assert {clear.kind for clear in clears} == {LAST}
    ana.create("another")
    assert read_clear(ana.state.block(row.n, 4).clear).deps == ()


def test_f5_a_feed_is_signed_at_least_every_256_blocks() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    thing = ana.create("thing", n=0)
    for number in range(600):
        ana.write((thing, ("n",), number))
    row = ana.feed(ana.own)
    signed = [b.seq for b in ana.state.blocks(row.n, 1, row.length) if b.sig is not None]
    assert signed == [256, 512]
    assert row.released == 0
    ben.pull(ana)
    assert ben.documents() == ana.documents()


def test_f5_a_feed_is_signed_before_512_kib() -> None:
    ana = world().node("Ana")
    for _ in range(5):
        ana.commit(big(1, 120_000))
    row = ana.feed(ana.own)
    sizes = [len(b.body) for b in ana.state.blocks(row.n, 1, row.length)]
    unsigned = 0
    for block, size in zip(ana.state.blocks(row.n, 1, row.length), sizes, strict=True):
        unsigned += size
        assert unsigned < 512 * 1024
        unsigned = 0 if block.sig is not None else unsigned


def test_k5_without_a_generation_there_is_nothing_to_write_under() -> None:
    node = world().node("Ana", has_keys=False)
    with pytest.raises(SealError) as caught:
        node.create("thing")
    assert caught.value.missing == "generation"


def test_a_reader_has_no_right_to_write() -> None:
    with pytest.raises(SealError) as caught:
        world().node("Rea").create("thing")
    assert caught.value.missing == "right"


def test_k5_a_new_generation_is_used_when_its_key_comes() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    thing = ana.create("thing", title="1")
    newer = the_world.rotate()
    for node in (ana, ben):
        node.admit(the_world.credentials[-1])
    node_key = the_world.keys[newer]
    ana.run(ana.replica.give_key(newer, node_key, None, ana.state, ana.now))
    ana.write((thing, ("title",), "2"))
    row = ana.feed(ana.own)
    assert read_clear(ana.state.block(row.n, 2).clear).gen == newer
    ben.pull(ana)
    assert ben.read(thing).get("title") == "1"
    ben.run(ben.replica.give_key(newer, node_key, None, ben.state, ben.now))
    assert ben.read(thing).get("title") == "2"
    assert ben.changed[-1].reason == "key"


def test_f2_after_a_doubt_the_feed_is_succeeded() -> None:
    ana = world().node("Ana")
    ana.create("thing")
    first = ana.own
    ana.restart()
    ana.replica.doubt(1)
    ana.create("another")
    assert ana.own != first
    assert ana.replica._known.opening(ana.feed(ana.own).n).reason == 1
    ana.create("a third")
    assert len(ana.heads()) == 2


def test_a_new_feed_names_what_the_old_one_held() -> None:
    """Nothing is lost between an old feed and its successor: the old head is a dep."""
    ana = world().node("Ana")
    ana.create("thing")
    first = ana.head(ana.own, 1)
    ana.replica.doubt(1)
    ana.create("another")
    (dep,) = read_clear(ana.state.block(ana.feed(ana.own).n, 1).clear).deps
    assert tuple(dep) == tuple(first)


def test_f4_the_duty_to_succeed_survives_a_restart() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    thing = ben.create("thing", title="1")
    ben.release()
    copy = ben.copy()
    copy.write((thing, ("title",), "copy"))
    ana.pull(copy)
    ben.pull(ana)
    ben.restart()
    ben.write((thing, ("title",), "ben"))
    assert ben.own != copy.own
    assert not [row for row in ben.state.feeds() if row.branch_of]


def test_release_after_a_restart_signs_the_same_bytes() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    ana.create("thing", title="1")
    ana.restart()
    ana.release()
    ben.pull(ana)
    assert ben.documents() == ana.documents()
    assert not ana.replica.release(ana.state).persist


def test_a_removed_writer_who_comes_back_writes_in_a_new_feed() -> None:
    the_world = world()
    ben = the_world.node("Ben")
    ben.create("thing", title="1")
    ben.release()
    first, person = ben.own, the_world.people["Ben"]
    cut = ben.replica.heads_of(person.id, ben.state)
    for make in (the_world.stage.remove, the_world.stage.admit):
        more = {"cut": cut} if make == the_world.stage.remove else {}
        role = () if more else ("writer",)
        ben.admit(the_world.sign(make, the_world.ana, person, *role, **more))
    the_world.rotate()
    ben.admit(the_world.credentials[-1])
    ben.take_keys()
    ben.create("another")
    assert ben.own != first
    assert ben.replica._known.opening(ben.feed(ben.own).n).reason == 5
    assert ben.read(object_of("thing")).get("title") == "1"


def test_a_cut_lists_the_ends_of_all_branches() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    ben.create("thing", title="1")
    ben.release()
    copy = ben.copy()
    for node in (ben, copy):
        node.now += 1
        node.create("more", title="2")
        ana.pull(node)
    before = ana.documents(), ana.heads()
    heads = ana.replica.heads_of(ben.person.id, ana.state)
    assert [(head.feed, head.seq) for head in heads] == [(ben.own, 2), (ben.own, 2)]
    cut = the_world.sign(the_world.stage.remove, the_world.ana, ben.person, cut=heads)
    ana.admit(cut)
    assert (ana.documents(), ana.heads()) == before
