"""How does this vault join, by a code or a link? The vault in the role of the joiner.

Rules: J1 (a text that is no code is refused before the network is used), J4 (introduction), J5 (as
a device: a vault without spaces of its own becomes the other's identity), J6 (claim).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kithspace.core.credential import Invite, make_claim
from kithspace.core.crypto import sign
from kithspace.core.identity import decode_entry
from kithspace.core.ids import DeviceKey
from kithspace.errors import (
    BadCode,
    CodeExpired,
    CodeUsed,
    KithError,
    NotAllowed,
    Unreachable,
)
from kithspace.protocol.invitation import DEVICE_ROLE
from kithspace.protocol.joiner import j6_invite_keys
from kithspace.protocol.words import LINK_START, Code, Link, j1_read_code, j6_read_link
from kithspace.runtime.exchange import Failure, Introduction, Preview
from kithspace.runtime.pending import Deferred

if TYPE_CHECKING:
    from kithspace.core.crypto import KeyPair
    from kithspace.core.fold import Membership
    from kithspace.core.identity import SignedEntry
    from kithspace.core.ids import CredentialId, SpaceId
    from kithspace.ports import SpaceBackend
    from kithspace.protocol.words import WordList
    from kithspace.runtime.exchange import MeshControl, SpaceExchange, Welcome
    from kithspace.runtime.home import Home
    from kithspace.runtime.shelf import Shelf
    from kithspace.runtime.space import Space
    from kithspace.runtime.vault_records import Me, VaultRecords


class JoiningVault(Protocol):
    """What joining asks of the vault."""

    @property
    def records(self) -> VaultRecords:
        """The vault's records."""

    @property
    def shelf(self) -> Shelf:
        """The vault's spaces."""

    @property
    def home(self) -> Home:
        """The home space."""

    @property
    def words(self) -> WordList:
        """The words of codes."""

    @property
    def name(self) -> str:
        """The person's name."""

    @property
    def device(self) -> KeyPair:
        """This device's signing keys."""

    def identity_entries(self) -> list[SignedEntry]:
        """One's own identity log, parents first."""

    def has_spaces(self) -> bool:
        """Whether there are spaces of one's own."""

    def space_of(self, space: SpaceId) -> Space:
        """An open space."""

    def become(self, me: Me) -> None:
        """From now on this is who one is."""

    def take_home(self, space: Space) -> None:
        """This is the home space now."""

    def tend_soon(self) -> None:
        """Bring home space and spaces into agreement."""

    def tell(self) -> None:
        """The list of spaces has changed."""


class Entrance:
    """How one vault joins; the port `JoinerExchange` of the mesh.

    Args:
        vault: The vault.
    """

    def __init__(self, vault: JoiningVault) -> None:
        self._vault = vault

    def join(
        self, typed: str, mesh: MeshControl | None, *, as_device: bool
    ) -> Deferred[SpaceBackend]:
        """Join by a code or link; one of before gives the same space again.

        Args:
            typed: The code or link.
            mesh: The network, if there is one.
            as_device: The person wants this device to be another's: nobody else may decide it.

        Raises:
            BadCode: It is neither; nothing was sent.
        """
        vault = self._vault
        invitation = read_invitation(typed, vault.words)
        text = remembered_text(invitation)
        waiting: Deferred[SpaceBackend] = Deferred("Looking for who made this invitation.")
        known = vault.records.joined_by(text)
        if known is not None and vault.shelf.record(known) is not None:
            waiting.succeed(vault.space_of(known))
        elif mesh is None:
            waiting.fail(Unreachable("This program opened the vault with network=False."))
        else:
            waiting.on_cancel(
                mesh.join(invitation, JoinEnding(self, text, waiting, as_device=as_device))
            )
        return waiting

    # ---------------------------------------------------------------- asked by the mesh

    def introduction(
        self, space: SpaceId, invite: CredentialId | None, seed: bytes | None
    ) -> Introduction:
        """Who I am; with a link's seed also the claim (J6)."""
        vault = self._vault
        entries = vault.identity_entries()
        claim = None
        if seed is not None and invite is not None:
            claim = make_claim(j6_invite_keys(seed), space, invite, entries[0])
        return Introduction(tuple(entries), DeviceKey(vault.device.public), vault.name, claim)

    def sign_entry(self, entry: bytes) -> bytes | Failure:
        """Sign an add-device entry that adds just this device (J5)."""
        return sign(self._vault.device.secret, "ks1/ident", entry)

    def welcomed(self, welcome: Welcome, preview: Preview) -> SpaceExchange:
        """Make the space here, with its first key; its credentials come on channel 0."""
        sealed = {gen: key for space, gen, key in welcome.keys if space == welcome.space}
        return self._vault.shelf.expect(welcome.space, preview.space_name, sealed)

    def welcomed_as_device(self, welcome: Welcome, preview: Preview) -> SpaceExchange:
        """Become a device of that identity: entries, home space, keys (J5)."""
        vault = self._vault
        old_home = vault.home.engine.space
        vault.records.put_identity(decode_entry(welcome.entries[0]).identity, list(welcome.entries))
        vault.records.rename(preview.inviter)
        vault.shelf.drop(old_home)
        me = vault.records.me()
        assert me is not None  # noqa: S101 - it was just written
        vault.become(me)
        for space in dict.fromkeys(space for space, _, _ in welcome.keys):
            if space != welcome.space:
                sealed = {gen: key for in_, gen, key in welcome.keys if in_ == space}
                vault.shelf.expect(space, "", sealed)
        sealed = {gen: key for in_, gen, key in welcome.keys if in_ == welcome.space}
        return vault.shelf.expect(welcome.space, "", sealed, is_home=True)

    # ---------------------------------------------------------------- told by a join

    def has_spaces(self) -> bool:
        """Whether there are spaces of one's own."""
        return self._vault.has_spaces()

    def arrived(self, space: SpaceId, code: str, preview: Preview | None) -> Space:
        """A space was joined and is here: remember it, introduce oneself.

        Raises:
            NotAllowed: The link's invite does not stand in it (J6).
        """
        vault = self._vault
        found = vault.space_of(space)
        if preview is not None and not j6_invite_stands(found.engine.membership, preview):
            raise NotAllowed("This link leads to a space that it is not for.", "Ask for a new one.")
        vault.records.put_joined(code, space)
        if preview is not None and preview.role == DEVICE_ROLE:
            vault.take_home(found)
        elif preview is not None:
            vault.home.put_space(space, found.name or preview.space_name)
        vault.tend_soon()
        vault.tell()
        return found


class JoinEnding:
    """How one join goes on; the port `Joining` of the mesh.

    Args:
        entrance: Which vault joins.
        text: The code or link as it is remembered.
        waiting: What the API waits for.
        as_device: Whether a device's code is what was meant (J5).
    """

    def __init__(
        self, entrance: Entrance, text: str, waiting: Deferred[SpaceBackend], *, as_device: bool
    ) -> None:
        self._as_device = as_device
        self._entrance = entrance
        self._text = text
        self._waiting = waiting
        self._preview: Preview | None = None

    def found(self, words: str) -> None:
        """A step is done: a sentence that says so."""
        self._waiting.say(words)

    def preview(self, preview: Preview) -> bool:
        """What the inviter shows; returns whether to go on."""
        self._preview = preview
        if (preview.role == DEVICE_ROLE) != self._as_device:
            self._waiting.fail(_not_as_meant(preview))
            return False
        if preview.role == DEVICE_ROLE and self._entrance.has_spaces():
            self._waiting.fail(
                NotAllowed(
                    "This vault has spaces of its own, so it cannot become another's device.",
                    "Make a new vault and join with that.",
                )
            )
            return False
        if preview.role == DEVICE_ROLE:
            self._waiting.say(f"Becoming a device of {preview.inviter}.")
        else:
            self._waiting.say(f"Joining “{preview.space_name}” of {preview.inviter}.")
        return True

    def done(self, exchange: SpaceExchange) -> None:
        """The space is here and its first comparison has ended."""
        try:
            space = self._entrance.arrived(exchange.space, self._text, self._preview)
        except KithError as error:
            self._waiting.fail(error)
            return
        self._waiting.succeed(space)

    def failed(self, failure: Failure) -> None:
        """The inviter said no."""
        self._waiting.fail(error_of(failure))

    def unreachable(self, words: str) -> None:
        """Nobody answered."""
        self._waiting.fail(Unreachable(words))


def _not_as_meant(preview: Preview) -> NotAllowed:
    """J5: who joins a space does not become a device by the inviter's word, nor the other way."""
    if preview.role == DEVICE_ROLE:
        return NotAllowed(
            f"This code makes this device one of {preview.inviter}'s.",
            "If you are that person: kith join CODE --as-device, or join(code, as_device=True).",
        )
    return NotAllowed(
        f"This code is for the space “{preview.space_name}”, not for a device.",
        "Join without --as-device.",
    )


def j6_invite_stands(membership: Membership, preview: Preview) -> bool:
    """J6: whether the invite that the inviter named is one of this space; a code has none."""
    if preview.invite is None:
        return True
    named = membership.content(preview.invite)
    is_invite = named is not None and isinstance(named.body, Invite)
    return is_invite and membership.counts(preview.invite)


def read_invitation(text: str, words: WordList) -> Code | Link:
    """Read a code or a link.

    Raises:
        BadCode: It is neither; nothing was sent.
    """
    if text.strip().startswith(LINK_START):
        return j6_read_link(text)
    return j1_read_code(text, words)


def remembered_text(invitation: Code | Link) -> str:
    """How a code or link is remembered, however it was typed."""
    if isinstance(invitation, Link):
        return invitation._replace(ways=()).text
    return invitation._replace(address=None).text


def error_of(failure: Failure) -> KithError:
    """The error for what an inviter answers (message 48)."""
    match failure.code:
        case "wrong" if failure.tries_left > 0:
            return BadCode.wrong(failure.tries_left)
        case "wrong":
            return CodeUsed.up()
        case "used":
            return CodeUsed("This code was used already.", "Ask for a new one.")
        case "expired":
            return CodeExpired("This code is too old.", "Ask for a new one.")
        case "later":
            return Unreachable(
                "Nobody who may let you in is online.", "Try again when an admin is."
            )
        case "refused":
            return NotAllowed("You were not let in.", "Ask an admin for a new invitation.")
        case _:
            return BadCode(
                "Nobody here has an open invitation with this code.", "Ask for a new one."
            )
