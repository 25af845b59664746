"""What of an object lies in which row, and what changed between two versions of it?

Rules:
    B1  An object's row: `doc`, what is seen, as JSON; `meta`, what the doc does not give back:
        `[time, n of the creating stamp, fields, rest?]`. A field that is not listed is a plain
        cell with the creating stamp; `[t, n]` is one whose value is in `doc`.
    B2  A child of a big container is a row of `items`; its stamp stands in its columns.
    T1  A text's updates are rows of `texts`; number 0 is the snapshot before them.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec

from kithspace.core.cell import EMPTY, Cell, Head, Kids, TextLog
from kithspace.core.effects import (
    DropItem,
    DropTexts,
    PutItem,
    PutObject,
    PutText,
    Row,
)
from kithspace.core.far import Far
from kithspace.core.pack import (
    FeedNumbers,
    Packed,
    decode_packed,
    encode_packed,
    pack_cell,
    pack_heads,
    unpack_cell,
    unpack_heads,
)
from kithspace.core.path import key_name, name_key
from kithspace.core.projection import Json
from kithspace.core.stamp import ZERO, Stamp
from kithspace.core.value import ROOT, is_exact

if TYPE_CHECKING:
    from kithspace.core.document import Document


class ItemSource(Protocol):
    """The stored rows of objects; `State` is one."""

    def item(self, obj: int, path: bytes, /) -> PutItem | None:
        """A child of a big container."""

    def items(self, obj: int, parent: bytes, /) -> Iterable[PutItem]:
        """All children of a big container."""

    def texts(self, obj: int, path: bytes, /) -> Iterable[bytes]:
        """A text's updates, ordered by number."""


class Origin(NamedTuple):
    """Where an object was loaded from."""

    numbers: FeedNumbers
    source: ItemSource


class StoredItems:
    """The children of one container in rows (B2)."""

    __slots__ = ("_key", "_n", "_origin")

    def __init__(self, origin: Origin, n: int, key: bytes) -> None:
        self._origin = origin
        self._n = n
        self._key = key

    def one(self, segment: bytes) -> Cell | None:
        """Read one child."""
        row = self._origin.source.item(self._n, self._key + segment)
        return None if row is None else self._unpack(row)

    def all(self) -> dict[bytes, Cell]:
        """Read every child."""
        start = len(self._key)
        rows = self._origin.source.items(self._n, self._key)
        return {row.path[start:]: self._unpack(row) for row in rows}

    def _unpack(self, row: PutItem) -> Cell:
        numbers = self._origin.numbers
        above = numbers.stamp(row.time, row.feed) if row.feed else None
        return unpack_cell(decode_packed(row.value), above, row.path, numbers, self._far)

    def _far(self, key: bytes) -> Far[Cell]:
        return far_kids(self._origin, self._n, key)


def far_kids(origin: Origin, n: int, key: bytes) -> Far[Cell]:
    """The children of a container that lie in rows."""
    return Far(StoredItems(origin, n, key), {})


# ---------------------------------------------------------------- an object's row (B1)


class Unpacked(NamedTuple):
    """What an object's row holds."""

    root: Cell | None
    """None: the object is as it was made (`core/made`)."""
    doc: dict[str, Json] | None
    type: str
    created: Stamp
    typed: Stamp
    salt: bytes = b""
    is_purged: bool = False


def pack_object(document: "Document", numbers: FeedNumbers) -> PutObject:
    """Return an object's row."""
    doc = document.doc
    created = document.created
    n = _number(created, numbers)
    if document.is_as_made and not document.salt:
        meta = encode_packed([created.time, n, _NO_FIELDS])
        kind = numbers.type_number(document.type)
        text = _json(doc).decode()
        return PutObject(document.n, document.id, kind, 1, created.time, text, meta)
    fields: dict[str, Packed] = {}
    for segment, cell in document.fields.items():
        heads = cell.heads
        if len(heads) == 1 and not cell.kids and cell.extra is None:
            stamp, value, origin = heads[0]
            if origin is None and is_exact(value):
                # The doc has the value.
                if stamp is not created and stamp != created:
                    n_feed = numbers.number(stamp.feed, stamp.branch)
                    fields[key_name(segment)] = [stamp.time, n_feed]
                continue
        fields[key_name(segment)] = pack_cell(cell, created, numbers)
    rest: list[object] = [created.time, n, fields]
    if not _is_plain_root(document):
        root = pack_heads(document.root.heads, None, numbers)
        typed = [document.typed.time, _number(document.typed, numbers)]
        rest.append([root, typed, document.salt, document.is_purged])
    kind = numbers.type_number(document.type) if document.type else 0
    return PutObject(
        document.n,
        document.id,
        kind,
        int(document.live),
        created.time,
        _json(doc).decode(),
        encode_packed(rest),
    )


def unpack_object(row: PutObject, origin: Origin) -> Unpacked:
    """Read what `pack_object` wrote."""
    numbers = origin.numbers
    type_name = numbers.type_name(row.type) if row.type else ""
    doc: dict[str, Json] = _from_json(row.doc)
    meta = decode_packed(row.meta)
    created = _stamp(meta[0], meta[1], numbers)
    fields: dict[str, Packed] = meta[2]  # type: ignore[assignment]
    if not fields and len(meta) == 3:
        return Unpacked(None, doc, type_name, created, created)
    kids: dict[bytes, Cell] = {}
    for name, value in doc.items():
        packed = fields.get(name) if fields else None
        if packed is None:
            kids[name_key(name)] = Cell((_new(Head, (created, value, None)),))
        elif len(packed) == 2:
            stamp = numbers.stamp(packed[0], packed[1])  # type: ignore[arg-type]
            kids[name_key(name)] = Cell((_new(Head, (stamp, value, None)),))
    for name, packed in fields.items():
        if len(packed) != 2:
            key = name_key(name)
            kids[key] = unpack_cell(
                packed, created, key, numbers, lambda key: far_kids(origin, row.n, key)
            )
    if len(meta) == 3:
        root = Cell((Head(created, (ROOT, type_name, ())),), kids)
        return Unpacked(root, doc, type_name, created, created)
    rest: list[Any] = meta[3]  # type: ignore[assignment]  # written by `pack_object`
    whole = Cell(unpack_heads(rest[0], None, numbers), kids)
    typed = _stamp(rest[1][0], rest[1][1], numbers)
    return Unpacked(whole, doc, type_name, created, typed, rest[2], rest[3])


def _is_plain_root(document: "Document") -> bool:
    heads = document.root.heads
    return (
        len(heads) == 1
        and heads[0].stamp == document.created == document.typed
        and heads[0].origin is None
        and heads[0].value == (ROOT, document.type, ())
        and not document.salt
        and not document.is_purged
    )


def _number(stamp: Stamp, numbers: FeedNumbers) -> int:
    return numbers.number(stamp.feed, stamp.branch) if stamp.feed else 0


def _stamp(time: object, n: object, numbers: FeedNumbers) -> Stamp:
    return numbers.stamp(time, n) if n else ZERO  # type: ignore[arg-type]


# ---------------------------------------------------------------- what changed


def rows_between(before: "Document | None", after: "Document", numbers: FeedNumbers) -> list[Row]:
    """Return the rows that turn what is stored of `before` into `after`."""
    rows: list[Row] = [pack_object(after, numbers)]
    if before is None and after.is_as_made:
        return rows
    kids = after.fields
    old_kids = {} if before is None else before.fields
    changes = _Changes(after.n, numbers, rows)
    for segment, cell in kids.items():
        old = old_kids.get(segment, EMPTY)
        if old is not cell and (
            cell.kids or cell.extra is not None or old.kids or old.extra is not None
        ):
            changes.cell(segment, old, cell)
    for segment, old in old_kids.items():
        if segment not in kids:
            changes.cell(segment, old, EMPTY)
    return rows


class _Changes:
    """Gathers the rows of items and texts that differ, below one field."""

    __slots__ = ("n", "numbers", "rows")

    def __init__(self, n: int, numbers: FeedNumbers, rows: list[Row]) -> None:
        self.n = n
        self.numbers = numbers
        self.rows = rows

    def cell(self, key: bytes, old: Cell, new: Cell) -> None:
        if old is new:
            return
        self.text(key, old.extra.text if old.extra else None, new.extra.text if new.extra else None)
        if isinstance(old.kids, Far) or isinstance(new.kids, Far):
            self.far(key, old.kids, new.kids)
            return
        for segment, kid in new.kids.items():
            self.cell(key + segment, old.kids.get(segment, EMPTY), kid)
        for segment, kid in old.kids.items():
            if segment not in new.kids:
                self.cell(key + segment, kid, EMPTY)

    def far(self, key: bytes, old: Kids, new: Kids) -> None:
        is_same = isinstance(old, Far) and isinstance(new, Far) and new.is_version_of(old)
        if isinstance(old, Far) and not is_same:
            for segment, kid in old.items():
                self.rows.append(DropItem(self.n, key + segment))
                self.cell(key + segment, kid, EMPTY)
            old = {}
        if not isinstance(new, Far):
            for segment, kid in new.items():
                self.cell(key + segment, EMPTY, kid)
            return
        over = old.over if isinstance(old, Far) else None
        for segment, child in new.over.items():
            if over is None or over.get(segment, EMPTY) is not child:
                self.item(key, segment, old.get(segment), child)
        if over is None:
            for segment, kid in old.items():
                if new.get(segment) is None:
                    self.cell(key + segment, kid, EMPTY)

    def item(self, parent: bytes, segment: bytes, old: Cell | None, new: Cell | None) -> None:
        path = parent + segment
        if new is None:
            if old is not None:
                self.rows.append(DropItem(self.n, path))
                self.cell(path, old, EMPTY)
            return
        stamp = new.heads[0].stamp if new.heads else None
        value = encode_packed(pack_cell(new, stamp, self.numbers))
        time, feed = 0, 0
        if stamp is not None:
            time, feed = stamp.time, self.numbers.number(stamp.feed, stamp.branch)
        self.rows.append(PutItem(self.n, path, parent, time, feed, value, None))
        self.cell(path, EMPTY if old is None else old, new)

    def text(self, key: bytes, old: TextLog | None, new: TextLog | None) -> None:
        if old is new:
            return
        goes_on = (
            old is not None
            and new is not None
            and old.incarnation == new.incarnation
            and old.base is new.base
        )
        if old is not None and not goes_on:
            self.rows.append(DropTexts(self.n, key))
        if new is None:
            return
        if new.base and not goes_on:
            self.rows.append(PutText(self.n, key, 0, new.base))
        first = len(old.fresh) if old is not None and goes_on else 0
        for place in range(first, len(new.fresh)):
            self.rows.append(PutText(self.n, key, new.stored + 1 + place, new.fresh[place]))


_new: Final = tuple.__new__
_NO_FIELDS: Final[dict[str, Packed]] = {}
_json: Final = msgspec.json.Encoder().encode
_from_json: Final = msgspec.json.Decoder().decode
