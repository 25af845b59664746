"""How do writes merge in one cell, and in what lies below it?

An object is a tree of cells: the root, its fields, and below a container a cell per child. Cells
are values: a merge gives a new cell and shares what did not change.

Rules:
    W3   Heads: those that a write names go, it comes; what is left are the causal heads.
    W6   A child is visible if its parent is, the parent's winner is a container, and the child is
         not older than it. Here: what is older is not in the tree (W7), the rest is `core/view`.
    W7   Dropped is exactly what is older than the greatest write of an ancestor. The root sets no
         threshold (W10), a zero write neither.
    W8   A container's value unfolds to cells with its stamp.
    A7   A zero write is never a sibling: the greatest stays, any other write removes it.
    W13  Of equal times the greater feed id wins, then the greater branch id.
    Counters: a sum per feed and a base, under no threshold (`core/counter` adds them up).
    T2   A text's incarnation is the greatest write among its cell and the containers around it;
         updates that name another one are dropped, and those of an older one with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from kithspace.core.codec import Value
from kithspace.core.container import VALUE_KEY, marker, unfold
from kithspace.core.far import Far
from kithspace.core.stamp import ZERO, Stamp
from kithspace.core.value import BASE, LIST, MAP, SET, STRUCTURES, SUM, TEXT, Form

CONTAINERS: Final = frozenset({MAP, SET, LIST})
TEXT_MARKER: Final = (TEXT, b"")
"""The value at the cell of a text; the text itself lies beside the cells."""


class Head(NamedTuple):
    """A write that no other write of its cell replaced.

    Attributes:
        stamp: Of its block.
        value: In payload form; of a container or text without its content.
        origin: Where the value came from, if undo brought it back (U1); None: this block.
    """

    stamp: Stamp
    value: Value
    origin: Stamp | None = None


Heads: TypeAlias = tuple[Head, ...]
"""The greatest first; the first is the winner."""


class TextLog(NamedTuple):
    """The updates of a text, without those that lie in the store (T1).

    Attributes:
        incarnation: Of the text that they belong to (T2).
        base: A snapshot that is to take the place of all that is stored, or None.
        stored: Number of the last update in the store; 0 with a `base`.
        size_bytes: Of the updates since the last snapshot.
        fresh: Updates that follow, numbered `stored + 1` and on.
    """

    incarnation: Stamp
    base: bytes | None = None
    stored: int = 0
    size_bytes: int = 0
    fresh: tuple[bytes, ...] = ()


class Extra(NamedTuple):
    """What a cell holds beside its heads and children: a counter's parts, a text's updates.

    Attributes:
        base: Heads of the counter's base.
        sums: A head per feed or branch, by its id.
        text: The text's updates.
    """

    base: Heads = ()
    sums: Mapping[bytes, Head] = {}
    text: TextLog | None = None


_new: Final = tuple.__new__
"""Makes a `Head` without the price of its keyword defaults: bulk loads make millions."""

_NO_KIDS: Final[dict[bytes, "Cell"]] = {}


class Cell:
    """Heads, children by the key of their segment, and extras. Never changed once made."""

    __slots__ = ("extra", "heads", "kids")

    def __init__(
        self, heads: Heads = (), kids: "Kids" = _NO_KIDS, extra: Extra | None = None
    ) -> None:
        self.heads = heads
        self.kids = kids
        self.extra = extra

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Cell)
            and self.heads == other.heads
            and self.extra == other.extra
            and dict(self.kids.items()) == dict(other.kids.items())
        )

    __hash__ = None  # type: ignore[assignment]  # compared by content, which may be large

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written here, or all of it was dropped."""
        if self.heads or self.extra is not None:
            return False
        return not self.kids or next(iter(self.kids.items()), None) is None

    @property
    def floor(self) -> Stamp:
        """What this cell's greatest write allows below it (W7); zero writes allow everything."""
        if self.heads and self.heads[0].stamp.time:
            return self.heads[0].stamp
        return ZERO

    def with_kid(self, segment: bytes, kid: "Cell") -> "Cell":
        """The same cell with one child exchanged."""
        if isinstance(self.kids, Far):
            return Cell(self.heads, self.kids.put(segment, kid), self.extra)
        return Cell(self.heads, {**self.kids, segment: kid}, self.extra)


Kids: TypeAlias = "dict[bytes, Cell] | Far[Cell]"

NO_KIDS: Final = _NO_KIDS
EMPTY: Final = Cell()


class Layout(NamedTuple):
    """From which size on a container's children lie in rows of their own (B2)."""

    children: int = 32
    size_bytes: int = 3 * 1024


STANDARD: Final = Layout()


class Put(NamedTuple):
    """A write on its way into the tree."""

    value: Value
    stamp: Stamp
    replaced: tuple[Stamp, ...] = ()
    zero: bool = False
    origin: Stamp | None = None
    layout: Layout = STANDARD


def w3_heads(heads: Heads, put: Put, value: Value) -> Heads:
    """Return the heads after a write (W3, A7); `value` is what is stored of it."""
    new = Head(put.stamp, value, put.origin)
    if put.zero:
        if heads and (heads[0].stamp.time or heads[0].stamp > put.stamp):
            return heads
        return (new,)
    if not heads:
        return (new,)
    if len(heads) == 1 and (heads[0].stamp in put.replaced or not heads[0].stamp.time):
        return (new,)
    stamp = put.stamp
    left = [
        head
        for head in heads
        if head.stamp.time and head.stamp != stamp and not is_named(head.stamp, put.replaced)
    ]
    left.append(new)
    left.sort(key=_stamp_of, reverse=True)
    return tuple(left)


def is_named(stamp: Stamp, named: Iterable[Stamp]) -> bool:
    """Whether a stamp is among those that a payload mentions, by its feed's or its branch's id."""
    return any(
        stamp.time == other.time and other.feed in (stamp.feed, stamp.branch) for other in named
    )


def put_value(cell: Cell, put: Put, floor: Stamp) -> Cell:
    """Return the cell after a write of anything but a text's update.

    Args:
        cell: As it was; `EMPTY` if there was none.
        put: The write.
        floor: The greatest write of the cell's ancestors (W7).
    """
    code = put.value[0] if type(put.value) is tuple else None
    if code in (SUM, BASE):
        return _put_counter(cell, put)
    if put.stamp < floor:
        return cell
    if code in CONTAINERS:
        return _put_container(cell, put, floor)
    value = TEXT_MARKER if code == TEXT else put.value
    if not cell.kids and cell.extra is None and code != TEXT:
        return (
            Cell((Head(put.stamp, value, put.origin),))
            if not cell.heads
            else Cell(w3_heads(cell.heads, put, value))
        )
    return _settle(cell, w3_heads(cell.heads, put, value), put, floor)


def put_at(cell: Cell, segments: Sequence[bytes], put: Put, floor: Stamp) -> Cell:
    """Return a cell after a write below it, or to it if there are no segments."""
    if not segments:
        return put_value(cell, put, floor)
    old = cell.kids.get(segments[0])
    new = put_at(EMPTY if old is None else old, segments[1:], put, max(floor, cell.floor))
    if new is old or new is EMPTY:
        return cell
    return b2_spread(cell.with_kid(segments[0], new), put.layout)


def unfold_into(kids: Kids, put: Put, floor: Stamp) -> Kids:
    """Return the children after a container's value was written (W8)."""
    fresh: dict[bytes, Cell] = {}
    stamp = put.stamp
    for segment, value in unfold(put.value):  # type: ignore[arg-type]  # a container's form
        old = kids.get(segment) if kids else None
        if old is None and (type(value) is not tuple or value[0] not in STRUCTURES):
            if stamp >= floor:
                fresh[segment] = Cell((_new(Head, (stamp, value, None)),))
            continue
        child = Put(value, stamp, (), put.zero, None, put.layout)
        new = put_value(EMPTY if old is None else old, child, floor)
        if new is not old and new is not EMPTY:
            fresh[segment] = new
    if not fresh:
        return kids
    if isinstance(kids, Far):
        return kids.put_all(fresh)
    return {**kids, **fresh} if kids else fresh


def w7_prune(kids: Kids, floor: Stamp) -> Kids:
    """Drop exactly what is older than the greatest write of an ancestor (W7)."""
    if isinstance(kids, Far):
        changed: dict[bytes, Cell | None] = {}
        for segment, kid in kids.items():
            left = _pruned(kid, floor)
            if left is not kid:
                changed[segment] = None if left.is_empty else left
        return kids.put_all(changed)
    pruned = {segment: _pruned(kid, floor) for segment, kid in kids.items()}
    return {segment: kid for segment, kid in pruned.items() if not kid.is_empty}


def _put_container(cell: Cell, put: Put, floor: Stamp) -> Cell:
    stored = marker(put.value)  # type: ignore[arg-type]  # a container's form
    after = _settle(cell, w3_heads(cell.heads, put, stored), put, floor)
    kids = unfold_into(after.kids, put, max(floor, after.floor))
    return (
        after if kids is after.kids else b2_spread(Cell(after.heads, kids, after.extra), put.layout)
    )


def b2_spread(cell: Cell, layout: Layout) -> Cell:
    """B2: the cell, with its children in rows of their own if they are many or large."""
    kids = cell.kids
    if isinstance(kids, Far) or _is_item(kids):
        return cell
    if len(kids) <= layout.children and _weight(cell, layout.size_bytes) <= layout.size_bytes:
        return cell
    return Cell(cell.heads, Far(None, dict(kids)), cell.extra)


def _is_item(kids: Kids) -> bool:
    """An item's value and position stay together; a large value is spread by itself."""
    return len(kids) <= 2 and VALUE_KEY in kids  # type: ignore[arg-type, operator]  # a dict


def _weight(cell: Cell, enough: int) -> int:
    """About how many bytes the children take; counting ends when it is `enough`."""
    total = 0
    for kid in () if isinstance(cell.kids, Far) else cell.kids.values():
        total += _CELL_BYTES + sum(_value_bytes(head.value) for head in kid.heads)
        if kid.kids:
            total += _weight(kid, enough - total)
        if total > enough:
            break
    return total


def _value_bytes(value: Value) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return sum(map(_value_bytes, value)) if type(value) is tuple else 0


_CELL_BYTES: Final = 16


def _settle(cell: Cell, heads: Heads, put: Put, floor: Stamp) -> Cell:
    """The cell with other heads, and with what these leave of its children and text."""
    after = Cell(heads, cell.kids, cell.extra)
    above = max(floor, after.floor)
    if after.kids and above != max(floor, cell.floor):
        after.kids = w7_prune(after.kids, above)
    if heads[0].stamp == put.stamp:
        text = None
        if heads[0].value == TEXT_MARKER:
            form: Form = put.value  # type: ignore[assignment]  # a text's form
            text = TextLog(put.stamp, form[1], size_bytes=len(form[1]))
        after.extra = with_text(cell.extra, text)
    return after


def t2_incarnation(cell: Cell, floor: Stamp) -> Stamp:
    """The incarnation of the text at a cell: the greatest write of it and its ancestors (T2)."""
    return cell.heads[0].stamp if cell.heads else floor


def with_text(extra: Extra | None, text: TextLog | None) -> Extra | None:
    """Return a cell's extras with another text, or without one."""
    if extra is None:
        return None if text is None else Extra(text=text)
    if text is None and not extra.base and not extra.sums:
        return None
    return extra._replace(text=text)


def _put_counter(cell: Cell, put: Put) -> Cell:
    extra = cell.extra or Extra()
    if put.value[0] == BASE:  # type: ignore[index]  # a counter's form
        heads = w3_heads(extra.base, put, put.value)
        return Cell(cell.heads, cell.kids, extra._replace(base=heads))
    feed = put.stamp.branch or put.stamp.feed
    old = extra.sums.get(feed)
    # A feed's own sums follow each other, so the greatest stamp has the last of them.
    if old is not None and old.stamp > put.stamp:
        return cell
    sums = {**extra.sums, feed: Head(put.stamp, put.value[1], put.origin)}  # type: ignore[index]
    return Cell(cell.heads, cell.kids, extra._replace(sums=sums))


def _pruned(cell: Cell, floor: Stamp) -> Cell:
    heads = cell.heads
    if heads and heads[0].stamp >= floor:
        # All that lies below is not older than this cell's greatest write.
        if heads[-1].stamp >= floor:
            return cell
        return Cell(tuple(head for head in heads if head.stamp >= floor), cell.kids, cell.extra)
    extra = cell.extra
    if extra is not None and extra.text is not None:
        extra = with_text(extra, None)
    kids = w7_prune(cell.kids, floor) if cell.kids else cell.kids
    if not heads and kids is cell.kids and extra is cell.extra:
        return cell
    return Cell((), kids, extra)


def _stamp_of(head: Head) -> Stamp:
    return head.stamp
