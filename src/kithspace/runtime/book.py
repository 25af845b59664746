"""What does the vault answer when a session asks who is who? Implements `proofs.Book`.

Rules: N3 (keys and their order), N4 (a proof that the fold accepts: role keeper or more, a live
device), X1 (ancestry), X12 (who was a member gets the credentials that say so).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kithspace.core import crypto
from kithspace.core.ids import CredentialId, DeviceKey
from kithspace.core.roles import Role
from kithspace.protocol.matching import AccessKey
from kithspace.protocol.proofs import Accepted, Claim, Refused, Unknown, Verdict
from kithspace.protocol.sharing import RECORD_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kithspace.core.fold import Membership
    from kithspace.core.ids import SpaceId
    from kithspace.protocol.messages import SignedRecord
    from kithspace.runtime.exchange import SpaceExchange, VaultExchange

MAX_HEADS: Final = 16


class VaultBook:
    """A vault, as sessions see it.

    Args:
        vault: The open vault.
    """

    def __init__(self, vault: VaultExchange) -> None:
        self._vault = vault

    def exchange(self, space: SpaceId) -> SpaceExchange | None:
        """Return a space that takes part."""
        for one in self._vault.exchanges():
            if one.space == space and one.is_open_to_peers:
                return one
        return None

    def access_keys(self) -> list[AccessKey]:
        """Keys of all spaces that take part: the newest of each space first (N3, X2)."""
        spaces = [
            [AccessKey(one.space, key.generation, key.n, key.key) for key in one.access_keys()]
            for one in self._vault.exchanges()
            if one.is_open_to_peers
        ]
        newest = [keys[0] for keys in spaces if keys]
        return newest + [key for keys in spaces for key in keys[1:]]

    def claim(self, space: SpaceId) -> Claim | None:
        """Who I am in a space; None: I take no part any more."""
        exchange = self.exchange(space)
        if exchange is None:
            return None
        device = DeviceKey(self._vault.device.public)
        heads = tuple(sorted(exchange.membership.heads)[:MAX_HEADS])
        return Claim(self._vault.identity, device, self._vault.identity_heads()[:MAX_HEADS], heads)

    def sign(self, message: bytes) -> bytes:
        """`Sign(device, ks1/hello, message)`."""
        return crypto.sign(self._vault.device.secret, "ks1/hello", message)

    def judge(self, space: SpaceId, claim: Claim) -> Verdict:
        """What the fold says of a claim whose signature is good."""
        exchange = self.exchange(space)
        if exchange is None:
            return Refused("left")
        membership = exchange.membership
        if _stands(membership, claim):
            return Accepted()
        lacking = tuple(
            head for head in claim.credential_heads if CredentialId(head) not in membership
        )
        if lacking:
            return Unknown(lacking)
        was_member = bool(membership.identity_entries(claim.identity))
        return Refused("removed" if was_member else "refused", was_member)

    def ancestry(
        self, space: SpaceId, wanted: tuple[bytes, ...], known: tuple[bytes, ...], max_bytes: int
    ) -> tuple[SignedRecord, ...]:
        """Return credentials, parents first, up to a size."""
        exchange = self.exchange(space)
        if exchange is None:
            return ()
        membership = exchange.membership
        starts = set(wanted)
        heads: Sequence[CredentialId] = [
            credential.id
            for credential in (membership.credentials() if starts else ())
            if credential.id[:16] in starts
        ]
        lacking = membership.ancestry(heads or membership.heads)
        theirs = (CredentialId(head) for head in known if CredentialId(head) in membership)
        had = set(membership.ancestry(theirs))
        if had:
            return _up_to((one for one in lacking if one not in had), max_bytes)
        return _up_to(reversed(lacking), max_bytes)[::-1]  # nothing in common yet: nearest first


def _stands(membership: Membership, claim: Claim) -> bool:
    is_owner = membership.owner(claim.device) == claim.identity
    return is_owner and membership.role(claim.identity) >= Role.KEEPER


def _up_to(records: Iterable[tuple[bytes, bytes]], max_bytes: int) -> tuple[SignedRecord, ...]:
    """Return the first records that fit."""
    chosen: list[SignedRecord] = []
    left = max_bytes
    for body, signature in records:
        left -= len(body) + RECORD_OVERHEAD
        if left < 0:
            break
        chosen.append((body, signature))
    return tuple(chosen)
