"""What do all spaces of a vault say together: whom one knows, and whether everything is in step?

Rules: experience.md section 7 (contacts), section 8 (one sentence: the worst that any space has).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.ports import ContactInfo, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kithspace.core.ids import IdentityId, SpaceId
    from kithspace.runtime.space import Space


def contacts_in(spaces: Iterable[Space]) -> list[ContactInfo]:
    """People who are in these spaces, but oneself, by name."""
    found: dict[IdentityId, tuple[str, list[SpaceId]]] = {}
    for space in spaces:
        for member in space.people.all():
            if not member.is_me:
                found.setdefault(member.identity, (member.name, []))[1].append(space.id)
    contacts = [ContactInfo(who, name, tuple(in_)) for who, (name, in_) in found.items()]
    return sorted(contacts, key=lambda contact: contact.name.casefold())


def status_of(spaces: Sequence[Space]) -> Status:
    """The first sentence that any of these spaces has to say."""
    found = [space.status() for space in spaces]
    if not found:
        return Status("There are no spaces yet.", (), in_sync=True, waiting_changes=0)
    worst = min(found, key=lambda status: (status.in_sync, status.causes[0].row))
    return worst._replace(waiting_changes=sum(status.waiting_changes for status in found))
