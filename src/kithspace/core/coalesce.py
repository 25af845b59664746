"""Which writes does a transaction come down to?

A transaction merges its edits into a working copy, each under a stamp of its own. What is
committed is one write per cell, read from the working copy.

Rules:
    W2  One write per cell and block. *Two assignments of a container in one transaction would
        have equal stamps, and keys of the first would survive.*
    W8  What lies below a container that the transaction assigned is folded into its value. Items
        keep their ids: a list whose items are not those of one seed is written empty, and each
        item is a write of its own.
    A6  A value of over 96 KiB carries what fits; the rest follows as writes of its children.
    T4  A text's update over 96 KiB is cut; the parts are joined again when they are applied.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from pycrdt import merge_updates

from kithspace.core.cell import EMPTY, Cell, Extra, TextLog
from kithspace.core.codec import Value, encode
from kithspace.core.compose import map_form, set_form
from kithspace.core.container import item_id, unfold
from kithspace.core.document import Document
from kithspace.core.edit import Edit, Path
from kithspace.core.path import key_name, path_key, segment_of
from kithspace.core.position import a11_positions
from kithspace.core.stamp import ZERO
from kithspace.core.text import snapshot_of
from kithspace.core.text_log import updates_of
from kithspace.core.value import (
    DELETED,
    LIST,
    MAP,
    ROOT,
    SET,
    SUM,
    TEXT,
    TEXT_PART,
    TEXT_UPDATE,
    Form,
)
from kithspace.core.view import MISSING, Item, Missing, elements_of, entries_of, items_of, kind_of

MAX_WRITE_BYTES: Final = 96 * 1024
_OVERHEAD_BYTES: Final = 512
_HEAD_BYTES: Final = 9
"""The most that CBOR takes beside the bytes of a text."""
_UTF8_BYTES: Final = 4
"""Room for the path and what else a write carries."""
_SEED_BYTES: Final = 8


def coalesce(base: Document | None, working: Document, touched: Iterable[Path]) -> list[Edit]:
    """Return the writes of a transaction to one object, containers before what lies in them.

    Args:
        base: The object as it was; None for a new one.
        working: The object with all edits merged.
        touched: The paths of the edits.
    """
    gather = _Gather(base, working)
    # W1: never by the paths themselves, in which 1, True and 1.0 are equal.
    paths = {path_key(path): path for path in touched}
    for path in sorted(paths.values(), key=len):
        gather.take(path)
    # In a run of several blocks what comes later is newer, and a container drops what is older
    # (W7): what lies in it comes after it. A list's items were gathered before the list.
    gather.edits.sort(key=_depth_of)
    return [part for edit in gather.edits for part in a6_parts(*edit)]


def a6_parts(path: Path, value: Value) -> Iterator[Edit]:
    """A6, T4: cut a write into ones of at most 96 KiB."""
    if type(value) is not tuple or _is_small(value):
        yield path, value
    elif value[0] in (TEXT, TEXT_UPDATE):
        yield from _text_parts(path, value)
    elif value[0] in (MAP, SET, LIST, ROOT):
        yield from _container_parts(path, value)
    else:
        yield path, value


def _is_small(form: Form) -> bool:
    return _at_most(form) <= MAX_WRITE_BYTES or len(encode(form)) <= MAX_WRITE_BYTES


def _at_most(form: Form) -> int:
    """No fewer bytes than a form has when it is encoded; cheaper than encoding it."""
    size = _HEAD_BYTES
    for part in form:
        kind = type(part)
        if kind is tuple:
            size += _at_most(part)
        elif kind is str:
            size += _HEAD_BYTES + _UTF8_BYTES * len(part)
        else:
            size += _HEAD_BYTES + (len(part) if kind is bytes else 0)
    return size


class _Gather:
    """Reads the writes off the working copy."""

    __slots__ = ("base", "edits", "working")

    def __init__(self, base: Document | None, working: Document) -> None:
        self.base = base
        self.working = working
        self.edits: list[Edit] = []

    def take(self, path: Path) -> None:
        """Add what the transaction wrote at a path, if no container above it carries it."""
        if self.is_folded(path):
            return
        cell = self.working.cell(*path)
        old = EMPTY if self.base is None else self.base.cell(*path)
        if not path:
            self.root(cell, old)
            return
        if cell.heads and cell.heads[:1] != old.heads[:1]:
            value = self.value(path, cell)
            if value is not MISSING:
                self.edits.append((path, value))
        elif cell.extra is not None and cell.extra.text is not None:
            self.update(path, cell.extra.text, old.extra.text if old.extra else None)
        self.counter(path, cell.extra or Extra(), old.extra or Extra())

    def is_folded(self, path: Path) -> bool:
        """Whether the transaction made a container above: its value carries the cell."""
        for depth in range(len(path)):
            above = path[:depth]
            cell = self.working.cell(*above)
            old = EMPTY if self.base is None else self.base.cell(*above)
            is_new = bool(cell.heads) and cell.heads[:1] != old.heads[:1]
            if is_new and (depth or self.base is None):
                return True
        return False

    def root(self, cell: Cell, old: Cell) -> None:
        if cell.heads[:1] == old.heads[:1]:
            return
        form: Form = cell.heads[0].value  # type: ignore[assignment]  # a root's form
        if self.base is not None or form == DELETED:
            self.edits.append(((), form))
            return
        place = len(self.edits)
        flat: list[Value] = []
        for segment, kid in cell.kids.items():
            name = key_name(segment)
            value = self.value((name,), kid)
            if value is not MISSING:
                flat += (name, value)
        self.edits.insert(place, ((), (ROOT, form[1], tuple(flat))))

    def value(self, path: Path, cell: Cell) -> Value | Missing:
        """What the transaction wrote at a cell and in it; `MISSING`: only what lies in it."""
        kind = kind_of(cell)
        if kind == "text":
            return (TEXT, snapshot_of(updates_of(cell, b"", lambda _key: ())))
        if kind == "counter":
            extra = cell.extra or Extra()
            self.sums(path, extra, Extra())
            return extra.base[0].value if extra.base else MISSING
        if not cell.heads:
            return self.declared(path, cell)
        if kind == "map":
            return map_form(self.pairs(path, cell))
        if kind == "set":
            return set_form([segment_of(segment) for segment in elements_of(cell)])
        return self.list(path, cell) if kind == "list" else cell.heads[0].value

    def declared(self, path: Path, cell: Cell) -> Missing:
        """A declared container is never written itself (W8): its children are, one by one."""
        for segment, kid in cell.kids.items():
            below = (*path, segment_of(segment))
            value = self.value(below, kid)
            if value is not MISSING and value != DELETED:
                self.edits.append((below, value))
        return MISSING

    def pairs(self, path: Path, cell: Cell) -> "list[tuple[Value, Value]]":
        pairs = []
        for segment, kid in entries_of(cell):
            key = segment_of(segment)
            value = self.value((*path, key), kid)
            if value is not MISSING:
                pairs.append((key, value))
        return pairs

    def list(self, path: Path, cell: Cell) -> Value:
        items = items_of(cell)
        values = [self.value((*path, item.id, "v"), item.value) for item in items]
        seed = items[0].id[:_SEED_BYTES] if items else bytes(_SEED_BYTES)
        if _is_one_run(items, seed):
            return (LIST, seed, tuple(None if one is MISSING else one for one in values))
        for item, value in zip(items, values, strict=True):
            pair: Form = () if value is MISSING else ("v", value)
            self.edits.append(((*path, item.id), (MAP, ("p", item.position, *pair))))
        return (LIST, bytes(_SEED_BYTES), ())

    def counter(self, path: Path, new: Extra, old: Extra) -> None:
        if new.base and new.base[:1] != old.base[:1]:
            self.edits.append((path, new.base[0].value))
        self.sums(path, new, old)

    def sums(self, path: Path, new: Extra, old: Extra) -> None:
        for feed, head in new.sums.items():
            if head != old.sums.get(feed):
                self.edits.append((path, (SUM, head.value)))

    def update(self, path: Path, new: TextLog, old: TextLog | None) -> None:
        goes_on = old is not None and old.incarnation == new.incarnation
        known = len(old.fresh) if old is not None and goes_on and old.base is new.base else 0
        updates = list(new.fresh[known:])
        if new.base is not None and not (old is not None and goes_on and old.base is new.base):
            updates.insert(0, new.base)
        if updates:
            merged = updates[0] if len(updates) == 1 else merge_updates(*updates)
            self.edits.append((path, (TEXT_UPDATE, new.incarnation, merged)))


def _depth_of(edit: Edit) -> int:
    return len(edit[0])


def _is_one_run(items: list[Item], seed: bytes) -> bool:
    """Whether a list's form says the same: ids of one seed, in order, where A11 puts them."""
    if not items:
        return True
    positions = a11_positions(None, None, seed, len(items))
    return all(
        item.id == item_id(seed, at) and item.position == positions[at]
        for at, item in enumerate(items)
    )


def _text_parts(path: Path, form: Form) -> Iterator[Edit]:
    whole: bytes = form[-1]
    incarnation = form[1] if form[0] == TEXT_UPDATE else ZERO
    size = MAX_WRITE_BYTES - _OVERHEAD_BYTES
    cuts = range(0, len(whole), size)
    for start in cuts[:-1]:
        yield path, (TEXT_PART, incarnation, whole[start : start + size])
    yield path, (*form[:-1], whole[cuts[-1] :])


def _container_parts(path: Path, form: Form) -> Iterator[Edit]:
    """The container with the children that fit, then the others, each cut in its turn."""
    room = MAX_WRITE_BYTES - _OVERHEAD_BYTES
    count = 0
    children = list(unfold(form))
    for segment, value in children:
        room -= len(segment) + len(encode(value))
        # Positions of a run depend on its length: no part of a list's items can stay.
        if room < 0 or form[0] == LIST:
            break
        count += 1
    yield path, _shortened(form, count)
    for segment, value in children[count:]:
        yield from a6_parts((*path, segment_of(segment)), value)


def _shortened(form: Form, count: int) -> Form:
    if form[0] == LIST:
        return (*form[:-1], ())  # with its seed: peers refuse a list without one (V14)
    return (*form[:-1], form[-1][: count if form[0] == SET else 2 * count])
