"""Does an object pass a test?

The Python half of Q1; `core/sql_text` is the other. Both compare projections, and both say no
where a value is missing along the way. `judge` sees an object's JSON alone and, like SQL, says yes
where that does not tell (a container may lie apart, B2); `judge_exactly` sees the whole object.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from kithspace.core.view import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kithspace.core.condition import Leaf, Test
    from kithspace.core.document import Document
    from kithspace.core.projection import Json

LookUp: TypeAlias = "Callable[[str], tuple[str, Mapping[str, Json]] | None]"
"""From the text of an id to a live object's type and JSON; None if it is deleted or not here."""

Find: TypeAlias = "Callable[[str], Document | None]"
"""From the text of an id to a live object; None if it is deleted or not here."""

_NUMBERS: Final = (bool, int, float)


def read_leaf(leaf: Leaf, doc: Mapping[str, Json]) -> Json:
    """Return the value of a leaf: what is stored, else its default."""
    node: Json = dict(doc) if not isinstance(doc, dict) else doc
    last = len(leaf.path) - 1
    for depth in range(last):
        node = node.get(leaf.path[depth]) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            if depth + 1 in leaf.maybe or leaf.type is None:
                return None
            node = {}
    if not isinstance(node, dict):
        return None
    name = leaf.path[last]
    if name not in node and leaf.was:
        name = leaf.was
    value = node.get(name)
    if value is None and (not leaf.is_optional or name not in node):
        return leaf.default
    return value


def judge(test: Test, doc: Mapping[str, Json], look_up: LookUp) -> bool:
    """Whether an object's JSON passes a test."""
    for hop in test.hops:
        target = read_leaf(hop.leaf, doc)
        found = look_up(target) if isinstance(target, str) else None
        if found is None or found[0] != hop.type_name:
            return False
        doc = found[1]
    value = read_leaf(test.leaf, doc)
    if value is None and test.needs_document:
        return True
    return _JUDGES[test.op](test, value)


def judge_exactly(test: Test, document: Document, find: Find) -> bool:
    """Whether an object passes a test, also by what its JSON does not hold."""
    for hop in test.hops:
        target = read_leaf(hop.leaf, document.doc)
        found = find(target) if isinstance(target, str) else None
        if found is None or found.type != hop.type_name:
            return False
        document = found
    if not test.needs_document:
        return _JUDGES[test.op](test, read_leaf(test.leaf, document.doc))
    return _holds(test, document.get(*test.leaf.path))


def _holds(test: Test, value: object) -> bool:
    """Judge the stored value itself."""
    match test.op:
        case "has":
            is_there = (
                bool(value) if _is_container(value) else not (value is None or value is MISSING)
            )
            return is_there == test.operands[0]
        case "contains":
            return _has_part(value, test.exact[0])
        case "eq" | "in":
            return any(_is_same(value, one) for one in test.exact)
        case "ne":
            return not _is_same(value, test.exact[0])
        case _:
            return isinstance(value, _NUMBERS) and _ORDERS[test.op](value, test.exact[0])


def _is_container(value: object) -> bool:
    return isinstance(value, (list, set, dict))


def _has_part(value: object, part: object) -> bool:
    if isinstance(value, str):
        return isinstance(part, str) and part in value
    if isinstance(value, (list, set, dict)):
        return any(_is_same(one, part) for one in value)
    return False


def _is_same(value: object, other: object) -> bool:
    return not _is_container(value) and value == other


def _is_comparable(test: Test, value: Json, operand: Json) -> bool:
    if isinstance(operand, str):
        return isinstance(value, str) and _has_same_zone(test, value, operand)
    return isinstance(value, _NUMBERS)


def _has_same_zone(test: Test, value: str, operand: str) -> bool:
    """A moment with a zone and one without have no order."""
    return not test.leaf.is_moment or value.endswith("Z") == operand.endswith("Z")


def _equals(value: Json, operand: Json) -> bool:
    return not isinstance(value, (list, dict)) and value == operand


def _eq(test: Test, value: Json) -> bool:
    return _equals(value, test.operands[0])


def _ne(test: Test, value: Json) -> bool:
    return not _equals(value, test.operands[0])


def _in(test: Test, value: Json) -> bool:
    return any(_equals(value, operand) for operand in test.operands)


def _compares(test: Test, value: Json) -> bool:
    operand = test.operands[0]
    return _is_comparable(test, value, operand) and _ORDERS[test.op](value, operand)


def _contains(test: Test, value: Json) -> bool:
    operand = test.operands[0]
    if isinstance(value, str):
        return isinstance(operand, str) and operand in value
    if isinstance(value, dict):
        return isinstance(operand, str) and operand in value
    if isinstance(value, list):
        if test.leaf.kind == "pairs":
            return any(isinstance(p, list) and p and _equals(p[0], operand) for p in value)
        return any(_equals(item, operand) for item in value)
    return False


def _startswith(test: Test, value: Json) -> bool:
    operand = test.operands[0]
    return isinstance(value, str) and isinstance(operand, str) and value.startswith(operand)


def _endswith(test: Test, value: Json) -> bool:
    operand = test.operands[0]
    return isinstance(value, str) and isinstance(operand, str) and value.endswith(operand)


def _has(test: Test, value: Json) -> bool:
    is_there = bool(value) if isinstance(value, (list, dict)) else value is not None
    return is_there == test.operands[0]


_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}

_JUDGES: Final[dict[str, Callable[[Test, Json], bool]]] = {
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
