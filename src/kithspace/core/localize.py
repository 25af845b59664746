"""Which references leave the space that they are stored in?

Inside its own space a reference is stored without the space's id. A field that is declared as an
object holds objects of the same space only; a `Ref` may lead anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.core.container_type import DictOf, ListOf, RecordOf, SetOf
from kithspace.core.link_type import Reference
from kithspace.core.scalar_type import Anything, Choice, Maybe, Scalar
from kithspace.core.value import RefValue
from kithspace.errors import FieldType as FieldTypeError

if TYPE_CHECKING:
    from kithspace.core.field_type import FieldType, Where
    from kithspace.core.ids import SpaceId


def localize(stored: object, holds: FieldType, space: SpaceId, where: Where) -> object:
    """Return a stored value as it lies in a space.

    Raises:
        FieldType: An object is in no space yet, or in another one.
    """
    match holds:
        case Scalar() | Choice():
            return stored
        case Maybe():
            return None if stored is None else localize(stored, holds.inner, space, where)
        case Reference():
            return _same_space(stored, holds, space, where)
        case ListOf() | SetOf() | DictOf() | RecordOf():
            return _parts(stored, holds, space, where)
        case Anything():
            return _anything(stored, space, where)
        case _:
            return local_ref(stored, space)


def local_ref(stored: object, space: SpaceId) -> object:
    """Return a reference without the space, if it leads to the same one."""
    if type(stored) is RefValue and stored.space == space:
        return RefValue(stored.object)
    return stored


def _same_space(stored: object, holds: Reference, space: SpaceId, where: Where) -> object:
    found = local_ref(stored, space)
    if type(found) is not RefValue:
        raise _in_no_space(stored, holds, where)
    if found.space is not None:
        raise FieldTypeError.of(
            where.owner,
            where.name,
            where.type.words,
            f"this {holds.words} is in another space",
            "one of this space, or declare ks.Ref",
        )
    return found


def _in_no_space(stored: object, holds: FieldType, where: Where) -> FieldTypeError:
    return FieldTypeError.of(
        where.owner, where.name, where.type.words, f"{stored!r} is in no space yet", holds.give
    )


def _parts(
    stored: object, holds: ListOf | SetOf | DictOf | RecordOf, space: SpaceId, where: Where
) -> object:
    match holds, stored:
        case ListOf(), list():
            return [localize(one, holds.of, space, where) for one in stored]
        case SetOf(), set():
            return {localize(one, holds.of, space, where) for one in stored}
        case DictOf(), dict():
            return {
                localize(key, holds.key, space, where): localize(one, holds.of, space, where)
                for key, one in stored.items()
            }
        case RecordOf(), dict():
            fields = holds.fields
            return {
                name: localize(one, fields[name].type, space, fields[name])
                for name, one in stored.items()
            }
        case _:
            return stored


def _anything(stored: object, space: SpaceId, where: Where) -> object:
    match stored:
        case list():
            return [_anything(one, space, where) for one in stored]
        case set():
            return {_anything(one, space, where) for one in stored}
        case dict():
            return {key: _anything(one, space, where) for key, one in stored.items()}
        case _ if callable(getattr(stored, "_kith_link", None)):
            raise _in_no_space(stored, Anything(), where)
        case _:
            return local_ref(stored, space)
