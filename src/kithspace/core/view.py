"""What is seen of an object's cells, and as what?

Rules:
    W6  A child is seen if its parent is, the parent's winner is a container, and it fits the kind
        of that container. (What is older than its parent is not in the tree: W7.)
    L1  An item is seen if its presence is a container, its position is one and it has a value.
    L2  Items order by position, then by id.
    B1  The JSON of a container: a map with other than text keys is an array of pairs; texts, and
        containers that lie in rows, are left out.

A container that was declared and never assigned has no cell of its own; where nobody says of which
kind it is, `kind_of` goes by its children: items make a list, children that are all `true` a set.
"""

from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias

from kithspace.core.cell import TEXT_MARKER, Cell, Extra
from kithspace.core.codec import Value
from kithspace.core.container import POSITION_KEY, VALUE_KEY
from kithspace.core.counter import counter_value
from kithspace.core.far import Far
from kithspace.core.ids import ItemId
from kithspace.core.path import item_of, segment_of
from kithspace.core.position import is_position
from kithspace.core.projection import Json, project
from kithspace.core.value import ABSENT, LIST, MAP, ROOT, SET, from_payload, int_form

Kind: TypeAlias = Literal["nothing", "scalar", "map", "set", "list", "counter", "text"]


class Missing(Enum):
    """Nothing is there; None is a value."""

    TOKEN = 0

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.TOKEN


class TextView(NamedTuple):
    """Stands for a text within a container that is read as a whole."""

    updates: tuple[bytes, ...]


class Item(NamedTuple):
    """A list's item: its id, its position, and the cell of its value."""

    id: ItemId
    position: str
    value: Cell


_KINDS: Final[dict[Value, Kind]] = {MAP: "map", SET: "set", LIST: "list", ABSENT: "nothing"}


def kind_of(cell: Cell) -> Kind:
    """What a cell shows."""
    if cell.heads:
        value = cell.heads[0].value
        if type(value) is not tuple:
            return "scalar"
        return "text" if value == TEXT_MARKER else _KINDS.get(value[0], "scalar")
    extra = cell.extra
    if extra is not None and extra.text is not None:
        return "text"
    if extra is not None and (extra.base or extra.sums):
        return "counter"
    return _declared_kind(cell)


def is_seen(cell: Cell) -> bool:
    """Whether a child of a map, or a field, is there (W6)."""
    return kind_of(cell) != "nothing"


def is_child_seen(parent: Cell, segment: bytes, kid: Cell) -> bool:
    """Whether a container shows this child: it fits the container's kind (W6)."""
    if not parent.heads:
        return is_seen(kid)
    match kind_of(parent):
        case "map":
            return is_seen(kid)
        case "set":
            return bool(kid.heads) and kid.heads[0].value is True
        case "list":
            return _item(segment, kid) is not None
        case _:
            return False


def items_of(cell: Cell) -> list[Item]:
    """The items of a list, in order (L1, L2)."""
    items: list[Item] = []
    if _is_other(cell, LIST):
        return items
    for segment, kid in cell.kids.items():
        item = _item(segment, kid)
        if item is not None:
            items.append(item)
    items.sort(key=_place_of)
    return items


def entries_of(cell: Cell) -> list[tuple[bytes, Cell]]:
    """The entries of a map or record, or an object's fields, in the order of their keys."""
    if _is_other(cell, MAP) and _is_other(cell, ROOT):
        return []
    return sorted(
        ((segment, kid) for segment, kid in cell.kids.items() if is_seen(kid)), key=_key_of
    )


def elements_of(cell: Cell) -> list[bytes]:
    """The keys of a set's elements, in order."""
    if _is_other(cell, SET):
        return []
    return sorted(
        segment for segment, kid in cell.kids.items() if kid.heads and kid.heads[0].value is True
    )


def python_value(cell: Cell) -> object:
    """A copy of what a cell shows, as Python values; `MISSING` if it shows nothing.

    A text is a `TextView` of what is not stored yet; a counter is an int. Where keys that differ
    in type alone would fall together in a dict, the greatest one stays: `entries_of` has them all.
    """
    match kind_of(cell):
        case "scalar":
            return from_payload(cell.heads[0].value)
        case "map":
            return {
                from_payload(segment_of(segment)): python_value(kid)
                for segment, kid in entries_of(cell)
            }
        case "set":
            return {from_payload(segment_of(segment)) for segment in elements_of(cell)}
        case "list":
            return [python_value(item.value) for item in items_of(cell)]
        case "counter":
            return counter_value(cell.extra or Extra())
        case "text":
            return _text_view(cell)
        case "nothing":
            return MISSING


def to_json(cell: Cell) -> Json | Missing:
    """The projection of a cell (B1); `MISSING` for texts and for what lies in rows."""
    if isinstance(cell.kids, Far):
        return MISSING
    match kind_of(cell):
        case "scalar":
            return project(cell.heads[0].value)
        case "map":
            return _map_json(cell)
        case "set":
            return [project(segment_of(segment)) for segment in elements_of(cell)]
        case "list":
            shown = [to_json(item.value) for item in items_of(cell)]
            return [None if one is MISSING else one for one in shown]
        case "counter":
            return project(int_form(counter_value(cell.extra or Extra())))
        case "text" | "nothing":
            return MISSING


def _is_other(cell: Cell, code: int) -> bool:
    """Whether a cell was written, and not as a container of this kind: it shows no children."""
    if not cell.heads:
        return False
    value = cell.heads[0].value
    return type(value) is not tuple or value[0] != code


def _map_json(cell: Cell) -> Json:
    shown = [(segment_of(segment), to_json(kid)) for segment, kid in entries_of(cell)]
    pairs = [(key, value) for key, value in shown if value is not MISSING]
    if all(type(key) is str for key, _ in pairs):
        return {str(key): value for key, value in pairs}
    return [[project(key), value] for key, value in pairs]


def _text_view(cell: Cell) -> TextView:
    text = cell.extra.text if cell.extra is not None else None
    if text is None:
        return TextView(())
    return TextView(text.fresh if text.base is None else (text.base, *text.fresh))


def _declared_kind(cell: Cell) -> Kind:
    kind: Kind = "nothing"
    for segment, kid in cell.kids.items():
        if _item(segment, kid) is not None:
            return "list"
        if kid.heads and kid.heads[0].value is True:
            kind = "set" if kind == "nothing" else kind
        elif is_seen(kid):
            kind = "map"
    return kind


def _item(segment: bytes, kid: Cell) -> Item | None:
    name = item_of(segment)
    if name is None or not kid.heads or kind_of(kid) != "map":
        return None
    position = kid.kids.get(POSITION_KEY)
    value = kid.kids.get(VALUE_KEY)
    if position is None or value is None or not position.heads or not is_seen(value):
        return None
    place = position.heads[0].value
    return Item(ItemId(name), place, value) if is_position(place) else None  # type: ignore[arg-type]


def _place_of(item: Item) -> tuple[str, ItemId]:
    return item.position, item.id


def _key_of(entry: tuple[bytes, Cell]) -> bytes:
    return entry[0]
