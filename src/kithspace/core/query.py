"""How is a query answered: by SQL from the stored rows, and in Python for live results?

A `Plan` carries both. `statement` gives the SQL; `matches` and `key` judge one object's JSON, for
the memory store and for live results (Q3). What SQL cannot decide alone is left to `finish`.

Rules:
    Q1  SQL and Python answer alike (a property test compares them).
    Q2  We choose the driving index: of the terms with a declared index an equality, then the
        order if there is a limit, then a range; every other term is masked with a unary plus.
        `type = N and live` and defaults stand as literals, so that partial and expression
        indexes apply.
    B1  `doc` holds no defaults: the expression of a value is coalesce(path, default).

Ties are ordered by creation, then by id, also under a descending order. Missing values come first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

from kithspace.core import sql_text
from kithspace.core.condition import Leaf, Test, find_leaf
from kithspace.core.judge import Find, LookUp, judge, judge_exactly, read_leaf
from kithspace.errors import BadQuery

if TYPE_CHECKING:
    from kithspace.core.document import Document
    from kithspace.core.projection import Json
    from kithspace.core.schema import Schema

Doc: TypeAlias = "Mapping[str, Json]"
NumberOf: TypeAlias = Callable[[str], int]
"""The local number of a type; -1 if it has none."""

COLUMNS: Final = "n, id, type, live, created, doc, meta"
"""What `statement` selects: the fields of a `PutObject`."""


_T = TypeVar("_T")


class Order(NamedTuple):
    """One part of an order."""

    leaf: Leaf
    is_descending: bool
    is_folded: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A query, ready to be answered.

    Attributes:
        type_name: The type asked for.
        tests: All must hold.
        order: The first decides, then the next; at last creation and id.
        limit: At most so many; None for all.
        offset: Leave out so many first.
        is_live: False: the deleted ones instead.
    """

    type_name: str
    tests: tuple[Test, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    is_live: bool = True

    # -- SQL

    @property
    def is_exact(self) -> bool:
        """Whether SQL alone decides which objects, in which order; else `finish` does."""
        return not any(part.is_folded for part in self.order) and not any(
            test.needs_document for test in self.tests
        )

    def statement(self, number_of: NumberOf) -> tuple[str, tuple[Json, ...]]:
        """Return SQL that selects `COLUMNS`, and its parameters."""
        where, parameters, driver = self._where(number_of)
        sql = f"select {COLUMNS} from objects where {where} order by {self._order_sql(driver)}"  # noqa: S608 - literals are quoted by sql_text
        if self.is_exact and (self.limit is not None or self.offset):
            sql += " limit ? offset ?"
            parameters = (*parameters, -1 if self.limit is None else self.limit, self.offset)
        return sql, parameters

    def count_statement(self, number_of: NumberOf) -> tuple[str, tuple[Json, ...]]:
        """Return SQL that counts; only where `is_exact`. It disregards limit and offset."""
        where, parameters, _ = self._where(number_of)
        return f"select count(*) from objects where {where}", parameters  # noqa: S608 - as above

    def counted(self, total: int) -> int:
        """Return how many of `total` the limit and offset leave."""
        left = max(total - self.offset, 0)
        return left if self.limit is None else min(left, self.limit)

    def _where(self, number_of: NumberOf) -> tuple[str, tuple[Json, ...], Leaf | None]:
        driver = q2_driver(self)
        terms = [f"type = {number_of(self.type_name)}", "live" if self.is_live else "not live"]
        parameters: list[Json] = []
        for test in self.tests:
            is_free = driver is not None and not test.hops and test.leaf.path == driver.path
            sql, values = sql_text.term(test, number_of, is_masked=not is_free)
            terms.append(sql)
            parameters += values
        has_bound = any(not one.hops and one.leaf == driver for one in self.tests)
        if driver is not None and not has_bound and _is_never_null(driver):
            # True of every value: it tells SQLite that the index narrows, as for a descending
            # order it would else not see.
            terms.append(f"{sql_text.expression(driver)} >= -9e999")
        return " and ".join(terms), tuple(parameters), driver

    def _order_sql(self, driver: Leaf | None) -> str:
        parts = []
        for part in self.order:
            sql = sql_text.order_expression(part.leaf)
            if driver is None or part.leaf.path != driver.path:
                sql = f"+{sql}"
            parts.append(sql + (" desc" if part.is_descending else ""))
        if driver is None or parts or self._is_equality(driver):
            return ", ".join([*parts, "created", "id"])
        # Unmasked, the index of the type would offer this order, and be taken for it.
        return "+created, +id"

    def _is_equality(self, driver: Leaf) -> bool:
        return any(test.op == "eq" and test.leaf.path == driver.path for test in self.tests)

    # -- Python

    @property
    def reads(self) -> frozenset[str]:
        """Fields of the type whose change can change the result."""
        names = {
            test.hops[0].leaf.path[0] if test.hops else test.leaf.path[0] for test in self.tests
        }
        for leaf in [*(test.leaf for test in self.tests), *(part.leaf for part in self.order)]:
            names |= {leaf.path[0], leaf.was}
        return frozenset(names - {""})

    @property
    def other_types(self) -> frozenset[str]:
        """Types of other objects whose change can change the result."""
        return frozenset(hop.type_name for test in self.tests for hop in test.hops)

    def matches(self, doc: Doc, look_up: LookUp) -> bool:
        """Whether an object's JSON passes all tests, as SQL would judge it."""
        return all(judge(test, doc, look_up) for test in self.tests)

    def key(self, doc: Doc, created: int, id_: bytes) -> tuple[object, ...]:
        """Return what the results are sorted by."""
        return (*(_order_key(part, doc) for part in self.order), created, id_)

    def cut(self, results: Sequence[_T]) -> list[_T]:
        """Return the part that limit and offset leave."""
        end = None if self.limit is None else self.offset + self.limit
        return list(results[self.offset : end])

    def finish(self, found: Iterable[Document], find: Find) -> list[Document]:
        """Return the results from what `statement` found: SQL's order kept where it is exact."""
        if self.is_exact:
            return list(found)
        rest = [one for one in found if self.matches_exactly(one, find)]
        if any(part.is_folded for part in self.order):
            rest.sort(key=self.key_of)
        return self.cut(rest)

    def matches_exactly(self, document: Document, find: Find) -> bool:
        """Whether an object passes all tests, also by what its JSON does not hold."""
        return all(judge_exactly(test, document, find) for test in self.tests)

    def key_of(self, document: Document) -> tuple[object, ...]:
        """Return `key` of an object."""
        return self.key(document.doc, document.created.time, document.id)

    def with_limit(self, limit: int | None, offset: int) -> Plan:
        """Return the same with another limit."""
        return replace(self, limit=limit, offset=offset)


def q2_driver(plan: Plan) -> Leaf | None:
    """Q2: return the value whose index drives the query, or None for that of the type."""
    own = [test for test in plan.tests if not test.hops and test.leaf.is_indexed]
    equal = [t.leaf for t in own if t.op in ("eq", "in") and None not in t.operands]
    if equal:
        return equal[0]
    first = plan.order[0] if plan.order else None
    ordered = first.leaf if first and first.leaf.is_indexed and not first.is_folded else None
    if ordered is not None and plan.limit is not None:
        return ordered
    ranges = [t.leaf for t in own if t.op in ("lt", "le", "gt", "ge", "startswith")]
    if ranges:
        return ranges[0]
    return ordered


def _is_never_null(leaf: Leaf) -> bool:
    return leaf.default is not None and not leaf.is_optional


def index_columns(leaf: Leaf) -> str:
    """Return what the index of a declared field holds, exactly as `statement` compares it.

    It begins with the type, though the index is partial, so that SQLite never takes that of the
    type for as good; it goes on with what decides ties, so that results come in order.
    """
    return f"type, {sql_text.expression(leaf)}, created, id"


def parse_order(
    schema: Schema, schemas: Mapping[str, Schema], fields: Sequence[str]
) -> tuple[Order, ...]:
    """Read `"-priority"`, `"title:nocase"`.

    Raises:
        BadQuery: A field has no order, or lies in another object.
        UnknownField: There is no such field.
    """
    order = []
    for text in fields:
        name, _, option = text.removeprefix("-").partition(":")
        if option not in ("", "nocase"):
            raise BadQuery(f"{text!r} is no order.", 'For example: "-priority", "title:nocase".')
        hops, leaf = find_leaf(schema, schemas, name.replace("__", ".").split("."))
        if hops or leaf.kind in ("items", "pairs") or _has_no_order(leaf):
            raise BadQuery(f"{leaf.words} has no order.", "Order by a plain field of the type.")
        order.append(Order(leaf, text.startswith("-"), option == "nocase"))
    return tuple(order)


def _has_no_order(leaf: Leaf) -> bool:
    return leaf.type is not None and leaf.kind == "any" and leaf.type.words in ("Text", "Blob")


# ---------------------------------------------------------------- keys


@functools.total_ordering
class _Reversed:
    """Sorts the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: tuple[object, ...]) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.key == other.key

    def __lt__(self, other: _Reversed) -> bool:
        return other.key < self.key

    def __hash__(self) -> int:
        return hash(self.key)


def _order_key(part: Order, doc: Doc) -> object:
    value = read_leaf(part.leaf, doc)
    if part.is_folded and isinstance(value, str):
        value = value.casefold()
    key = _rank(value)
    return _Reversed(key) if part.is_descending else key


def _rank(value: Json) -> tuple[object, ...]:
    """Sort as SQLite does: nothing, numbers, texts."""
    if value is None or isinstance(value, (list, dict)):
        return (0,)
    return (2, value) if isinstance(value, str) else (1, value)
