"""How does a simulated member write?

A `Writer` turns what a person does to an object into the writes of one transaction, for every type
of cell: scalars, records, maps, sets, lists with moves, counters, texts, deleting and bringing
back. It speaks the payload forms directly, so it needs no schema.

Rules: W2 (one write per cell; children of what the same transaction replaced are left out), L1, L2
(lists), T2 (texts), counters of amendments, A8 (messages are own objects).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kithspace.core.codec import Value
from kithspace.core.container import item_id, item_value
from kithspace.core.counter import base_of
from kithspace.core.document import Document
from kithspace.core.gate.drafting import reason_for_new_feed
from kithspace.core.ids import ObjectId
from kithspace.core.object_id import own_object_id, shared_object_id
from kithspace.core.path import Segment, path_key, segment_key
from kithspace.core.position import place
from kithspace.core.stamp import ZERO, Stamp
from kithspace.core.text import OpenText, new_text
from kithspace.core.value import (
    BASE,
    DELETED,
    LIST,
    MAP,
    ROOT,
    SET,
    SUM,
    TEXT,
    TEXT_UPDATE,
    TextValue,
    int_form,
    read_int,
    to_payload,
)
from kithspace.core.write import OWN, SHARED
from kithspace.ports import Draft, DraftObject, DraftWrite
from kithspace.testing.simulated_node import SimulatedNode

SEED_BYTES = 8
CLIENT_BITS = 32


class Written:
    """A transaction that was acknowledged: what must not be lost.

    Attributes:
        node: Who wrote it.
        stamp: Of its last block.
        seq: The number of that block.
        objects: What it touched.
        commits: How many commits the node's disk had seen with it.
        is_excused: A disk has forgotten it, so that it is there only if it was sent before.
    """

    __slots__ = ("commits", "is_excused", "node", "objects", "seq", "stamp")

    def __init__(
        self, node: SimulatedNode, stamp: Stamp, seq: int, objects: tuple[ObjectId, ...]
    ) -> None:
        self.node = node
        self.stamp = stamp
        self.seq = seq
        self.objects = objects
        self.commits = len(node.disk)
        self.is_excused = False


class Writer:
    """Writes at one node. Outside `transaction()`, each call is a transaction.

    Args:
        node: Where.
        written: Gets what was acknowledged.
        objects: All objects that were ever made, with their types; shared by all writers.
    """

    def __init__(
        self, node: SimulatedNode, written: list[Written], objects: dict[ObjectId, str]
    ) -> None:
        self._node = node
        self._written = written
        self._objects = objects
        self._gathered: dict[ObjectId, dict[bytes, DraftWrite]] = {}
        self._salts: dict[ObjectId, bytes] = {}
        self._is_open = False

    @contextmanager
    def transaction(self) -> Iterator["Writer"]:
        """All writes inside are one transaction; an exception takes them back."""
        self._is_open = True
        try:
            yield self
        except BaseException:
            self._gathered.clear()
            raise
        finally:
            self._is_open = False
        self._commit()

    # ---------------------------------------------------------------- objects

    def add(self, type_name: str, **fields: object) -> ObjectId:
        """Make an object."""
        salt = b""
        if type_name == "kith.message":
            salt = self._node.entropy(16)
            made = own_object_id(self._node.space, self._node.identity, salt)
            self._salts[made] = salt
        else:
            made = shared_object_id(self._node.entropy)
        flat: list[Value] = []
        for name in sorted(fields, key=segment_key):
            flat += [name, self.form(fields[name])]
        self._objects[made] = type_name
        self._put(made, (), (ROOT, type_name, tuple(flat)))
        return made

    def delete(self, object_id: ObjectId) -> None:
        """Delete an object; its cells stay (W10)."""
        self._put(object_id, (), DELETED)

    def undelete(self, object_id: ObjectId) -> None:
        """Bring an object back."""
        self._put(object_id, (), (ROOT, self._objects[object_id], ()))

    def set(self, object_id: ObjectId, *path: Segment, value: object) -> None:
        """Assign what is at a path: a field, or a key of a record."""
        self._put(object_id, path, self.form(value))

    # ---------------------------------------------------------------- maps and sets

    def put(self, object_id: ObjectId, field: str, key: Segment, value: object) -> None:
        """Assign a key of a map."""
        self._put(object_id, (field, key), self.form(value))

    def take(self, object_id: ObjectId, field: str, key: Segment) -> None:
        """Remove a key of a map."""
        self._put(object_id, (field, key), DELETED)

    def include(self, object_id: ObjectId, field: str, element: Segment) -> None:
        """Add to a set."""
        self._put(object_id, (field, element), True)  # noqa: FBT003 - the form of A6

    def exclude(self, object_id: ObjectId, field: str, element: Segment) -> None:
        """Remove from a set."""
        self._put(object_id, (field, element), DELETED)

    # ---------------------------------------------------------------- lists

    def insert(self, object_id: ObjectId, field: str, index: int, *values: object) -> None:
        """Put items into a list, together."""
        document = self._document(object_id)
        items = document.items(field) if document else []
        seed = self._node.entropy(SEED_BYTES)
        taken = [str(document.get(field, item, "p")) for item in items] if document else []
        placed = place(taken, min(index, len(items)), len(values), seed)
        for number, position in placed.moved:
            self._put(object_id, (field, items[number], "p"), position)
        for number, value in enumerate(values):
            form = item_value(placed.new[number], self.form(value))
            self._put(object_id, (field, item_id(seed, number)), form)

    def assign_item(self, object_id: ObjectId, field: str, index: int, value: object) -> None:
        """Assign an item of a list, if it is there."""
        document = self._document(object_id)
        items = document.items(field) if document else []
        if index < len(items):
            self._put(object_id, (field, items[index], "v"), self.form(value))

    def remove(self, object_id: ObjectId, field: str, index: int) -> None:
        """Remove an item of a list, if it is there."""
        document = self._document(object_id)
        items = document.items(field) if document else []
        if index < len(items):
            self._put(object_id, (field, items[index]), DELETED)

    def move(self, object_id: ObjectId, field: str, index: int, to: int) -> None:
        """Move an item of a list: one write of its position."""
        document = self._document(object_id)
        items = document.items(field) if document else []
        if document is None or index >= len(items):
            return
        moved = items.pop(index)
        taken = [str(document.get(field, item, "p")) for item in items]
        placed = place(taken, min(to, len(items)), 1, self._node.entropy(SEED_BYTES))
        for number, position in placed.moved:
            self._put(object_id, (field, items[number], "p"), position)
        self._put(object_id, (field, moved, "p"), placed.new[0])

    # ---------------------------------------------------------------- counters and texts

    def count(self, object_id: ObjectId, field: str, by: int) -> None:
        """Add to a counter: to one's own feed's sum."""
        replica = self._node.running.engine.replica
        document = self._document(object_id)
        own = replica.own_feed
        total = by
        if document is not None and own is not None and not self._opens_feed():
            extra = document.cell(field).extra
            head = extra.sums.get(own) if extra else None
            total += read_int(head.value) if head else 0
        self._put(object_id, (field,), (SUM, int_form(total)))

    def reset_count(self, object_id: ObjectId, field: str, start: int) -> None:
        """Assign a counter: a base that counts what is known."""
        document = self._document(object_id)
        extra = document.cell(field).extra if document else None
        known = []
        if extra is not None:
            counted = dict(base_of(extra)[1])
            counted |= {feed: read_int(head.value) for feed, head in extra.sums.items()}
            known = [(feed, int_form(number)) for feed, number in sorted(counted.items())]
        self._put(object_id, (field,), (BASE, int_form(start), tuple(known)))

    def type_text(self, object_id: ObjectId, field: str, start: int, end: int, text: str) -> None:
        """Put text in place of some characters; what is out of range is cut down."""
        document = self._document(object_id)
        updates = document.text(field) if document else []
        client_id = int.from_bytes(self._node.entropy(4))
        opened = OpenText(updates, client_id)
        start, end = min(start, len(opened)), min(end, len(opened))
        update = opened.splice(start, max(start, end), text)
        if update:
            incarnation = document.incarnation(field) if document else ZERO
            self._put(object_id, (field,), (TEXT_UPDATE, incarnation, update))

    # ---------------------------------------------------------------- inside

    def form(self, value: object) -> Value:
        """A Python value in payload form; dicts are maps, lists and sets are themselves."""
        if isinstance(value, TextValue):
            return (TEXT, new_text(value.text, int.from_bytes(self._node.entropy(4))))
        if isinstance(value, Mapping):
            flat: list[Value] = []
            for key in sorted(value, key=lambda key: segment_key(to_payload(key, "key"))):
                flat += [to_payload(key, "key"), self.form(value[key])]
            return (MAP, tuple(flat))
        if isinstance(value, set | frozenset):
            elements = (to_payload(element, "element") for element in value)
            return (SET, tuple(sorted(elements, key=segment_key)))
        if isinstance(value, list):
            seed = self._node.entropy(SEED_BYTES)
            return (LIST, seed, tuple(self.form(item) for item in value))
        return to_payload(value, "value")

    def _document(self, object_id: ObjectId) -> Document | None:
        return self._node.running.engine.document(object_id)

    def _opens_feed(self) -> bool:
        """Whether the next block will be in another feed than the last."""
        known = self._node.running.engine.replica.numbers
        return reason_for_new_feed(known, self._node.author) is not None

    def _put(self, object_id: ObjectId, path: tuple[Segment, ...], value: Value) -> None:
        writes = self._gathered.setdefault(object_id, {})
        key = path_key(path)
        above = (path_key(path[:n]) for n in range(1, len(path)))
        is_new = bool(path) and _makes(writes.get(b""))
        if not is_new and not any(over in writes for over in above):
            for below in [one for one in writes if key and one != key and one.startswith(key)]:
                del writes[below]
            writes[key] = DraftWrite(path, value)
        if not self._is_open:
            self._commit()

    def _commit(self) -> None:
        gathered, self._gathered = self._gathered, {}
        parts = tuple(
            DraftObject(
                object_id,
                OWN if object_id in self._salts else SHARED,
                1,
                self._document(object_id),
                tuple(writes.values()),
                self._salts.get(object_id, b""),
            )
            for object_id, writes in gathered.items()
            if writes
        )
        if not parts:
            return
        stamp = self._node.commit(Draft("simulation", parts))
        row = self._node.running.engine.state.feed(stamp.feed)
        seq = row.length - 1 if row is not None else 0
        self._written.append(Written(self._node, stamp, seq, tuple(gathered)))


def _makes(write: DraftWrite | None) -> bool:
    """Whether this is the root write that makes an object with its fields."""
    value = write.value if write is not None else None
    return isinstance(value, tuple) and value[0] == ROOT and bool(value[2])
