"""What do objects and records have in common?

Both are classes with declared fields. While one stands alone its values lie in its `__dict__`;
once it is in a space they are read from the object's cells, and kept in `__dict__` until they
change.
"""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import TYPE_CHECKING, ClassVar

from kithspace.api.field import FieldSlot
from kithspace.api.overriding import override
from kithspace.core.schema import MISSING, Field, own_annotations, read_fields, unknown_field
from kithspace.errors import BadSchema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kithspace.api.attached import Place

_CLASSES: dict[str, type] = {}
"""Classes by name, for annotations that name one that was defined later."""


class Fields:
    """A class with declared fields."""

    __slots__ = ("__weakref__", "_kith")
    __kith_kind__: ClassVar[str] = ""
    __kith_fields__: ClassVar[Mapping[str, Field]] = {}
    __kith_specs__: ClassVar[Mapping[str, object]] = {}
    __kith_is_ready__: ClassVar[bool] = True

    _kith: Place | None

    def __init__(self, *args: object, **values: object) -> None:
        object.__setattr__(self, "_kith", None)
        fields = fields_of(type(self))
        if len(args) > len(fields):
            raise TypeError(
                f"{type(self).__name__} takes up to {len(fields)} values, {len(args)} were given."
            )
        for field, value in zip(_positional(fields), args, strict=False):
            if field.name in values:
                raise TypeError(f"{type(self).__name__} was given {field.name} twice.")
            values[field.name] = value
        self._kith_fill(fields, values)

    def _kith_fill(self, fields: Mapping[str, Field], values: Mapping[str, object]) -> None:
        own = self.__dict__
        for name, value in values.items():
            field = fields.get(name)
            if field is None:
                raise unknown_field(type(self).__name__, name, fields)
            field.type.check(value, field)
            own[name] = value
        for name, field in fields.items():
            if name not in own:
                if field.is_required:
                    raise TypeError(
                        f"{type(self).__name__} needs {name}: {type(self).__name__}({name}=…)."
                    )
                if field.factory is not None or field.is_container:
                    own[name] = field.make_default()

    def _kith_assign(self, name: str, value: object) -> None:
        field = type(self).__kith_fields__.get(name)
        if field is None:
            self._kith_set_other(name, value)
            return
        place = self._kith
        if place is None:
            field.type.check(value, field)
            self.__dict__[name] = value
        else:
            place.assign(self, field, value)

    if not TYPE_CHECKING:
        # Type checkers would take it as leave to set any name.
        __setattr__ = _kith_assign

    def _kith_set_other(self, name: str, value: object) -> None:
        """A property of the user's class may be set; anything else is no field."""
        found = getattr(type(self), name, None)
        if isinstance(found, property) and found.fset is not None:
            found.fset(self, value)
            return
        if found is not None and not callable(found):
            raise AttributeError(f"{type(self).__name__}.{name} can be read, not set.")
        raise unknown_field(type(self).__name__, name, fields_of(type(self)))

    @override
    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted; assign a value.")

    def _kith_read(self, name: str) -> object:
        """Return the value of a field that is not in `__dict__`."""
        field = fields_of(type(self))[name]
        if self._kith is not None:
            return self._kith.read(self, field)
        value = field.make_default()
        if field.is_container:
            self.__dict__[name] = value
        return value

    def _kith_given(self) -> Iterator[tuple[Field, object]]:
        """The fields that have a value of their own, with it."""
        place = self._kith
        if place is not None:
            yield from place.given(self)
            return
        own = self.__dict__
        for name, field in fields_of(type(self)).items():
            if name in own:
                yield field, own[name]

    def _kith_copy(self) -> Fields:
        """Return a plain copy; containers, records and texts are copied too."""
        new = type(self).__new__(type(self))
        object.__setattr__(new, "_kith", None)
        for field, value in self._kith_given():
            new.__dict__[field.name] = deepcopy(value) if field.is_container else value
        for field in fields_of(type(self)).values():
            if field.is_container and field.name not in new.__dict__:
                new.__dict__[field.name] = field.make_default()
        return new

    def __copy__(self) -> Fields:
        return self._kith_copy()

    @override
    def __repr__(self) -> str:
        cls = type(self)
        shown: list[str] = []
        for name, field in fields_of(cls).items():
            value = getattr(self, name)
            if field.is_required and not field.kw_only and len(shown) < 1:
                shown.append(repr(value))
            elif field.is_required or not _is_default(field, value):
                shown.append(f"{name}={value!r}")
        return f"{cls.__name__}({', '.join(shown)})"


def _positional(fields: Mapping[str, Field]) -> list[Field]:
    return [field for field in fields.values() if not field.kw_only]


def _is_default(field: Field, value: object) -> bool:
    if field.default is MISSING:
        return not value and field.is_container
    if field.is_container:
        return str(value) == str(field.default)
    return value == field.default


# ---------------------------------------------------------------- declaring


def declare(cls: type[Fields], base: type[Fields], depth: int) -> None:
    """Take the declarations of a class body.

    Args:
        cls: The class.
        base: `Object` or `Record`.
        depth: How many frames above this one the class stands.
    """
    _CLASSES[cls.__name__] = cls
    specs = {}
    for name in own_annotations(cls):
        given = cls.__dict__.get(name, MISSING)
        if given is not MISSING:
            specs[name] = given
        if not name.startswith("__"):
            setattr(cls, name, FieldSlot(name))
    cls.__kith_specs__ = specs
    cls.__kith_is_ready__ = False
    frame = sys._getframe(depth + 1)  # noqa: SLF001 - where the class stands: its names
    _make_ready(cls, base, {**_CLASSES, **frame.f_locals})


def _make_ready(cls: type[Fields], base: type[Fields], names: Mapping[str, object]) -> None:
    for parent in cls.__mro__[1:]:
        if issubclass(parent, Fields) and not parent.__kith_is_ready__:
            _make_ready(parent, base, names)
    try:
        fields = read_fields(cls, base, {**names, cls.__name__: cls}, cls.__kith_specs__)
    except NameError:
        # A class that is defined further down: looked at again at first use.
        return
    for name, value in cls.__kith_specs__.items():
        if name not in fields:
            setattr(cls, name, value)
    cls.__kith_fields__ = fields
    cls.__kith_is_ready__ = True


def fields_of(cls: type[Fields]) -> Mapping[str, Field]:
    """Return the fields of a class.

    Raises:
        BadSchema: An annotation names something that cannot be found.
    """
    if not cls.__kith_is_ready__:
        base = next(one for one in cls.__mro__ if "_kith_is_base" in one.__dict__)
        _make_ready(cls, base, _CLASSES)
        if not cls.__kith_is_ready__:
            raise _unknown_name(cls, base)
    return cls.__kith_fields__


def _unknown_name(cls: type[Fields], base: type[Fields]) -> BadSchema:
    try:
        read_fields(cls, base, {**_CLASSES, cls.__name__: cls}, cls.__kith_specs__)
    except NameError as error:
        return BadSchema(
            f"{cls.__name__}: an annotation names {error.name!r}, which cannot be found.",
            "Import it where the program runs, not for type checkers alone.",
        )
    return BadSchema(f"{cls.__name__}: its annotations cannot be read.", "Look at its bases.")
