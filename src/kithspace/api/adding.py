"""How does a plain object come into a space, and out of it again?

Adding writes what was given to the object (W9: defaults stay unwritten); texts and records that it
holds become part of the space and stay the same Python objects. A failed transaction makes the
object plain again, with what it held before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.api.attached import Attached, Inner, Place
from kithspace.api.base import Fields, fields_of
from kithspace.api.record import Record
from kithspace.api.spot import Spot
from kithspace.api.text import Text
from kithspace.core.coalesce import a6_parts
from kithspace.core.compose import compose
from kithspace.core.localize import localize
from kithspace.core.scalar_type import plain_scalars
from kithspace.core.value import ROOT, to_payload
from kithspace.ports import DraftWrite

if TYPE_CHECKING:
    from kithspace.api.object import Object
    from kithspace.api.session import Session
    from kithspace.core.codec import Value
    from kithspace.core.edit import Edit
    from kithspace.core.schema import Schema

_KEPT = plain_scalars()
_SURELY_SMALL = 64 * 1024
"""Texts of so many bytes need not be encoded to see that they fit in a write."""


class Plain:
    """What an object held before it was added."""

    __slots__ = ("_records", "_texts", "_values")

    def __init__(self, holder: Fields) -> None:
        self._values = dict(holder.__dict__)
        self._texts = [(one, str(one)) for one in self._values.values() if type(one) is Text]
        self._records = [
            (one, Plain(one)) for one in self._values.values() if isinstance(one, Record)
        ]

    def restore(self, holder: Fields) -> None:
        """Make it plain again."""
        object.__setattr__(holder, "_kith", None)
        holder.__dict__.clear()
        holder.__dict__.update(self._values)
        for text, words in self._texts:
            text._kith_detach(words)  # noqa: SLF001 - ours
        for record, plain in self._records:
            plain.restore(record)


def root_edit(obj: Object, schema: Schema, session: Session) -> Edit:
    """Return the write that makes a plain object.

    A counter at nought, a text without words, an empty collection: they need not be written.

    Raises:
        FieldType: A value does not fit.
        TooBig: A value over its limit.
    """
    flat: list[Value] = []
    fields, space, entropy = schema.fields, session.space_id, session.entropy
    for name, value in obj.__dict__.items():
        field = fields.get(name)
        if field is None or (field.is_container and not value):
            continue
        if field.is_plain and type(value) in _KEPT:
            flat += (name, to_payload(value, field.words))
            continue
        stored = localize(field.type.check(value, field), field.type, space, field)
        flat += (name, compose(stored, field.words, entropy))
    return (), (ROOT, schema.name, tuple(flat))


def root_writes(edit: Edit) -> tuple[DraftWrite, ...]:
    """Return what a root write is committed as: one write, or several if it is big (A6)."""
    flat: tuple[Value, ...] = edit[1][2]  # type: ignore[index, assignment]  # a root's form
    size = 0
    for value in flat:
        if type(value) is str or type(value) is bytes:
            size += 4 * len(value)
        elif type(value) is tuple:
            return tuple(DraftWrite(*part) for part in a6_parts(*edit))
    if size > _SURELY_SMALL:
        return tuple(DraftWrite(*part) for part in a6_parts(*edit))
    return (DraftWrite(*edit),)


def attach(obj: Object, root: Attached) -> None:
    """Let a plain object be one in a space; what it holds comes along."""
    object.__setattr__(obj, "_kith", root)
    _attach_fields(obj, root)


def _attach_fields(holder: Fields, place: Place) -> None:
    own = holder.__dict__
    rest = [(name, value) for name, value in own.items() if type(value) not in _KEPT]
    if not rest:
        return
    fields = fields_of(type(holder))
    for name, value in rest:
        del own[name]
        field = fields.get(name)
        if field is None:
            continue
        if type(value) is Text:
            spot = Spot(place.root, (*place.path, name), field.type, field)
            value._kith_attach(spot)  # noqa: SLF001 - ours
            place.parts[name] = value
        elif isinstance(value, Record) and value._kith is None:  # noqa: SLF001 - ours
            spot = Spot(place.root, (*place.path, name), field.type, field)
            inner = Inner(place.root, spot.path)
            object.__setattr__(value, "_kith", inner)
            object.__setattr__(value, "_kith_spot", spot)
            place.parts[name] = value
            _attach_fields(value, inner)
