"""What is a type made of?

A class with annotations becomes a `Schema`: a type name, a version, and fields in order. The API's
classes tell what they are by `__kith_kind__` ("object", "record", "ref", "text", "counter",
"blob"), so that this module knows none of them.

Section 4 of experience.md: field types, reserved names, defaults, `BadSchema`.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import sys
import types
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from kithspace.core.container_type import DictOf, ListOf, RecordOf, SetOf
from kithspace.core.field_type import SCALARS, FieldType
from kithspace.core.link_type import BlobOf, Reference, RefTo
from kithspace.core.merging_type import CounterOf, TextOf
from kithspace.core.scalar_type import Anything, Choice, Maybe, Scalar
from kithspace.errors import BadSchema, UnknownField

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RESERVED: Final = frozenset({"id", "space", "meta", "history", "conflicts"})
OUR_TYPES: Final = "kith."
"""Type names that start so are ours (E3)."""

MAX_NAME: Final = 128


class Missing(enum.Enum):
    """No default was given."""

    TOKEN = 0


MISSING: Final = Missing.TOKEN

_PLAIN_TYPES: Final = {kind: name for name, kind in SCALARS.items()}
_ELEMENT_TYPES: Final = (Scalar, Choice, RefTo, Reference, Anything)
_DEFAULT_COPIED: Final = (ListOf, SetOf, DictOf, RecordOf, TextOf, CounterOf)


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """What `ks.field(...)` was given."""

    default: object = MISSING
    factory: Callable[[], object] | None = None
    index: bool = False
    text: bool = False
    was: str = ""
    kw_only: bool = False
    doc: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of a type.

    Attributes:
        words: `Task.priority`.
        is_plain: Its values are stored as they are.
        is_container: It exists from the start, with stamp zero (W8); a default is copied.
    """

    owner: str
    name: str
    type: FieldType
    default: object = MISSING
    factory: Callable[[], object] | None = None
    index: bool = False
    text: bool = False
    was: str = ""
    kw_only: bool = False
    doc: str = ""
    words: str = dataclasses.field(init=False)
    is_plain: bool = dataclasses.field(init=False)
    is_container: bool = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        # Asked of every field of every object that is added.
        object.__setattr__(self, "words", f"{self.owner}.{self.name}")
        inner = self.type.inner if isinstance(self.type, Maybe) else self.type
        object.__setattr__(self, "is_plain", isinstance(inner, Scalar))
        object.__setattr__(self, "is_container", isinstance(self.type, _DEFAULT_COPIED))

    @property
    def is_required(self) -> bool:
        """Whether a new object must be given a value."""
        return self.default is MISSING and self.factory is None

    def make_default(self) -> object:
        """Return the value of an object that was given none; a mutable one is copied.

        Where a required field has none, it is the type's empty value.
        """
        if self.factory is not None:
            return self.factory()
        if self.default is MISSING:
            return self.type.empty()
        return copy(self.default) if self.is_container else self.default

    def default_for_queries(self) -> object:
        """Return, as it would be stored, what an object shows that stores nothing here; or None.

        What a factory makes is stored when an object is added, so there is none for queries.
        """
        if isinstance(self.type, CounterOf):
            return 0
        if self.is_container or self.factory is not None:
            return None
        value = self.type.empty() if self.default is MISSING else self.default
        return None if value is None else self.type.check(value, self)


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A type: what `class Task(ks.Object)` says."""

    name: str
    version: int
    fields: Mapping[str, Field]
    class_name: str
    is_open: bool = False
    """No class says what the fields are: every name is one, and holds anything."""

    def field(self, name: str) -> Field:
        """Return a field.

        Raises:
            UnknownField: There is none of this name.
        """
        found = self.fields.get(name)
        if found is None:
            raise unknown_field(self.class_name, name, self.fields)
        return found


def unknown_field(owner: str, name: str, fields: Mapping[str, Field]) -> UnknownField:
    """Return the error that names what is nearest."""
    near = get_close_matches(name, fields, n=1, cutoff=0.6)
    return UnknownField.of(owner, name, near[0] if near else "")


def type_name(cls: type, given: str) -> str:
    """Return the type name of a class: as given, else the class name in lower case.

    Raises:
        BadSchema: It is one of ours, or too long.
    """
    name = given or cls.__name__.lower()
    if name.startswith(OUR_TYPES):
        raise BadSchema(
            f"{cls.__name__}: type names that start with “kith.” belong to kithspace.",
            f"Call it {name.removeprefix(OUR_TYPES) or cls.__name__.lower()}.",
        )
    if len(name) > MAX_NAME:
        raise BadSchema(
            f"{cls.__name__}: a type name has at most {MAX_NAME} characters.", "Shorten it."
        )
    return name


def read_fields(
    cls: type, base: type, names: Mapping[str, object], specs: Mapping[str, object]
) -> dict[str, Field]:
    """Return the fields that a class declares or inherits, in order.

    Args:
        cls: The class.
        base: The API's class that it derives from.
        names: What annotations may mention beside the module's names.
        specs: What stood after `=` for each field of this class; inherited fields come from
            `__kith_fields__` of the bases.

    Raises:
        BadSchema: A field's name, type or default makes no sense.
        NameError: An annotation names a class that does not exist yet.
    """
    fields: dict[str, Field] = {}
    for parent in reversed(cls.__mro__[1:]):
        if issubclass(parent, base) and parent is not base:
            fields |= parent.__kith_fields__  # type: ignore[attr-defined]
    own = own_annotations(cls)
    # Of this body alone: the annotations of the API's own classes name what is not there to see.
    body = type(cls.__name__, (), {"__annotations__": own, "__module__": cls.__module__})
    for name, hint in get_type_hints(body, localns=dict(names)).items():
        if get_origin(hint) is ClassVar or hint is ClassVar:
            continue
        fields[name] = _make_field(cls, name, hint, specs.get(name, MISSING))
    _check_order(cls, fields)
    return fields


def own_annotations(cls: type) -> dict[str, object]:
    """Return the annotations of a class body, in order; what is a text stays one."""
    if sys.version_info >= (3, 14):
        import annotationlib  # noqa: PLC0415 - exists from 3.14 on

        return dict(annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF))
    return dict(inspect.get_annotations(cls))


def _make_field(cls: type, name: str, hint: object, given: object) -> Field:
    if name in RESERVED or name.startswith("_"):
        raise BadSchema.reserved(cls.__name__, name)
    if "__" in name:
        raise BadSchema(
            f"{cls.__name__}.{name}: two underscores stand for a step in conditions.",
            f"Call it {re.sub('__+', '_', name)}.",
        )
    spec = given if isinstance(given, FieldSpec) else FieldSpec(default=given)
    kind = _field_type(hint, f"{cls.__name__}.{name}", is_top=True)
    field = Field(
        cls.__name__,
        name,
        kind,
        spec.default,
        spec.factory,
        spec.index,
        spec.text,
        spec.was,
        spec.kw_only,
        spec.doc,
    )
    _check_options(field)
    return field


def _check_options(field: Field) -> None:
    where = f"{field.owner}.{field.name}"
    if field.default is not MISSING:
        if field.factory is not None:
            raise BadSchema(f"{where} has both default= and factory=.", "Leave one out.")
        _check_default(field)
    inner = field.type.inner if isinstance(field.type, Maybe) else field.type
    if field.index and not isinstance(inner, (Scalar, Choice, Reference, RefTo)):
        raise BadSchema(
            f"{where} holds {field.type.words}, which cannot have an index.", "Leave out index=."
        )
    if field.text and not (isinstance(inner, TextOf) or inner == Scalar("str")):
        raise BadSchema(
            f"{where} holds {field.type.words}, which has no full text.", "Leave out text=."
        )


def _check_default(field: Field) -> None:
    """A default must fit; what has no equal in every program (a reference) can be no default."""
    if field.default is None and not isinstance(field.type, (Maybe, Anything)):
        raise BadSchema(
            f"{field.owner}.{field.name} holds {field.type.words}, and its default is None.",
            f"Write {field.type.words} | None.",
        )
    field.type.check(field.default, field)


def _check_order(cls: type, fields: Mapping[str, Field]) -> None:
    """Fields are positional in order, so one without a default cannot follow one with it."""
    optional = ""
    for field in fields.values():
        if field.kw_only:
            continue
        if not field.is_required:
            optional = field.name
        elif optional:
            raise BadSchema(
                f"{cls.__name__}.{field.name} has no default but follows {optional}, which has"
                " one.",
                f"Move {field.name} up, or give it a default or ks.field(kw_only=True).",
            )


# ---------------------------------------------------------------- annotations


def _field_type(hint: object, where: str, *, is_top: bool = False) -> FieldType:
    """Return the field type that an annotation stands for."""
    if hint is Any or hint is object:
        return Anything()
    origin = get_origin(hint)
    if origin is Union or origin is types.UnionType:
        return _union(get_args(hint), where)
    if origin is Literal:
        return _literal(get_args(hint), where)
    if origin in (list, set, dict) or hint in (list, set, dict):
        return _collection(origin or hint, get_args(hint), where)
    return _class(origin if isinstance(origin, type) else hint, hint, where, is_top=is_top)


def _class(cls: object, hint: object, where: str, *, is_top: bool) -> FieldType:
    if isinstance(cls, type):
        plain = _PLAIN_TYPES.get(cls)
        if plain is not None:
            return Scalar(plain)
        if issubclass(cls, enum.Enum):
            return _enum(cls, where)
        found = _ours(cls, hint, is_top=is_top)
        if found is not None:
            return found
    name = getattr(hint, "__name__", None) or repr(hint)
    if getattr(cls, "__kith_kind__", "") in ("text", "counter"):
        raise BadSchema(
            f"{where}: {name} stands inside {where.rpartition('.')[2]}.",
            "Texts and counters are fields of objects and records; put it in a ks.Record.",
        )
    raise BadSchema(
        f"{where}: a field cannot hold {name}.",
        "Use a plain type, list, set, dict, Enum, Literal, ks.Record, ks.Object, ks.Ref, ks.Text,"
        " ks.Counter or Any.",
    )


def _ours(cls: type, hint: object, *, is_top: bool) -> FieldType | None:
    match getattr(cls, "__kith_kind__", ""):
        case "object":
            return Reference(cls, cls.__kith_type__)  # type: ignore[attr-defined]
        case "record":
            return RecordOf(cls)
        case "ref":
            of = get_args(hint)
            if of and isinstance(of[0], type):
                return RefTo(getattr(of[0], "__kith_type__", ""), of[0])
            return RefTo("")
        case "blob":
            return BlobOf()
        case "text" if is_top:
            return TextOf(cls)
        case "counter" if is_top:
            return CounterOf(cls)
        case _:
            return None


def _union(members: tuple[object, ...], where: str) -> FieldType:
    some = [member for member in members if member is not type(None)]
    if len(some) == len(members) or len(some) != 1:
        words = " | ".join(getattr(member, "__name__", repr(member)) for member in members)
        raise BadSchema(
            f"{where}: a field cannot hold {words}.", "Give one type, X | None, or Any."
        )
    inner = _field_type(some[0], where)
    return inner if isinstance(inner, Anything) else Maybe(inner)


def _literal(values: tuple[object, ...], where: str) -> FieldType:
    some = tuple(value for value in values if value is not None)
    if not some or any(type(value) not in _PLAIN_TYPES for value in some):
        raise BadSchema(f"{where}: a Literal holds texts, numbers and bytes.", "Use those.")
    choice = Choice(some)
    return choice if len(some) == len(values) else Maybe(choice)


def _enum(cls: type[enum.Enum], where: str) -> FieldType:
    values = tuple(member.value for member in cls)
    if not values or any(type(value) not in _PLAIN_TYPES for value in values):
        raise BadSchema(
            f"{where}: the values of {cls.__name__} are not plain.",
            "Give its members texts or numbers.",
        )
    return Choice(values, cls)


def _collection(kind: object, arguments: tuple[object, ...], where: str) -> FieldType:
    parts = [_field_type(argument, where) for argument in arguments]
    if kind is list:
        return ListOf(parts[0] if parts else Anything())
    if kind is set:
        element = parts[0] if parts else Anything()
        _check_element(element, "an element of a set", where)
        return SetOf(element)
    key, of = parts or (Anything(), Anything())
    _check_element(key, "a key of a dict", where)
    return DictOf(key, of)


def _check_element(element: FieldType, what: str, where: str) -> None:
    if not isinstance(element, _ELEMENT_TYPES):
        raise BadSchema(f"{where}: {element.words} cannot be {what}.", "Use a plain type.")
