"""How is one object watched?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from kithspace.api.change import Change, Gathered
from kithspace.api.list_source import ListSource
from kithspace.api.results import Results
from kithspace.api.watch import Teller, Via, Watch, where_to_call
from kithspace.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.api.object import Object

O = TypeVar("O", bound="Object")  # noqa: E741 - as in the documentation


def watch(obj: O, call: Callable[[Change[Any]], object], *, via: Via | None = None) -> Watch:
    """Call with every change of one object.

    Raises:
        NotFound: The object is in no space.
    """
    place = obj._kith  # noqa: SLF001 - ours
    if place is None:
        raise NotFound(f"{obj!r} is in no space.", "Add it first: space.add(…).")
    session = place.session
    session.check_open()
    thread = session.household.run_later
    results: Results[O] = Results(
        ListSource("objects", lambda: [obj] if place.doc.live else [], lambda _: _nothing, thread)
    )

    def change(gathered: Gathered) -> Change[O]:
        return Change(
            results,
            added=[obj] if gathered.those("added") else [],
            updated=[obj] if gathered.those("updated") else [],
            removed=[obj] if gathered.those("removed") else [],
            who=gathered.who,
            names=session.name_of,
        )

    teller: Teller[O] = Teller(call, where_to_call(via, thread), change)
    return Watch(session.followers.follow_object(place.id, teller))


def _nothing() -> None:
    """A list of one object does not change."""
