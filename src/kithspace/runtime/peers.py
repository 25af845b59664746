"""Which connection serves which device, and who has lost the right to one?

Rules:
    Section 6 (protocol.md): of two connections to one device, the one whose dialer has the smaller
    device key stays. Section 7 (security.md): scores and bans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.runtime.reach import Scores

if TYPE_CHECKING:
    from kithspace.core.ids import DeviceKey, SpaceId
    from kithspace.protocol.sharing_events import SpaceReady
    from kithspace.runtime.link import Link
    from kithspace.runtime.share import Share


class Peers:
    """The devices that are here.

    Args:
        shares: The spaces that take part.
    """

    def __init__(self, shares: dict[SpaceId, Share]) -> None:
        self._shares = shares
        self._links: dict[DeviceKey, Link] = {}
        self._scores = Scores()

    def ready(self, link: Link, event: SpaceReady, me: DeviceKey) -> None:
        """A space is open on a link."""
        if self._scores.is_banned(event.device, event.now_ms):
            link.hang_up("banned")
            return
        share = self._shares.get(event.space)
        if share is None:
            link.session.leave(event.space)
        elif self._keep_one(link, event.device, me):
            link.open_spaces.add(event.space)
            share.peer_ready(event, is_dialer=link.is_dialer)

    def _keep_one(self, link: Link, device: DeviceKey, me: DeviceKey) -> bool:
        """Keep one connection to a device; whether it is this one."""
        other = self._links.get(device)
        if other is None or other is link:
            self._links[device] = link
            return True
        dialer = me if link.is_dialer else device
        # Two by the same dialer: the older one is dead, and this side has not noticed yet.
        is_same = link.is_dialer == other.is_dialer or other.session.is_closed
        is_this = is_same or dialer == min(me, device)
        if is_this:
            self._links[device] = link
            self._leave_spaces(other, device)
            other.hang_up("twice")
        else:
            link.hang_up("twice")
        return is_this

    def space_gone(self, link: Link, space: SpaceId) -> None:
        """A space is not open on a link any more."""
        link.open_spaces.discard(space)
        share = self._shares.get(space)
        if share is not None and link.device and self._links.get(link.device) is link:
            share.peer_gone(link.device)

    def link_ended(self, link: Link) -> None:
        """A connection has ended."""
        device = link.device
        if device is not None and self._links.get(device) is link:
            del self._links[device]
            self._leave_spaces(link, device)

    def lost_score(self, link: Link, score: int, now_ms: int) -> None:
        """A peer did something that costs."""
        if link.device is not None and score and self._scores.lose(link.device, score, now_ms):
            link.hang_up("banned")

    def _leave_spaces(self, link: Link, device: DeviceKey) -> None:
        for space in link.open_spaces:
            share = self._shares.get(space)
            if share is not None:
                share.peer_gone(device)
        link.open_spaces.clear()
