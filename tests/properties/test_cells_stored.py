"""B1, B2, T1: what is stored gives back what was, in whatever layout."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import edit
from kithspace.core.cell import STANDARD, Cell, Layout, TextLog
from kithspace.core.document import Document
from kithspace.core.effects import DropItem, PutItem, PutObject
from kithspace.core.far import Far
from kithspace.core.pack import decode_packed, encode_packed, to_value
from kithspace.core.stamp import Stamp
from kithspace.core.text import read_text
from kithspace.core.value import TextValue
from kithspace.core.write import make_write
from tests.models.cells_edits import FIELDS, Step, edits_of, steps
from tests.models.cells_world import OBJECT, Replica, Shelf, all_blocks, cells_of, feed_of, rebuilt

CRAMPED = Layout(children=1, size_bytes=40)
ROOMY = Layout(children=10**6, size_bytes=10**9)


def stripped(cell: Cell) -> Cell:
    """A cell without regard to which of its text's updates lie in the store."""
    extra = cell.extra
    if extra is not None and extra.text is not None:
        log = extra.text
        count = log.stored + len(log.fresh)
        extra = extra._replace(text=TextLog(log.incarnation, None, count, log.size_bytes))
    return Cell(cell.heads, {key: stripped(kid) for key, kid in cell.kids.items()}, extra)


def shown(document: Document) -> object:
    return (
        document.live,
        document.type,
        document.created,
        cells_of(document),
        [document.counter("votes"), read_text(document.text("notes")), document.items("l")],
        [repr(document.get(name)) for name in FIELDS if name != "notes"],
    )


@given(st.lists(steps, max_size=20), st.integers(0, 2**32))
def test_b1_b2_every_version_comes_back_from_its_rows_and_layouts_show_the_same(
    script: list[Step], seed: int
) -> None:
    layouts = [STANDARD, CRAMPED, ROOMY]
    shelves = [Shelf() for _ in layouts]
    replicas = [Replica(who, layout) for who, layout in enumerate(layouts)]
    entropy = Random(seed).randbytes  # noqa: S311 - seeded on purpose
    for wanted in script:
        step, who, at, *_ = wanted
        replica = replicas[who]
        befores = [one.document for one in replicas]
        if step == "pull":
            replica.pull(replicas[at % 3])
        else:
            edits = edits_of(replica.document, replica.feed, wanted, entropy)
            if edits:
                replica.write(edits, zero=step == "zero")
        for one, shelf, before in zip(replicas, shelves, befores, strict=True):
            if one.document is not before:
                known = before if shelf.row is not None else None
                shelf.put(one.document.rows(known, shelf.numbers))
                # The next write meets what was loaded, merged, or settled.
                loaded = shelf.load(one.document._layout)
                assert shown(loaded) == shown(one.document)
                assert stripped(loaded.root) == stripped(one.document.root)
                fresh = one.document.with_root(Cell(loaded.root.heads, loaded.root.kids))
                assert repr(sorted(loaded.doc.items())) == repr(sorted(fresh.doc.items()))
                if at % 3:
                    one.document = loaded if at % 3 == 1 else one.document.settled()
    blocks = all_blocks(replicas)
    whole = [rebuilt(blocks, Random(seed + at), one) for at, one in enumerate(layouts)]  # noqa: S311
    assert shown(whole[0]) == shown(whole[1]) == shown(whole[2])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=4).map(lambda items: (16, *items)),  # a form (A6)
    )
)
def test_b1_values_come_back_from_messagepack(value: Any) -> None:
    assert to_value(decode_packed(encode_packed([value]))[0]) == value
    assert repr(to_value(decode_packed(encode_packed([value]))[0])) == repr(value)


def task(**fields: object) -> Document:
    flat: Any = tuple(part for pair in fields.items() for part in pair)
    write = make_write((), (24, "task", flat))
    return Document.empty(OBJECT, 1).merge([write], Stamp(5, feed_of(1)))


def put_object(rows: list[Any]) -> PutObject:
    (row,) = [row for row in rows if isinstance(row, PutObject)]
    return row


def test_b1_meta_lists_nothing_that_the_doc_gives_back() -> None:
    shelf = Shelf()
    document = task(title="Milk", done=False, count=2, price=1.0, gone=None)
    row = put_object(document.rows(None, shelf.numbers))
    assert decode_packed(row.meta) == [5, 1, {}]
    assert row.doc == '{"title":"Milk","done":false,"count":2,"price":1.0,"gone":null}'


def test_b1_a_counters_number_is_not_read_back_as_a_cell() -> None:
    shelf = Shelf()
    document = task(title="Milk").merge([make_write(("votes",), (19, 3))], Stamp(5, feed_of(1)))
    shelf.put(document.rows(None, shelf.numbers))
    loaded = shelf.load()
    assert loaded.doc["votes"] == 3
    assert loaded.cell("votes").heads == ()
    assert loaded.root == document.root


def test_b1_the_doc_holds_no_texts_and_nothing_that_lies_in_rows() -> None:
    replica = Replica(1)
    entropy = Random(1).randbytes  # noqa: S311 - seeded on purpose
    replica.write(
        edit.create(
            "task",
            {"notes": TextValue("hello"), "many": list(range(40)), "few": [1], "map": {1: "x"}},
            entropy,
        )
    )
    assert replica.document.doc == {"few": [1], "map": [[1, "x"]]}


def test_b2_a_big_container_is_a_row_per_child_and_an_edit_of_one_writes_one() -> None:
    shelf, replica = Shelf(), Replica(1)
    entropy = Random(1).randbytes  # noqa: S311 - seeded on purpose
    replica.write([((), (24, "task", ()))])
    replica.write(edit.assign(replica.document, ("l",), list(range(300)), "l", entropy))
    rows = replica.document.rows(None, shelf.numbers)
    assert sum(isinstance(row, PutItem) for row in rows) == 300
    assert len(put_object(rows).meta) < 200
    shelf.put(rows)
    before = replica.document = shelf.load()
    item = b"".join([shelf.load().items("l")[7]])
    replica.write(edit.list_assign(("l",), before.items("l")[7], "seven", "l", entropy))
    rows = replica.document.rows(before, shelf.numbers)
    assert [type(row) for row in rows] == [PutObject, PutItem]
    shelf.put(rows)
    assert shelf.load().get("l", item, "v") == "seven"
    assert isinstance(shelf.load().cell("l").kids, Far)


def test_b2_reading_one_key_of_a_big_map_reads_one_row() -> None:
    shelf, replica = Shelf(), Replica(1)
    replica.write([((), (24, "task", ("m", (16, tuple(range(200))))))])
    shelf.put(replica.document.rows(None, shelf.numbers))
    shelf.items = lambda obj, parent: pytest.fail("read as a whole")  # type: ignore[method-assign]
    assert shelf.load().get("m", 42) == 43
    assert shelf.load().merge([make_write(("m", 42), "new")], Stamp(9, feed_of(1))) is not None


def test_b2_what_was_in_rows_is_dropped_with_its_container() -> None:
    shelf, replica = Shelf(), Replica(1, CRAMPED)
    entropy = Random(1).randbytes  # noqa: S311 - seeded on purpose
    replica.write([((), (24, "task", ()))])
    replica.write(
        edit.assign(replica.document, ("m",), {"a": {"b": 1, "c": {"d": 2, "e": 3}}}, "m", entropy)
    )
    shelf.put(replica.document.rows(None, shelf.numbers))
    before = replica.document
    replica.write([(("m",), 7)])
    rows = replica.document.rows(before, shelf.numbers)
    assert any(isinstance(row, DropItem) for row in rows)
    shelf.put(rows)
    assert shelf.item_rows == {}
    assert shelf.load(CRAMPED).get("m") == 7


def test_b2_a_settled_object_carries_no_changes_and_writes_one_row() -> None:
    shelf, replica = Shelf(), Replica(1)
    entropy = Random(1).randbytes  # noqa: S311 - seeded on purpose
    replica.write([((), (24, "task", ()))])
    replica.write(edit.assign(replica.document, ("l",), list(range(300)), "l", entropy))
    shelf.put(replica.document.rows(None, shelf.numbers))
    before = replica.document = replica.document.settled()
    replica.write(edit.list_assign(("l",), before.items("l")[7], "seven", "l", entropy))
    rows = replica.document.rows(before, shelf.numbers)
    assert [type(row) for row in rows] == [PutObject, PutItem]
    shelf.put(rows)
    assert shelf.load().get("l") == replica.document.settled().get("l")


def test_w10_a_purged_object_stays_so_when_it_is_loaded() -> None:
    shelf = Shelf()
    shelf.put(task(title="Milk").purge().rows(None, shelf.numbers))
    loaded = shelf.load()
    assert (loaded.is_purged, loaded.live, loaded.doc) == (True, False, {})


def test_a8_an_own_objects_salt_is_kept() -> None:
    shelf = Shelf()
    document = Document.empty(OBJECT, 1, b"s" * 16)
    document = document.merge([make_write((), (24, "kith.message", ()))], Stamp(5, feed_of(1)))
    shelf.put(document.rows(None, shelf.numbers))
    assert shelf.load().salt == b"s" * 16
