"""Who is in a space, who is here, and what holds back a change?

Reads the fold, names and sightings; decides nothing.

Rules: experience.md section 6 (`kith who`), section 8 (the facts that `status` judges).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from kithspace.core.block import read_open_record
from kithspace.core.credential import Lower, Remove
from kithspace.core.roles import Role
from kithspace.ports import DeviceInfo, MemberInfo
from kithspace.runtime.sightings import Had, Sighting
from kithspace.runtime.status import AwaitedKey, Copy, Demoted, Facts, Full, Gap, Peer, Removed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kithspace.core.credential import Credential
    from kithspace.core.ids import DeviceKey, IdentityId
    from kithspace.runtime.engine import Engine
    from kithspace.runtime.names import Names
    from kithspace.runtime.sightings import Sightings

NEVER_SEEN: Final = Sighting()
_BEHIND_MS: Final = 60_000


class Look(NamedTuple):
    """What was seen of the devices, and how much there is."""

    seen: Mapping[DeviceKey, Sighting]
    amount: Had


class Outside(NamedTuple):
    """What holds for the whole vault."""

    network: Literal["on", "none", "off"]
    full: Full | None


class Members:
    """The people of one space and their devices.

    Args:
        engine: The open space.
        names: Its names.
        sightings: Who was seen.
    """

    def __init__(self, engine: Engine, names: Names, sightings: Sightings) -> None:
        self._engine = engine
        self._names = names
        self._sightings = sightings

    # ---------------------------------------------------------------- people

    def all(self) -> list[MemberInfo]:
        """All members, oneself first, then by name."""
        with self._engine.lock:
            look = self._look()
            found = [self._member(who, look) for who in self._engine.membership.members]
        return sorted(found, key=lambda member: (not member.is_me, member.name.casefold()))

    def one(self, identity: IdentityId) -> MemberInfo:
        """One member."""
        with self._engine.lock:
            return self._member(identity, self._look())

    def _look(self) -> Look:
        return Look(self._sightings.of(self._engine.space), self.amount())

    def _member(self, identity: IdentityId, look: Look) -> MemberInfo:
        is_me = identity == self._engine.me.identity
        membership = self._engine.membership
        devices = tuple(
            self._device(identity, device.sign, look) for device in membership.devices(identity)
        )
        times = [one.last_seen_ms for one in devices if one.last_seen_ms is not None]
        return MemberInfo(
            identity,
            self._names.person(identity),
            membership.role(identity).text,  # type: ignore[arg-type]  # a role's text is one of them
            is_me,
            is_me or any(device.is_here for device in devices),
            max(times, default=None),
            devices,
        )

    def _device(self, identity: IdentityId, key: DeviceKey, look: Look) -> DeviceInfo:
        is_this = key == self._engine.me.device.public
        sighting = look.seen.get(key, NEVER_SEEN)
        has_all = is_this or sighting.is_same or sighting.had.blocks >= look.amount.blocks
        return DeviceInfo(
            key,
            self._names.device(identity, key),
            is_this,
            is_this or sighting.is_here,
            sighting.last_seen_ms or None,
            has_all,
        )

    # ---------------------------------------------------------------- amounts

    def amount(self) -> Had:
        """How many blocks there are, and how many of them are one's own."""
        blocks = own = 0
        me = self._engine.me.identity
        with self._engine.lock:
            replica = self._engine.replica
            for row in replica.feeds:
                author = replica.author_of(row.id)
                count = max(row.length - 1, 0)
                blocks += count
                own += count if author is not None and author[0] == me else 0
        return Had(blocks, own)

    # ---------------------------------------------------------------- facts for status

    def facts(self, outside: Outside) -> Facts:
        """What is known at this moment."""
        engine = self._engine
        with engine.lock:
            amount = self.amount()
            others = self._others()
            removed = self._removed()
            with_others = [seen.had.own for _, _, seen in others]
            return Facts(
                space=self._names.space,
                now_ms=engine.clock.now_ms(),
                unsent=max(amount.own - max(with_others, default=amount.own), 0),
                network=outside.network,
                removed=removed,
                demoted=None if removed else self._demoted(),
                awaited_key=self._awaited_key(),
                clocks=self._clocks(others),
                copy=self._copy(others),
                gaps=self._gaps(others),
                bad_peers=tuple(name for name, _, seen in others if seen.is_bad),
                full=outside.full,
                peers=() if removed else tuple(self._peer(one, amount) for one in others),
            )

    def _others(self) -> list[tuple[str, DeviceKey, Sighting]]:
        """Every other live device: its name, key and sighting."""
        seen = self._sightings.of(self._engine.space)
        this = self._engine.me.device.public
        return [
            (
                self._names.device_of(live.identity, live.device.sign),
                live.device.sign,
                seen.get(live.device.sign, NEVER_SEEN),
            )
            for live in self._engine.membership.all_live_devices()
            if live.device.sign != this
        ]

    @staticmethod
    def _peer(other: tuple[str, DeviceKey, Sighting], amount: Had) -> Peer:
        name, _, seen = other
        lacks = 0 if seen.is_same else max(amount.blocks - seen.had.blocks, 0)
        return Peer(
            name, seen.is_here, seen.is_same, seen.compared_ms, seen.last_seen_ms or None, lacks
        )

    def _removed(self) -> Removed | None:
        if self._engine.role is not Role.NONE:
            return None
        act = self._last_act(Remove)
        if act is None:
            return None
        by = self._names.person(act.issuer)
        return Removed(act.time_ms, by, self._held())

    def _demoted(self) -> Demoted | None:
        if self._engine.role >= Role.WRITER:
            return None
        act = self._last_act(Lower)
        held = self._held()
        if act is None or not held:
            return None
        return Demoted(act.time_ms, held, (self._names.admins() or ["an admin"])[0])

    def _last_act(self, kind: type[Remove | Lower]) -> Credential | None:
        """The newest counting act of a kind about oneself."""
        membership = self._engine.membership
        found = None
        for admitted in membership.credentials():
            if not admitted.counts:
                continue
            content = membership.content(admitted.id)
            body = content.body if content else None
            if isinstance(body, kind) and body.identity == self._engine.me.identity:
                found = content
        return found

    def _held(self) -> int:
        """One's own blocks that do not count."""
        state, me = self._engine.state, self._engine.me.identity
        count = 0
        for feed in state.held_feeds():
            row = state.feed(feed)
            if row and read_open_record(row.opening, row.opening_sig).identity == me:
                count += sum(1 for held in state.held(feed) if held.seq)
        return count

    def _awaited_key(self) -> AwaitedKey | None:
        lacking = set(self._engine.keyring.lacking())
        for generation in self._engine.membership.generations:
            if generation.id in lacking:
                members = [
                    self._names.person(who)
                    for who in self._engine.membership.members
                    if who != self._engine.me.identity
                ]
                by = self._names.person(generation.author)
                return AwaitedKey(by, generation.time_ms, tuple(sorted(members)))
        return None

    def _clocks(self, others: list[tuple[str, DeviceKey, Sighting]]) -> tuple[tuple[str, int], ...]:
        here = [(name, seen.clock_ahead_ms) for name, _, seen in others if seen.is_here]
        ahead = tuple((name, ms) for name, ms in here if ms > _BEHIND_MS)
        behind = [-ms for _, ms in here if ms < -_BEHIND_MS]
        if behind and len(behind) == len(here):
            return (("this computer", min(behind)), *ahead)
        return ahead

    def _gaps(self, others: list[tuple[str, DeviceKey, Sighting]]) -> tuple[Gap, ...]:
        """Changes that wait for an earlier one; not while a comparison runs, which may bring it."""
        if any(seen.is_here and not seen.is_same for _, _, seen in others):
            return ()
        found = []
        for (feed, missing), count in self._engine.replica.gaps().items():
            by = self._engine.replica.author_of(feed)
            owner = self._engine.replica.author_of(missing)
            if by is not None and owner is not None:
                device = self._names.device_of(*owner)
                found.append(Gap(count, self._names.person(by[0]), device))
        return tuple(found)

    def _copy(self, others: list[tuple[str, DeviceKey, Sighting]]) -> Copy | None:
        now = self._engine.clock.now_ms()
        for name, _, seen in others:
            if seen.total and seen.done < seen.total:
                rate = seen.done / max(now - seen.since_ms, 1)
                left = (seen.total - seen.done) / rate if rate else 0
                return Copy(self._names.space, name, seen.done, seen.total, int(left))
        return None
