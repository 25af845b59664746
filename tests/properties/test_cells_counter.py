"""Counters: a sum per feed, and a base that counts what was seen."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import edit
from kithspace.core.document import Document
from kithspace.core.stamp import Stamp
from kithspace.core.value import BASE, SUM
from kithspace.core.write import make_write
from tests.models.cells_model import Block
from tests.models.cells_world import OBJECT, Replica, all_blocks, feed_of, rebuilt

PATH = ("votes",)
numbers = st.integers(-5, 5) | st.sampled_from([2**70, -(2**70)])


def model_counter(blocks: list[Block]) -> int:
    """Offset of the greatest base, and what each feed added that it had not counted."""
    bases: list[tuple[Stamp, Any]] = []
    sums: dict[bytes, int] = {}
    for block in sorted(blocks, key=lambda block: block.stamp):
        for write in block.writes:
            form: Any = write.value
            if form[0] == BASE:
                bases.append((block.stamp, form))
            else:
                sums[block.stamp.feed] = number_of(form[1])
    _, offset, counted = max(bases)[1] if bases else (BASE, 0, ())
    known = {feed: number_of(form) for feed, form in counted}
    return number_of(offset) + sum(total - known.get(feed, 0) for feed, total in sums.items())


def number_of(form: object) -> int:
    if isinstance(form, tuple):
        return int.from_bytes(form[1], "big", signed=True)
    assert isinstance(form, int)
    return form


@given(
    st.integers(2, 5),
    st.lists(
        st.tuples(
            st.sampled_from(["add", "add", "set", "pull"]),
            st.integers(0, 4),
            numbers,
            st.integers(0, 4),
        ),
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_a_counter_is_what_was_added_since_the_greatest_assignment(
    count: int, script: list[tuple[str, int, int, int]], random: Random
) -> None:
    replicas = [Replica(who) for who in range(count)]
    for step, who, number, other in script:
        replica = replicas[who % count]
        before = replica.document.counter(*PATH)
        if step == "add":
            replica.write(edit.counter_add(replica.document, PATH, number, replica.feed, "votes"))
            assert replica.document.counter(*PATH) == before + number
        elif step == "set":
            replica.write(edit.counter_set(replica.document, PATH, number, "votes"))
            assert replica.document.counter(*PATH) == number
        else:
            replica.pull(replicas[other % count])
    blocks = all_blocks(replicas)
    for _ in range(2):
        assert rebuilt(blocks, random).counter(*PATH) == model_counter(blocks)


def test_a_reset_with_a_concurrent_plus_one_gives_one() -> None:
    left, right = Replica(1), Replica(2)
    left.write(edit.counter_add(left.document, PATH, 5, left.feed, "votes"))
    right.pull(left)
    right.write(edit.counter_set(right.document, PATH, 0, "votes"))
    left.clock += 5 << 16
    left.write(edit.counter_add(left.document, PATH, 1, left.feed, "votes"))
    left.pull(right)
    right.pull(left)
    assert left.document.counter(*PATH) == right.document.counter(*PATH) == 1
    assert left.document.doc == {"votes": 1}


def test_a_branch_counts_less_what_lies_below_the_fork() -> None:
    feed, one, two = feed_of(1), b"\1" * 32, b"\2" * 32
    document = Document.empty(OBJECT, 1)
    for number, stamp in (
        (10, Stamp(1, feed)),
        (11, Stamp(2, feed, one)),
        (13, Stamp(3, feed, two)),
    ):
        document = document.merge([make_write(PATH, (SUM, number))], stamp)
    assert document.counter(*PATH) == 10 + 1 + 3
    reset = edit.counter_set(document, PATH, 0, "votes")
    after = document.merge([make_write(*reset[0])], Stamp(4, feed_of(2)))
    after = after.merge([make_write(PATH, (SUM, 15))], Stamp(5, feed, two))
    assert after.counter(*PATH) == 2


def test_a_base_of_the_time_before_the_fork_counts_the_side_that_it_saw() -> None:
    feed, one, two = feed_of(1), b"\1" * 32, b"\2" * 32
    document = Document.empty(OBJECT, 1)
    for value, stamp in (
        ((SUM, 10), Stamp(1, feed)),
        ((SUM, 11), Stamp(2, feed, one)),
        ((SUM, 13), Stamp(3, feed, two)),
        # Its author saw the side that ended at 11, as the feed's own.
        ((BASE, 0, ((feed, 11),)), Stamp(4, feed_of(2))),
    ):
        document = document.merge([make_write(PATH, value)], stamp)
    assert document.counter(*PATH) == 3


def test_a_counter_in_a_record_outlives_the_record_being_assigned_anew() -> None:
    replica = Replica(1)
    path = ("m", "k", "votes")
    replica.write([(("m",), (16, ("k", (16, ()))))])
    replica.write(edit.counter_add(replica.document, path, 2, replica.feed, "votes"))
    replica.write([(("m", "k"), (16, ("name", "new")))])
    replica.write(edit.counter_add(replica.document, path, 1, replica.feed, "votes"))
    assert replica.document.counter(*path) == 3
    replica.write([(("m", "k"), (0,))])
    assert replica.document.counter(*path) == 0
