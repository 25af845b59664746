"""How is a query on a type answered, live?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

from kithspace.api.change import Change, Gathered
from kithspace.api.schemas import schema_of, schemas_around
from kithspace.api.watch import Teller, Via
from kithspace.core.condition import parse_json, parse_keywords
from kithspace.core.field_type import link_of
from kithspace.core.localize import local_ref
from kithspace.core.query import Plan, parse_order, q2_driver
from kithspace.errors import BadQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kithspace.api.object import Object
    from kithspace.api.results import Results
    from kithspace.api.session import Session
    from kithspace.core.ids import ObjectId

O = TypeVar("O", bound="Object")  # noqa: E741 - as in the documentation


class QuerySource(Generic[O]):
    """The objects of a type that pass a plan's tests.

    Args:
        session: Of the space.
        cls: What the results are.
        plan: The question.
    """

    def __init__(self, session: Session, cls: type[O], plan: Plan) -> None:
        self.session = session
        self.cls = cls
        self.plan = plan
        self._counted: tuple[object, int] = (None, 0)

    @classmethod
    def asked(
        cls,
        session: Session,
        kind: type[O],
        where: Mapping[str, object] | None,
        fields: Mapping[str, object],
    ) -> QuerySource[O]:
        """Return the source for conditions in JSON form and keywords.

        Raises:
            BadQuery: A condition makes no sense.
            UnknownField: There is no such field.
        """
        schema, around = schema_of(kind), schemas_around(kind)
        keywords = {name: _local(value, session) for name, value in fields.items()}
        tests = parse_keywords(schema, around, keywords)
        if where is not None and not isinstance(where, Mapping):
            raise BadQuery(
                f"{where!r} is no condition.", 'Write a dict, {"done": False}, or done=False.'
            )
        if where is not None:
            tests += parse_json(
                schema, around, {name: _local(value, session) for name, value in where.items()}
            )
        session.declare(schema)
        return cls(session, kind, Plan(schema.name, tests))

    @property
    def kinds(self) -> str:
        """What it gives, in the plural."""
        return f"{self.plan.type_name}s"

    def fetch(self) -> Sequence[O]:
        """Return all there is, in order."""
        session, cls = self.session, self.cls
        moment = session.moment
        found = [session.object_of(cls, document) for document in session.select(self.plan)]
        # `list(results)` asks for the length, too.
        self._counted = (moment, len(found))
        return found

    def count(self) -> int:
        """Return how many there are."""
        moment, count = self._counted
        return count if moment == self.session.moment else self.session.count(self.plan)

    def has(self, value: object) -> bool:
        """Whether an object is among them."""
        place = getattr(value, "_kith", None)
        if place is None or getattr(place, "session", None) is not self.session:
            return False
        document = self.session.document(place.id)
        if document is None or not document.live or document.type != self.plan.type_name:
            return False
        if not self.plan.matches_exactly(document, self.session.find):
            return False
        if self.plan.limit is None and not self.plan.offset:
            return True
        return any(one.id == place.id for one in self.session.select(self.plan))

    def part(self, offset: int, limit: int | None) -> QuerySource[O]:
        """Return the same, cut."""
        plan = self.plan
        if plan.limit is not None:
            left = max(plan.limit - offset, 0)
            limit = left if limit is None else min(left, limit)
        return QuerySource(self.session, self.cls, plan.with_limit(limit, plan.offset + offset))

    def ordered(self, fields: Sequence[str]) -> QuerySource[O]:
        """Return the same in another order."""
        if self.plan.limit is not None or self.plan.offset:
            raise BadQuery("The order comes before the limit.", "Write .order_by(…).limit(…).")
        order = parse_order(schema_of(self.cls), schemas_around(self.cls), fields)
        return QuerySource(self.session, self.cls, replace(self.plan, order=order))

    def explain(self) -> str:
        """Say how it is found."""
        driver = q2_driver(self.plan)
        total = self.session.count(Plan(self.plan.type_name))
        found = self.session.count(self.plan)
        checks = [test.leaf.path[0] for test in self.plan.tests if test.leaf != driver]
        then = f", then checks {', '.join(checks)}" if checks else ""
        name = self.plan.type_name
        how = f"Index {name}.{driver.path[0]}" if driver else f"Reads the {name}s in order"
        return f"{how}{then}; {found:,} of {total:,} found."

    @property
    def thread(self) -> Via:
        """The thread for callbacks."""
        return self.session.household.run_later

    def watch(
        self, results: Results[O], call: Callable[[Change[O]], object], via: Via, *, now: bool
    ) -> Callable[[], None]:
        """Tell what changes; return what stops it."""
        self.session.check_open()
        teller: Teller[O] = Teller(call, via, lambda gathered: self._change(results, gathered))
        with self.session.lock:
            query, stop = self.session.followers.follow_plan(self.plan, teller)
            if now:
                teller.start(query.ids)
        return stop

    def _change(self, results: Results[O], gathered: Gathered) -> Change[O]:
        return Change(
            results,
            added=self._objects(gathered.those("added")),
            updated=self._objects(gathered.those("updated")),
            removed=self._objects(gathered.those("removed")),
            first=gathered.first,
            who=gathered.who,
            names=self.session.name_of,
        )

    def _objects(self, ids: Sequence[ObjectId]) -> list[O]:
        found = [self.session.document(id_) for id_ in ids]
        return [self.session.object_of(self.cls, one) for one in found if one is not None]

    def when_over(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when the vault is closed; return what forgets it."""
        return self.session.followers.when_over(call)


def _local(value: object, session: Session) -> object:
    """Return a value to compare with, objects and links as they are stored here."""
    match value:
        case dict():
            return {key: _local(one, session) for key, one in value.items()}
        case list() | tuple():
            return [_local(one, session) for one in value]
        case _ if callable(getattr(value, "_kith_link", None)):
            return local_ref(link_of(value), session.space_id)
        case _:
            return value
