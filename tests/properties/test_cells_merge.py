"""W1-W13: how writes merge. The models are in tests/models/cells_model.py."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.document import MISSING, Document
from kithspace.core.path import path_key
from kithspace.core.stamp import Stamp
from kithspace.core.write import make_write
from tests.models.cells_model import model_cells, model_view
from tests.models.cells_world import OBJECT, Replica, all_blocks, cells_of, feed_of, rebuilt

TASK = (24, "task", ())
LEAVES = [("a",), ("m", "a"), ("m", 1), ("m", True), ("m", 1.0), ("m", "s", "x"), ("m", "s", "y")]
CONTAINERS = [("m",), ("m", "s")]
leaf_values = st.integers(0, 9) | st.just((0,)) | st.just(True)
inner_values = st.sampled_from(
    [(16, ()), (16, ("x", 1)), (16, ("x", 1, "y", 2)), (17, ("x",)), (17, ()), 7, (0,)]
)


@st.composite
def map_values(draw: st.DrawFn) -> object:
    pairs: list[object] = []
    for key in (1, True, 1.0, "a", "s"):
        if draw(st.booleans()):
            pairs += (key, draw(inner_values if key == "s" else st.integers(0, 9)))
    return (16, tuple(pairs))


edits = st.one_of(
    st.tuples(st.sampled_from(LEAVES), leaf_values),
    st.tuples(st.just(("m",)), map_values() | st.just((17, ("a", "s"))) | st.just(7)),
    st.tuples(st.just(("m", "s")), inner_values),
    st.tuples(st.just(()), st.sampled_from([TASK, (0,)])),
)
steps = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 7), st.lists(edits, min_size=1, max_size=3)),
    st.tuples(st.just("zero"), st.integers(0, 7), edits),
    st.tuples(st.just("pull"), st.integers(0, 7), st.integers(0, 7) | st.none()),
    st.tuples(st.just("wait"), st.integers(0, 7), st.integers(1, 6)),
)


def one_write_per_cell(wanted: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """W2: of edits to one cell, or to what lies in a container assigned here, keep the last."""
    kept: dict[bytes, tuple[Any, Any]] = {}
    for path, value in wanted:
        key = path_key(path)
        if any(key.startswith(other) or other.startswith(key) for other in kept):
            continue
        kept[key] = (path, value)
    return list(kept.values())


def run(count: int, script: list[tuple[Any, ...]]) -> list[Replica]:
    replicas = [Replica(who) for who in range(count)]
    for step, who, what in script:
        replica = replicas[who % count]
        if step == "write":
            replica.write(one_write_per_cell(what))
        elif step == "zero":
            replica.write([what], zero=True)
        elif step == "pull":
            replica.pull(replicas[(who + 1 + (what or 0)) % count], what)
        else:
            replica.clock += what << 16
    return replicas


@given(st.integers(2, 8), st.lists(steps, max_size=25), st.randoms(use_true_random=False))
def test_w3_what_is_left_are_the_causal_heads_in_any_causal_order(
    count: int, script: list[tuple[Any, ...]], random: Random
) -> None:
    blocks = all_blocks(run(count, script))
    expected = model_cells(blocks)
    for _ in range(3):
        assert cells_of(rebuilt(blocks, random)) == expected


@given(st.integers(2, 4), st.lists(steps, max_size=25), st.randoms(use_true_random=False))
def test_w6_what_is_seen_follows_from_visible_parents(
    count: int, script: list[tuple[Any, ...]], random: Random
) -> None:
    blocks = all_blocks(run(count, script))
    document = rebuilt(blocks, random)
    seen = model_view(model_cells(blocks))
    paths = {
        tuple(map(repr, path)): path
        for path in [*LEAVES, *CONTAINERS, ("m", "s"), ("m", "x"), ("m", "y")]
    }
    for named, path in paths.items():
        is_declared = named not in seen and any(key[: len(named)] == named for key in seen)
        shown = document.kind(*path)
        assert (shown != "nothing") == (named in seen or is_declared), path
        if named in seen and shown == "scalar":
            assert repr(document.get(*path)) == repr(seen[named])


@given(st.integers(2, 4), st.lists(steps, max_size=20), st.randoms(use_true_random=False))
def test_replicas_that_pulled_everything_are_equal_in_every_respect(
    count: int, script: list[tuple[Any, ...]], random: Random
) -> None:
    replicas = run(count, script)
    for _ in range(2):
        for one in replicas:
            for other in replicas:
                one.pull(other)
    documents = [one.document for one in replicas]
    documents.append(rebuilt(all_blocks(replicas), random))
    for document in documents:
        assert document.root == documents[0].root
        assert document.doc == documents[0].doc
        assert document.live == documents[0].live
        assert (document.type, document.created) == (documents[0].type, documents[0].created)


# ---------------------------------------------------------------- counterexamples of data.md


def pair() -> tuple[Replica, Replica]:
    """Two replicas that both know a new task."""
    left, right = Replica(1), Replica(2)
    left.write([((), TASK)])
    right.pull(left)
    return left, right


def meet(*replicas: Replica) -> None:
    for one in replicas:
        for other in replicas:
            one.pull(other)


def test_w3_a_write_that_saw_both_siblings_clears_the_loser_too() -> None:
    left, right = pair()
    left.write([(("a",), 1)])
    right.write([(("a",), 2)])
    meet(left, right)
    assert len(left.document.heads(path_key(("a",)))) == 2
    left.write([(("a",), 3)])
    right.pull(left)
    assert [head.value for head in right.document.heads(path_key(("a",)))] == [3]


def test_w3_a_write_clears_only_what_its_author_saw() -> None:
    left, right = pair()
    left.write([(("a",), 1)])
    right.write([(("a",), 2)])
    left.write([(("a",), 3)])
    meet(left, right)
    assert sorted(str(head.value) for head in left.document.heads(path_key(("a",)))) == ["2", "3"]


def test_w2_a_container_assigned_twice_keeps_no_key_of_the_first() -> None:
    from kithspace.core.coalesce import coalesce

    base = pair()[0].document
    working = base
    for time, value in enumerate([(16, ("a", 1)), (16, ("b", 2))]):
        working = working.merge([make_write(("m",), value)], Stamp(10**12 + time, feed_of(1)))
    assert coalesce(base, working, [("m",), ("m",)]) == [(("m",), (16, ("b", 2)))]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 5), st.integers(0, 31)),
        min_size=2,
        max_size=10,
    ),
    st.randoms(use_true_random=False),
)
def test_w4_under_a_liar_the_winner_still_converges(
    script: list[tuple[int, bool, int, int]], random: Random
) -> None:
    replicas = [Replica(who) for who in range(3)]
    path = ("t",)
    for who, pulls, wait, mask in script:
        liar = replicas[who]
        if pulls:
            liar.pull(replicas[wait % 3])
            continue
        liar.clock += (1 + wait) << 16
        stamp = Stamp(liar.clock, liar.feed)
        known = [block.stamp for block in all_blocks(replicas)]
        lies = {one for at, one in enumerate(known) if mask >> at % 5 & 1 and one < stamp}
        seen = set(liar.document.replaced(path_key(path), 0))
        liar.commit([make_write(path, wait, tuple(sorted(lies | seen, reverse=True)))])
    blocks = all_blocks(replicas)
    winners = {rebuilt(blocks, random).heads(path_key(path))[:1] for _ in range(4)}
    assert len(winners) == 1


def test_w5_stored_siblings_have_no_cap() -> None:
    replicas = [Replica(who) for who in range(8)]
    for who, replica in enumerate(replicas):
        replica.write([(("a",), who)])
    meet(*replicas)
    assert len(replicas[0].document.heads(path_key(("a",)))) == 8


def test_w6_children_of_a_scalar_or_a_removed_key_do_not_show() -> None:
    left, right = pair()
    left.write([(("m",), (16, ("s", (16, ()))))])
    right.pull(left)
    right.clock += 9 << 16
    right.write([(("m", "s", "x"), 1)])
    left.write([(("m", "s"), 7)])
    meet(left, right)
    assert left.document.get("m", "s", "x") is MISSING
    assert left.document.get("m") == {"s": 7}


def test_w7_an_older_parent_that_comes_late_still_shows_its_children() -> None:
    # A map (1), then a scalar (3) in its place, whose author did not know of a newer map (2).
    one, two, three = Replica(1), Replica(2), Replica(3)
    one.write([((), TASK), (("m",), (16, ()))])
    two.pull(one)
    three.pull(one)
    two.clock += 1 << 16
    two.write([(("m", "k"), "kept")])
    three.clock += 5 << 16
    three.write([(("m",), 7)])
    two.pull(three)
    three.pull(two)
    assert two.document.get("m", "k") is MISSING
    assert two.document.root == three.document.root


def test_w7_keys_that_a_new_map_replaced_are_no_conflicts() -> None:
    left, right = pair()
    left.write([(("m",), (16, ("a", 1)))])
    right.pull(left)
    right.write([(("m", "a"), 2)])
    left.write([(("m", "a"), 3)])
    meet(left, right)
    left.write([(("m",), (16, ("a", 4)))])
    assert [head.value for head in left.document.heads(path_key(("m", "a")))] == [4]


def test_w8_two_devices_that_first_write_to_a_declared_map_keep_both_keys() -> None:
    left, right = pair()
    left.write([(("m", "left"), 1)])
    right.write([(("m", "right"), 2)])
    meet(left, right)
    assert left.document.get("m") == {"left": 1, "right": 2}
    assert right.document.doc == {"m": {"left": 1, "right": 2}}


def test_w9_a_later_default_does_not_overwrite_a_real_setting() -> None:
    left, right = Replica(1), Replica(2)
    left.write([((), TASK), (("theme",), "light")], zero=True)
    left.write([(("theme",), "dark")])
    right.clock += 50 << 16
    right.write([((), TASK), (("theme",), "light")], zero=True)
    meet(left, right)
    for document in (left.document, right.document):
        assert document.get("theme") == "dark"
        assert len(document.heads(path_key(("theme",)))) == 1


def test_a7_of_two_zero_writes_the_greater_feed_stays() -> None:
    left, right = Replica(1), Replica(2)
    left.write([(("theme",), "left")], zero=True)
    right.write([(("theme",), "right")], zero=True)
    meet(left, right)
    assert left.document.root == right.document.root
    assert left.document.get("theme") == ("left" if feed_of(1) > feed_of(2) else "right")


def test_w10_an_object_deleted_while_it_is_edited_keeps_the_edit() -> None:
    left, right = pair()
    left.write([(("a",), 1)])
    right.pull(left)
    left.write([((), (0,))])
    right.write([(("a",), 2)])
    meet(left, right)
    assert (left.document.live, left.document.type) == (False, "task")
    assert (left.document.keys(), left.document.get("a")) == (["a"], 2)
    left.write([((), TASK)])
    assert (left.document.live, left.document.get("a")) == (True, 2)


def test_w10_a_late_edit_does_not_bring_back_what_was_purged() -> None:
    left, right = pair()
    block = right.write([((), TASK), (("a",), 2)])
    purged = left.document.purge()
    assert purged.merge(block.writes, block.stamp) is purged
    assert (purged.live, purged.doc) == (False, {})


def test_w12_taking_back_leaves_what_the_counting_blocks_alone_make() -> None:
    one, two, three = Replica(1), Replica(2), Replica(3)
    one.write([((), TASK), (("a",), "first")])
    meet(one, two, three)
    two.write([(("a",), "taken back")])
    three.pull(two)
    three.write([(("b",), "depends on it")])
    one.pull(three)
    document = rebuilt([block for block in one.blocks if block.who != 2])
    assert document.get("a") == "first"
    assert document.get("b") == "depends on it"


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_w13_of_equal_times_the_greater_feed_then_the_greater_branch_wins(
    feed: bytes, branch: bytes
) -> None:
    other = bytes(32) if feed != bytes(32) else b"\1" * 32
    stamps = [Stamp(5, feed), Stamp(5, other), Stamp(5, feed, branch)]
    for order in (stamps, stamps[::-1]):
        document = Document.empty(OBJECT, 1)
        for at, stamp in enumerate(order):
            document = document.merge([make_write(("a",), at)], stamp)
        assert [head.stamp for head in document.heads(path_key(("a",)))] == sorted(
            stamps, reverse=True
        )


def test_w3_a_branch_is_named_by_its_id_and_a_block_below_the_fork_by_its_feed() -> None:
    feed, branch = feed_of(1), b"\7" * 32
    document = Document.empty(OBJECT, 1)
    document = document.merge([make_write(("a",), 1)], Stamp(1, feed))
    document = document.merge([make_write(("b",), 1)], Stamp(2, feed, branch))
    # Written on the branch, before anybody knew of the fork: both are "own feed" there.
    document = document.merge(
        [make_write(("a",), 2, (Stamp(1, feed),)), make_write(("b",), 2, (Stamp(2, feed),))],
        Stamp(3, feed, branch),
    )
    assert len(document.heads(path_key(("a",)))) == len(document.heads(path_key(("b",)))) == 1
    document = document.merge([make_write(("b",), 3, (Stamp(3, branch),))], Stamp(4, feed_of(2)))
    assert [head.value for head in document.heads(path_key(("b",)))] == [3]


def test_w1_keys_of_different_types_are_different_cells() -> None:
    left, _ = pair()
    left.write([(("m", 1), "int"), (("m", True), "bool"), (("m", 1.0), "float")])
    assert left.document.keys("m") == [1, True, 1.0]
    assert [type(key) for key in left.document.keys("m")] == [int, bool, float]
    assert left.document.get("m", 1.0) == "float"
