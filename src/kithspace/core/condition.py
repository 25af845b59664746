"""What does a condition on an object mean?

Keywords (`priority__ge=2`, `owner__name="Ana"`) and their JSON form (`{"priority": {"ge": 2}}`,
`{"owner.name": "Ana"}`) become the same list of `Test`s, all of which must hold. A test compares
what an object's JSON shows (`core/projection`), so that SQL and Python answer alike.

Rules:
    Q1  One meaning for every notation; a value of another type is `BadQuery` when the query is
        made. An object in which a value is missing along the way does not match.

Section 3 of experience.md: the operators, tagged values, missing values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, cast

from kithspace.core.container_type import DictOf, ListOf, RecordOf, SetOf
from kithspace.core.json_value import from_tagged
from kithspace.core.link_type import Reference, RefTo
from kithspace.core.merging_type import CounterOf, TextOf
from kithspace.core.projection import Json, project
from kithspace.core.scalar_type import Anything, Choice, Maybe, Scalar
from kithspace.core.schema import Field, Schema, unknown_field
from kithspace.core.value import RefValue, to_payload
from kithspace.errors import BadQuery, FieldValue, TooBig
from kithspace.errors import FieldType as FieldTypeError

if TYPE_CHECKING:
    from kithspace.core.field_type import FieldType

Op: TypeAlias = Literal[
    "eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "startswith", "endswith", "has"
]
Kind: TypeAlias = Literal["number", "text", "any", "items", "pairs"]

OPS: Final[frozenset[str]] = frozenset(Op.__args__)  # type: ignore[attr-defined]
COMPARES: Final = frozenset({"lt", "le", "gt", "ge"})

_NUMBERS: Final = frozenset({"bool", "int", "float", "timedelta"})
_COUNTED: Final = (bool, int, float)


class Leaf(NamedTuple):
    """A value inside an object.

    Attributes:
        path: Names from the root of its JSON.
        maybe: How many names of the path lead to a record that may be None, each as a length.
        kind: How it compares.
        type: What it holds; None where no class says so.
        default: What stands for it where nothing is stored.
        is_optional: None may be stored, and then is no default.
        was: The field's former name.
        words: `Task.priority`.
        is_indexed: An index on this very value is declared.
        is_moment: It is a datetime: with a zone and without do not compare.
    """

    path: tuple[str, ...]
    maybe: tuple[int, ...]
    kind: Kind
    type: FieldType | None
    default: Json
    is_optional: bool
    was: str
    words: str
    is_indexed: bool = False
    is_moment: bool = False


class Hop(NamedTuple):
    """A step along a reference: from a value that holds one, to objects of a type."""

    leaf: Leaf
    type_name: str


class Test(NamedTuple):
    """One condition. `operands` are projections, `exact` the values as they would be stored."""

    hops: tuple[Hop, ...]
    leaf: Leaf
    op: Op
    operands: tuple[Json, ...]
    exact: tuple[object, ...] = ()

    @property
    def needs_document(self) -> bool:
        """Whether an object's JSON alone cannot tell: a container may lie apart (B2)."""
        if self.leaf.kind in ("items", "pairs"):
            return True
        if self.leaf.kind == "any" and self.op in ("contains", "has"):
            return True
        return any(type(one) is int and not -(2**63) <= one < 2**63 for one in self.exact)


def parse_keywords(
    schema: Schema, schemas: Mapping[str, Schema], fields: Mapping[str, object]
) -> tuple[Test, ...]:
    """Read keyword conditions.

    Args:
        schema: Of the type that is asked for.
        schemas: Of the types that references lead to, by type name.
        fields: As given: `{"priority__ge": 2}`.

    Raises:
        BadQuery: A name or a value makes no sense.
        UnknownField: There is no such field.
    """
    tests = []
    for keyword, value in fields.items():
        names = keyword.split("__")
        op: Op = "eq"
        if len(names) > 1 and names[-1] in OPS:
            op = cast("Op", names.pop())
        hops, leaf = find_leaf(schema, schemas, names)
        tests.append(make_test(hops, leaf, op, value))
    return tuple(tests)


def parse_json(
    schema: Schema, schemas: Mapping[str, Schema], where: Mapping[str, object]
) -> tuple[Test, ...]:
    """Read conditions in JSON form; raises as `parse_keywords` does."""
    tests = []
    for name, wanted in where.items():
        if name in ("and", "or", "not") or name.startswith(("<-", "->")):
            raise BadQuery(
                f"{schema.class_name}: {name!r} is no condition on a field.",
                'Name fields: {"done": false, "priority": {"ge": 2}}.',
            )
        hops, leaf = find_leaf(schema, schemas, name.split("."))
        tests += [make_test(hops, leaf, op, value) for op, value in _operators(leaf, wanted)]
    return tuple(tests)


def _operators(leaf: Leaf, wanted: object) -> Iterable[tuple[Op, object]]:
    if isinstance(wanted, Mapping) and not any(str(key).startswith("$") for key in wanted):
        unknown = [key for key in wanted if key not in OPS]
        if unknown:
            raise BadQuery(
                f"{leaf.words}: {unknown[0]!r} is no operator.",
                f"There are {', '.join(Op.__args__)}.",  # type: ignore[attr-defined]
            )
        return [(cast("Op", op), from_tagged(value)) for op, value in wanted.items()]
    return [("eq", from_tagged(wanted))]


def find_leaf(
    schema: Schema, schemas: Mapping[str, Schema], names: Sequence[str]
) -> tuple[tuple[Hop, ...], Leaf]:
    """Return where names lead: along references, into records, to a value.

    Raises:
        UnknownField: A name is no field.
        BadQuery: A name follows a value that has no fields.
    """
    hops: list[Hop] = []
    path: list[str] = []
    maybe: list[int] = []
    owner, fields = schema.class_name, schema.fields
    is_open = schema.is_open
    for place, name in enumerate(names):
        if is_open and name not in fields:
            return tuple(hops), _open_leaf(schema, (*path, *names[place:]))
        field = schema.field(name) if not path else _record_field(owner, fields, name)
        path.append(name)
        leaf = leaf_of(field, tuple(path), tuple(maybe))
        if place == len(names) - 1:
            return tuple(hops), leaf
        inner = field.type.inner if isinstance(field.type, Maybe) else field.type
        if isinstance(inner, RecordOf):
            owner, fields = inner.words, inner.fields
            if isinstance(field.type, Maybe):
                maybe.append(len(path))
        elif isinstance(inner, Reference) and inner.type_name in schemas:
            hops.append(Hop(leaf, inner.type_name))
            schema = schemas[inner.type_name]
            owner, fields, is_open = schema.class_name, schema.fields, schema.is_open
            path, maybe = [], []
        else:
            raise BadQuery(
                f"{leaf.words} holds {field.type.words}, which has no {names[place + 1]!r}.",
                f"Compare it with {', '.join(sorted(OPS))}.",
            )
    raise BadQuery(f"{schema.class_name}: a condition names no field.", "Name one.")


def _record_field(owner: str, fields: Mapping[str, Field], name: str) -> Field:
    if name not in fields:
        raise unknown_field(owner, name, fields)
    return fields[name]


def leaf_of(field: Field, path: tuple[str, ...], maybe: tuple[int, ...] = ()) -> Leaf:
    """Return the value that a field holds, at a path of its object's JSON."""
    default = field.default_for_queries()
    return Leaf(
        path,
        maybe,
        _kind_of(field.type),
        field.type,
        None if default is None else project(to_payload(default, field.name)),
        isinstance(field.type, (Maybe, Anything)),
        field.was if len(path) == 1 else "",
        f"{field.owner}.{field.name}",
        field.index and len(path) == 1,
        (field.type.inner if isinstance(field.type, Maybe) else field.type) == Scalar("datetime"),
    )


def _open_leaf(schema: Schema, path: tuple[str, ...]) -> Leaf:
    words = f"{schema.class_name}.{'.'.join(path)}"
    if any('"' in name or "\x00" in name for name in path):
        raise BadQuery(f"{words}: a field's name holds no quotation marks.", "Check the name.")
    return Leaf(path, (), "any", None, None, is_optional=True, was="", words=words)


def _kind_of(kind: FieldType) -> Kind:
    match kind:
        case Maybe():
            return _kind_of(kind.inner)
        case Scalar():
            return "number" if kind.kind in _NUMBERS else "text"
        case Choice():
            values = [project(to_payload(value, kind.words)) for value in kind.values]
            if all(isinstance(value, str) for value in values):
                return "text"
            return "any" if any(isinstance(value, str) for value in values) else "number"
        case CounterOf():
            return "number"
        case ListOf() | SetOf():
            return "items"
        case DictOf():
            return "pairs"
        case Reference() | RefTo():
            return "text"
        case _:
            return "any"


# ---------------------------------------------------------------- one test


def make_test(hops: tuple[Hop, ...], leaf: Leaf, op: Op, value: object) -> Test:
    """Return the test of a value.

    Raises:
        BadQuery: The value cannot be compared with what the field holds.
    """
    _check_op(leaf, op, value)
    if op == "has":
        return Test(hops, leaf, op, (bool(value),))
    values = list(cast("Iterable[object]", value)) if op == "in" else [value]
    stored = [_operand(leaf, op, one) for one in values]
    return Test(
        hops, leaf, op, tuple(shown for _, shown in stored), tuple(one for one, _ in stored)
    )


def _check_op(leaf: Leaf, op: Op, value: object) -> None:
    kind = leaf.type.inner if isinstance(leaf.type, Maybe) else leaf.type
    fits = {
        "has": not isinstance(kind, TextOf) and isinstance(value, bool),
        "in": leaf.kind not in ("items", "pairs") and isinstance(value, (list, tuple, set)),
        "contains": leaf.kind in ("items", "pairs", "any") or kind == Scalar("str"),
        "startswith": kind == Scalar("str") or leaf.kind == "any",
        "endswith": kind == Scalar("str") or leaf.kind == "any",
    }.get(op, leaf.kind not in ("items", "pairs"))
    if op in COMPARES and (isinstance(kind, (Reference, RefTo)) or _is_enum(kind)):
        fits = False
    if isinstance(kind, (TextOf, RecordOf)) and op != "has":
        fits = False
    if leaf.kind == "any":
        fits = fits and _has_sense(op, value)
    if not fits:
        holds = leaf.type.words if leaf.type is not None else "of no known type"
        raise BadQuery(
            f"{leaf.words} is {holds} and cannot be asked {op} {value!r}.",
            _ADVICE.get(op, "Use contains or has for collections."),
        )


def _has_sense(op: Op, value: object) -> bool:
    """Whether any value at all could be compared with this one."""
    if op in COMPARES:
        return value is not None
    return op not in ("startswith", "endswith") or isinstance(value, str)


_ADVICE: Final[dict[str, str]] = {
    "has": "Give has=True or has=False.",
    "in": "Give a list of values.",
    "contains": "Use it with texts, lists, sets and the keys of dicts.",
    "startswith": "Use it with texts.",
    "endswith": "Use it with texts.",
    "lt": "Use it with what has an order.",
    "le": "Use it with what has an order.",
    "gt": "Use it with what has an order.",
    "ge": "Use it with what has an order.",
}


def _is_enum(kind: FieldType | None) -> bool:
    return isinstance(kind, Choice) and kind.enum is not None


class _Asked(NamedTuple):
    """Stands for the field where `check` wants one to name in its error."""

    owner: str
    name: str
    type: FieldType


def _operand(leaf: Leaf, op: Op, value: object) -> tuple[object, Json]:
    """Return a value as it would be stored, and its projection.

    Raises:
        BadQuery: It cannot be compared with what the field holds.
    """
    wanted = _wanted(leaf.type, op)
    try:
        stored = _stored(wanted, op, value, leaf.words)
        return stored, project(to_payload(stored, leaf.words))
    except (FieldTypeError, FieldValue, TooBig):
        owner, _, name = leaf.words.partition(".")
        holds = "of any type" if wanted is None else wanted.words
        raise BadQuery.compared(owner, name, holds, repr(value)) from None


def _stored(wanted: FieldType | None, op: Op, value: object, words: str) -> object:
    if wanted is None or (value is None and op in ("eq", "ne", "in")):
        return Anything().check(value, _Asked("", words, Anything()))
    if _is_number(wanted) and type(value) in _COUNTED:
        return value
    if isinstance(value, RefValue) and isinstance(wanted, (Reference, RefTo)):
        return value
    if isinstance(wanted, Choice) and wanted.has(value):
        return value
    return wanted.check(value, _Asked("", words, wanted))


def _is_number(wanted: FieldType) -> bool:
    """An int, a float and a counter compare with each other, and with truth values."""
    return isinstance(wanted, CounterOf) or (
        isinstance(wanted, Scalar) and wanted.kind in ("int", "float", "bool")
    )


def _wanted(kind: FieldType | None, op: Op) -> FieldType | None:
    """Return the type that an operand must have."""
    if isinstance(kind, Maybe):
        kind = kind.inner
    match kind:
        case ListOf() | SetOf() if op == "contains":
            return kind.of.inner if isinstance(kind.of, Maybe) else kind.of
        case DictOf() if op == "contains":
            return kind.key
        case Anything():
            return None
        case _:
            return kind
