"""The numbered steps of security.md section 7, one by one, with their codes."""

from collections.abc import Callable

import pytest

from kithspace.core.block import MAX_PAYLOAD_BYTES, Dep
from kithspace.core.codec import decode, encode
from kithspace.core.effects import AskCredentials, AskKey, AskRange
from kithspace.core.payload import Group
from kithspace.core.stamp import Stamp
from kithspace.core.value import ROOT
from kithspace.core.write import make_write
from tests.gate_world import TYPE, Forged, Forger, Node, World, object_of
from tests.people import Person

MINUTE = 60_000


@pytest.fixture
def world() -> World:
    return World.make({"Ben": "writer", "Rea": "reader", "Kim": "keeper"})


@pytest.fixture
def ana(world: World) -> Node:
    return world.node("Ana")


@pytest.fixture
def ben(world: World) -> Forger:
    return Forger(world.node("Ben"))


def thing(name: str = "thing", value: str = "x", replaced: tuple[Stamp, ...] = ()) -> Group:
    form = (ROOT, TYPE, ("title", value))
    return Group(0, object_of(name), 1, (make_write((), form, replaced),))


def chain(forger: Forger, *bodies: bytes) -> list[Forged]:
    """Blocks one after the other, all signed."""
    blocks: list[Forged] = []
    prev: bytes = forger.feed
    for seq, body in enumerate(bodies, 1):
        blocks.append(forger.block(seq, prev, body))
        prev = blocks[-1].id
    return blocks


def test_v1_a_header_over_2_kib_is_over_the_limit(ana: Node, ben: Forger) -> None:
    ana.receive([ben.open, (bytes(2049), b"", b"")])
    assert ana.refused == ["E_LIMIT"]


def test_v1_a_payload_over_256_kib_is_over_the_limit(ana: Node, ben: Forger) -> None:
    block = ben.block(1, ben.feed, sealed=bytes(MAX_PAYLOAD_BYTES + 1))
    ana.receive([ben.open, block.wire])
    assert ana.refused == ["E_LIMIT"]


def test_v1_more_than_16_deps_are_over_the_limit(ana: Node, ben: Forger) -> None:
    deps = [Dep(bytes([i]) * 32, 1, bytes(32)) for i in range(17)]
    ana.receive([ben.open, ben.block(1, ben.feed, deps=deps).wire])
    assert ana.refused == ["E_LIMIT"]


SPOILT = {
    "trailing": lambda record: record + b"\0",
    "cut": lambda record: record[:-1],
    "indefinite": lambda record: b"\x9f" + record[1:] + b"\xff",
    "not-shortest": lambda record: record[:2] + b"\x18\x01" + record[3:],
    "empty": lambda record: b"",
    "short": lambda record: encode([1, 1, "feed"]),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_v2_other_bytes_are_an_encoding_error(
    ana: Node, ben: Forger, spoil: Callable[[bytes], bytes]
) -> None:
    block = ben.block(1, ben.feed)
    ana.receive([ben.open, (spoil(block.record), block.payload, block.sig)])
    assert ana.refused == ["E_ENCODING"]


@pytest.mark.parametrize(
    "deps", [[(b"b" * 32, 1, b"x" * 32), (b"a" * 32, 1, b"x" * 32)], None], ids=["order", "own"]
)
def test_v2_deps_are_sorted_and_of_other_feeds(
    ana: Node, ben: Forger, deps: list[tuple[bytes, int, bytes]] | None
) -> None:
    named = [Dep(ben.feed, 1, bytes(32))] if deps is None else [Dep(*dep) for dep in deps]
    ana.receive([ben.open, ben.block(1, ben.feed, deps=named).wire])
    assert ana.refused == ["E_ENCODING"]


def test_v2_another_version_is_set_aside_without_blame(ana: Node, ben: Forger) -> None:
    record = b"\x8a\x02" + ben.block(1, ben.feed).record[2:]
    verified = ana.verify([ben.open, (record, b"", b"")])
    assert [(r.code, r.score) for r in verified.refused] == [("E_VERSION", 0)]


def test_v2_the_reserved_kind_is_set_aside(ana: Node, ben: Forger) -> None:
    ana.receive([ben.open, ben.block(1, ben.feed, kind=2).wire])
    assert ana.refused == ["E_VERSION"]


def test_v3_what_is_stored_is_ignored(ana: Node, ben: Forger) -> None:
    message = [ben.open, ben.block(1, ben.feed).wire]
    ana.receive(message)
    verified = ana.verify(message)
    assert (verified.blocks, verified.refused) == ((), ())


def test_v4_an_unknown_feed_is_asked_for_from_its_start(ana: Node, ben: Forger) -> None:
    verified = ana.verify([ben.block(1, ben.feed).wire])
    assert verified.send == (AskRange(ben.feed, 0, 2),)
    assert not verified.blocks


def test_v4_an_unknown_grant_is_asked_for_and_waited_for(world: World, ben: Forger) -> None:
    ana = Node(world, world.ana, world.ana.hands)
    effects = ana.receive([ben.open, ben.block(1, ben.feed, ben.body(thing())).wire])
    assert effects.send == (AskCredentials((ben.opening.auth,)),)
    assert not ana.heads()
    ana.admit(*world.credentials)
    ana.take_keys()
    assert ana.feed(ben.feed).applied == 2


@pytest.mark.parametrize("role", ["Rea", "Kim"])
def test_v4_a_reader_or_keeper_may_not_write(world: World, ana: Node, role: str) -> None:
    person = world.people[role]
    grant = next(
        c.id
        for c in map(world.membership.content, world.membership._graph.index)
        if c is not None and getattr(c.body, "identity", None) == person.id
    )
    forger = Forger(world.node(role), auth=grant)
    ana.receive([forger.open, forger.block(1, forger.feed).wire])
    assert "E_FEED" in ana.refused
    assert not ana.heads()


def test_v4_a_grant_of_somebody_else_does_not_help(world: World, ana: Node) -> None:
    stranger = Node(world, Person("Eve"), Person("Eve").hands)
    forger = Forger(stranger, auth=Forger(ana).opening.auth)
    ana.receive([forger.open])
    assert ana.refused == ["E_FEED"]


def test_v4_an_open_record_of_another_space_is_refused(ana: Node, world: World) -> None:
    forger = Forger(world.node("Ben"), space=b"s" * 32)
    ana.receive([forger.open])
    assert ana.refused == ["E_FEED"]


def test_v5_a_device_has_256_feeds(world: World, ana: Node) -> None:
    node = world.node("Ben")
    for _ in range(257):
        ana.receive([Forger(node).open])
    assert ana.refused == ["E_QUOTA"]


@pytest.mark.parametrize("payload", [b"x" * 296, None], ids=["other", "none"])
def test_v6_another_payload_is_a_hash_error(ana: Node, ben: Forger, payload: bytes | None) -> None:
    block = ben.block(1, ben.feed)
    ana.receive([ben.open, (block.record, payload, block.sig)])
    assert ana.refused == ["E_HASH"]


def test_v7_an_unknown_predecessor_is_waited_for(ana: Node, ben: Forger) -> None:
    first, second, third = chain(ben, *[ben.body()] * 3)
    effects = ana.receive([ben.open, third.wire])
    assert AskRange(ben.feed, 1, 3) in effects.send
    assert ana.feed(ben.feed).length == 1
    ana.receive([first.wire, second.wire])
    assert ana.feed(ben.feed).length == 4


def test_v7_a_predecessor_of_another_number_is_a_chain_error(ana: Node, ben: Forger) -> None:
    first = ben.block(1, ben.feed)
    third = ben.block(3, first.id)
    ana.receive([ben.open, first.wire, third.wire])
    assert ana.refused == ["E_CHAIN"]
    assert ana.feed(ben.feed).length == 2


@pytest.mark.parametrize("step", [0, -1])
def test_v8_a_stamp_is_greater_than_its_predecessor(ana: Node, ben: Forger, step: int) -> None:
    first = ben.block(1, ben.feed, time=1000 << 16 | 5 + (ben.node.now << 16))
    second = ben.block(2, first.id, time=(1000 << 16 | 5 + (ben.node.now << 16)) + step)
    ana.receive([ben.open, first.wire, second.wire])
    assert ana.refused == ["E_STAMP"]
    assert ana.feed(ben.feed).length == 2


def test_v8_a_time_beyond_48_bits_is_a_stamp_error(ana: Node, ben: Forger) -> None:
    ana.receive([ben.open, ben.block(1, ben.feed, time=2**63).wire])
    assert ana.refused == ["E_STAMP"]


def test_v9_a_bad_signature_drops_the_whole_run(ana: Node, ben: Forger) -> None:
    first, second = chain(ben, ben.body(), ben.body())
    spoilt = bytes(64)
    ana.receive([ben.open, first._replace(sig=None).wire, second._replace(sig=spoilt).wire])
    assert ana.refused == ["E_SIGNATURE"]
    assert ana.feed(ben.feed).length == 1


def test_v9_a_signature_by_another_device_is_none(world: World, ana: Node, ben: Forger) -> None:
    other = Forger(world.node("Rea"))
    other.feed, other.opening = ben.feed, ben.opening
    ana.receive([ben.open, other.block(1, ben.feed).wire])
    assert ana.refused == ["E_SIGNATURE"]


def test_v9_a_part_that_ends_unsigned_is_not_stored(ana: Node, ben: Forger) -> None:
    first, second = chain(ben, ben.body(), ben.body())
    ana.receive([ben.open, first.wire, second._replace(sig=None).wire])
    assert ana.feed(ben.feed).length == 2
    assert ana.refused == ["E_SIGNATURE"]


def test_v9_a_signature_inside_a_run_is_not_stored_unchecked(ana: Node, ben: Forger) -> None:
    first, second = chain(ben, ben.body(), ben.body())
    ana.receive([ben.open, first._replace(sig=b"x" * 64).wire, second.wire])
    assert ana.feed(ben.feed).length == 3
    assert ana.state.block(ana.feed(ben.feed).n, 1).sig is None


def test_v10_a_block_waits_for_its_deps(world: World, ana: Node, ben: Forger) -> None:
    cem = Forger(world.node("Ana"))
    base = cem.block(1, cem.feed, cem.body(thing(value="base")))
    leaning = ben.block(1, ben.feed, deps=[Dep(cem.feed, 1, base.id)])
    effects = ana.receive([ben.open, leaning.wire])
    assert AskRange(cem.feed, 0, 2) in effects.send
    assert ana.feed(ben.feed).length == 1
    ana.receive([cem.open, base.wire])
    assert ana.feed(ben.feed).length == 2


def test_v10_an_invented_dep_stalls_its_feed_alone(world: World, ana: Node, ben: Forger) -> None:
    honest = world.node("Ben")
    honest.create("milk")
    leaning = ben.block(1, ben.feed, deps=[Dep(b"f" * 32, 7, b"i" * 32)])
    ana.receive([ben.open, leaning.wire])
    ana.pull(honest)
    assert ana.feed(ben.feed).length == 1
    assert ana.feed(honest.own).applied == 2


def test_f5_the_part_of_a_run_before_a_waiting_block_is_stored_to_its_last_signature(
    ana: Node, ben: Forger
) -> None:
    first, second, third = chain(ben, *[ben.body()] * 3)
    waiting = ben.block(4, third.id, deps=[Dep(b"f" * 32, 7, b"i" * 32)])
    unsigned = third._replace(sig=None)
    ana.receive([ben.open, first.wire, second.wire, unsigned.wire, waiting.wire])
    row = ana.feed(ben.feed)
    assert (row.length, row.signed) == (3, 3)


def test_f5_a_run_without_a_good_signature_before_the_waiting_block_waits_whole(
    ana: Node, ben: Forger
) -> None:
    first, second = (block._replace(sig=b"x" * 64) for block in chain(ben, ben.body(), ben.body()))
    waiting = ben.block(3, second.id, deps=[Dep(b"f" * 32, 7, b"i" * 32)])
    ana.receive([ben.open, first.wire, second.wire, waiting.wire])
    assert ana.feed(ben.feed).length == 1


def test_v11_a_block_from_the_future_waits_until_it_is_due(ana: Node, ben: Forger) -> None:
    ahead = ana.now + 10 * MINUTE
    ana.receive([ben.open, ben.block(1, ben.feed, time=ahead << 16).wire])
    assert ana.feed(ben.feed).length == 1
    assert ana.replica.next_due() == ahead - 5 * MINUTE
    assert ana.replica.clock < ahead << 16
    ana.now = ahead - 5 * MINUTE
    ana.run(ana.replica.due(ana.state, ana.now))
    assert ana.feed(ben.feed).length == 2
    assert ana.replica.next_due() is None


def test_v11_what_follows_a_block_from_the_future_waits_with_it(ana: Node, ben: Forger) -> None:
    ahead = ana.now + 10 * MINUTE
    first = ben.block(1, ben.feed, time=ahead << 16)
    second = ben.block(2, first.id, time=(ahead << 16) + 1)
    ana.receive([ben.open, first.wire, second.wire])
    ana.now = ahead
    ana.run(ana.replica.due(ana.state, ana.now))
    assert ana.feed(ben.feed).length == 3


def test_v11_over_a_day_ahead_is_not_even_kept(ana: Node, ben: Forger) -> None:
    ahead = ana.now + 25 * 60 * MINUTE
    ana.receive([ben.open, ben.block(1, ben.feed, time=ahead << 16).wire])
    assert ana.replica.next_due() is None
    assert ana.feed(ben.feed).length == 1


def test_v13_a_void_feed_is_held_whole(world: World, ben: Forger) -> None:
    cut = world.sign(world.stage.remove, world.ana, world.people["Ben"])
    ana = world.node("Ana")
    assert cut in world.credentials
    ana.receive([ben.open, ben.block(1, ben.feed, ben.body(thing())).wire])
    assert ana.feed(ben.feed).length == 0
    assert len(ana.state.held(ben.feed)) == 1
    assert not ana.documents()


def test_v14_without_the_key_a_block_is_stored_and_the_key_asked_for(
    world: World, ben: Forger
) -> None:
    ana = world.node("Ana", has_keys=False)
    effects = ana.receive([ben.open, ben.block(1, ben.feed, ben.body(thing())).wire])
    assert AskKey(ben.gen) in effects.send
    row = ana.feed(ben.feed)
    assert (row.length, row.applied) == (2, 1)
    ana.take_keys()
    assert ana.feed(ben.feed).applied == 2
    assert ana.read(object_of("thing")).get("title") == "x"
    assert ana.blocks(ben.feed)[1][:2] == ben_block_as_sent(ana, ben)


def ben_block_as_sent(ana: Node, ben: Forger) -> tuple[bytes, bytes | None]:
    """B7: after the key came, the same bytes are sent again."""
    other = ana.world.node("Ana")
    other.receive(ana.blocks(ben.feed))
    return other.blocks(ben.feed)[1][:2]


@pytest.mark.parametrize(
    "body", [b"", b"\xff", encode([1]), encode([1, ["a", None], None, [], [], [7]])]
)
def test_v14_a_bad_payload_is_empty_but_counted(ana: Node, ben: Forger, body: bytes) -> None:
    first, second = chain(ben, body, ben.body(thing()))
    ana.receive([ben.open, first.wire, second.wire])
    assert ana.refused == ["E_PAYLOAD"]
    assert ana.feed(ben.feed).applied == 3
    assert ana.read(object_of("thing")).get("title") == "x"


def test_v14_a_payload_under_another_key_is_empty_but_counted(
    world: World, ana: Node, ben: Forger
) -> None:
    ben.gen_key = b"k" * 32
    block = ben.block(1, ben.feed, ben.body(thing()))
    ana.receive([ben.open, block.wire])
    assert ana.refused == ["E_PAYLOAD"]
    assert ana.feed(ben.feed).applied == 2
    assert ana.blocks(ben.feed)[1] == block.wire


def test_w4_a_replaced_stamp_above_the_blocks_own_makes_it_empty(ana: Node, ben: Forger) -> None:
    later = Stamp((ben.node.now + 5) << 16, ben.feed)
    ana.receive([ben.open, ben.block(1, ben.feed, ben.body(thing(replaced=(later,)))).wire])
    assert ana.refused == ["E_PAYLOAD"]
    assert not ana.documents()


def test_a10_a_run_is_applied_when_it_is_whole(ana: Node, ben: Forger) -> None:
    first = ben.block(1, ben.feed, ben.body(thing("one")), kind=3)
    last = ben.block(2, first.id, ben.body(thing("two")))
    ana.receive([ben.open, first.wire])
    assert not ana.documents()
    assert ana.feed(ben.feed).length == 2
    ana.receive([last.wire])
    assert set(ana.documents()) == {object_of("one"), object_of("two")}


def test_a10_a_run_of_more_than_64_blocks_is_without_effect(ana: Node, ben: Forger) -> None:
    blocks: list[Forged] = []
    prev: bytes = ben.feed
    for seq in range(1, 67):
        kind = 3 if seq < 66 else 1
        blocks.append(ben.block(seq, prev, ben.body(thing(f"{seq}")), kind=kind))
        prev = blocks[-1].id
    ana.receive([ben.open, *(block.wire for block in blocks)])
    assert ana.feed(ben.feed).applied == 67
    assert set(ana.documents()) == {object_of("65"), object_of("66")}


def test_what_builds_on_an_unfinished_run_waits_to_be_applied(
    world: World, ana: Node, ben: Forger
) -> None:
    first = ben.block(1, ben.feed, ben.body(thing("one")), kind=3)
    cem = Forger(world.node("Ana"))
    leaning = cem.block(1, cem.feed, cem.body(thing("two")), deps=[Dep(ben.feed, 1, first.id)])
    ana.receive([ben.open, first.wire, cem.open, leaning.wire])
    row = ana.feed(cem.feed)
    assert (row.length, row.applied) == (2, 1)
    ana.receive([ben.block(2, first.id).wire])
    assert ana.feed(cem.feed).applied == 2
    assert set(ana.documents()) == {object_of("one"), object_of("two")}


def test_no_garbage_raises(ana: Node, ben: Forger) -> None:
    block = ben.block(1, ben.feed)
    for record in (b"", b"\x80", encode(None), encode([1, 0]), encode([1, 0, *[0] * 7]), bytes(40)):
        for sig in (None, b"", bytes(64)):
            ana.receive([(record, None, sig), (record, block.payload, sig)])
    assert not ana.heads()


def test_an_open_record_is_typed_whole(ana: Node, ben: Forger) -> None:
    fields = decode(ben.opening.record, 2048)
    assert isinstance(fields, tuple)
    for place, value in ((2, b""), (3, 1), (6, b"x"), (7, [1]), (8, 9)):
        record = encode([*fields[:place], value, *fields[place + 1 :]])
        ana.receive([(record, None, ben.opening.sig)])
    assert ana.refused == ["E_ENCODING"] * 5
