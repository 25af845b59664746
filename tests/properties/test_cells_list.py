"""L1-L3, A11: lists, their positions and moves."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import edit
from kithspace.core.coalesce import coalesce
from kithspace.core.document import Document
from kithspace.core.path import path_key
from kithspace.core.position import MAX_LENGTH, a11_positions, is_position, key_between, place
from kithspace.core.stamp import Stamp
from kithspace.core.value import LIST
from kithspace.core.write import make_write
from tests.models.cells_world import Replica, all_blocks, feed_of, rebuilt
from tests.models.list_model import model_list

seeds = st.binary(min_size=8, max_size=8)
PATH = ("l",)


class Seeds:
    """Entropy: a new number each time, of this replica alone."""

    def __init__(self, who: int = 0) -> None:
        self.last = who << 32

    def __call__(self, size: int) -> bytes:
        self.last += 1
        return self.last.to_bytes(size, "big")


def texts(document: Document) -> list[object]:
    shown = document.get(*PATH)
    return shown if isinstance(shown, list) else []


@given(st.lists(st.integers(0, 400), max_size=60), st.lists(seeds, min_size=60, max_size=60))
def test_l2_a_key_lies_between_its_neighbours(spots: list[int], some: list[bytes]) -> None:
    keys: list[str] = []
    for spot in spots:
        at = spot % (len(keys) + 1)
        low = keys[at - 1] if at else None
        high = keys[at] if at < len(keys) else None
        key = key_between(low, high)
        assert is_position(key)
        keys.insert(at, key)
    assert keys == sorted(set(keys))


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 70), seeds), max_size=40),
)
def test_a11_a_run_stands_in_order_between_its_neighbours(
    steps: list[tuple[int, int, bytes]],
) -> None:
    taken: list[str] = []
    for spot, count, seed in steps:
        at = spot % (len(taken) + 1)
        placed = place(taken, at, count, seed)
        for index, position in placed.moved:
            taken[index] = position
        taken[at:at] = placed.new
        assert taken == sorted(set(taken))
        assert all(is_position(position) for position in taken)
        assert max(map(len, taken)) <= MAX_LENGTH


def test_a11_with_an_upper_neighbour_that_begins_with_the_key() -> None:
    low, high = "a0", "a2"
    positions = a11_positions(low, high, bytes(8), 1)
    assert positions == ["a1001"]
    again = a11_positions(low, positions[0], b"\xff" * 8, 3)
    assert low < again[0] < again[1] < again[2] < positions[0]


@given(st.integers(2, 70), st.integers(1, 5), seeds)
def test_l2_an_insert_between_equals_moves_the_later_ones(
    equal: int, count: int, seed: bytes
) -> None:
    taken = ["Zz", *["a0"] * equal, "a1"]
    placed = place(taken, 1 + equal // 2, count, seed)
    after = list(taken)
    for index, position in placed.moved:
        after[index] = position
    after[1 + equal // 2 : 1 + equal // 2] = placed.new
    assert after == sorted(after)
    assert placed.new[0] > "a0"
    assert all(one not in placed.new for one in taken)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a",
        "a00",
        "b0",
        "z",
        "A" + "0" * 26,
        "a0é",
        "a0 ",
        7,
        None,
        b"a0",
        "a0" + "1" * 300,
        "!",
    ],
)
def test_l1_what_is_no_position(value: object) -> None:
    assert not is_position(value)


def test_l3_a_thousand_inserts_at_one_spot_stay_short() -> None:
    taken = ["a0", "a1"]
    random = Random(1)  # noqa: S311 - seeded on purpose
    for _ in range(1000):
        placed = place(taken, 1, 1, random.randbytes(8))
        for index, position in placed.moved:
            taken[index] = position
        taken[1:1] = placed.new
    assert taken == sorted(set(taken))
    assert max(map(len, taken)) <= MAX_LENGTH


def test_l3_two_pastes_at_one_place_do_not_interleave() -> None:
    left, right = Replica(1), Replica(2)
    for replica in (left, right):
        rows = [f"{replica.who}-{at}" for at in range(40)]
        entropy = Random(replica.who).randbytes  # noqa: S311 - seeded on purpose
        replica.write(edit.list_insert(replica.document, PATH, 0, rows, "l", entropy))
    left.pull(right)
    shown = [str(row)[0] for row in texts(left.document)]
    assert shown in (["1"] * 40 + ["2"] * 40, ["2"] * 40 + ["1"] * 40)


steps = st.tuples(
    st.sampled_from(
        ["insert", "insert", "edit", "move", "remove", "replace", "pull", "pull", "wait"]
    ),
    st.integers(0, 7),
    st.integers(0, 6),
    st.integers(1, 3),
)


@given(st.integers(2, 6), st.lists(steps, max_size=30), st.randoms(use_true_random=False))
def test_l1_a_list_is_what_the_model_says_and_has_no_half_items(
    count: int, script: list[tuple[str, int, int, int]], random: Random
) -> None:
    replicas = [Replica(who) for who in range(count)]
    entropies = [Seeds(who) for who in range(count)]
    for number, (step, who, place_at, more) in enumerate(script):
        replica, entropy = replicas[who % count], entropies[who % count]
        document = replica.document
        items = document.items(*PATH)
        at = place_at % (len(items) + 1)
        if step == "insert":
            values = [f"{number}-{one}" for one in range(more)]
            replica.write(edit.list_insert(document, PATH, at, values, "l", entropy))
        elif step == "replace":
            replica.write([(PATH, (18, bytes(8), ()))])
        elif step == "pull":
            replica.pull(replicas[place_at % count])
        elif step == "wait":
            replica.clock += more << 16
        elif at < len(items):
            if step == "edit":
                replica.write(edit.list_assign(PATH, items[at], f"{number}", "l", entropy))
            elif step == "remove":
                replica.write(edit.list_remove(PATH, [items[at]]))
            else:
                to = more % len(items)
                before = texts(document)
                replica.write(edit.list_move(document, PATH, items[at], to, entropy))
                before.insert(to, before.pop(at))
                assert texts(replica.document) == before
    blocks = all_blocks(replicas)
    for _ in range(2):
        document = rebuilt(blocks, random)
        assert texts(document) == model_list(blocks, "l")


def test_l1_a_move_concurrent_with_replacing_the_list_leaves_no_half_item() -> None:
    left, right = Replica(1), Replica(2)
    left.write(edit.list_insert(left.document, PATH, 0, ["a", "b"], "l", Seeds(1)))
    right.pull(left)
    left.write([(PATH, (18, b"replaced", ("c",)))])
    right.clock += 9 << 16
    item = right.document.items(*PATH)[0]
    right.write(edit.list_move(right.document, PATH, item, 1, Seeds(2)))
    left.pull(right)
    right.pull(left)
    assert texts(left.document) == texts(right.document) == ["c"]


def test_a_move_and_a_concurrent_edit_of_one_item_both_survive() -> None:
    left, right = Replica(1), Replica(2)
    left.write(edit.list_insert(left.document, PATH, 0, ["a", "b", "c"], "l", Seeds(1)))
    right.pull(left)
    first = left.document.items(*PATH)[0]
    left.write(edit.list_move(left.document, PATH, first, 2, Seeds(1)))
    right.write(edit.list_assign(PATH, first, "A", "l", Seeds(2)))
    left.pull(right)
    right.pull(left)
    assert texts(left.document) == texts(right.document) == ["b", "c", "A"]


def test_lists_nested_three_deep_take_appends_on_both_sides() -> None:
    left, right = Replica(1), Replica(2)
    left.write(edit.assign(left.document, PATH, [[["a"]]], "l", Seeds(1)))
    right.pull(left)
    outer = left.document.items(*PATH)[0]
    middle = left.document.items(*PATH, outer, "v")[0]
    inner = (*PATH, outer, "v", middle, "v")
    for replica, name in ((left, "left"), (right, "right")):
        replica.write(
            edit.list_insert(replica.document, inner, 1, [name], "l", Seeds(replica.who + 1))
        )
        above, seeds_of = (*PATH, outer, "v"), Seeds(replica.who + 9)
        replica.write(edit.list_insert(replica.document, above, 1, [[name]], "l", seeds_of))
    left.pull(right)
    right.pull(left)
    assert left.document.get(*PATH) == right.document.get(*PATH)
    (whole,) = texts(left.document)
    assert isinstance(whole, list)
    assert whole[0][0] == "a"
    assert sorted(whole[0][1:]) == ["left", "right"]
    assert sorted(map(tuple, whole[1:])) == [("left",), ("right",)]


class Work:
    """A transaction's working copy: every edit has a stamp of its own."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.touched: list[edit.Path] = []

    def do(self, edits: list[edit.Edit]) -> None:
        for path, value in edits:
            self.touched.append(path)
            write = make_write(path, value, self.document.replaced(path_key(path), value))
            stamp = Stamp(10**12 + len(self.touched), feed_of(1))
            self.document = self.document.merge([write], stamp)


def list_step(
    document: Document, step: str, place_at: int, what: tuple[int, int], entropy: Seeds
) -> list[edit.Edit]:
    number, more = what
    items = document.items(*PATH)
    at = place_at % (len(items) + 1)
    if step == "assign":
        return edit.assign(document, PATH, [f"{number}"] * more, "l", entropy)
    if step == "insert":
        return edit.list_insert(document, PATH, at, [f"{number}"] * more, "l", entropy)
    if at == len(items):
        return []
    if step == "edit":
        return edit.list_assign(PATH, items[at], [f"{number}"], "l", entropy)
    if step == "remove":
        return edit.list_remove(PATH, [items[at]])
    return edit.list_move(document, PATH, items[at], more % len(items), entropy)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["assign", "insert", "edit", "move", "remove"]),
            st.integers(0, 6),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=12,
    ),
    st.booleans(),
)
def test_w2_a_transaction_on_a_list_comes_down_to_the_same_list(
    script: list[tuple[str, int, int]], is_new: bool
) -> None:
    base: Any = None
    entropy = Seeds(3)
    replica = Replica(1)
    if not is_new:
        replica.write([((), (24, "t", ()))])
        replica.write(edit.list_insert(replica.document, PATH, 0, ["x", "y"], "l", entropy))
        base = replica.document
    work = Work(replica.document)
    if is_new:
        work.do([((), (24, "t", ()))])
    for number, (step, place_at, more) in enumerate(script):
        work.do(list_step(work.document, step, place_at, (number, more), entropy))
    edits = coalesce(base, work.document, work.touched)
    keys = [path_key(path) for path, _ in edits]
    assert len(set(keys)) == len(keys)
    replica.write(edits)
    assert replica.document.get(*PATH) == work.document.get(*PATH)
    assert replica.document.items(*PATH) == work.document.items(*PATH)


def test_a4_items_of_an_assigned_list_have_the_ids_of_its_seed() -> None:
    replica = Replica(1)
    replica.write([(PATH, (LIST, b"12345678", ("a", "b")))])
    assert replica.document.items(*PATH) == [b"12345678\0\0\0\0", b"12345678\0\0\0\1"]
