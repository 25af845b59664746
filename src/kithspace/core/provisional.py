"""How does a transaction see what it has written so far?

Its edits are merged into a working copy of each object, under stamps that are greater than every
real one; the feed of these stamps stands for one's own, whose name is known only when the block is
sealed. So a counter's sum in a draft is what the transaction added, and the engine adds what the
feed had counted before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kithspace.core.ids import ID_BYTES
from kithspace.core.path import path_key
from kithspace.core.stamp import Stamp
from kithspace.core.value import BASE, MAP, ROOT, SUM, Form, int_form, read_int
from kithspace.core.write import make_write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kithspace.core.codec import Value
    from kithspace.core.document import Document
    from kithspace.core.edit import Edit, Path

OWN_FEED: Final = b"\xff" * ID_BYTES
"""Stands for one's own feed in a working copy."""

FIRST_TIME: Final = 2**63 - 2**40
"""Later than every real stamp: the year 6429."""


def merge_edits(document: Document, edits: Iterable[Edit], tick: Callable[[], int]) -> Document:
    """Return a working copy with these edits, each under a stamp of its own."""
    for path, value in edits:
        replaced = document.replaced(path_key(path), value)
        stamp = Stamp(tick(), OWN_FEED)
        document = document.merge([make_write(path, value, replaced)], stamp)
    return document


def without_own_feed(edits: Sequence[Edit]) -> list[Edit]:
    """Return edits in which no counter's base counts what the transaction itself added.

    The base then starts from what was stored, and the sum holds only what was added after it.
    """
    counted: dict[Path, int] = {}
    first = [(path, _strip(path, value, counted)) for path, value in edits]
    if not counted:
        return first
    left: list[Edit] = []
    for path, value in first:
        if type(value) is tuple and value[0] == SUM and path in counted:
            number = read_int(value[1]) - counted[path]
            if not number:
                continue
            left.append((path, (SUM, int_form(number))))
        else:
            left.append((path, value))
    return left


def _strip(path: Path, value: Value, counted: dict[Path, int]) -> Value:
    if type(value) is not tuple or not value:
        return value
    form: Form = value
    if form[0] == BASE:
        own = [number for feed, number in form[2] if feed == OWN_FEED]
        if not own:
            return value
        counted[path] = read_int(own[0])
        return (BASE, form[1], tuple(pair for pair in form[2] if pair[0] != OWN_FEED))
    if form[0] in (ROOT, MAP):
        flat = form[-1]
        kids: list[Value] = []
        for place in range(0, len(flat), 2):
            kids += (flat[place], _strip((*path, flat[place]), flat[place + 1], counted))
        return (*form[:-1], tuple(kids))
    return value
