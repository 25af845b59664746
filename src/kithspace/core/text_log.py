"""Where do a text's updates go when they come, and where are they?

Rules:
    T1  Updates are kept as they come, and lie in the store beside the cells; when they are many, a
        snapshot takes their place.
    T2  An update names the incarnation of its text: the stamp of the assignment that made it; of a
        declared text the stamp of the container that it lies in, zero for a field. Others are
        dropped.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from kithspace.core.cell import (
    EMPTY,
    TEXT_MARKER,
    Cell,
    TextLog,
    is_named,
    t2_incarnation,
    with_text,
)
from kithspace.core.stamp import ZERO, Stamp
from kithspace.core.text import is_long, snapshot_of
from kithspace.core.value import Form

StoredTexts: TypeAlias = Callable[[bytes], Iterable[bytes]]
"""Reads the updates of a text that lie in the store, by its path."""


def put_update(root: Cell, segments: Sequence[bytes], update: Form, stored: StoredTexts) -> Cell:
    """Return the field that `segments` begin with, after an update to a text in it.

    Args:
        root: The object's root.
        segments: The text's path.
        update: `(22, incarnation, bytes)`.
        stored: Where the older updates are, if a snapshot is made.
    """
    key = b"".join(segments)
    field = root.kids.get(segments[0]) or EMPTY
    return _descend(field, segments[1:], ZERO, (update, key, stored))


def updates_of(cell: Cell, key: bytes, stored: StoredTexts) -> list[bytes]:
    """All updates of the text at a cell."""
    log = cell.extra.text if cell.extra is not None else None
    if log is None:
        return []
    older = stored(key) if log.base is None else (log.base,)
    return [*older, *log.fresh]


def _descend(
    cell: Cell, segments: Sequence[bytes], floor: Stamp, what: tuple[Form, bytes, StoredTexts]
) -> Cell:
    if not segments:
        return _put(cell, floor, *what)
    old = cell.kids.get(segments[0])
    new = _descend(old or EMPTY, segments[1:], max(floor, cell.floor), what)
    return cell if new is old or new is EMPTY else cell.with_kid(segments[0], new)


def _put(cell: Cell, floor: Stamp, update: Form, key: bytes, stored: StoredTexts) -> Cell:
    incarnation = t2_incarnation(cell, floor)
    _, named, change = update
    if cell.heads and cell.heads[0].value != TEXT_MARKER:
        return cell
    if named != incarnation and not (named.time and is_named(incarnation, (named,))):
        return cell
    log = cell.extra.text if cell.extra is not None else None
    log = log or TextLog(incarnation)
    fresh = (*log.fresh, change)
    size = log.size_bytes + len(change)
    if is_long(log.stored + len(fresh), size):
        snapshot = snapshot_of([*updates_of(cell, key, stored), change])
        log = TextLog(incarnation, snapshot)
    else:
        log = TextLog(incarnation, log.base, log.stored, size, fresh)
    return Cell(cell.heads, cell.kids, with_text(cell.extra, log))
