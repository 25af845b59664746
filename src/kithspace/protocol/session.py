"""What is one connection between two nodes, from the first byte to goodbye?

A `Session` owns the channel, says hello, and then either shares spaces (`sharing`) or runs an
invitation (`inviter`, `joiner`) that ends in a shared space. Messages of an open space pass through
it to `sync`, which answers through `send`. No I/O, no clock. Every method may raise `PeerError`:
then close the carrier without a word. After each call, call `data_to_send` until it is empty.

Rules:
    X1   hello first, on both sides; then tags, or an invitation.
    N5   A connection that shares nothing for 10 s, and runs no invitation, is closed.
    N6   Until the peer has proved something, 16 KiB and 10 s.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple, assert_never

from kithspace.core.ids import SpaceId
from kithspace.errors import PeerError
from kithspace.protocol import messages as m
from kithspace.protocol.channel import Arrived, Channel, Ended, Opened
from kithspace.protocol.invitation import WHOLE_MS, InvitationEvent, State, Welcomed
from kithspace.protocol.inviter import Inviter
from kithspace.protocol.joiner import Joiner
from kithspace.protocol.noise import Carrier, Side
from kithspace.protocol.proofs import Book
from kithspace.protocol.sharing import EARLY_WINDOW, Sharing
from kithspace.protocol.sharing_events import SharingEvent, SpaceReady
from kithspace.protocol.words import Code, Link

VERSION: Final = 1
MODE_MEMBERS: Final = 0
MODE_CODE: Final = 1
MODE_LINK: Final = 2
ALONE_MS: Final = 10_000
_FEATURE: Final = re.compile(r"message-([0-9]{1,4})")


class SessionEnded(NamedTuple):
    """The peer said goodbye, or nothing is shared."""

    code: str


SessionEvent = SharingEvent | SessionEnded | InvitationEvent


class Session:
    """One end of a connection between two nodes.

    Args:
        side: Whether this side dialled.
        carrier: What carries it.
        book: The vault's answers.
        entropy: Random bytes.
        now_ms: The time.
        by: Dialer only: the code or link to join by.
        is_inviting: Listener only: whether codes or links are open here.
    """

    def __init__(
        self,
        side: Side,
        carrier: Carrier,
        book: Book,
        entropy: Callable[[int], bytes],
        now_ms: int,
        *,
        by: Code | Link | None = None,
        is_inviting: bool = False,
    ) -> None:
        self.side: Final = side
        self.invitation: Inviter | Joiner | None = None
        self.handshake_hash = b""
        """h, empty before the channel stands."""
        self._channel = Channel(side, carrier, entropy(32), now_ms)
        self._book = book
        self._entropy = entropy
        self._by = by
        self._is_inviting = is_inviting
        self._sharing: Sharing | None = None
        self._events: list[SessionEvent] = []
        self._has_greeted = False
        self._now_ms = now_ms
        self._opened_ms = now_ms
        self._alone_since_ms = now_ms
        self._was_alone = True

    # ------------------------------------------------------------ the five verbs

    def receive_data(self, data: bytes, now_ms: int) -> None:
        """Take in one message of the carrier.

        Raises:
            PeerError: The peer broke a rule.
        """
        self._now_ms = now_ms
        try:
            self._channel.receive_data(data, now_ms)
            for event in self._channel.events_received():
                self._take(event)
            self._go_on()
        except PeerError:
            self._channel.abandon()
            raise

    def data_to_send(self) -> list[bytes]:
        """Return some messages for the carrier; an empty list when there is nothing."""
        self._carry_invitation()
        if self._sharing is not None:
            self._sharing.follow_up()
        return self._channel.data_to_send()

    def events_received(self) -> list[SessionEvent]:
        """Return what came since the last call."""
        self._collect()
        events, self._events = self._events, []
        return events

    def next_deadline(self) -> int | None:
        """Return when `time_passed` is to be called, in milliseconds."""
        if self.is_closed:
            return None
        proof_ms = self._sharing.next_deadline() if self._sharing else None
        times = (self._channel.next_deadline(), proof_ms, self._end_ms())
        return min((time for time in times if time is not None), default=None)

    def time_passed(self, now_ms: int) -> None:
        """Do what is due.

        Raises:
            PeerError: The peer did not do in time what it must.
        """
        self._now_ms = now_ms
        self._channel.time_passed(now_ms)
        end_ms = self._end_ms()
        if not self.is_closed and end_ms is not None and now_ms >= end_ms:
            self.close("alone")
            self._events.append(SessionEnded("alone"))
        self._go_on()

    # ------------------------------------------------------------ what the node says

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is taken in; what `data_to_send` still gives is to be sent."""
        return self._channel.is_closed

    @property
    def has_proved(self) -> bool:
        """Whether the peer has proved something: a membership, a code or a link."""
        by_invitation = self.invitation is not None and self.invitation.is_trusted
        return by_invitation or (self._sharing is not None and self._sharing.has_proved)

    def send(self, space: SpaceId, message: m.AnyMessage, lane: int | None = None) -> None:
        """Send a message of an open space; dropped if it is not open (any more)."""
        if self._sharing is not None and self._sharing.is_open(space):
            self._channel.send(message, lane)

    def room(self, lane: int) -> int:
        """Return how many bytes the peer takes on a lane beyond what is queued (X8)."""
        return self._channel.room(lane)

    def dealt_with(self, lane: int, size: int) -> None:
        """Give credit back for a message (X8)."""
        self._channel.dealt_with(lane, size)

    def credentials_taken(
        self, space: SpaceId, now_ms: int, lacking: tuple[bytes, ...] = ()
    ) -> None:
        """Go on after `EarlyCredentials` were taken in, or credentials came from elsewhere.

        Args:
            space: The space whose credentials have grown.
            now_ms: The time.
            lacking: Ids of parents that are still lacking: asked for next.
        """
        self._now_ms = now_ms
        if self._sharing is not None:
            self._sharing.credentials_taken(space, lacking, now_ms)
            self._go_on()

    def keys_grown(self, now_ms: int) -> None:
        """Send tags again: there is a new space or generation (X2)."""
        self._now_ms = now_ms
        if self._sharing is not None and self._sharing.is_established:
            self._sharing.send_tags()
            self._go_on()

    def leave(self, space: SpaceId, code: str = "left") -> None:
        """Take no part in a space any more on this connection."""
        if self._sharing is not None:
            self._sharing.leave(space, code)

    def joined(self, space: SpaceId, now_ms: int) -> None:
        """Joiner: the space is made here; go on on channel 0 (X1)."""
        self._now_ms = now_ms
        if self._sharing is not None and not self.is_closed:
            self._sharing.joined(space, now_ms)
            self._go_on()

    def close(self, code: str) -> None:
        """Say goodbye."""
        self._channel.close(code)

    def abandon(self) -> None:
        """Close without a word."""
        self._channel.abandon()

    # ------------------------------------------------------------ hello

    def _take(self, event: Opened | Arrived | Ended) -> None:
        match event:
            case Opened(handshake_hash=handshake_hash):
                self.handshake_hash = handshake_hash
                self._opened_ms = self._alone_since_ms = self._now_ms
                if self.side is Side.DIALER:
                    self._say_hello()
            case Ended(code=code):
                self._events.append(SessionEnded(code))
            case Arrived():
                self._take_message(event)
            case _:
                assert_never(event)

    def _say_hello(self) -> None:
        mode, nameplate = MODE_MEMBERS, None
        if isinstance(self._by, Code):
            mode, nameplate = MODE_CODE, self._by.nameplate
        elif isinstance(self._by, Link):
            mode = MODE_LINK
        self._channel.send(m.Hello((VERSION, VERSION), (), mode, nameplate))
        if mode == MODE_MEMBERS:
            self._share(lists_before=0).send_tags()

    def _take_hello(self, hello: m.Hello) -> None:
        if self._has_greeted:
            raise PeerError("E_STATE", "a second hello")
        self._has_greeted = True
        self._channel.passed_over = numbers_named(hello.features)
        least, greatest = hello.versions
        if not least <= VERSION <= greatest:
            self.close("version")
            self._events.append(SessionEnded("version"))
        elif self.side is Side.LISTENER:
            self._answer_hello(hello)
        elif self._by is not None:
            self.invitation = Joiner(self._by, self.handshake_hash, self.side, self._entropy)

    def _answer_hello(self, hello: m.Hello) -> None:
        if (hello.mode == MODE_CODE) != (hello.nameplate is not None):
            raise PeerError("E_MESSAGE", "a nameplate belongs to a code")
        self._channel.send(m.Hello((VERSION, VERSION), (), hello.mode, None))
        if hello.mode == MODE_MEMBERS:
            self._share(lists_before=0).send_tags()
            return
        self.invitation = Inviter(hello.nameplate, self.handshake_hash, self.side, self._entropy)
        if not self._is_inviting:
            self.invitation.refuse("unknown")

    def _share(self, lists_before: int) -> Sharing:
        self._sharing = Sharing(
            self.side, self._channel, self.handshake_hash, self._book, self._entropy, lists_before
        )
        return self._sharing

    # ------------------------------------------------------------ messages

    def _take_message(self, arrived: Arrived) -> None:
        message = arrived.message
        if isinstance(message, m.Hello):
            self._take_hello(message)
        elif not self._has_greeted:
            raise PeerError("E_STATE", "hello comes first")
        elif isinstance(message, m.ChannelMessage | m.Tags):
            self._take_shared(message, arrived)
        elif self.invitation is not None:
            self.invitation.receive(message)
            self._channel.dealt_with(arrived.lane, arrived.size)
        else:
            raise PeerError("E_STATE", f"{type(message).__name__} without an invitation")

    def _take_shared(self, message: m.ChannelMessage | m.Tags, arrived: Arrived) -> None:
        if self._sharing is None:
            raise PeerError("E_STATE", f"{type(message).__name__} in an invitation")
        if isinstance(message, m.Tags):
            self._sharing.take_tags(message, self._now_ms)
        else:
            self._sharing.take(arrived, message, self._now_ms)

    def _go_on(self) -> None:
        if self.is_closed:
            return
        self._carry_invitation()
        if self._sharing is not None:
            self._sharing.go_on(self._now_ms)
        self._collect()

    def _collect(self) -> None:
        """Gather events; follow whether anything is shared (N5)."""
        if self.invitation is not None:
            for told in self.invitation.events_received():
                self._events.append(told)
                if isinstance(told, Welcomed):
                    self._share(lists_before=1).expect(told.preview.space)
        if self._sharing is None:
            return
        for event in self._sharing.events_received():
            self._events.append(event)
            if self.invitation is not None and isinstance(event, SpaceReady) and event.ch == 0:
                self._sharing.send_tags()
        is_alone = not self._sharing.has_open
        if is_alone and not self._was_alone:
            self._alone_since_ms = self._now_ms
        self._was_alone = is_alone

    def _carry_invitation(self) -> None:
        """Send what the invitation says, and follow where it stands."""
        invitation = self.invitation
        if invitation is None or self.is_closed:
            return
        for message in invitation.messages_to_send():
            self._channel.send(message)
            if isinstance(message, m.Welcome):
                self._share(lists_before=1).welcome(message.space)
                self._go_on()
        if invitation.is_trusted:
            self._channel.trust()
            self._channel.grant(m.LIVE, EARLY_WINDOW)
        if invitation.state is State.FAILED:
            self._collect()
            self.close("invitation")

    def _end_ms(self) -> int | None:
        """When the connection ends because nothing came of it (N5; 60 s for an invitation)."""
        if not self._was_alone:
            return None
        if self.invitation is not None:
            return max(self._opened_ms + WHOLE_MS, self._alone_since_ms + ALONE_MS)
        return self._alone_since_ms + ALONE_MS


def numbers_named(features: tuple[str, ...]) -> frozenset[int]:
    """Return the numbers of messages that features name: `message-60` may be passed over."""
    found = (_FEATURE.fullmatch(feature) for feature in features)
    return frozenset(int(match[1]) for match in found if match is not None)
