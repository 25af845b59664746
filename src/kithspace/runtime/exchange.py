"""What does the mesh ask of an open vault, and of each of its spaces?

`Engine` implements `SpaceExchange`, the vault implements `VaultExchange`; the mesh calls them from
the node's thread. Nothing here waits for anything but the disk and a space's lock, which is held
for at most 64 blocks at a time (G4).

Rules: X1, X2, X5-X7, X9-X12, N3, N4, J1-J6, F4, F5, G1 (persist, then show, then send).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kithspace.core.credential import Signed
    from kithspace.core.crypto import KeyPair
    from kithspace.core.effects import Refused, Send
    from kithspace.core.fold import Membership
    from kithspace.core.identity import SignedEntry
    from kithspace.core.ids import (
        CredentialId,
        DeviceKey,
        FeedId,
        GenerationId,
        IdentityId,
        SpaceId,
    )
    from kithspace.core.state import WireBlock
    from kithspace.protocol.leaves import CredentialLeaf, FeedLeaf
    from kithspace.protocol.presence import ContentKey
    from kithspace.protocol.words import Code, Link
    from kithspace.runtime.sightings import Sightings


class AccessKey(NamedTuple):
    """An access key of a space, for its match tag (N3)."""

    generation: GenerationId
    n: int
    key: bytes


class Intake(NamedTuple):
    """What became of what a peer sent, once its effects are on disk or in the waiting room."""

    send: tuple[Send, ...] = ()
    """What is missing now: to be asked for (of the peer that sent it first)."""
    refused: tuple[Refused, ...] = ()
    """What was not accepted; the sum of the scores is the peer's."""
    has_stored: bool = False


class News(NamedTuple):
    """What has newly become announced, own or accepted from a peer (X7)."""

    feeds: tuple[FeedLeaf, ...] = ()
    credentials: tuple[CredentialLeaf, ...] = ()
    asks: tuple[Send, ...] = ()
    source: DeviceKey | None = None
    """The device it came from; it is left out (X7)."""
    is_new_generation: bool = False
    """The access keys have grown: tags go out again (X2)."""


class SpaceExchange(Protocol):
    """One space, as the mesh sees it."""

    @property
    def space(self) -> SpaceId:
        """The space."""

    @property
    def membership(self) -> Membership:
        """The fold of all credentials here, a frozen value; nobody while the genesis is lacking."""

    @property
    def is_open_to_peers(self) -> bool:
        """False once it is closed: nothing is served or asked for any more."""

    def access_keys(self) -> list[AccessKey]:
        """Access keys, the newest generation first (X2)."""

    def credential_leaves(self) -> list[CredentialLeaf]:
        """All credentials."""

    def credentials(self, ids: Sequence[CredentialId]) -> list[Signed]:
        """Return those that are here, parents first."""

    def credentials_by_prefix(self, prefixes: Sequence[bytes]) -> list[Signed]:
        """Return those whose id begins with one of these 16 bytes, parents first (message 19)."""

    def feed_leaves(self) -> list[FeedLeaf]:
        """All feeds and branches with something to announce."""

    def blocks(self, feed: FeedId, first: int, end: int) -> list[WireBlock]:
        """Return the blocks `[first, end)`, or fewer, running on to the next signed one (X6)."""

    def receive_credentials(
        self, credentials: Sequence[Signed], source: DeviceKey | None
    ) -> Intake:
        """Take in credentials, parents first."""

    def receive_blocks(self, blocks: Sequence[WireBlock], source: DeviceKey | None) -> Intake:
        """Take in one message of blocks: verify, apply, commit, show; then it is announced."""

    def receive_key(self, generation: GenerationId, sealed: bytes) -> Intake:
        """Take in a key sealed to this device (K2, K3)."""

    def seal_key(self, generation: GenerationId, device: DeviceKey) -> bytes | None:
        """Seal a generation's key to a device that asked, if it is here and entitled (X11)."""

    def lacking_keys(self) -> list[GenerationId]:
        """Generations this device should hold the key of and does not (X11)."""

    def lacking_chunks(self) -> list[bytes]:
        """Hashes of key chunks that hold a lacking key for this device: asked for first (K2)."""

    def chunk(self, hash_: bytes, /) -> bytes | None:
        """Return a chunk that is here (X9)."""

    def receive_chunk(self, hash_: bytes, chunk: bytes) -> Intake:
        """Take in a chunk that was asked for: a key chunk of K1."""

    def content_key(self, generation: GenerationId | None) -> ContentKey | None:
        """Return the content key of a generation; None: of the one to write under (X10, K5)."""

    def listen(self, call: Callable[[News], None]) -> Callable[[], None]:
        """Call with news, in order, on any thread, under no lock. Returns what stops it."""


class VaultExchange(Protocol):
    """The vault, as the mesh sees it."""

    @property
    def identity(self) -> IdentityId:
        """Whose vault it is."""

    @property
    def device(self) -> KeyPair:
        """This device's signing keys (N4)."""

    @property
    def agree(self) -> KeyPair:
        """This device's key-agreement keys (K2)."""

    def identity_heads(self) -> tuple[bytes, ...]:
        """Heads of one's own identity log."""

    def identity_entries(self) -> list[SignedEntry]:
        """One's own identity log, parents first."""

    @property
    def sightings(self) -> Sightings:
        """Where the mesh reports who is here, who is the same, and what is copied."""

    @property
    def opening_counter(self) -> int:
        """How often the vault was opened: presence numbers begin here (X10)."""

    @property
    def listen_at(self) -> str | None:
        """`HOST:PORT` to listen at beside loopback (`kith config listen`), if set."""

    def peer_addresses(self) -> list[str]:
        """Addresses (`ws://host:port`) at which others were met, kept in `vault.db`."""

    def keep_address(self, address: str) -> None:
        """Keep an address at which somebody who shares a space was met."""

    def exchanges(self) -> list[SpaceExchange]:
        """All spaces that take part, the most recently active first, the home space among them."""

    def listen_spaces(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when a space was added or left. Returns what stops it."""


class OpenCode(NamedTuple):
    """An open one-time code of this vault (J1)."""

    invitation: bytes
    words: str
    """The three words joined by hyphens: SPAKE2's password (protocol.md section 6)."""
    is_device: bool
    tries_left: int
    """After this try was counted."""


class Failure(NamedTuple):
    """Why an invitation does not go on (message 48)."""

    code: str
    """`wrong`, `unknown`, `used`, `expired`, `refused` or `later`."""
    tries_left: int = 0


class Preview(NamedTuple):
    """What a joiner is told before it says who it is (message 43)."""

    space: SpaceId
    invite: CredentialId | None
    role: str
    """A role, or `device`."""
    space_name: str
    inviter: str
    members: int
    history: str


class Introduction(NamedTuple):
    """Who wants to join (message 44)."""

    entries: tuple[SignedEntry, ...]
    device: DeviceKey
    name: str
    claim: bytes | None


class Welcome(NamedTuple):
    """What a joiner gets (message 47): each key sealed to its device (K2)."""

    space: SpaceId
    keys: tuple[tuple[SpaceId, GenerationId, bytes], ...]
    entries: tuple[SignedEntry, ...]


class InviterExchange(Protocol):
    """The vault in the role of the inviter (J1-J6), called by the mesh."""

    def nameplates(self) -> list[str]:
        """Nameplates of open codes, for the registry."""

    def has_links(self) -> bool:
        """Whether a live link can be knocked at here."""

    def take_try(self, nameplate: str) -> OpenCode | Failure:
        """Count a try, and store it, before the joiner's first message is answered (J3)."""

    def give_back_try(self, invitation: bytes) -> None:
        """The confirmation was good: the try does not count (J3)."""

    def preview(self, invitation: bytes) -> Preview | Failure:
        """What to show the joiner after a good confirm or knock; by code, or by invite key."""

    def admit(self, invitation: bytes, joiner: Introduction) -> Welcome | Failure:
        """Write the admit, or find the one of before; the mesh has checked the device's proof."""

    def device_entry(self, invitation: bytes, sign: bytes, agree: bytes) -> bytes | Failure:
        """Return the add-device entry for the new device to sign (message 46)."""

    def admit_device(self, invitation: bytes, entry: bytes, signature: bytes) -> Welcome | Failure:
        """Add the device to one's identity, in the home space and in every space (J5)."""


class JoinerExchange(Protocol):
    """The vault in the role of the joiner, called by the mesh."""

    def introduction(
        self, space: SpaceId, invite: CredentialId | None, seed: bytes | None
    ) -> Introduction:
        """Who I am; with a link's seed also the claim (J6)."""

    def welcomed(self, welcome: Welcome, preview: Preview) -> SpaceExchange:
        """Make the space here, with its first key; its credentials come on channel 0."""

    def welcomed_as_device(self, welcome: Welcome, preview: Preview) -> SpaceExchange:
        """Become a device of that identity: entries, home space, keys (J5)."""


class MeshControl(Protocol):
    """What the vault asks of the mesh; `mesh.py` implements it. Any thread may call.

    The vault starts `run` on the node's loop, and cancels it at close.
    """

    async def run(self) -> None:
        """Listen, look at the registry, dial, serve connections; until cancelled."""

    def join(self, invitation: Code | Link, ending: Joining) -> Callable[[], None]:
        """Find the inviter and play the joiner; report to `ending`. Returns what gives up."""

    def invitations_changed(self) -> None:
        """Nameplates or links have changed: listen, and write the registry's entry anew."""

    def show(self, space: SpaceId, state: bytes) -> None:
        """Send an ephemeral state (canonical CBOR) to the devices that are here (X10)."""

    def shown(self, space: SpaceId) -> list[tuple[IdentityId, DeviceKey, bytes]]:
        """What other devices show now (X10)."""

    def watch_shown(self, call: Callable[[SpaceId], None]) -> Callable[[], None]:
        """Call when what others show has changed. Returns what stops it."""

    async def drain(self) -> None:
        """Return when everything announced so far has gone out to those who are here."""


class Joining(Protocol):
    """How a join goes on; the vault implements it (words for people, then an end)."""

    def found(self, words: str) -> None:
        """A step is done: a sentence that says so."""

    def preview(self, preview: Preview) -> bool:
        """What the inviter shows; returns whether to go on."""

    def done(self, exchange: SpaceExchange) -> None:
        """The space is here and its first comparison has ended."""

    def failed(self, failure: Failure) -> None:
        """The inviter said no."""

    def unreachable(self, words: str) -> None:
        """Nobody answered: a sentence of experience.md section 8."""
