"""What does the vault answer while somebody comes in, and while one joins?

Two functions between the machines of `protocol/invitation` and the vault. They run on the node's
loop; what the vault answers is on disk when it answers (J3, J4).

Rules: J1-J6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kithspace.core import crypto
from kithspace.core.ids import CredentialId
from kithspace.protocol import invitation as i
from kithspace.protocol import messages as m
from kithspace.protocol.words import Code, Link
from kithspace.runtime.exchange import Failure, Introduction, Preview, Welcome

if TYPE_CHECKING:
    from kithspace.protocol.inviter import Inviter
    from kithspace.protocol.joiner import Joiner
    from kithspace.runtime.exchange import (
        InviterExchange,
        JoinerExchange,
        Joining,
        SpaceExchange,
        VaultExchange,
    )


class Guest(NamedTuple):
    """Who joins, by what, and who is told how it goes."""

    by: Code | Link
    vault: VaultExchange
    joiner: JoinerExchange
    ending: Joining

    @property
    def by_address(self) -> bool:
        """Whether the invitation itself says where the inviter is."""
        return bool(self.by.address if isinstance(self.by, Code) else self.by.ways)


def play_inviter(machine: Inviter, event: i.InvitationEvent, vault: InviterExchange) -> None:
    """Answer one event of the inviter's side."""
    match event:
        case i.TryWanted(nameplate=nameplate):
            code = vault.take_try(nameplate)
            if isinstance(code, Failure):
                machine.refuse(code.code, code.tries_left)
            else:
                machine.try_taken(code.invitation, code.words.encode(), code.tries_left)
        case i.CodeRight(invitation=invitation):
            vault.give_back_try(invitation)
            _offer(machine, vault.preview(invitation))
        case i.Knocked(invite_key=invite_key):
            _offer(machine, vault.preview(invite_key))
        case i.Introduced():
            joiner = Introduction(event.entries, event.device, event.name, event.claim)
            _welcome(machine, vault.admit(event.invitation, joiner))
        case i.DeviceOffered(invitation=invitation, sign=sign, agree=agree):
            entry = vault.device_entry(invitation, sign, agree)
            if isinstance(entry, Failure):
                machine.refuse(entry.code, entry.tries_left)
            else:
                machine.draft(entry)
        case i.EntrySigned(invitation=invitation, body=body, signature=signature):
            _welcome(machine, vault.admit_device(invitation, body, signature))
        case _:
            pass


def _offer(machine: Inviter, preview: Preview | Failure) -> None:
    if isinstance(preview, Failure):
        machine.refuse(preview.code, preview.tries_left)
    else:
        machine.offer(m.Preview(*preview))


def _welcome(machine: Inviter, welcome: Welcome | Failure) -> None:
    if isinstance(welcome, Failure):
        machine.refuse(welcome.code, welcome.tries_left)
    else:
        entries = tuple((raw, sigs) for raw, sigs in welcome.entries)
        machine.admit(m.Welcome(welcome.space, welcome.keys, entries))


def play_joiner(machine: Joiner, event: i.InvitationEvent, guest: Guest) -> SpaceExchange | None:
    """Answer one event of the joiner's side; after a welcome, return the space made here."""
    match event:
        case i.Previewed(preview=said):
            preview = _preview(said)
            if guest.ending.preview(preview):
                _accept(machine, preview, guest)
            else:
                machine.refuse()
        case i.EntryToSign(body=body):
            machine.sign(crypto.sign(guest.vault.device.secret, "ks1/ident", body))
        case i.Welcomed(preview=said, keys=keys, entries=entries):
            preview = _preview(said)
            welcome = Welcome(preview.space, keys, entries)
            if preview.role == i.DEVICE_ROLE:
                return guest.joiner.welcomed_as_device(welcome, preview)
            return guest.joiner.welcomed(welcome, preview)
        case _:
            pass
    return None


def _accept(machine: Joiner, preview: Preview, guest: Guest) -> None:
    vault = guest.vault
    if preview.role == i.DEVICE_ROLE:
        machine.accept_as_device(vault.device.public, vault.agree.public)
        return
    seed = guest.by.seed if isinstance(guest.by, Link) else None
    who = guest.joiner.introduction(preview.space, preview.invite, seed)
    machine.accept(who.entries, vault.device, vault.identity, who.name, who.claim)


def _preview(said: m.Preview) -> Preview:
    invite = CredentialId(said.invite) if said.invite is not None else None
    return Preview(
        said.space,
        invite,
        said.role,
        said.space_name,
        said.inviter,
        said.members,
        said.history,
    )
