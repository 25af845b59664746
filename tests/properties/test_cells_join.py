"""W11: a checkpoint joined with newer, or late, blocks is what all blocks together make."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import edit
from kithspace.core.document import Document
from kithspace.core.join import Join
from kithspace.core.path import path_key
from kithspace.core.stamp import Stamp
from kithspace.core.text import OpenText, read_text
from kithspace.core.write import make_write
from tests.models.cells_model import Block, causal_order
from tests.models.cells_world import OBJECT, Replica, all_blocks, cells_of, feed_of, rebuilt

PATHS = [("a",), ("m",), ("m", "a"), ("m", "s"), ("m", "s", "x"), ("m", "s", "y")]
forms = st.sampled_from([1, 2, 3, (16, ()), (16, ("a", 1)), (16, ("s", (16, ("x", 1)))), (0,)])
steps = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 2), st.sampled_from(PATHS), forms),
    st.tuples(st.just("zero"), st.integers(0, 2), st.sampled_from(PATHS), forms),
    st.tuples(st.just("add"), st.integers(0, 2), st.none(), st.integers(1, 3)),
    st.tuples(st.just("set"), st.integers(0, 2), st.none(), st.integers(1, 3)),
    st.tuples(st.just("type"), st.integers(0, 2), st.none(), st.integers(1, 3)),
    st.tuples(st.just("pull"), st.integers(0, 2), st.integers(0, 2), st.none()),
    st.tuples(st.just("wait"), st.integers(0, 2), st.none(), st.integers(1, 6)),
)


def carry_out(replicas: list[Replica], script: list[tuple[Any, ...]], *, apart: bool) -> None:
    for number, (step, who, what, value) in enumerate(script):
        replica = replicas[who]
        document = replica.document
        if step in ("write", "zero"):
            replica.write([(what, value)], zero=step == "zero")
        elif step == "add":
            replica.write(edit.counter_add(document, ("votes",), value, replica.feed, "votes"))
        elif step == "set":
            replica.write(edit.counter_set(document, ("votes",), value, "votes"))
        elif step == "type":
            update = OpenText(document.text("notes"), 100 + number + 1000 * who).splice(0, 0, "x")
            replica.write(edit.text_update(document, ("notes",), update))
        elif step == "wait":
            replica.clock += value << 16
        elif not apart:
            replica.pull(replicas[what])


def last_of(blocks: list[Block]) -> dict[bytes, int]:
    last: dict[bytes, int] = {}
    for block in blocks:
        last[block.stamp.feed] = max(last.get(block.stamp.feed, -1), block.stamp.time)
    return last


def shown(document: Document) -> object:
    return cells_of(document), document.counter("votes"), read_text(document.text("notes"))


def goes_on(document: Document, missing: list[Block], have: list[Block], random: Random) -> object:
    """The document after the blocks that the checkpoint does not cover."""
    for block in causal_order([*have, *missing], random):
        if block in missing:
            document = document.merge(block.writes, block.stamp)
    return shown(document)


@given(
    st.lists(steps, max_size=14),
    st.lists(steps, max_size=8),
    st.permutations(range(3)),
    st.randoms(use_true_random=False),
)
def test_w11_late_writers_and_joiners_end_with_what_all_blocks_make(
    before: list[tuple[Any, ...]],
    late: list[tuple[Any, ...]],
    order: list[int],
    random: Random,
) -> None:
    replicas = [Replica(who) for who in range(3)]
    carry_out(replicas, before, apart=False)
    maker, loader, _ = (replicas[who] for who in order)
    checkpoint, covered = maker.document, list(maker.blocks)
    carry_out(replicas, late, apart=True)
    blocks = all_blocks(replicas)
    expected = shown(rebuilt(blocks, random))

    join = Join(last_of(loader.blocks), last_of(covered))
    joined = loader.document.with_root(join.root(loader.document.root, checkpoint.root))
    have = [block for block in blocks if block in covered or block in loader.blocks]
    missing = [block for block in blocks if block not in have]
    assert goes_on(joined, missing, have, random) == expected

    joiner = Document.empty(OBJECT, 1)
    joiner = joiner.with_root(Join({}, last_of(covered)).root(joiner.root, checkpoint.root))
    missing = [block for block in blocks if block not in covered]
    assert goes_on(joiner, missing, covered, random) == expected


def test_w11_a_union_would_revive_what_was_replaced() -> None:
    key = path_key(("a",))
    old = Document.empty(OBJECT, 1).merge([make_write(("a",), 1)], Stamp(1, feed_of(1)))
    new = old.merge([make_write(("a",), 2, (Stamp(1, feed_of(1)),))], Stamp(2, feed_of(2)))
    join = Join({feed_of(1): 1}, {feed_of(1): 1, feed_of(2): 2})
    joined = old.with_root(join.root(old.root, new.root))
    assert [head.value for head in joined.heads(key)] == [2]


def test_w11_siblings_of_both_sides_stay() -> None:
    key = path_key(("a",))
    left = Document.empty(OBJECT, 1).merge([make_write(("a",), 1)], Stamp(1, feed_of(1)))
    right = Document.empty(OBJECT, 1).merge([make_write(("a",), 2)], Stamp(2, feed_of(2)))
    join = Join({feed_of(1): 1}, {feed_of(2): 2})
    joined = left.with_root(join.root(left.root, right.root))
    assert sorted(str(head.value) for head in joined.heads(key)) == ["1", "2"]
