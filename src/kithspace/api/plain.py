"""What are the values of an object without us?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kithspace.api.base import Fields, fields_of
from kithspace.api.counter import Counter
from kithspace.api.text import Text
from kithspace.core.text import read_text
from kithspace.core.view import TextView

if TYPE_CHECKING:
    from kithspace.api.object import Object


def plain_value(value: object) -> Any:  # noqa: ANN401 - any value
    """Return a deep copy in plain types; an object becomes its id."""
    from kithspace.api.object import Object  # noqa: PLC0415

    match value:
        case Object():
            return value.id
        case Text():
            return str(value)
        case Counter():
            return int(value)
        case Fields():
            return {name: plain_value(getattr(value, name)) for name in fields_of(type(value))}
        case list():
            return [plain_value(one) for one in value]
        case set():
            return {plain_value(one) for one in value}
        case dict():
            return {key: plain_value(one) for key, one in value.items()}
        case TextView():
            return read_text(value.updates)
        case _:
            return value


def unknown_fields(obj: Object) -> dict[str, Any]:
    """Return what is stored in fields that the class does not declare."""
    place = obj._kith  # noqa: SLF001 - ours
    if place is None:
        return {}
    known = fields_of(type(obj))
    names = [name for name in place.doc.keys() if isinstance(name, str) and name not in known]  # noqa: SIM118 - of a document
    return {name: plain_value(place.doc.get(name)) for name in names}
