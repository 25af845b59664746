"""Who is told when something changes?"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Protocol

from kithspace.api.live import Delta, Dispatch, LiveQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kithspace.api.session import Session
    from kithspace.core.effects import Changed
    from kithspace.core.ids import IdentityId, ObjectId
    from kithspace.core.query import Plan


class Told(Protocol):
    """Somebody who gathers changes."""

    def take(self, delta: Delta, who: Iterable[IdentityId]) -> None:
        """Take in what happened."""

    def stop(self) -> None:
        """The vault is closed."""


class Followers:
    """The live queries of a space, and who watches them and single objects."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._dispatch = Dispatch()
        self._queries: dict[LiveQuery, Told] = {}
        self._objects: dict[ObjectId, list[Told]] = {}
        self._ends: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()

    def follow_plan(self, plan: Plan, told: Told) -> tuple[LiveQuery, Callable[[], None]]:
        """Tell of changes to a plan's results; return them, and what stops it."""
        session = self._session
        with session.lock:
            query = LiveQuery(plan, session.backend.select, session.find)
            self._dispatch.add(query)
            self._queries[query] = told

        def stop() -> None:
            told.stop()
            with session.lock:
                if self._queries.pop(query, None) is not None:
                    self._dispatch.drop(query)

        return query, stop

    def follow_object(self, object_id: ObjectId, told: Told) -> Callable[[], None]:
        """Tell of changes to an object; return what stops it."""
        with self._session.lock:
            self._objects.setdefault(object_id, []).append(told)

        def stop() -> None:
            told.stop()
            with self._session.lock:
                those = self._objects.get(object_id, [])
                if told in those:
                    those.remove(told)
                if not those:
                    self._objects.pop(object_id, None)

        return stop

    def when_over(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when the vault is closed; return what forgets it."""
        number = next(self._numbers)
        self._ends[number] = call
        return lambda: self._ends.pop(number, None) and None

    def end(self) -> None:
        """The vault is closed."""
        for told in [*self._queries.values(), *itertools.chain(*self._objects.values())]:
            told.stop()
        for call in list(self._ends.values()):
            call()

    def take(self, changes: Sequence[Changed]) -> None:
        """Tell who is concerned; under the space's lock."""
        if self._queries:
            self._tell_queries(changes)
        if self._objects:
            self._tell_objects(changes)

    def _tell_queries(self, changes: Sequence[Changed]) -> None:
        concerned: dict[LiveQuery, list[Changed]] = {}
        for change in changes:
            for query in self._dispatch.concerned(change):
                concerned.setdefault(query, []).append(change)
        for query, those in concerned.items():
            delta = query.step(those)
            if delta is not None:
                self._queries[query].take(delta, {change.who for change in those})

    def _tell_objects(self, changes: Sequence[Changed]) -> None:
        for change in changes:
            those = self._objects.get(change.object)
            if those:
                is_gone = change.after is None or not change.after.live
                ids = (change.object,)
                delta = Delta((), (), ids) if is_gone else Delta((), ids, ())
                for told in list(those):
                    told.take(delta, {change.who})
