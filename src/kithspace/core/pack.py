"""How does a cell lie in a row?

Rules:
    B1  `meta` of an object lists what its JSON does not give back exactly: stamps other than the
        creating one, siblings, origins, containers, counters, texts, values that JSON has no form
        for. A field that is not listed is a plain cell with the creating stamp and the value in
        `doc`. `unpack(pack(x)) == x`.
    B2  A child of a big container is a row of its own.

Forms of a cell, as MessagePack:
    `[value]`        one head with the stamp of the cell above
    `[t, n, value]`  one head of time t in the feed of local number n
    `[t, n]`         the same; the value is in `doc`
    `[heads, kids, extra]`  heads: `[value]`, `[t, n, value]` or `[t, n, value, origin]` each;
                     kids: null, a map by segment key, or true if they lie in rows;
                     extra: null, or `[base heads, sums, [updates, bytes]]`
Stamps of origins and feeds in values stand in full: they may name what is not here.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeAlias

import msgspec

from kithspace.core.cell import NO_KIDS, Cell, Extra, Head, Heads, Kids, TextLog
from kithspace.core.codec import Value
from kithspace.core.far import Far
from kithspace.core.stamp import Stamp
from kithspace.core.value import BIG_INT, GREATEST_PLAIN, LEAST_PLAIN

Packed: TypeAlias = list[object]
FarKids: TypeAlias = Callable[[bytes], "Far[Cell]"]
"""Makes the children that lie in rows, from the key of their container."""

_INT64: Final = -(2**63)


class FeedNumbers(Protocol):
    """The local numbers of feeds, branches and types."""

    def number(self, feed: bytes, branch: bytes, /) -> int:
        """The number of a feed, or of its branch if there is one."""

    def stamp(self, time: int, n: int, /) -> Stamp:
        """The stamp of a time in the feed or branch of this number."""

    def type_number(self, name: str, /) -> int:
        """The number of a type; a new one is given out for a new name."""

    def type_name(self, n: int, /) -> str:
        """The name of a type."""


def encode_packed(packed: object) -> bytes:
    """MessagePack, also of ints that it has no form for."""
    try:
        return _encode(packed)
    except OverflowError:
        return _encode(_widen(packed))


def decode_packed(raw: bytes) -> list[object]:
    """Read what `encode_packed` wrote."""
    return _decode(raw)  # type: ignore[no-any-return]


def pack_cell(cell: Cell, above: Stamp | None, numbers: FeedNumbers) -> Packed:
    """Return a cell's form; `above` is the stamp of the cell above it."""
    heads, kids = cell.heads, cell.kids
    if len(heads) == 1 and not kids and cell.extra is None and heads[0].origin is None:
        return _pack_head(heads[0], above, numbers)
    stamp = heads[0].stamp if heads else above
    return [
        pack_heads(heads, above, numbers),
        _pack_kids(kids, stamp, numbers),
        None if cell.extra is None else _pack_extra(cell.extra, numbers),
    ]


def unpack_cell(
    packed: Packed, above: Stamp | None, key: bytes, numbers: FeedNumbers, far: FarKids
) -> Cell:
    """Read what `pack_cell` wrote; `key` is the cell's path."""
    if type(packed[0]) is int or len(packed) == 1:
        return Cell((_unpack_head(packed, above, numbers),))
    packed_heads, packed_kids, packed_extra = packed
    heads = unpack_heads(packed_heads, above, numbers)
    stamp = heads[0].stamp if heads else above
    kids: Kids = NO_KIDS
    if packed_kids is True:
        kids = far(key)
    elif packed_kids is not None:
        kids = {
            segment: unpack_cell(kid, stamp, key + segment, numbers, far)
            for segment, kid in packed_kids.items()  # type: ignore[attr-defined]
        }
    extra = None
    if packed_extra is not None:
        extra = _unpack_extra(packed_extra, numbers)  # type: ignore[arg-type]
    return Cell(heads, kids, extra)


def pack_heads(heads: Iterable[Head], above: Stamp | None, numbers: FeedNumbers) -> Packed:
    """Return the forms of a cell's heads."""
    return [_pack_head(head, above, numbers) for head in heads]


def unpack_heads(packed: object, above: Stamp | None, numbers: FeedNumbers) -> Heads:
    """Read what `pack_heads` wrote."""
    return tuple(_unpack_head(head, above, numbers) for head in packed)  # type: ignore[attr-defined]


def _pack_head(head: Head, above: Stamp | None, numbers: FeedNumbers) -> Packed:
    stamp = head.stamp
    if head.origin is not None:
        n = numbers.number(stamp.feed, stamp.branch)
        return [stamp.time, n, head.value, tuple(head.origin)]
    if stamp == above:
        return [head.value]
    return [stamp.time, numbers.number(stamp.feed, stamp.branch), head.value]


def _unpack_head(packed: Packed, above: Stamp | None, numbers: FeedNumbers) -> Head:
    if len(packed) == 1:
        return Head(above, to_value(packed[0]))  # type: ignore[arg-type]  # packed beside one
    stamp = numbers.stamp(packed[0], packed[1])  # type: ignore[arg-type]
    origin = Stamp(*packed[3]) if len(packed) == 4 else None  # type: ignore[misc]
    return Head(stamp, to_value(packed[2]), origin)


def _pack_kids(kids: Kids, stamp: Stamp | None, numbers: FeedNumbers) -> object:
    if isinstance(kids, Far):
        return True
    if not kids:
        return None
    return {segment: pack_cell(kid, stamp, numbers) for segment, kid in kids.items()}


def _pack_extra(extra: Extra, numbers: FeedNumbers) -> Packed:
    text = extra.text
    return [
        pack_heads(extra.base, None, numbers),
        pack_heads(extra.sums.values(), None, numbers),
        None
        if text is None
        else [text.stored + len(text.fresh), text.size_bytes, tuple(text.incarnation)],
    ]


def _unpack_extra(packed: Packed, numbers: FeedNumbers) -> Extra:
    packed_base, packed_sums, packed_text = packed
    base = unpack_heads(packed_base, None, numbers)
    heads = unpack_heads(packed_sums, None, numbers)
    sums = {head.stamp.branch or head.stamp.feed: head for head in heads}
    if packed_text is None:
        return Extra(base, sums)
    stored, size_bytes, named = packed_text  # type: ignore[misc]
    return Extra(base, sums, TextLog(Stamp(*named), None, stored, size_bytes))  # type: ignore[has-type]


def to_value(packed: object) -> Value:
    """Return a value in payload form from what MessagePack gave back."""
    if type(packed) is not list:
        return packed  # type: ignore[return-value]  # a plain value
    if (
        len(packed) == 2
        and packed[0] is not True
        and packed[0] == BIG_INT
        and type(packed[1]) is bytes
    ):
        number = int.from_bytes(packed[1], "big", signed=True)
        if LEAST_PLAIN <= number <= GREATEST_PLAIN:
            return number
    return tuple(map(to_value, packed))


def _widen(packed: object) -> object:
    """Ints of CBOR's range that MessagePack lacks, in the form of those beyond it."""
    if type(packed) is int and not _INT64 <= packed <= GREATEST_PLAIN:
        return (BIG_INT, packed.to_bytes(9, "big", signed=True))
    if isinstance(packed, list | tuple):
        return tuple(map(_widen, packed))
    if isinstance(packed, dict):
        return {key: _widen(value) for key, value in packed.items()}
    return packed


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode
