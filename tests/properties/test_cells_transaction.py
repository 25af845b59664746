"""W2, W8, A6: what a transaction comes down to."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import edit
from kithspace.core.coalesce import MAX_WRITE_BYTES, coalesce
from kithspace.core.codec import encode
from kithspace.core.document import Document
from kithspace.core.ids import IdentityId, ObjectId, SpaceId
from kithspace.core.path import path_key
from kithspace.core.payload import Group, Payload, decode_payload, encode_payload
from kithspace.core.stamp import Stamp
from kithspace.core.text import read_text
from kithspace.core.value import TextValue
from kithspace.core.write import make_write, w2_repeats
from tests.models.cells_edits import FIELDS, Step, edits_of, steps
from tests.models.cells_world import OBJECT, Replica, feed_of

SPACE, AUTHOR = SpaceId(b"\5" * 32), IdentityId(b"\1" * 32)


class Transaction:
    """A working copy: every edit has a stamp of its own, later than all that is real."""

    def __init__(self, base: Document | None, feed: bytes) -> None:
        self.base = base
        self.document = base or Document.empty(OBJECT, 1)
        self.feed = feed
        self.touched: list[edit.Path] = []

    def do(self, edits: list[edit.Edit]) -> None:
        for path, value in edits:
            self.touched.append(path)
            write = make_write(path, value, self.document.replaced(path_key(path), value))
            stamp = Stamp(2**62 + len(self.touched), self.feed)
            self.document = self.document.merge([write], stamp)

    def edits(self) -> list[edit.Edit]:
        return coalesce(self.base, self.document, self.touched)


def shown(document: Document) -> object:
    return (
        document.live,
        document.type,
        document.counter("votes"),
        read_text(document.text("notes")),
        document.items("l"),
        [repr(document.get(name)) for name in FIELDS if name != "notes"],
    )


def as_sent(edits: list[edit.Edit]) -> list[edit.Edit]:
    """The edits after a trip through a block's payload."""
    stamp = Stamp(2**62, feed_of(0))
    writes = tuple(make_write(path, value) for path, value in edits)
    if not writes:
        return []
    body = encode_payload(Payload("app", groups=(Group(0, OBJECT, 1, writes),)), stamp.feed)
    (group,) = decode_payload(body, stamp.feed, SPACE, AUTHOR, stamp).groups
    return [(write.path, write.value) for write in group.writes]


@given(
    st.lists(steps, max_size=6),
    st.lists(steps, min_size=1, max_size=10),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_w2_a_transaction_shows_afterwards_what_it_showed_itself(
    before: list[Step], script: list[Step], is_new: bool, seed: int
) -> None:
    entropy = Random(seed).randbytes  # noqa: S311 - seeded on purpose
    replica = Replica(0)
    if not is_new:
        replica.write([((), (24, "task", ()))])
        for wanted in before:
            edits = edits_of(replica.document, replica.feed, wanted, entropy)
            if edits:
                replica.write(edits)
    transaction = Transaction(None if is_new else replica.document, replica.feed)
    if is_new:
        transaction.do([((), (24, "task", ()))])
    for wanted in script:
        # What is deleted is written again by an undelete alone.
        if not (is_new and wanted[0] in ("delete", "undelete")):
            transaction.do(edits_of(transaction.document, replica.feed, wanted, entropy))
    edits = as_sent(transaction.edits())
    if edits:
        replica.write(edits)
    assert shown(replica.document) == shown(transaction.document)


def test_w1_keys_that_are_equal_in_python_are_written_apart() -> None:
    replica = Replica(0)
    replica.write([((), (24, "task", ()))])
    transaction = Transaction(replica.document, replica.feed)
    transaction.do([(("m", 1), "int"), (("m", True), "bool"), (("m", 1.0), "float")])
    replica.write(as_sent(transaction.edits()))
    assert [replica.document.get("m", key) for key in (1, True, 1.0)] == ["int", "bool", "float"]


def test_a6_a_large_value_is_cut_into_writes_that_fit() -> None:
    entropy = Random(1).randbytes  # noqa: S311 - seeded on purpose
    values: dict[str, Any] = {
        "map": {f"k{at}": "x" * 100 for at in range(3000)},
        "list": [{"row": at, "text": "y" * 500} for at in range(600)],
        "set": {f"{at:0200}" for at in range(800)},
        "deep": {"a": {"b": ["z" * 1000] * 300}},
        "small": 1,
        "notes": TextValue("".join(chr(0x4E00 + at * 7 % 20_000) for at in range(100_000))),
    }
    transaction = Transaction(None, feed_of(0))
    transaction.do(edit.create("task", values, entropy))
    edits = transaction.edits()
    assert all(len(encode(value)) <= MAX_WRITE_BYTES for _, value in edits)
    document = Document.empty(OBJECT, 1)
    parts = b""
    for path, value in edits:
        # A run: every write in a block of its own; the parts of a text are joined (T4).
        form: Any = value
        if type(form) is tuple and form[0] == 23:
            parts += form[2]
            continue
        if type(form) is tuple and form[0] == 21:
            form = (21, parts + form[1])
        stamp = Stamp(document.created.time + 1, feed_of(0))
        document = document.merge([make_write(path, form)], stamp)
    for name, value in values.items():
        if name != "notes":
            assert document.get(name) == value
    assert read_text(document.text("notes")) == values["notes"].text


def test_t4_parts_of_a_text_need_blocks_of_their_own() -> None:
    part = make_write(("notes",), (23, Stamp(0, b""), b"x"))
    last = make_write(("notes",), (22, Stamp(0, b""), b"x"))
    other = make_write(("title",), "x")
    group = Group(0, ObjectId(bytes(16)), 1, (part, last))
    assert w2_repeats([group])
    assert not w2_repeats([group._replace(writes=(part, other))])
