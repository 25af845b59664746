"""How does a live result follow the changes, without asking again?

Rules:
    Q3  Live results are maintained from (before, after) of each changed object: dispatch by type
        and changed field, then by an equality term, then predicate and bisect; a limited result
        keeps slack and is refilled by SQL.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from kithspace.core.judge import read_leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kithspace.core.condition import Leaf
    from kithspace.core.document import Document
    from kithspace.core.effects import Changed
    from kithspace.core.ids import ObjectId
    from kithspace.core.projection import Json
    from kithspace.core.query import Plan

SLACK: Final = 64
"""How many results beyond its limit a live result keeps."""

Key: TypeAlias = "tuple[object, ...]"
Find: TypeAlias = "Callable[[str], Document | None]"
Select: TypeAlias = "Callable[[Plan], list[Document]]"


class Delta(NamedTuple):
    """Which objects came into a result, changed within it, and left it."""

    added: tuple[ObjectId, ...]
    updated: tuple[ObjectId, ...]
    removed: tuple[ObjectId, ...]


class LiveQuery:
    """The ids of a plan's results, in order.

    Args:
        plan: What is asked.
        select: Answers a plan from the store.
        find: Finds a live object by the text of its id.
    """

    def __init__(self, plan: Plan, select: Select, find: Find) -> None:
        self.plan = plan
        self._select = select
        self._find = find
        self._keys: dict[ObjectId, Key] = {}
        self._order: list[Key] = []
        self._is_complete = True
        self._reads = plan.reads
        self._others = plan.other_types
        self._fill()

    @property
    def ids(self) -> list[ObjectId]:
        """The results, in order."""
        return [key[-1] for key in self.plan.cut(self._order)]  # type: ignore[misc]  # a key ends with the id

    def _fill(self) -> None:
        """Ask the store."""
        plan = self.plan
        wanted = None if plan.limit is None else plan.offset + plan.limit + SLACK
        found = self._select(plan.with_limit(wanted, 0))
        self._is_complete = wanted is None or len(found) < wanted
        self._keys = {one.id: plan.key_of(one) for one in found}
        self._order = sorted(self._keys.values())  # keys of a plan compare

    def step(self, changes: Sequence[Changed]) -> Delta | None:
        """Take in changes; return what they did to the result."""
        if self.plan.limit is None and not self.plan.offset:
            return self._step_whole(changes)
        return self._step_window(changes)

    def _step_whole(self, changes: Sequence[Changed]) -> Delta | None:
        if self._has_looked_at(changes):
            before = list(self._keys)
            self._fill()
            return _difference(before, list(self._keys), [change.object for change in changes])
        added: list[ObjectId] = []
        updated: list[ObjectId] = []
        removed: list[ObjectId] = []
        for change in changes:
            was_in = change.object in self._keys
            is_in = self._place(change)
            if was_in or is_in:
                (updated if was_in and is_in else added if is_in else removed).append(change.object)
        if not (added or updated or removed):
            return None
        return Delta(tuple(added), tuple(updated), tuple(removed))

    def _step_window(self, changes: Sequence[Changed]) -> Delta | None:
        before = self.ids
        touched = [change.object for change in changes]
        must_fill = self._has_looked_at(changes)
        if not must_fill:
            for change in changes:
                self._place(change)
        end = self.plan.offset + (self.plan.limit or 0)
        if must_fill or (not self._is_complete and len(self._order) < end):
            self._fill()
        return _difference(before, self.ids, touched)

    def _has_looked_at(self, changes: Sequence[Changed]) -> bool:
        """Whether conditions look at one of these through a reference, be it of the own type.

        Then others may have come or gone than those that changed: the store is asked again.
        """
        name, others = self.plan.type_name, self._others
        return any(change.type != name or name in others for change in changes)

    def _place(self, change: Changed) -> bool:
        """Put an object where it belongs now; return whether that is in the result."""
        id_, after = change.object, change.after
        old = self._keys.get(id_)
        if self._is_aside(change):
            return old is not None
        is_in = (
            after is not None
            and after.live
            and after.type == self.plan.type_name
            and self.plan.matches_exactly(after, self._find)
        )
        new = self.plan.key_of(after) if is_in and after is not None else None
        if old == new:
            return is_in
        if old is not None:
            del self._order[bisect_left(self._order, old)]
            del self._keys[id_]
        if new is None:
            return False
        if not self._is_complete and (not self._order or new > self._order[-1]):
            return False
        insort(self._order, new)
        self._keys[id_] = new
        self._trim()
        return id_ in self._keys

    def _is_aside(self, change: Changed) -> bool:
        """Whether what changed has no say in this result."""
        before, after = change.before, change.after
        if before is None or after is None or before.live != after.live:
            return False
        return before.type == after.type and self._reads.isdisjoint(change.fields)

    def _trim(self) -> None:
        if self.plan.limit is None:
            return
        most = self.plan.offset + self.plan.limit + 2 * SLACK
        while len(self._order) > most:
            del self._keys[self._order.pop()[-1]]  # type: ignore[arg-type]
            self._is_complete = False


def _difference(
    before: Sequence[ObjectId], after: Sequence[ObjectId], touched: Iterable[ObjectId]
) -> Delta | None:
    old, new = frozenset(before), frozenset(after)
    added = tuple(id_ for id_ in after if id_ not in old)
    removed = tuple(id_ for id_ in before if id_ not in new)
    updated = tuple(id_ for id_ in dict.fromkeys(touched) if id_ in old and id_ in new)
    return Delta(added, updated, removed) if added or removed or updated else None


class Dispatch:
    """Which live queries a change may concern (Q3)."""

    def __init__(self) -> None:
        self._by_value: dict[str, dict[Leaf, dict[Json, list[LiveQuery]]]] = {}
        self._others: dict[str, list[LiveQuery]] = {}

    def add(self, query: LiveQuery) -> None:
        """Take a query on."""
        self._bucket(query).append(query)
        for name in query.plan.other_types - {query.plan.type_name}:
            self._others.setdefault(name, []).append(query)

    def drop(self, query: LiveQuery) -> None:
        """Let a query go."""
        self._bucket(query).remove(query)
        for name in query.plan.other_types - {query.plan.type_name}:
            self._others[name].remove(query)

    def _bucket(self, query: LiveQuery) -> list[LiveQuery]:
        name = query.plan.type_name
        leaf, value = _equality(query.plan)
        if leaf is None or name in query.plan.other_types:
            return self._others.setdefault(name, [])
        return self._by_value.setdefault(name, {}).setdefault(leaf, {}).setdefault(value, [])

    def concerned(self, change: Changed) -> list[LiveQuery]:
        """Return the queries that a change may concern, each once."""
        found = list(self._others.get(change.type, ()))
        for leaf, values in self._by_value.get(change.type, {}).items():
            shown = {
                _hashable(read_leaf(leaf, one.doc))
                for one in (change.before, change.after)
                if one is not None
            }
            for value in shown:
                found += values.get(value, ())
        return found


def _equality(plan: Plan) -> tuple[Leaf | None, Json]:
    """Return the first value that must equal something plain."""
    for test in plan.tests:
        if test.op == "eq" and not test.hops and not test.needs_document:
            return test.leaf, _hashable(test.operands[0])
    return None, None


def _hashable(value: Json) -> Json:
    return None if isinstance(value, (list, dict)) else value
