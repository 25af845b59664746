"""What does the mesh see of a vault? The port `VaultExchange`.

Rules: N4 (who one is), X2 (which spaces take part), X10 (where presence numbers begin), protocol.md
section 6 (where to listen; addresses are kept).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from kithspace.core.identity import SignedEntry, decode_entry, entry_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.core.crypto import KeyPair
    from kithspace.core.ids import IdentityId
    from kithspace.runtime.exchange import SpaceExchange
    from kithspace.runtime.shelf import Shelf
    from kithspace.runtime.sightings import Sightings
    from kithspace.runtime.vault_records import Me, VaultRecords

LISTEN: Final = "listen"


class Identified(Protocol):
    """What the mesh's side asks of the vault."""

    @property
    def me(self) -> Me:
        """Whose it is, and the keys of this device."""

    @property
    def shelf(self) -> Shelf:
        """The spaces."""

    @property
    def records(self) -> VaultRecords:
        """The vault's records."""

    @property
    def sightings(self) -> Sightings:
        """Who was seen."""

    def identity_entries(self) -> list[SignedEntry]:
        """One's own identity log, parents first."""


class VaultSide:
    """A vault, as the mesh sees it.

    Args:
        vault: The vault.
        opening_counter: How often it was opened.
    """

    def __init__(self, vault: Identified, opening_counter: int) -> None:
        self._vault = vault
        self.opening_counter = opening_counter

    @property
    def identity(self) -> IdentityId:
        """Whose vault it is."""
        return self._vault.me.identity

    @property
    def device(self) -> KeyPair:
        """This device's signing keys (N4)."""
        return self._vault.me.sign

    @property
    def agree(self) -> KeyPair:
        """This device's key-agreement keys (K2)."""
        return self._vault.me.agree

    @property
    def sightings(self) -> Sightings:
        """Where the mesh reports who is here, who is the same, and what is copied."""
        return self._vault.sightings

    def identity_heads(self) -> tuple[bytes, ...]:
        """Heads of one's own identity log: entries that no other one names as its parent."""
        entries = self.identity_entries()
        parents = {parent for entry in entries for parent in decode_entry(entry).parents}
        return tuple(sorted({entry_id(entry.raw) for entry in entries} - parents))

    def identity_entries(self) -> list[SignedEntry]:
        """One's own identity log, parents first."""
        return self._vault.identity_entries()

    @property
    def listen_at(self) -> str | None:
        """`HOST:PORT` to listen at beside loopback, if set."""
        found = self._vault.records.setting(LISTEN)
        return found if isinstance(found, str) else None

    def peer_addresses(self) -> list[str]:
        """Addresses at which others were met."""
        return self._vault.records.addresses()

    def keep_address(self, address: str) -> None:
        """Keep an address at which somebody who shares a space was met."""
        self._vault.records.put_address(address)

    def exchanges(self) -> list[SpaceExchange]:
        """All spaces that take part, the most recently active first, the home space among them."""
        return [one.exchange for one in self._vault.shelf.open_all()]

    def listen_spaces(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when a space was added or left. Returns what stops it."""
        return self._vault.shelf.watch(call)
