"""How does a test read in SQL?

The SQL half of Q1; `core/judge` is the other. SQL may find more than matches where an object's
JSON does not tell (a container that lies apart, B2): never less. What is found is judged again
there (`needs_document`).

Rules:
    Q2  A masked term stands under a unary plus, so that SQLite takes no index for it. Type numbers
        and defaults are literals; what a query compares with is a parameter.

In SQLite nothing sorts before numbers, and numbers before texts: a range is closed at the side
where the other kind begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kithspace.core.condition import Leaf, Test
    from kithspace.core.projection import Json

Sql: TypeAlias = "tuple[str, list[Json]]"
"""A condition and its parameters."""

ID_FUNCTION: Final = "kith_id"
"""A function of the store: the text form of an id (A4), from its bytes."""

_SIGNS: Final = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def literal(value: Json) -> str:
    """Return a value as SQL."""
    match value:
        case None:
            return "null"
        case bool():
            return str(int(value))
        case int():
            return str(value)
        case float():
            return repr(value)
        case str() if "\x00" in value:
            return f"cast(x'{value.encode().hex()}' as text)"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            raise AssertionError("a default is a scalar")


def path_text(names: Sequence[str]) -> str:
    """Return a JSON path as an SQL literal."""
    plain = (name.isidentifier() and name.isascii() for name in names)
    steps = (
        f".{name}" if is_plain else f'."{name}"'
        for name, is_plain in zip(names, plain, strict=True)
    )
    return literal("$" + "".join(steps))


def expression(leaf: Leaf) -> str:
    """Return what a leaf's value is in SQL; an index on it has the same text."""
    value = _with_default(leaf)
    for length in leaf.maybe:
        holder = path_text(leaf.path[:length])
        value = f"iif(json_type(doc,{holder})='object',{value},null)"
    return value


def _with_default(leaf: Leaf) -> str:
    """Where None may be stored, only what is missing shows the default."""
    default = literal(leaf.default)
    paths = [path_text(leaf.path)] + ([path_text((leaf.was,))] if leaf.was else [])
    if not leaf.is_optional:
        choices = [f"doc->>{path}" for path in paths]
        if leaf.default is not None:
            choices.append(default)
        return f"coalesce({','.join(choices)})" if len(choices) > 1 else choices[0]
    if len(paths) == 1 and leaf.default is None:
        return f"doc->>{paths[0]}"
    value = default
    for path in reversed(paths):
        value = f"iif(json_type(doc,{path}) is null,{value},doc->>{path})"
    return value


def order_expression(leaf: Leaf) -> str:
    """Return what a leaf is ordered by: a list or map in a field of anything has no order."""
    if leaf.kind != "any":
        return expression(leaf)
    kind = f"json_type(doc,{path_text(leaf.path)})"
    return f"iif({kind} in ('array','object'),null,{expression(leaf)})"


def term(test: Test, number_of: Callable[[str], int], *, is_masked: bool) -> Sql:
    """Return the condition that a test is."""
    inner, parameters = _own_term(test, is_masked=is_masked or bool(test.hops))
    for hop in reversed(test.hops):
        type_number = number_of(hop.type_name)
        targets = f"select {ID_FUNCTION}(id) from objects where type = {type_number} and live"  # noqa: S608 - numbers and quoted paths
        inner = f"{expression(hop.leaf)} in ({targets} and {inner})"
    return inner, parameters


def _own_term(test: Test, *, is_masked: bool) -> Sql:
    leaf = test.leaf
    if leaf.kind in ("items", "pairs"):
        return _container_term(test)
    value = ("+" if is_masked else "") + expression(leaf)
    if leaf.kind == "any":
        return _any_term(test, value)
    return _TERMS[test.op](test, value)


# ---------------------------------------------------------------- plain values


def _eq(test: Test, value: str) -> Sql:
    operand = test.operands[0]
    if operand is None:
        return f"{value} is null", []
    return f"{value} = ?", [operand]


def _ne(test: Test, value: str) -> Sql:
    operand = test.operands[0]
    if operand is None:
        return f"{value} is not null", []
    return f"{value} is not ?", [operand]


def _in(test: Test, value: str) -> Sql:
    given = [operand for operand in test.operands if operand is not None]
    sql = f"{value} in ({','.join('?' * len(given))})" if given else "0"
    if len(given) < len(test.operands):
        sql = f"({sql} or {value} is null)"
    return sql, list(given)


def _compares(test: Test, value: str) -> Sql:
    operand = test.operands[0]
    sql = f"{value} {_SIGNS[test.op]} ?"
    if isinstance(operand, str):
        if test.op in ("lt", "le"):
            sql += f" and {value} >= ''"
        if test.leaf.is_moment:
            sql += f" and substr({value},-1) {'=' if operand.endswith('Z') else '<>'} 'Z'"
    elif test.op in ("gt", "ge"):
        sql += f" and {value} < ''"
    return sql, [operand]


def _contains(test: Test, value: str) -> Sql:
    # Without the range a number would be searched as its digits.
    return f"{value} >= '' and instr({value},?) > 0", [test.operands[0]]


def _startswith(test: Test, value: str) -> Sql:
    prefix = str(test.operands[0])
    end = after_prefix(prefix)
    if end is None:
        return f"{value} >= ?", [prefix]
    return f"{value} >= ? and {value} < ?", [prefix, end]


def _endswith(test: Test, value: str) -> Sql:
    suffix = str(test.operands[0])
    size = len(suffix.encode())
    if not size:
        return f"{value} >= ''", []
    ends = f"substr(cast({value} as blob),{-size}) = cast(? as blob)"
    return f"{value} >= '' and {ends}", [suffix]


def _has(test: Test, value: str) -> Sql:
    return f"{value} is {'not ' if test.operands[0] else ''}null", []


_TERMS: Final[dict[str, Callable[[Test, str], Sql]]] = {
    "eq": _eq,
    "ne": _ne,
    "in": _in,
    "lt": _compares,
    "le": _compares,
    "gt": _compares,
    "ge": _compares,
    "contains": _contains,
    "startswith": _startswith,
    "endswith": _endswith,
    "has": _has,
}


def after_prefix(prefix: str) -> str | None:
    """Return the least text that is greater than all that start so; None if there is none."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            following = 0xE000 if last == 0xD7FF else last + 1
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None


# ---------------------------------------------------------------- anything


def _any_term(test: Test, value: str) -> Sql:
    """Where a field may hold anything, a list's JSON must not pass for a text."""
    if test.op in ("has", "contains"):
        return "1", []
    kind = f"json_type(doc,{path_text(test.leaf.path)})"
    is_plain = f"coalesce({kind} not in ('array','object'),1)"
    sql, parameters = _TERMS[test.op](test, value)
    if test.op == "ne":
        return f"(not {is_plain} or {sql})", parameters
    return f"{is_plain} and {sql}", parameters


# ---------------------------------------------------------------- containers


def _container_term(test: Test) -> Sql:
    """A container that is missing in `doc` is empty, or lies apart: both are found."""
    operand = test.operands[0]
    if test.op == "has" or operand is None:
        return "1", []
    path = path_text(test.leaf.path)
    lies_apart = f"coalesce(json_type(doc,{path}),'null') = 'null'"
    if test.leaf.kind == "items":
        item, times = "atom = ?", 1
    else:
        item, times = "key = ? or iif(type = 'array',value->>0,null) = ?", 2
    found = f"exists(select 1 from json_each(doc,{path}) where {item})"  # noqa: S608 - a literal
    return f"({lies_apart} or {found})", [operand] * times
