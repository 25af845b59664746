"""What is an object: its cells in memory, how they load, merge, read and are stored?

A `Document` is a value: `merge` returns a new one and shares what did not change.

Paths are given as segments in payload form: a field's name, then map keys, set elements, item ids,
`"v"` and `"p"` (L1).

Rules:
    W1-W10  Merging (`core/cell`). Creating an object is one root write with its fields; deletion
            is a flag on the root, which sets no threshold for its children. A purged object drops
            every write (W10).
    A6      The type of an object is that of its greatest root write, also while it is deleted.
    B1, B2  Rows: `core/stored`. What lies in rows of its own is read when it is asked for, and
            shows what is stored at that moment.
    T1, T2  Texts lie beside the cells (`core/text_log`).
"""

from collections.abc import Iterable, Sequence
from typing import Final, Self

from kithspace.core.cell import (
    EMPTY,
    STANDARD,
    Cell,
    Extra,
    Head,
    Heads,
    Layout,
    Put,
    put_at,
    t2_incarnation,
    unfold_into,
    w3_heads,
)
from kithspace.core.codec import Value
from kithspace.core.container import marker
from kithspace.core.counter import counter_value
from kithspace.core.effects import PutObject, Row
from kithspace.core.far import Far
from kithspace.core.ids import ItemId, ObjectId
from kithspace.core.made import made_doc, made_root
from kithspace.core.pack import FeedNumbers
from kithspace.core.path import Segment, key_name, path_key, segment_of, split_key
from kithspace.core.projection import Json
from kithspace.core.settle import settle
from kithspace.core.stamp import ZERO, Stamp
from kithspace.core.stored import ItemSource, Origin, Unpacked, rows_between, unpack_object
from kithspace.core.text_log import put_update, updates_of
from kithspace.core.value import BASE, ROOT, SUM, TEXT_PART, TEXT_UPDATE, Form
from kithspace.core.view import (
    MISSING,
    Kind,
    Missing,
    TextView,
    elements_of,
    entries_of,
    is_child_seen,
    items_of,
    kind_of,
    python_value,
    to_json,
)
from kithspace.core.write import Write

__all__ = ["MISSING", "Document", "FeedNumbers", "Head", "ItemSource", "TextView"]

_AS_IT_IS: Final = frozenset({str, bool, float, type(None)})
"""Types of values that are their own projection."""


class Document:
    """One object's cells.

    Attributes:
        id: The object's id.
        n: Its local number.
        type: Its type's name; empty while no root write is known.
        created: The least stamp of a root write that made it; `ZERO` if none is known.
        typed: The stamp of the root write that `type` comes from.
        salt: Of an own object (A8), else empty.
        is_purged: Whether it was erased for good (W10).
    """

    __slots__ = (
        "_doc",
        "_layout",
        "_origin",
        "_root",
        "created",
        "id",
        "is_purged",
        "n",
        "salt",
        "type",
        "typed",
    )

    def __init__(
        self, object_id: ObjectId, n: int, unpacked: Unpacked, origin: Origin | None, layout: Layout
    ) -> None:
        self.id = object_id
        self.n = n
        self._root, self._doc, self.type, self.created, self.typed, self.salt, self.is_purged = (
            unpacked
        )
        self._origin = origin
        self._layout = layout

    @classmethod
    def empty(
        cls, object_id: ObjectId, n: int, salt: bytes = b"", layout: Layout = STANDARD
    ) -> Self:
        """An object of which nothing is known yet; `salt` if it is an own one (A8)."""
        return cls(object_id, n, Unpacked(EMPTY, {}, "", ZERO, ZERO, salt), None, layout)

    @classmethod
    def load(
        cls,
        row: PutObject,
        numbers: FeedNumbers,
        source: ItemSource,
        layout: Layout = STANDARD,
    ) -> Self:
        """Read a stored object."""
        origin = Origin(numbers, source)
        return cls(ObjectId(row.id), row.n, unpack_object(row, origin), origin, layout)

    # ------------------------------------------------------------ merging

    def merge(self, writes: Sequence[Write], stamp: Stamp) -> Self:
        """Return the object after all writes of one block to it (W1-W13)."""
        if self.is_purged:
            return self
        if self._root is EMPTY:
            made = self._made(writes, stamp)
            if made is not None:
                return made
        zero = Stamp(0, stamp.feed, stamp.branch)
        after = self._copy(self.root)
        for write in writes:
            after._merge_one(write, zero if write.zero else stamp)  # noqa: SLF001 - a new one
        return after

    def _made(self, writes: Sequence[Write], stamp: Stamp) -> Self | None:
        """The object that one write with plain values makes (`core/made`); None: it is another."""
        write = writes[0]
        form: Form = write.value  # type: ignore[assignment]  # at the root
        if write.key or write.zero or write.origin or len(writes) > 1 or form[0] != ROOT:
            return None
        doc = made_doc(form[2])
        if doc is None:
            return None
        whole = Unpacked(None, doc, form[1], stamp, stamp, self.salt)
        return type(self)(self.id, self.n, whole, self._origin, self._layout)

    def purge(self) -> Self:
        """Return the object without its cells; no write will bring it back (W10)."""
        after = self._copy(EMPTY)
        after.is_purged = True
        return after

    def with_root(self, root: Cell) -> Self:
        """The same object with other cells, as a join with a checkpoint gives them (W11)."""
        return self._copy(root)

    def replaced(self, key: bytes, value: Value) -> tuple[Stamp, ...]:
        """The stamps that a write of this value has to name (W3), greatest first.

        A counter's sum and a text's update name nothing: a feed's own sums follow each other, and
        updates merge. Zero writes are cleared by any other, and need not be named (A7).
        """
        code = value[0] if type(value) is tuple else None
        if code in (SUM, TEXT_UPDATE, TEXT_PART):
            return ()
        heads = self.heads(key)
        if code == BASE:
            extra = self._cell(key).extra
            heads = () if extra is None else extra.base
        return tuple(head.stamp for head in heads if head.stamp.time)

    def _merge_one(self, write: Write, stamp: Stamp) -> None:
        value = write.value
        code = value[0] if type(value) is tuple else None
        put = Put(value, stamp, write.replaced, write.zero, write.origin, self._layout)
        if not write.key:
            self._merge_root(put)
        elif code == TEXT_UPDATE:
            segments = split_key(write.key)
            update: Form = value  # type: ignore[assignment]  # a text's form
            self._take(segments[0], put_update(self.root, segments, update, self._stored_texts))
        elif code != TEXT_PART:
            segments = [write.key] if len(write.path) == 1 else split_key(write.key)
            old = self.root.kids.get(segments[0])
            self._take(segments[0], put_at(old or EMPTY, segments[1:], put, ZERO))

    def _take(self, segment: bytes, field: Cell) -> None:
        if field is not EMPTY and field is not self.root.kids.get(segment):
            self._root = self.root.with_kid(segment, field)
            if self._doc is not None:
                self._doc = dict(self._doc)
                _show(self._doc, segment, field)

    def _merge_root(self, put: Put) -> None:
        root = self.root
        form: Form = put.value  # type: ignore[assignment]  # a root's value is a form
        kids = root.kids
        if form[0] == ROOT:
            self._take_type(form[1], put.stamp)
            kids = unfold_into(kids, put, ZERO)
            form = marker(form)
        self._root = Cell(w3_heads(root.heads, put, form), kids)
        self._doc = None

    def _take_type(self, type_name: str, stamp: Stamp) -> None:
        if stamp >= self.typed:
            self.type, self.typed = type_name, stamp
        created = self.created
        if not created.time:
            # A zero write counts as the making only as long as there is no other.
            self.created = stamp if stamp.time else max(created, stamp)
        elif stamp.time:
            self.created = min(created, stamp)

    def _copy(self, root: Cell) -> Self:
        doc = self._doc if root is self.root else None
        whole = Unpacked(root, doc, self.type, self.created, self.typed, self.salt, self.is_purged)
        return type(self)(self.id, self.n, whole, self._origin, self._layout)

    # ------------------------------------------------------------ reading

    @property
    def root(self) -> Cell:
        """Its cells."""
        root = self._root
        if root is None:
            assert self._doc is not None  # noqa: S101 - of an object that is as it was made
            root = self._root = made_root(self.type, self.created, self._doc)
        return root

    @property
    def is_as_made(self) -> bool:
        """Whether its type, `created` and `doc` say everything (`core/made`)."""
        return self._root is None

    @property
    def live(self) -> bool:
        """Whether it is there: made, and not deleted."""
        if self._root is None:
            return True
        heads = self.root.heads
        return bool(heads) and heads[0].value[0] == ROOT  # type: ignore[index]  # a root's form

    @property
    def fields(self) -> dict[bytes, Cell]:
        """The cells of the fields, by the key of their segment."""
        kids = self.root.kids
        return {} if isinstance(kids, Far) else kids  # the root is never spread

    @property
    def doc(self) -> dict[str, Json]:
        """What is seen of the fields, as JSON (B1); the same whether it is live or deleted."""
        if self._doc is None:
            doc: dict[str, Json] = {}
            for segment, cell in self.fields.items():
                _show(doc, segment, cell)
            self._doc = doc
        return self._doc

    def heads(self, key: bytes) -> Heads:
        """The heads of a cell, greatest first; one older than a container above it is not there."""
        return self._cell(key).heads

    def get(self, *path: Segment) -> object:
        """The value seen at a path, as a copy in Python values; `MISSING` if there is none.

        A text is a `TextView` of its updates, a counter an int.
        """
        if self._root is None and len(path) == 1:
            return self.doc.get(path[0], MISSING) if type(path[0]) is str else MISSING
        cell = self.seen_cell(*path)
        if kind_of(cell) == "text":
            return TextView(tuple(self.text(*path)))
        return python_value(cell)

    def kind(self, *path: Segment) -> Kind:
        """What is seen at a path."""
        if self._root is None and len(path) == 1:
            return "scalar" if path[0] in self.doc else "nothing"
        return kind_of(self.seen_cell(*path))

    def items(self, *path: Segment) -> list[ItemId]:
        """The ids of a list's items, in order; an item's value is at `path, id, "v"` (L1)."""
        return [item.id for item in items_of(self.seen_cell(*path))]

    def keys(self, *path: Segment) -> list[Segment]:
        """The keys of a map or record, in payload form, in a fixed order; of the root its fields.

        The fields of a deleted object are those that it had.
        """
        cell = self.seen_cell(*path) if path else Cell((), self.fields)
        return [segment_of(segment) for segment, _ in entries_of(cell)]

    def elements(self, *path: Segment) -> list[Segment]:
        """The elements of a set, in payload form, in a fixed order."""
        return [segment_of(segment) for segment in elements_of(self.seen_cell(*path))]

    def counter(self, *path: Segment) -> int:
        """The value of a counter; 0 where nothing was counted."""
        return counter_value(self.seen_cell(*path).extra or Extra())

    def text(self, *path: Segment) -> list[bytes]:
        """The updates of a text, for `core/text`."""
        key = path_key(path)
        return updates_of(self.seen_cell(*path), key, self._stored_texts)

    def incarnation(self, *path: Segment) -> Stamp:
        """Which text is at a path: what an update has to name (T2)."""
        cell, floor = self.root, ZERO
        for segment in split_key(path_key(path)):
            floor = max(floor, cell.floor) if cell is not self.root else ZERO
            cell = cell.kids.get(segment) or EMPTY
        return t2_incarnation(cell, floor)

    def cell(self, *path: Segment) -> Cell:
        """The cell at a path, seen or not."""
        return self._cell(path_key(path))

    def changed_fields(self, before: "Document | None") -> frozenset[str]:
        """Names of the fields whose cells differ."""
        if before is None and self._root is None:
            return frozenset(self.doc)
        old = before.fields if before is not None else {}
        new = self.fields
        found = [
            segment
            for segment, cell in new.items()
            if (was := old.get(segment)) is not cell and was != cell
        ]
        if len(old) + len(found) > len(new):
            found += [segment for segment in old if segment not in new]
        return frozenset(map(key_name, found))

    def rows(self, before: "Document | None", numbers: FeedNumbers) -> list[Row]:
        """The rows that turn what is stored of `before` into this.

        Args:
            before: The version that this one was merged from; None: nothing is stored.
            numbers: Local numbers of feeds and types.
        """
        return rows_between(before, self, numbers)

    def settled(self) -> Self:
        """The same object, once its rows are on disk: what differed from them counts as read."""
        if self._root is None:
            return self
        changed = {}
        for segment, cell in self.fields.items():
            if cell.kids or cell.extra is not None:
                after = settle(cell, is_loaded=self._origin is not None)
                if after is not cell:
                    changed[segment] = after
        if not changed:
            return self
        whole = self._copy(self.root)
        whole._root = Cell(self.root.heads, {**self.fields, **changed})  # noqa: SLF001 - a new one
        return whole

    def _cell(self, key: bytes) -> Cell:
        found = self.root.kids.get(key) if key else self.root
        if found is None:
            found = self.root
            for segment in split_key(key):
                found = found.kids.get(segment)
                if found is None:
                    return EMPTY
        return found

    def seen_cell(self, *path: Segment) -> Cell:
        """The cell at a path, if every container above it shows its child (W6)."""
        cell = self.root
        for place, segment in enumerate(split_key(path_key(path))):
            kid = cell.kids.get(segment)
            if kid is None or (place and not is_child_seen(cell, segment, kid)):
                return EMPTY
            cell = kid
        return cell

    def _stored_texts(self, key: bytes) -> Iterable[bytes]:
        return () if self._origin is None else self._origin.source.texts(self.n, key)


def _show(doc: dict[str, Json], segment: bytes, cell: Cell) -> None:
    """Put a field's projection into a doc, or take it out."""
    value = cell.heads[0].value if cell.heads else MISSING
    plain = type(value) in _AS_IT_IS
    shown: Json | Missing = value if plain else to_json(cell)  # type: ignore[assignment]
    if shown is MISSING:
        doc.pop(key_name(segment), None)
    else:
        doc[key_name(segment)] = shown
