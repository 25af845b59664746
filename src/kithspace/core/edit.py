"""Which writes carry out what a program does to an object?

Every function returns `(path, value)` pairs for one object. They are merged into a working copy
under a stamp of its own each, so that a transaction reads what it wrote; what is committed is
worked out by `core/coalesce`.

Rules:
    W2, W8  A child of a container is a write of its own: it touches that key alone.
    W10     Deletion is `[0]` at the root; undeletion writes the root's type again.
    L1-L3   A new item is one write of its presence, with position and value; a move is one write
            of the position; inserts between equal positions, and long positions, move neighbours.
    T2      An update names the incarnation of its text.
    Counters: `+=` writes one's own feed's sum, an assignment a base that counts what was seen.
"""

from collections.abc import Sequence
from typing import TypeAlias

from kithspace.core.cell import Extra
from kithspace.core.codec import Value
from kithspace.core.compose import SEED_BYTES, Entropy, compose, compose_root, key_form
from kithspace.core.container import item_id, item_value
from kithspace.core.document import Document
from kithspace.core.ids import ItemId
from kithspace.core.path import Segment
from kithspace.core.position import place
from kithspace.core.value import (
    BASE,
    DELETED,
    ROOT,
    SUM,
    TEXT_UPDATE,
    CounterValue,
    int_form,
    read_int,
)
from kithspace.core.view import items_of

Path: TypeAlias = tuple[Segment, ...]
Edit: TypeAlias = tuple[Path, Value]


def create(type_name: str, fields: dict[str, object], entropy: Entropy) -> list[Edit]:
    """Make an object with these fields.

    Raises:
        FieldValue: A value that cannot be stored.
        TooBig: A value over its limit.
    """
    return [((), compose_root(type_name, fields, entropy))]


def assign(doc: Document, path: Path, value: object, field: str, entropy: Entropy) -> list[Edit]:
    """Set a field, a map's key or an item's value (`path, id, "v"`) to any value.

    Raises:
        FieldValue: A value that cannot be stored.
        TooBig: A value over its limit.
    """
    if isinstance(value, CounterValue):
        return counter_set(doc, path, value.start, field)
    return [(path, compose(value, field, entropy, len(path)))]


def delete() -> list[Edit]:
    """Delete the object (W10)."""
    return [((), DELETED)]


def undelete(doc: Document) -> list[Edit]:
    """Bring a deleted object back, with its fields as they are now (W10)."""
    return [((), (ROOT, doc.type, ()))]


def map_set(path: Path, key: object, value: object, field: str, entropy: Entropy) -> list[Edit]:
    """Set one key of a map or record.

    Raises:
        FieldValue: A key or value that cannot be stored.
        TooBig: A value over its limit.
    """
    below = (*path, key_form(key, field))
    return [(below, compose(value, field, entropy, len(below)))]


def map_remove(path: Path, key: object, field: str) -> list[Edit]:
    """Take one key out of a map or record."""
    return [((*path, key_form(key, field)), DELETED)]


def set_add(path: Path, element: object, field: str) -> list[Edit]:
    """Put an element into a set.

    Raises:
        FieldValue: An element that cannot be stored.
    """
    return [((*path, key_form(element, field)), True)]


def set_discard(path: Path, element: object, field: str) -> list[Edit]:
    """Take an element out of a set."""
    return [((*path, key_form(element, field)), DELETED)]


def list_insert(
    doc: Document,
    path: Path,
    index: int,
    values: Sequence[object],
    field: str,
    entropy: Entropy,
) -> list[Edit]:
    """Put values into a list before the item at `index` (L2, L3).

    Args:
        doc: The object as it is seen now.
        path: The list's path.
        index: 0 to the list's length.
        values: What to put in; they stay together.
        field: The field as the user calls it, for the error.
        entropy: For the items' ids.

    Raises:
        FieldValue: A value that cannot be stored.
        TooBig: A value over its limit.
    """
    if not values:
        return []
    items = items_of(doc.seen_cell(*path))
    seed = entropy(SEED_BYTES)
    placed = place([item.position for item in items], index, len(values), seed)
    depth = len(path) + 2
    edits: list[Edit] = [((*path, items[at].id, "p"), position) for at, position in placed.moved]
    for at, value in enumerate(values):
        form = compose(value, field, entropy, depth)
        edits.append(((*path, item_id(seed, at)), item_value(placed.new[at], form)))
    return edits


def list_remove(path: Path, ids: Sequence[ItemId]) -> list[Edit]:
    """Take items out of a list."""
    return [((*path, item), DELETED) for item in ids]


def list_move(doc: Document, path: Path, item: ItemId, index: int, entropy: Entropy) -> list[Edit]:
    """Move an item so that it stands at `index` afterwards; it keeps its identity.

    Args:
        doc: The object as it is seen now.
        path: The list's path.
        item: An item of the list.
        index: 0 to the list's length - 1.
        entropy: For the new position.
    """
    others = [one for one in items_of(doc.seen_cell(*path)) if one.id != item]
    placed = place([one.position for one in others], index, 1, entropy(SEED_BYTES))
    edits: list[Edit] = [((*path, others[at].id, "p"), position) for at, position in placed.moved]
    edits.append(((*path, item, "p"), placed.new[0]))
    return edits


def list_assign(
    path: Path, item: ItemId, value: object, field: str, entropy: Entropy
) -> list[Edit]:
    """Give an item another value; it stays where it is.

    Raises:
        FieldValue: A value that cannot be stored.
        TooBig: A value over its limit.
    """
    return [((*path, item, "v"), compose(value, field, entropy, len(path) + 2))]


def counter_add(doc: Document, path: Path, number: int, own_feed: bytes, field: str) -> list[Edit]:
    """Add to a counter: the sum of one's own feed grows.

    Args:
        doc: The object as it is seen now.
        path: The counter's path.
        number: Any int.
        own_feed: The feed that the next block goes to, or its branch.
        field: The field as the user calls it, for the error.

    Raises:
        TooBig: The sum has over 1,024 bytes.
    """
    extra = doc.cell(*path).extra or Extra()
    own = extra.sums.get(own_feed)
    total = number if own is None else read_int(own.value) + number
    return [(path, (SUM, int_form(total, field)))]


def counter_set(doc: Document, path: Path, start: int, field: str) -> list[Edit]:
    """Set a counter: a base that counts what was seen, so that a concurrent `+=` survives.

    Raises:
        TooBig: The number has over 1,024 bytes.
    """
    extra = doc.cell(*path).extra or Extra()
    counted = tuple((feed, extra.sums[feed].value) for feed in sorted(extra.sums))
    return [(path, (BASE, int_form(start, field), counted))]


def text_update(doc: Document, path: Path, update: bytes) -> list[Edit]:
    """Add an update to a text, as `OpenText.splice` returned it."""
    return [(path, (TEXT_UPDATE, doc.incarnation(*path), update))] if update else []
