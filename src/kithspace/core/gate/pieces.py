"""Which pieces does a transaction change: a feed, a block, an object?"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from kithspace.core.crypto import NONCE_BYTES
from kithspace.core.document import Document
from kithspace.core.effects import PutFeed
from kithspace.core.envelope import CIPHERTEXT, OPENED, Clear, open_body
from kithspace.core.ids import IdentityId
from kithspace.core.payload import Payload
from kithspace.core.stamp import ZERO, Stamp
from kithspace.errors import PayloadError

NOBODY: Final = IdentityId(b"")


@dataclass(slots=True)
class Chain:
    """A feed or branch, as the transaction changes it; the fields are those of `PutFeed`."""

    n: int
    id: bytes
    branch_of: int | None
    length: int
    applied: int
    signed: int
    released: int
    tip: int
    head: bytes
    last_time: int
    opening: bytes
    opening_sig: bytes

    def row(self) -> PutFeed:
        """The feed's row."""
        return PutFeed(
            self.n,
            self.id,
            self.branch_of,
            self.length,
            self.applied,
            self.signed,
            self.released,
            self.tip,
            self.head,
            self.last_time,
            self.opening,
            self.opening_sig,
        )


class Entry(NamedTuple):
    """A stored block, for those who apply it. `content` is there if nobody has to decode it."""

    n: int
    seq: int
    clear: Clear
    body: bytes
    content: Payload | None


@dataclass(slots=True)
class Touch:
    """An object in this transaction: as it was stored, as it is now, and who wrote it last."""

    n: int
    before: Document | None
    now: Document | None
    who: IdentityId = NOBODY
    app: str = ""
    stamp: Stamp = ZERO
    is_rebuilt: bool = False


def opened_form(key: bytes, payload: bytes, aad: bytes) -> tuple[int, bytes]:
    """Form and body of a payload whose key is here: opened, if it opens and is padded right."""
    try:
        body = open_body(key, payload, aad)
    except PayloadError:
        return CIPHERTEXT, payload
    return OPENED, payload[:NONCE_BYTES] + body
