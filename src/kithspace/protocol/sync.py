"""How does one space come into step with all peers that share it?

`SpaceSync` is what the runtime holds for each open space: it gives each peer a `PeerSync`, passes
news to all, and gathers deadlines and events. No I/O, no clock.

After each call, take `events_received` and act on them, then call `to_send` for each peer until it
returns an empty list. When a method raises `PeerError`, close that peer's connection and call
`peer_gone`.

Rules: protocol.md X5-X12; data.md F4 (one's own feed, longer at a peer, is fetched as any other).
"""

from collections.abc import Callable, Iterable
from typing import Final

from kithspace.core.ids import BlockId, CredentialId, DeviceKey, FeedId, GenerationId
from kithspace.protocol.answer import MAX_RANGE
from kithspace.protocol.fetch import Fetch, Spot
from kithspace.protocol.fetch_credentials import CredentialFetch
from kithspace.protocol.leaves import PREFIX_BYTES, LeafSet, What
from kithspace.protocol.messages import AnyMessage, Ephemeral, Fork
from kithspace.protocol.peer_sync import PeerSync
from kithspace.protocol.sets import Sets
from kithspace.protocol.sync_events import Outgoing, Shared, SyncEvent

MAX_SPOTS: Final = 16
"""How many ranges one missing stretch is asked for in at once."""
MAX_PROOFS: Final = 1_024


class SpaceSync:
    """One space and its peers.

    Args:
        sets: Reads of the space.
    """

    def __init__(self, sets: Sets) -> None:
        credentials, feeds = LeafSet(What.CREDENTIALS), LeafSet(What.FEEDS)
        for id_, depth in sets.credential_leaves():
            credentials.put_credential(id_, depth)
        for feed, length, head in sets.feed_leaves():
            feeds.put_feed(feed, length, head)
        fetches = Fetch(feeds), CredentialFetch()
        self._shared = Shared(sets, credentials, feeds, *fetches)
        self._peers: dict[DeviceKey, PeerSync] = {}
        self._proofs: dict[bytes, None] = {}

    # ---------------------------------------------------------------- peers

    def peer_ready(self, peer: DeviceKey, ch: int, now_ms: int, *, is_dialer: bool) -> None:
        """Both sides have said `ready` on this channel; a newer connection replaces an older."""
        self.peer_gone(peer)
        self._peers[peer] = PeerSync(peer, ch, is_dialer=is_dialer, shared=self._shared)
        self._peers[peer].ready(now_ms)

    def peer_gone(self, peer: DeviceKey) -> None:
        """The connection, or this space on it, is over."""
        if peer in self._peers:
            self._peers.pop(peer).leave()

    def peer_removed(self, peer: DeviceKey) -> None:
        """X12: the device is no member any more: it gets credentials, then `gone`."""
        if peer in self._peers:
            self._peers[peer].remove()

    def receive(self, peer: DeviceKey, message: AnyMessage, now_ms: int) -> None:
        """Take a message of this space from a peer; unknown peers are passed over.

        Raises:
            PeerError: It breaks the protocol.
        """
        if peer in self._peers:
            self._peers[peer].receive(message, now_ms)

    @property
    def peers(self) -> list[DeviceKey]:
        """Who is ready."""
        return list(self._peers)

    def is_in_sync(self, peer: DeviceKey) -> bool:
        """Whether both sets were compared, all that was listed came, and all news went out."""
        return peer in self._peers and self._peers[peer].is_in_sync

    def known_length(self, peer: DeviceKey, feed: bytes) -> int:
        """How long a feed is at a peer, as far as is known here; 0 before the comparison."""
        return self._peers[peer].known_length(feed) if peer in self._peers else 0

    # ---------------------------------------------------------------- what happened here

    def credentials_added(self, leaves: Iterable[tuple[CredentialId, int]], now_ms: int) -> None:
        """Credentials were accepted, own or a peer's: id and depth."""
        prefixes: list[bytes] = []
        for id_, depth in leaves:
            self._shared.credentials.put_credential(id_, depth)
            prefixes.append(id_[:PREFIX_BYTES])
            for sync in self._peers.values():
                sync.credential_added(id_)
        self._step(self._shared.credential_fetch.came(b"", prefixes, now_ms), now_ms)

    def feeds_changed(self, leaves: Iterable[tuple[FeedId, int, BlockId]], now_ms: int) -> None:
        """Feeds are announced at another length now: longer, or shorter after a cut or fork."""
        feeds = self._shared.feeds
        offered: set[bytes] = set()
        for feed, length, head in leaves:
            before = feeds.length(feed)
            feeds.put_feed(feed, length, head)
            offered |= self._shared.fetch.grew(feed)
            if length > before:
                for sync in self._peers.values():
                    sync.feed_changed(feed, before)
        self._step(offered, now_ms)

    def _step(self, offered: set[bytes], now_ms: int) -> None:
        for peer, sync in self._peers.items():
            if peer in offered:
                sync.progress(now_ms)
            sync.step(now_ms)

    def refused(self, peer: DeviceKey, feed: bytes) -> None:
        """The gate refused blocks of a feed from this peer: they are asked of others."""
        self._shared.fetch.refused(peer, feed)

    def ask_range(self, feed: FeedId, first: int, end: int, peer: DeviceKey | None = None) -> None:
        """The gate lacks a stretch of blocks; `peer` sent what needs it."""
        pieces = list(range(first, end, MAX_RANGE))[-MAX_SPOTS:]
        for at in pieces:
            spot = Spot(feed, at, min(at + MAX_RANGE, end))
            self._shared.fetch.ask_again(spot)
            self._shared.fetch.offer_spot(peer, spot)

    def ask_credentials(self, ids: Iterable[bytes], peer: DeviceKey | None = None) -> None:
        """The gate lacks credentials; `peer` sent what needs them."""
        prefixes = [id_[:PREFIX_BYTES] for id_ in ids]
        for asked in [peer] if peer in self._peers else list(self._peers):
            if asked is not None:
                self._shared.credential_fetch.offer(asked, prefixes)

    def lack_keys(self, generations: Iterable[GenerationId]) -> None:
        """X11: these keys are lacking now, and no others."""
        self._shared.keys.lack(generations)

    def want_chunks(self, hashes: Iterable[bytes]) -> None:
        """X9: fetch these chunks."""
        self._shared.chunks.want(hashes)

    def tell_fork(self, proof: Fork, source: DeviceKey | None = None) -> None:
        """V12: pass a proof on to all peers, once; its `ch` does not matter."""
        name = proof.left_signature + proof.right_signature
        if name in self._proofs:
            return
        if len(self._proofs) >= MAX_PROOFS:
            del self._proofs[next(iter(self._proofs))]
        self._proofs[name] = None
        for peer, sync in self._peers.items():
            if peer != source:
                sync.tell_fork(proof)

    def show(self, presence: Ephemeral) -> None:
        """X10: show presence to the peers that are here; its `ch` does not matter."""
        for sync in self._peers.values():
            sync.show(presence)

    # ---------------------------------------------------------------- output and time

    def events_received(self) -> list[SyncEvent]:
        """Return what came since the last call."""
        return [event for sync in self._peers.values() for event in sync.events_received()]

    def to_send(self, peer: DeviceKey, room: Callable[[int], int], now_ms: int) -> list[Outgoing]:
        """Return messages for a peer; call again after sending, until there are none.

        Args:
            peer: For whom.
            room: How many bytes a lane takes now (X8).
            now_ms: The time.
        """
        sync = self._peers.get(peer)
        if sync is None:
            return []
        out = sync.to_send(room, len(self._peers), now_ms)
        sync.step(now_ms)
        if sync.is_over:
            self.peer_gone(peer)
        return out

    def next_deadline(self) -> int | None:
        """When `time_passed` is to be called, at the latest."""
        shared = self._shared
        times = [sync.next_deadline() for sync in self._peers.values()]
        if self._peers:
            times += [
                shared.fetch.next_deadline(),
                shared.credential_fetch.next_deadline(),
                shared.keys.next_deadline(),
                shared.chunks.next_deadline(),
            ]
        return min((ms for ms in times if ms is not None), default=None)

    def time_passed(self, now_ms: int) -> None:
        """Do what is due; then call `to_send` for all peers."""
        self._shared.fetch.time_passed(now_ms)
        self._shared.credential_fetch.time_passed(now_ms)
        self._shared.chunks.time_passed(now_ms)
        self._shared.keys.time_passed(now_ms)
        for sync in self._peers.values():
            sync.time_passed(now_ms)
