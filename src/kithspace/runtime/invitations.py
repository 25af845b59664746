"""Who is let in, by which code or link? The vault in the role of the inviter.

The mesh has checked every proof before it calls; what is answered here is on disk by then.

Rules: J1 (three wrong tries burn a code; 24 h; one success), J3 (a try is counted before it is
answered, and given back), J4 (a used code answers the same identity again), J5 (devices), J6
(links: invites signed into the space), M10, M8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from kithspace.core.credential import Admit, Cancel, Invite
from kithspace.core.credential_reader import MAX_USES
from kithspace.core.identity import Device, decode_entry
from kithspace.core.ids import CredentialId, DeviceKey, SpaceId
from kithspace.core.roles import Role, parse_role
from kithspace.errors import FieldValue, NotAllowed, NotFound
from kithspace.ports import InvitationInfo
from kithspace.protocol.joiner import j6_invite_keys
from kithspace.protocol.words import INVITE_START_BYTES, SEED_BYTES, Link, j1_new_code
from kithspace.runtime.device_adding import (
    add_to_home,
    added_device,
    draft_entry,
    welcome_device,
)
from kithspace.runtime.exchange import Failure, OpenCode, Preview, Welcome
from kithspace.runtime.pending import Deferred
from kithspace.runtime.vault_records import CodeRecord, LinkRecord

if TYPE_CHECKING:
    from kithspace.core.ids import IdentityId
    from kithspace.ports import Clock, Entropy, MemberInfo
    from kithspace.protocol.words import WordList
    from kithspace.runtime.exchange import Introduction
    from kithspace.runtime.home import Home
    from kithspace.runtime.space import Space
    from kithspace.runtime.vault_records import VaultRecords

TRIES: Final = 3
HOUR_MS: Final = 3_600_000
DEVICE: Final = "device"
CODE_ID_BYTES: Final = 16
"""Shorter than an invite's public key: so the two kinds of invitation are told apart."""
DEVICE_HOURS: Final = 24
MAX_HOURS: Final = 24 * 366
"""An invitation is good for a year at most."""
MAX_NAMEPLATE: Final = 9_999
"""Nameplates have one to four digits."""


class Host(Protocol):
    """What inviting asks of the vault."""

    @property
    def records(self) -> VaultRecords:
        """The vault's records."""

    @property
    def home(self) -> Home:
        """The home space."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def entropy(self) -> Entropy:
        """Random bytes."""

    @property
    def words(self) -> WordList:
        """The words of codes."""

    @property
    def name(self) -> str:
        """The person's name."""

    def space_of(self, space: SpaceId) -> Space:
        """An open space, the home space too."""

    def all_spaces(self) -> list[Space]:
        """All open spaces, the home space first."""

    def used_nameplates(self) -> set[str]:
        """Nameplates that other nodes of this computer have announced."""

    def listen_address(self) -> str:
        """Where this node listens beyond the computer; empty: nowhere."""

    def invitations_changed(self) -> None:
        """Tell the mesh."""

    def meet(self, identity: IdentityId, name: str, how: str) -> None:
        """Remember a person."""

    def publish_identity(self) -> None:
        """Bring one's identity log into every space."""


class Invitations:
    """The codes and links of one vault.

    Args:
        host: The vault.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._waiting: dict[bytes, list[Deferred[MemberInfo]]] = {}

    # ---------------------------------------------------------------- making

    def make(
        self, space: Space, role: Role, *, uses: int, hours: float, link: bool
    ) -> InvitationInfo:
        """Make a code, or a link, to a space. FieldValue: for nobody, or for no time."""
        if not 1 <= uses <= MAX_USES:
            raise FieldValue.of_field("uses", f"{uses:,}", f"a number from 1 to {MAX_USES:,}")
        if not 0 < hours <= MAX_HOURS:
            raise FieldValue.of_field("hours", f"{hours:g}", f"a number up to {MAX_HOURS:,}")
        if link:
            return self.make_link(space, role, uses, hours)
        return self.make_code(space.id, role.text, hours)

    def make_code(self, space: SpaceId | None, role: str, hours: float) -> InvitationInfo:
        """Make a one-time code for a space, or with no space for a device of one's own."""
        host = self._host
        now = host.clock.now_ms()
        code = j1_new_code(self._free_nameplate(), host.words, host.entropy)
        record = CodeRecord(
            host.entropy(CODE_ID_BYTES),
            code.nameplate,
            "-".join(code.words),
            role,
            space or b"",
            now + int(hours * HOUR_MS),
            TRIES,
            b"",
            0,
        )
        host.records.put_code(record)
        host.invitations_changed()
        return self._info(record)

    def make_link(self, space: Space, role: Role, uses: int, hours: float) -> InvitationInfo:
        """Make a link: an invite credential in the space, and its seed here (J6)."""
        host = self._host
        seed = host.entropy(SEED_BYTES)
        expires = host.clock.now_ms() + int(hours * HOUR_MS)
        body = Invite(j6_invite_keys(seed).public, None, role, uses, expires, "admins")
        with space.engine.lock:
            space.engine.admit_own([space.engine.make_credential(body)])
            invite = next(one for one in space.engine.membership.invites if one.body == body)
        address = host.listen_address()
        ways = (f"ws://{address}",) if address else ()
        text = Link(seed, invite.id[:INVITE_START_BYTES], ways).text
        host.records.put_link(LinkRecord(invite.id, seed, space.id, text))
        host.invitations_changed()
        return InvitationInfo(invite.id, "", text, role.text, uses, expires)

    def _free_nameplate(self) -> str:
        """J1: the smallest one free on this computer."""
        taken = self._host.used_nameplates() | {code.nameplate for code in self._open_codes()}
        for number in range(1, MAX_NAMEPLATE + 1):
            if str(number) not in taken:
                return str(number)
        raise NotAllowed("There are too many open codes.", "Take some back first.")

    # ---------------------------------------------------------------- listing, taking back

    def of_space(self, space: Space) -> list[InvitationInfo]:
        """Open invitations of a space, made here; and its live links."""
        now = self._host.clock.now_ms()
        codes = [self._info(code) for code in self._open_codes() if code.space == space.id]
        texts = {link.id: link.text for link in self._host.records.links()}
        links = [
            InvitationInfo(
                invite.id,
                "",
                texts.get(invite.id, ""),
                invite.body.role.text,
                invite.body.uses - invite.used,
                invite.body.expires_ms,
            )
            for invite in space.engine.membership.invites
            if invite.body.expires_ms > now
        ]
        return codes + links

    def revoke(self, space: Space, invitation: bytes) -> None:
        """Take an invitation back.

        Raises:
            NotFound: It is not open (any more).
        """
        if len(invitation) == CODE_ID_BYTES:
            self.revoke_code(invitation)
        else:
            with space.engine.lock:
                if all(one.id != invitation for one in space.engine.membership.invites):
                    raise NotFound("This invitation is not open any more.")
                cancel = Cancel(CredentialId(invitation))
                space.engine.admit_own([space.engine.make_credential(cancel)])
                space.engine.keyring.prepare()
            self._host.records.drop_link(invitation)
            self._host.invitations_changed()

    def revoke_code(self, invitation: bytes) -> None:
        """Take a code back, also one for a device.

        Raises:
            NotFound: It is not open (any more).
        """
        if all(code.id != invitation for code in self._open_codes()):
            raise NotFound("This invitation is not open any more.")
        self._host.records.drop_code(invitation)
        self._host.invitations_changed()

    def joined(self, invitation: bytes) -> Deferred[MemberInfo]:
        """Wait for somebody to come by an invitation."""
        waiting: Deferred[MemberInfo] = Deferred("Waiting for them.")
        self._waiting.setdefault(invitation, []).append(waiting)
        return waiting

    def _open_codes(self) -> list[CodeRecord]:
        now = self._host.clock.now_ms()
        return [
            code
            for code in self._host.records.codes()
            if code.expires_ms > now and code.tries_left > 0 and not code.used_by
        ]

    def _info(self, code: CodeRecord) -> InvitationInfo:
        address = self._host.listen_address()
        text = f"{code.nameplate}-{code.words}" + (f"@{address}" if address else "")
        return InvitationInfo(code.id, text, "", code.role, 1, code.expires_ms)

    # ---------------------------------------------------------------- the mesh asks

    def nameplates(self) -> list[str]:
        """Nameplates of open codes, for the registry; used ones stay until they expire (J4)."""
        now = self._host.clock.now_ms()
        return sorted(
            {code.nameplate for code in self._host.records.codes() if code.expires_ms > now}
        )

    def has_links(self) -> bool:
        """Whether a live link can be knocked at here."""
        return any(self._live_link(space) for space in self._host.all_spaces())

    @staticmethod
    def _live_link(space: Space) -> bool:
        return space.engine.role is Role.ADMIN and bool(space.engine.membership.invites)

    def take_try(self, nameplate: str) -> OpenCode | Failure:
        """Count a try, and store it, before the joiner's first message is answered (J3)."""
        now = self._host.clock.now_ms()
        found = [code for code in self._host.records.codes() if code.nameplate == nameplate]
        if not found:
            return Failure("unknown")
        code = max(found, key=lambda one: one.expires_ms)
        if code.expires_ms <= now:
            return Failure("expired")
        if code.tries_left <= 0:
            return Failure("used")
        counted = code._replace(tries_left=code.tries_left - 1)
        self._host.records.put_code(counted)
        return OpenCode(code.id, code.words, code.role == DEVICE, counted.tries_left)

    def give_back_try(self, invitation: bytes) -> None:
        """The confirmation was good: the try does not count (J3)."""
        code = self._code(invitation)
        if code is not None:
            self._host.records.put_code(code._replace(tries_left=min(code.tries_left + 1, TRIES)))

    def preview(self, invitation: bytes) -> Preview | Failure:
        """What to show the joiner, by code, or by invite key (J4, J6)."""
        code = self._code(invitation)
        if code is not None and code.role == DEVICE:
            return self._preview(self._host.space_of(self._host.home.engine.space), None, DEVICE)
        if code is not None:
            space = self._host.space_of(SpaceId(code.space))
            if space.engine.role is not Role.ADMIN:
                return Failure("refused")
            return self._preview(space, None, code.role)
        found = self._find_link(invitation)
        if found is None:
            return Failure("unknown")
        space, invite, role, expires = found
        if expires <= self._host.clock.now_ms():
            return Failure("expired")
        if space.engine.role is not Role.ADMIN:
            return Failure("later")
        return self._preview(space, invite, role.text)

    def _preview(self, space: Space, invite: CredentialId | None, role: str) -> Preview:
        membership = space.engine.membership
        return Preview(
            space.id,
            invite,
            role,
            space.name if role != DEVICE else "",
            self._host.name,
            len(membership.members),
            str(membership.settings["history"]),
        )

    def admit(self, invitation: bytes, joiner: Introduction) -> Welcome | Failure:
        """Write the admit, or find the one of before (J4)."""
        code = self._code(invitation)
        if code is not None:
            return self._admit_by_code(code, joiner)
        found = self._find_link(invitation)
        if found is None:
            return Failure("unknown")
        space, invite, role, _ = found
        if joiner.claim is None:
            return Failure("refused")
        body = Admit(_identity(joiner), joiner.entries, role, invite, joiner.claim)
        welcome = self._write_admit(space, body, joiner.device)
        if isinstance(welcome, Welcome):
            self._settle(invite, space, body.identity, joiner.name)
        return welcome

    def _admit_by_code(self, code: CodeRecord, joiner: Introduction) -> Welcome | Failure:
        identity = _identity(joiner)
        if code.used_by and code.used_by != identity:
            return Failure("used")
        space = self._host.space_of(SpaceId(code.space))
        if code.used_by and space.engine.membership.role(identity) is Role.NONE:
            return Failure("used")  # it was removed: that takes a new admit, by an admin's wish
        body = Admit(identity, joiner.entries, parse_role(code.role))
        welcome = self._write_admit(space, body, joiner.device)
        if isinstance(welcome, Welcome) and not code.used_by:
            now = self._host.clock.now_ms()
            self._host.records.put_code(
                code._replace(used_by=identity, used_ms=now, tries_left=TRIES)
            )
            self._settle(code.id, space, identity, joiner.name)
        return welcome

    @staticmethod
    def _write_admit(space: Space, body: Admit, device: DeviceKey) -> Welcome | Failure:
        engine = space.engine
        with engine.lock:
            if engine.membership.role(body.identity) is Role.NONE:
                try:
                    engine.admit_own([engine.make_credential(body)])
                except NotAllowed:
                    return Failure("refused")
            engine.keyring.prepare()
            generation = engine.keyring.current()
            sealed = None if generation is None else engine.keyring.seal_key(generation, device)
            if generation is None or sealed is None:
                return Failure("later")
            entries = tuple(engine.membership.identity_entries(engine.me.identity))
        return Welcome(space.id, ((space.id, generation, sealed),), entries)

    def _settle(self, invitation: bytes, space: Space, identity: IdentityId, name: str) -> None:
        """Somebody has come: remember who, and tell who waits."""
        self._host.meet(identity, name, "invited")
        self._host.invitations_changed()
        self._tell_joined(invitation, space.people.one(identity))

    def _tell_joined(self, invitation: bytes, who: MemberInfo) -> None:
        for waiting in self._waiting.pop(invitation, []):
            waiting.succeed(who)

    # ---------------------------------------------------------------- devices

    def device_entry(self, invitation: bytes, sign: bytes, agree: bytes) -> bytes | Failure:
        """Return the add-device entry for the new device to sign (J5)."""
        code = self._code(invitation)
        if code is None or code.role != DEVICE:
            return Failure("refused")
        if code.used_by and code.used_by != sign:
            return Failure("used")
        return draft_entry(self._host.home.engine, Device(DeviceKey(sign), agree))

    def admit_device(self, invitation: bytes, entry: bytes, signature: bytes) -> Welcome | Failure:
        """Add the device to one's identity, in the home space and in every space (J5)."""
        host = self._host
        code, device = self._code(invitation), added_device(entry)
        if code is None or code.role != DEVICE or device is None:
            return Failure("refused")
        if code.used_by and code.used_by != device:
            return Failure("used")
        if not add_to_home(host.home.engine, device, entry, signature):
            return Failure("refused")
        host.publish_identity()
        now = host.clock.now_ms()
        host.records.put_code(code._replace(used_by=device, used_ms=now, tries_left=TRIES))
        host.invitations_changed()
        me = host.home.engine.me.identity
        self._tell_joined(code.id, host.space_of(host.home.engine.space).people.one(me))
        return welcome_device(host.home.engine, host.all_spaces(), device)

    # ---------------------------------------------------------------- inside

    def _code(self, invitation: bytes) -> CodeRecord | None:
        found = (code for code in self._host.records.codes() if code.id == invitation)
        return next(found, None)

    def _find_link(self, invite_key: bytes) -> tuple[Space, CredentialId, Role, int] | None:
        for space in self._host.all_spaces():
            for invite in space.engine.membership.invites:
                if invite_key in (invite.body.public, invite.id):
                    return space, invite.id, invite.body.role, invite.body.expires_ms
        return None


def _identity(joiner: Introduction) -> IdentityId:
    return decode_entry(joiner.entries[0]).identity
