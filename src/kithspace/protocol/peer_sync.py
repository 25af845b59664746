"""How does one space come into step with one peer?

One `PeerSync` for each peer and space: it compares both sets, asks for what is lacking, answers
what is asked, and pushes news. What all peers of a space share lies in `Shared`.

Rules (protocol.md):
    X5   Credentials first: blocks are asked for when those are the same, or all listed ones came.
    X6   Asking and answering, by `fetch`, `fetch_credentials` and `answer`.
    X7   News go out while that set rests or fetches, blocks only where credentials are settled.
    X8   Lanes 1 and 2 get a message only where there is room for it; until then, positions.
    X9, X11, V12  Chunks, keys and proofs of a fork.
    X12  A removed peer gets the credentials that say so, then `gone`, and nothing else.
"""

from collections.abc import Callable
from typing import Final

from kithspace.core.crypto import hash_of
from kithspace.core.ids import CredentialId, DeviceKey, FeedId
from kithspace.errors import PeerError
from kithspace.protocol.answer import MAX_RANGE, Ranges
from kithspace.protocol.answer_records import ChunkAnswers, CredentialAnswers
from kithspace.protocol.fetch import Spot
from kithspace.protocol.leaves import PREFIX_BYTES, SentLeaf, What, read_leaves
from kithspace.protocol.live_queue import LiveQueue
from kithspace.protocol.messages import (
    BULK,
    CONTROL,
    LIVE,
    MAX_RANGES,
    AnyMessage,
    Blocks,
    Buckets,
    Chunk,
    Credentials,
    Digest,
    Ephemeral,
    Fork,
    Gone,
    Have,
    KeyGive,
    KeyRequest,
    Leaves,
    Want,
    WantChunks,
    WantCredentials,
    WireBlock,
)
from kithspace.protocol.peek import parts_of
from kithspace.protocol.push import Push
from kithspace.protocol.reconcile import Reconciler, State
from kithspace.protocol.sync_events import (
    BlocksArrived,
    ChunkArrived,
    CredentialsArrived,
    ForkArrived,
    InSync,
    KeyArrived,
    Outgoing,
    PresenceArrived,
    Shared,
    SyncEvent,
)

GONE_AFTER_MS: Final = 2_000
MAX_TOLD: Final = 4_096


class PeerSync:
    """One peer, one space.

    Args:
        peer: The device at the other end.
        ch: The space's channel on this connection.
        is_dialer: Whether this side dialled.
        shared: The space.
    """

    def __init__(self, peer: DeviceKey, ch: int, *, is_dialer: bool, shared: Shared) -> None:
        self.peer = peer
        self.ch = ch
        self.is_removed = False
        self.is_over = False
        self._gone_ms: int | None = None
        self._shared = shared
        self._credentials = Reconciler(ch, shared.credentials, is_dialer=is_dialer)
        self._feeds = Reconciler(ch, shared.feeds, is_dialer=is_dialer)
        self._answers = Ranges(shared.sets.blocks)
        self._push = Push(shared.feeds, shared.sets.blocks)
        self._credential_answers = CredentialAnswers(shared.sets)
        self._chunk_answers = ChunkAnswers(shared.sets)
        self._told: set[bytes] = set()
        self._live = LiveQueue(ch)
        self._events: list[SyncEvent] = []
        self._was_in_sync = False
        self._credentials.when_digest_sent(self._credential_answers.news.clear)
        self._feeds.when_digest_sent(self._push.digest_sent)

    # ---------------------------------------------------------------- inputs

    def ready(self, now_ms: int) -> None:
        """Both sides are ready (X1): compare."""
        for asking in self._shared.asking:
            asking.join(self.peer)
        self._credentials.ready(now_ms)
        self._feeds.ready(now_ms)
        self.step(now_ms)

    def leave(self) -> None:
        """The peer is gone."""
        for asking in self._shared.asking:
            asking.leave(self.peer)

    def remove(self) -> None:
        """X12: the peer is no member any more. All credentials that it may lack go out."""
        if not self.is_removed:
            self.is_removed = True
            if self._credentials.state is not State.SAME:
                self._credential_answers.want([])

    def receive(self, message: AnyMessage, now_ms: int) -> None:
        """Take one message of this channel.

        Raises:
            PeerError: It breaks the protocol.
        """
        if self.is_removed and not isinstance(message, WantCredentials):
            return
        self._take(message, now_ms)
        self.step(now_ms)

    def _take(self, message: AnyMessage, now_ms: int) -> None:
        match message:
            case Digest() | Buckets() | Leaves():
                self._take_comparison(message, now_ms)
            case Credentials():
                self._take_credentials(message, now_ms)
            case Blocks():
                self._take_blocks(message, now_ms)
            case WantCredentials():
                self._credential_answers.want(message.ids)
            case Want():
                for feed, first, _ in message.ranges:
                    self._push.peer_lacks_from(feed, first)
                self._answers.want(message.ranges)
            case Have():
                self._feeds.progress(now_ms)
                self._take_feeds(read_leaves(What.FEEDS, message.leaves))
            case _:
                self._take_other(message, now_ms)

    def _take_other(self, message: AnyMessage, now_ms: int) -> None:
        match message:
            case KeyRequest():
                self._take_key_request(message, now_ms)
            case KeyGive():
                if self._shared.keys.is_lacking(message.generation):
                    event = KeyArrived(self.peer, message.generation, message.sealed)
                    self._events.append(event)
            case WantChunks():
                self._chunk_answers.want(message.hashes)
            case Chunk():
                if self._shared.chunks.came(self.peer, message.hash, message.body, now_ms):
                    body = message.body or b""
                    self._events.append(ChunkArrived(self.peer, message.hash, body))
            case Fork():
                self._events.append(ForkArrived(self.peer, message))
            case Ephemeral():
                self._events.append(PresenceArrived(self.peer, message))
            case _:
                raise PeerError("E_STATE", f"{type(message).__name__} is not for sync")

    def _take_comparison(self, message: Digest | Buckets | Leaves, now_ms: int) -> None:
        machine = self._credentials if message.what == What.CREDENTIALS else self._feeds
        was = machine.state
        found = machine.receive(message, now_ms)
        if machine is self._credentials:
            doubted, machine.doubted = machine.doubted, ()
            lacking = [leaf.key for leaf in (*found, *doubted)]
            self._shared.credential_fetch.offer(self.peer, lacking)
            return
        if was is not State.SAME and machine.state is State.SAME:
            self._push.is_equal()
        self._take_feeds(found)
        self._doubt_feeds()

    def _take_feeds(self, leaves: list[SentLeaf]) -> None:
        for leaf in leaves:
            feed, length = FeedId(leaf.key), leaf.number
            self._push.peer_has(feed, length)
            ours = self._shared.feeds.length(feed)
            if length > ours:
                self._shared.fetch.offer(self.peer, feed, length)
            elif length == ours and not self._shared.feeds.has(leaf):
                # Another history of the same length (V12): its end shows where it differs.
                spot = Spot(feed, max(0, length - MAX_RANGE), length)
                self._shared.fetch.offer_spot(self.peer, spot)

    def _doubt_feeds(self) -> None:
        doubted, self._feeds.doubted = self._feeds.doubted, ()
        for leaf in doubted:
            if leaf.number:
                spot = Spot(FeedId(leaf.key), leaf.number - 1, leaf.number)
                self._shared.fetch.offer_spot(self.peer, spot)

    def _take_credentials(self, message: Credentials, now_ms: int) -> None:
        ids = [hash_of("ks1/cred", record) for record, _ in message.records]
        self._credentials.progress(now_ms)
        self._shared.credential_fetch.came(self.peer, [id_[:PREFIX_BYTES] for id_ in ids], now_ms)
        if len(self._told) > MAX_TOLD:
            self._told.clear()
        self._told.update(ids)
        self._events.append(CredentialsArrived(self.peer, message.records))

    def _take_blocks(self, message: Blocks, now_ms: int) -> None:
        parts = parts_of(message.blocks)
        self._feeds.progress(now_ms)
        self._push.peer_got(parts)
        self._shared.fetch.came(self.peer, parts, now_ms)
        self._events.append(BlocksArrived(self.peer, message.blocks))

    def _take_key_request(self, message: KeyRequest, now_ms: int) -> None:
        due = self._shared.keys.to_answer(self.peer, message.generations, now_ms)
        for generation in due:
            sealed = self._shared.sets.seal_key(generation, self.peer)
            if sealed is not None:
                self._live.give_key(generation, sealed)

    # ---------------------------------------------------------------- news of this node

    def credential_added(self, id_: CredentialId) -> None:
        """A credential was accepted here."""
        if id_ in self._told:
            self._told.discard(id_)
        else:
            self._credential_answers.news[id_] = None

    def feed_changed(self, feed: bytes, before: int) -> None:
        """A feed is longer here than `before`."""
        self._push.add(feed, before)

    def tell_fork(self, proof: Fork) -> None:
        """V12: pass the proof on."""
        self._live.tell_fork(proof)

    def show(self, presence: Ephemeral) -> None:
        """X10: show presence."""
        self._live.show(presence)

    # ---------------------------------------------------------------- state

    @property
    def is_settled(self) -> bool:
        """X5: the credentials are the same, or all that were listed have come."""
        machine = self._credentials
        return machine.has_compared and machine.state not in {State.LISTING, State.FETCHING}

    @property
    def is_in_sync(self) -> bool:
        """Both sets rest, and no news are on their way."""
        at_rest = self._credentials.state is State.SAME and self._feeds.state is State.SAME
        return at_rest and not self._credential_answers.news and not self._push

    def known_length(self, feed: bytes) -> int:
        """How long a feed is at the peer, as far as is known here."""
        return self._push.known_length(feed) if self._feeds.has_compared else 0

    def step(self, now_ms: int) -> None:
        """Go on where something that was waited for has come."""
        shared = self._shared
        if self._credentials.state is State.FETCHING and shared.credential_fetch.is_idle(self.peer):
            is_cut_short = shared.credential_fetch.take_cut_short(self.peer)
            self._credentials.complete(now_ms, is_cut_short=is_cut_short)
        if self.is_settled:
            shared.fetch.allow(self.peer)
        if self._feeds.state is State.FETCHING and shared.fetch.is_idle(self.peer):
            is_cut_short = shared.fetch.take_cut_short(self.peer)
            self._feeds.complete(now_ms, is_cut_short=is_cut_short)
        is_in_sync, was, self._was_in_sync = self.is_in_sync, self._was_in_sync, self.is_in_sync
        if is_in_sync and not was:
            self._events.append(InSync(self.peer))

    def events_received(self) -> list[SyncEvent]:
        """What came since the last call."""
        events, self._events = self._events, []
        return events

    # ---------------------------------------------------------------- time

    def next_deadline(self) -> int | None:
        """When `time_passed` is to be called, at the latest."""
        if self.is_removed:
            return self._gone_ms
        times = (self._credentials.next_deadline(), self._feeds.next_deadline())
        return min((ms for ms in times if ms is not None), default=None)

    def time_passed(self, now_ms: int) -> None:
        """Start again, or compare anew."""
        if self.is_removed:
            return
        for machine in (self._credentials, self._feeds):
            deadline = machine.next_deadline()
            if machine is self._feeds and deadline is not None and deadline <= now_ms:
                self._shared.fetch.forget_handed()
            machine.time_passed(now_ms)
        self.step(now_ms)

    def progress(self, now_ms: int) -> None:
        """Something that this peer listed came from another."""
        self._credentials.progress(now_ms)
        self._feeds.progress(now_ms)

    # ---------------------------------------------------------------- output

    def to_send(self, room: Callable[[int], int], neighbours: int, now_ms: int) -> list[Outgoing]:
        """Messages to send now: all of lane 0, at most one of lane 1 and one of lane 2."""
        if self.is_over:
            return []
        out: list[Outgoing] = []
        if not self.is_removed:
            out += [Outgoing(message, CONTROL) for message in self._control(now_ms)]
            self._release(neighbours)
        live = self._next_live(room(LIVE))
        if live is not None:
            out.append(Outgoing(live, LIVE))
        bulk = self._next_bulk(room(BULK))
        if bulk is not None:
            out.append(Outgoing(bulk, BULK))
        if self.is_removed and not out and not self._credential_answers:
            out += self._farewell(now_ms)
        return out

    def _farewell(self, now_ms: int) -> list[Outgoing]:
        """`gone`, a while after the last credentials: it travels on a lane that overtakes them."""
        if self._gone_ms is None:
            self._gone_ms = now_ms + GONE_AFTER_MS
        if now_ms < self._gone_ms:
            return []
        self.is_over = True
        return [Outgoing(Gone(self.ch, "removed"), CONTROL)]

    def _release(self, neighbours: int) -> None:
        if self.is_settled and self._feeds.state in {State.FETCHING, State.SAME}:
            self._push.release(neighbours)

    def _control(self, now_ms: int) -> list[AnyMessage]:
        shared, ch = self._shared, self.ch
        out: list[AnyMessage] = [
            *self._credentials.control_to_send(),
            *self._feeds.control_to_send(),
        ]
        while wanted := shared.credential_fetch.to_ask(self.peer, now_ms):
            out.append(WantCredentials(ch, tuple(wanted)))
        ranges = shared.fetch.to_ask(self.peer, now_ms)
        out += [
            Want(ch, tuple(ranges[at : at + MAX_RANGES]))
            for at in range(0, len(ranges), MAX_RANGES)
        ]
        if self.is_settled:
            while generations := shared.keys.to_ask(self.peer, now_ms):
                out.append(KeyRequest(ch, tuple(generations)))
            while hashes := shared.chunks.to_ask(self.peer, now_ms):
                out.append(WantChunks(ch, tuple(hashes)))
        return out

    def _next_live(self, room: int) -> AnyMessage | None:
        if self._credentials.state is State.SAME or self.is_removed:
            records = self._credential_answers.next_news(room)
            if records:
                return Credentials(self.ch, records)
        if self.is_removed:
            return None
        told = self._live.next_told(room)
        if told is not None:
            return told
        have = self._push.have_to_send(self.ch, room)
        if have is not None:
            return have
        blocks = self._push.blocks_to_send(room)
        if blocks:
            return self._blocks(blocks)
        return self._live.next_presence(room)

    def _next_bulk(self, room: int) -> AnyMessage | None:
        records = self._credential_answers.next_asked(room)
        if records:
            return Credentials(self.ch, records)
        if self.is_removed:
            return None
        part = self._credentials.leaves_to_send(room) or self._feeds.leaves_to_send(room)
        if part is not None:
            return part
        blocks = self._answers.next_blocks(room)
        if blocks:
            return self._blocks(blocks)
        return self._chunk_answers.next_chunk(self.ch, room)

    def _blocks(self, blocks: list[WireBlock]) -> Blocks:
        self._push.peer_got(parts_of(blocks))
        return Blocks(self.ch, tuple(blocks))
