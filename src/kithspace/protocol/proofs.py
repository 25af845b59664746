"""Where do two nodes stand in one space? Two small machines for each channel.

`Ours` follows one's own proof, `Theirs` the peer's. A space is open when the first is READY and the
second ACCEPTED. All transitions are in the two tables below.

Rules:
    N4  A proof is `Sign(device, ks1/hello, h ‖ side ‖ space ‖ identity)`. Who matched on its own
        newest generation proves at once; else it waits for the other's proof, and after 1 s the
        dialer proves.
    X1  Members who do not know each other yet ask for the ancestry of the proof's heads.
    X12 A removed peer gets the credentials that say so, then `gone`.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple, Protocol

from kithspace.core import crypto
from kithspace.core.ids import DeviceKey, IdentityId, SpaceId
from kithspace.errors import PeerError
from kithspace.protocol.matching import AccessKey
from kithspace.protocol.messages import Proof, SignedRecord
from kithspace.protocol.noise import Side

WAIT_MS: Final = 1_000
MAX_ROUNDS: Final = 64
"""How often the ancestry of one proof may be asked for."""


class Claim(NamedTuple):
    """Who somebody says to be in a space."""

    identity: IdentityId
    device: DeviceKey
    identity_heads: tuple[bytes, ...]
    credential_heads: tuple[bytes, ...]


class Accepted(NamedTuple):
    """The fold knows the device as a live one of a member (keeper or more)."""


class Unknown(NamedTuple):
    """Credentials of the claim are not here: starts (16 bytes) of their ids."""

    lacking: tuple[bytes, ...]


class Refused(NamedTuple):
    """All is known, and it is no member. Who was one gets the credentials that say so (X12)."""

    code: str
    was_member: bool = False


Verdict = Accepted | Unknown | Refused


class Book(Protocol):
    """What a session needs to know of the vault. Every method answers from memory or disk, at once.

    Assumes: answers belong together until the session is told of a change.
    """

    def access_keys(self) -> list[AccessKey]:
        """Keys of all spaces that take part, in the order of N3 and X2."""

    def claim(self, space: SpaceId) -> Claim | None:
        """Who I am in a space; None: I take no part any more."""

    def sign(self, message: bytes) -> bytes:
        """`Sign(device, ks1/hello, message)`."""

    def judge(self, space: SpaceId, claim: Claim) -> Verdict:
        """What the fold says of a claim whose signature is good."""

    def ancestry(
        self, space: SpaceId, wanted: tuple[bytes, ...], known: tuple[bytes, ...], max_bytes: int
    ) -> tuple[SignedRecord, ...]:
        """Return credentials, parents first, up to a size.

        Args:
            space: The space.
            wanted: Starts of ids; these and what they lean on. None: from one's own heads.
            known: Heads the peer has; what they lean on is left out, if they are here.
            max_bytes: The sum of the records' lengths.
        """


class Ours(Enum):
    """One's own proof."""

    WAITING = auto()
    PROVED = auto()
    READY = auto()
    OVER = auto()


class Theirs(Enum):
    """The peer's proof."""

    SILENT = auto()
    UNKNOWN = auto()
    ACCEPTED = auto()
    OVER = auto()


class OurEvent(Enum):
    """What happens to one's own proof."""

    PROVE = auto()
    READY = auto()
    GONE = auto()


class TheirEvent(Enum):
    """What happens to the peer's proof."""

    ACCEPT = auto()
    LACK = auto()
    GONE = auto()


OURS: Final[dict[Ours, dict[OurEvent, Ours]]] = {
    Ours.WAITING: {OurEvent.PROVE: Ours.PROVED, OurEvent.GONE: Ours.OVER},
    Ours.PROVED: {OurEvent.READY: Ours.READY, OurEvent.GONE: Ours.OVER},
    Ours.READY: {OurEvent.GONE: Ours.OVER},
    Ours.OVER: {OurEvent.GONE: Ours.OVER},
}
THEIRS: Final[dict[Theirs, dict[TheirEvent, Theirs]]] = {
    Theirs.SILENT: {
        TheirEvent.ACCEPT: Theirs.ACCEPTED,
        TheirEvent.LACK: Theirs.UNKNOWN,
        TheirEvent.GONE: Theirs.OVER,
    },
    Theirs.UNKNOWN: {
        TheirEvent.ACCEPT: Theirs.ACCEPTED,
        TheirEvent.LACK: Theirs.UNKNOWN,
        TheirEvent.GONE: Theirs.OVER,
    },
    Theirs.ACCEPTED: {TheirEvent.ACCEPT: Theirs.ACCEPTED, TheirEvent.GONE: Theirs.OVER},
    Theirs.OVER: {TheirEvent.GONE: Theirs.OVER},
}


def next_ours(state: Ours, event: OurEvent) -> Ours:
    """Return the next state.

    Raises:
        PeerError: The table has no such row.
    """
    if event not in OURS[state]:
        raise PeerError("E_STATE", f"own proof in state {state.name} cannot take {event.name}")
    return OURS[state][event]


def next_theirs(state: Theirs, event: TheirEvent) -> Theirs:
    """Return the next state.

    Raises:
        PeerError: The table has no such row.
    """
    if event not in THEIRS[state]:
        raise PeerError("E_STATE", f"peer's proof in state {state.name} cannot take {event.name}")
    return THEIRS[state][event]


@dataclass(slots=True)
class SpaceChannel:
    """One shared space on one connection."""

    ch: int
    space: SpaceId
    is_own_newest: bool
    wait_until_ms: int = 2**53
    is_invited: bool = False
    is_made: bool = True
    ours: Ours = Ours.WAITING
    theirs: Theirs = Theirs.SILENT
    claim: Claim | None = None
    peer_ms: int = 0
    asked: tuple[bytes, ...] = ()
    rounds: int = 0
    answers: int = 0
    answered_bytes: int = 0
    early_bytes: int = 0
    ever_proved: bool = False

    @property
    def is_open(self) -> bool:
        """Whether both may tell each other things."""
        return self.ours is Ours.READY and self.theirs is Theirs.ACCEPTED

    @property
    def is_over(self) -> bool:
        """Whether it ended in `gone`."""
        return self.ours is Ours.OVER

    def may_prove(self, side: Side, now_ms: int) -> bool:
        """N4: at once on one's own newest, or after a good proof; the dialer after 1 s."""
        if self.ours is not Ours.WAITING or not self.is_made:
            return False
        waited = side is Side.DIALER and now_ms >= self.wait_until_ms
        return self.is_own_newest or self.theirs is Theirs.ACCEPTED or waited


def n4_text(handshake_hash: bytes, side: Side, space: SpaceId, identity: IdentityId) -> bytes:
    """N4: what a proof signs: this connection, this side, this space, this person."""
    return handshake_hash + side.byte + space + identity


def n4_check(proof: Proof, handshake_hash: bytes, side: Side, space: SpaceId) -> Claim:
    """N4: the claim of a proof whose signature is good.

    Raises:
        PeerError: The signature is not that of the device it names, for this connection.
    """
    text = n4_text(handshake_hash, side, space, proof.identity)
    if not crypto.verify(proof.device, "ks1/hello", text, proof.signature):
        raise PeerError("E_SIGNATURE", "a proof is not signed by its device", score=-50)
    return Claim(proof.identity, proof.device, proof.identity_heads, proof.credential_heads)
