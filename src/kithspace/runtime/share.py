"""How does the mesh keep one space in step with the peers that share it?

A `Share` joins three things: the space's exchange (disk and gate), its `SpaceSync`, and presence.
It runs on the node's loop; what the space tells from other threads comes in through `news`.

Rules: X5-X7, X9-X12 by `SpaceSync`; G1 (what is sent is on disk); V12 (proofs are passed on).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from kithspace.core.credential import Admit, IdentityUpdate, Signed
from kithspace.core.effects import Announce, AskCredentials, AskKey, AskRange, Proof
from kithspace.core.ids import GenerationId
from kithspace.protocol.messages import Fork
from kithspace.protocol.presence import Presence
from kithspace.protocol.sync import SpaceSync
from kithspace.protocol.sync_events import (
    BlocksArrived,
    ChunkArrived,
    CredentialsArrived,
    ForkArrived,
    InSync,
    KeyArrived,
    PresenceArrived,
    SyncEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.core.effects import Send
    from kithspace.core.ids import DeviceKey, IdentityId, SpaceId
    from kithspace.protocol.messages import AnyMessage, SignedRecord
    from kithspace.protocol.sharing_events import SpaceReady
    from kithspace.protocol.sync_events import Outgoing
    from kithspace.runtime.exchange import Intake, News, SpaceExchange, VaultExchange

NONCE_BYTES: Final = 24


class Share:
    """One space and the peers it is shared with now.

    Args:
        exchange: The space.
        vault: Its vault.
        entropy: For presence.
        changed: Called when what others show has changed.
    """

    def __init__(
        self,
        exchange: SpaceExchange,
        vault: VaultExchange,
        entropy: Callable[[int], bytes],
        changed: Callable[[SpaceId], None],
    ) -> None:
        self.exchange: Final = exchange
        self.space: Final = exchange.space
        self.sync: Final = SpaceSync(exchange)
        self.people: Final[dict[DeviceKey, IdentityId]] = {}
        self.stop_listening: Callable[[], None] = lambda: None
        self._entropy = entropy
        self._changed = changed
        self._sightings = vault.sightings
        self._presence = Presence(exchange.space, vault.device, vault.opening_counter)
        self._same: set[DeviceKey] = set()
        self._counted = -1
        self._is_shared = False
        self._lack_keys()

    @property
    def is_shared(self) -> bool:
        """Whether somebody else is, was or may be in it: who was removed is to learn of it (X12).

        Nothing known yet counts too.
        """
        membership = self.exchange.membership
        if self._counted != len(membership):
            self._counted = len(membership)
            known = (membership.content(one.id) for one in membership.credentials())
            self._is_shared = not self._counted or any(
                one is not None and isinstance(one.body, Admit | IdentityUpdate) for one in known
            )
        return self._is_shared

    def close(self) -> None:
        """Take no part any more."""
        self.stop_listening()
        for device in list(self.people):
            self.peer_gone(device)

    # ---------------------------------------------------------------- peers

    def peer_ready(self, event: SpaceReady, *, is_dialer: bool) -> None:
        """A peer has proved itself, and we to it."""
        device = event.device
        self.people[device] = event.identity
        self._same.discard(device)
        self.sync.peer_ready(device, event.ch, event.now_ms, is_dialer=is_dialer)
        self._presence.say_again()
        self._sightings.here(self.space, device, event.peer_ms - event.now_ms)

    def peer_gone(self, device: DeviceKey) -> None:
        """Its connection, or this space on it, has ended."""
        if self.people.pop(device, None) is None:
            return
        self.sync.peer_gone(device)
        self._same.discard(device)
        if self._presence.peer_gone(device):
            self._changed(self.space)
        self._sightings.gone(self.space, device)

    # ---------------------------------------------------------------- what comes

    def receive(self, device: DeviceKey, message: AnyMessage, now_ms: int) -> int:
        """Take in a message of a peer, down to the disk; return what its score loses.

        Raises:
            PeerError: It breaks the protocol.
            KithError: The space cannot take it: closed, disk full.
        """
        self.sync.receive(device, message, now_ms)
        return self.take_events(now_ms)

    def take_events(self, now_ms: int) -> int:
        """Act on what sync has told; return what scores lose."""
        return sum(self._act(event, now_ms) for event in self.sync.events_received())

    def take_early(self, records: tuple[SignedRecord, ...]) -> tuple[bytes, ...]:
        """Take in credentials of a peer that is not ready (X1); return what they still lack."""
        intake = self.exchange.receive_credentials([Signed(*one) for one in records], None)
        return tuple(
            id_ for ask in intake.send if isinstance(ask, AskCredentials) for id_ in ask.ids
        )

    def _act(self, event: SyncEvent, now_ms: int) -> int:
        match event:
            case CredentialsArrived(peer=peer, records=records):
                signed = [Signed(*one) for one in records]
                return self._follow(peer, self.exchange.receive_credentials(signed, peer))
            case BlocksArrived(peer=peer, blocks=blocks):
                return self._follow(peer, self.exchange.receive_blocks(blocks, peer))
            case KeyArrived(peer=peer, generation=generation, sealed=sealed):
                intake = self.exchange.receive_key(GenerationId(generation), sealed)
                return self._follow_keys(peer, intake)
            case ChunkArrived(peer=peer, hash=hash_, body=body):
                return self._follow_keys(peer, self.exchange.receive_chunk(hash_, body))
            case PresenceArrived(peer=peer, message=message):
                is_new = self._presence.receive(
                    peer,
                    message,
                    self._content_key,
                    is_live=peer in self.people,
                    now_ms=now_ms,
                )
                if is_new:
                    self._changed(self.space)
            case InSync() | ForkArrived():
                pass  # `report_sameness` tells; the gate finds a fork when its blocks come
            case _:
                assert_never(event)
        return 0

    def _follow(self, peer: DeviceKey, intake: Intake) -> int:
        self._ask(intake.send, peer)
        for refused in intake.refused:
            self.sync.refused(peer, refused.feed)
            self._sightings.bad(self.space, peer, refused.code)
        return sum(refused.score for refused in intake.refused)

    def _follow_keys(self, peer: DeviceKey, intake: Intake) -> int:
        self._lack_keys()
        return self._follow(peer, intake)

    def _ask(self, sends: tuple[Send, ...], peer: DeviceKey | None) -> None:
        for send in sends:
            match send:
                case AskCredentials(ids=ids):
                    self.sync.ask_credentials(ids, peer)
                case AskRange(feed=feed, first=first, end=end):
                    self.sync.ask_range(feed, first, end, peer)
                case AskKey():
                    self._lack_keys()
                case Proof(left=left, left_sig=left_sig, right=right, right_sig=right_sig):
                    self.sync.tell_fork(Fork(0, left, left_sig, right, right_sig), peer)
                case Announce():
                    pass  # comes as news, when it is released
                case _:
                    assert_never(send)

    # ---------------------------------------------------------------- what the space tells

    def news(self, news: News, now_ms: int) -> None:
        """Pass on what has newly become announced (X7)."""
        if news.credentials:
            self.sync.credentials_added(news.credentials, now_ms)
            self._lack_keys()
        if news.feeds:
            self.sync.feeds_changed(news.feeds, now_ms)
        self._ask(news.asks, news.source)

    def _lack_keys(self) -> None:
        """X11, K2: ask for the chunk of a key first, then for the key."""
        self.sync.want_chunks(self.exchange.lacking_chunks())
        self.sync.lack_keys(self.exchange.lacking_keys())

    # ---------------------------------------------------------------- what goes out

    def to_send(self, device: DeviceKey, room: Callable[[int], int], now_ms: int) -> list[Outgoing]:
        """Return messages for a peer, as far as its credit goes."""
        return self.sync.to_send(device, room, now_ms)

    def report_sameness(self) -> None:
        """Report who has become the same, and who differs again."""
        for device in list(self.people):
            is_same = self.sync.is_in_sync(device)
            if is_same and device not in self._same:
                self._same.add(device)
                self._sightings.same(self.space, device)
            elif not is_same and device in self._same:
                self._same.discard(device)
                self._sightings.differs(self.space, device)

    # ---------------------------------------------------------------- presence and time

    def show(self, state: bytes) -> None:
        """Show this to the devices that are here (X10)."""
        self._presence.show(state)

    def shown(self) -> list[tuple[IdentityId, DeviceKey, bytes]]:
        """What other devices show now."""
        return [
            (self.people[device], device, state)
            for device, state in self._presence.shown().items()
            if device in self.people
        ]

    def next_deadline(self) -> int | None:
        """When `time_passed` is to be called."""
        times = [self.sync.next_deadline()]
        if self.people:
            times.append(self._presence.next_deadline())
        return min((one for one in times if one is not None), default=None)

    def time_passed(self, now_ms: int) -> None:
        """Do what is due."""
        self.sync.time_passed(now_ms)
        if not self.people:
            return
        if self._presence.time_passed(now_ms):
            self._changed(self.space)
        self._say_presence(now_ms)

    def _say_presence(self, now_ms: int) -> None:
        due = self._presence.next_deadline()
        if due is None or due > now_ms:
            return
        key = self.exchange.content_key(None)
        if key is None:
            return
        message = self._presence.message_due(key, self._entropy(NONCE_BYTES), now_ms)
        if message is not None:
            self.sync.show(message)

    def _content_key(self, generation: GenerationId) -> bytes | None:
        key = self.exchange.content_key(generation)
        return key.key if key is not None else None
