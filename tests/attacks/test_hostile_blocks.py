"""Attacks on blocks and feeds (security.md 15) that need no fork and no cut."""

from kithspace.core.block import Dep
from kithspace.core.effects import AskRange
from kithspace.core.ids import BlockId, FeedId
from kithspace.core.payload import Group
from kithspace.core.value import ROOT
from kithspace.core.verify import VerifiedBlock
from kithspace.core.waiting import MAX_BLOCKS
from kithspace.core.write import make_write
from tests.gate_world import TYPE, Forger, World, object_of

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def world() -> World:
    return World.make({"Ben": "writer", "Cem": "writer", "Kim": "keeper"})


def thing(value: str) -> Group:
    form = (ROOT, TYPE, ("title", value))
    return Group(0, object_of("thing"), 1, (make_write((), form),))


def test_cross_space_replay() -> None:
    """A block of one space is nothing in another, also where its author may write."""
    the_world, other = world(), World.make({"Ben": "writer"}, founder="Olga")
    ben = the_world.node("Ben")
    ben.create("milk")
    ben.release()
    olga = other.node("Olga")
    olga.receive(ben.blocks(ben.own))
    assert olga.refused == ["E_FEED"]
    assert not olga.heads()
    # Under an open record of the other space, the same device's blocks do not verify.
    forger = Forger(other.node("Ben"))
    stolen = Forger(ben)
    stolen.feed = forger.feed
    olga.receive([forger.open, stolen.block(1, forger.feed).wire])
    assert olga.refused[1:] == ["E_SIGNATURE"]


def test_invisible_salamander() -> None:
    """A ciphertext has one reading: the generation's commitment fixes the key (K3)."""
    the_world = world()
    ana, ben = the_world.node("Ana"), Forger(the_world.node("Ben"))
    ben.gen_key = b"another key, as another victim's"
    block = ben.block(1, ben.feed, ben.body(thing("x")))
    ana.receive([ben.open, block.wire])
    assert ana.refused == ["E_PAYLOAD"]
    assert not ana.documents()


def test_clock_attacks() -> None:
    """The future waits, the past loses, and nobody's clock is pulled ahead."""
    the_world = world()
    ana = the_world.node("Ana")
    honest = ana.create("thing", title="honest")
    past = Forger(the_world.node("Ben"), opened_ms=0)
    future = Forger(the_world.node("Cem"))
    early = past.block(1, past.feed, past.body(thing("1970")), time=1)
    late = future.block(
        1, future.feed, future.body(thing("2099")), time=(ana.now + DAY * 365) << 16
    )
    soon = future.block(1, future.feed, future.body(thing("soon")), time=(ana.now + DAY // 2) << 16)
    clock = ana.replica.clock
    ana.receive([past.open, early.wire, future.open, late.wire, soon.wire])
    assert ana.replica.clock == clock
    assert ana.read(honest).get("title") == "honest"
    ana.write((honest, ("done",), True))
    ana.now += DAY // 2
    ana.run(ana.replica.due(ana.state, ana.now))
    assert ana.read(honest).get("title") == "soon"


def test_floods_bounded() -> None:
    """Blocks that wait for ever are bounded memory, and everybody else goes on."""
    the_world = world()
    ana, cem = the_world.node("Ana"), the_world.node("Cem")
    ben = Forger(the_world.node("Ben"))
    ana.receive([ben.open])
    nowhere = [Dep(b"f" * 32, 1, b"i" * 32)]
    first = ben.block(1, ben.feed, deps=nowhere)
    witness = ana.verify([first.wire]).blocks[0]
    assert isinstance(witness, VerifiedBlock)
    flood = [
        witness._replace(
            id=BlockId(number.to_bytes(32, "big")), header=witness.header._replace(seq=1)
        )
        for number in range(MAX_BLOCKS + 500)
    ]
    ana.run(ana.replica.apply(flood, ana.state, ana.now))
    assert len(ana.replica._known.room) == MAX_BLOCKS
    cem.create("thing", title="cem")
    ana.pull(cem)
    assert ana.read(object_of("thing")).get("title") == "cem"


def test_a_long_chain_behind_a_refused_block_costs_no_more_than_its_length() -> None:
    the_world = world()
    ana, ben = the_world.node("Ana"), Forger(the_world.node("Ben"))
    first = ben.block(1, ben.feed)
    bad = ben.block(2, first.id, time=1)
    chain, prev = [first, bad], bad.id
    for seq in range(3, 1_003):
        chain.append(ben.block(seq, prev, sealed=bytes(296), is_signed=False))
        prev = chain[-1].id
    chain.append(ben.block(1_003, prev))
    ana.receive([ben.open, *(block.wire for block in chain)])
    assert ana.refused == ["E_STAMP"]
    assert ana.feed(ben.feed).length == 2
    assert len(ana.replica._known.room) == 0


def test_keeper_withholds() -> None:
    """V7: what a keeper leaves out is noticed as a gap, and asked for, from anybody."""
    the_world = world()
    ana, ben, kim = the_world.node("Ana"), the_world.node("Ben"), the_world.node("Kim")
    for number in range(3):
        ben.create(f"thing {number}")
        kim.pull(ben)
    ana.receive(kim.blocks(ben.own, 0, 2))
    effects = ana.receive(kim.blocks(ben.own, 3))
    assert ana.feed(ben.own).length == 2
    assert effects.send == (AskRange(FeedId(ben.own), 2, 3),)
    ana.receive(ben.blocks(ben.own, 2, 3))
    assert ana.feed(ben.own).length == 4


def test_restored_backup_opens_new_feed() -> None:
    """F2: after a doubt, what the disk forgot comes back from peers and the feed is succeeded."""
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    milk = ben.create("thing", title="1")
    ben.release()
    backup = ben.copy()
    ben.write((milk, ("title",), "2"))
    ana.pull(ben)
    backup.replica.doubt(1)
    backup.write((milk, ("title",), "restored"))
    backup.pull(ana)
    ana.pull(backup)
    assert backup.own != ben.own
    assert ana.documents() == backup.documents()
    assert len(ana.heads()) == 2
    assert not [feed for feed in ana.state.feeds() if feed.branch_of]


def test_two_copies_running() -> None:
    """Both copies notice, and each goes on in a feed of its own; nothing is lost."""
    the_world = world()
    ana, ben = the_world.node("Ana"), the_world.node("Ben")
    milk = ben.create("thing", title="1")
    ben.release()
    copy = ben.copy()
    ben.write((milk, ("left",), 1))
    copy.write((milk, ("right",), 2))
    for _ in range(2):
        for one, other in ((ben, ana), (copy, ana), (ana, ben), (ana, copy)):
            other.pull(one)
    ben.write((milk, ("left",), 3))
    copy.write((milk, ("right",), 4))
    for one, other in ((ben, ana), (copy, ana), (ana, ben), (ana, copy)):
        other.pull(one)
    assert ben.own != copy.own
    assert ben.documents() == copy.documents() == ana.documents()
    assert (ana.read(milk).get("left"), ana.read(milk).get("right")) == (3, 4)
