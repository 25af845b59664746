"""Which spaces are shared on a connection, and who has proved what in them?

`Sharing` is the part of a session that finds shared spaces by tags, proves, judges, and says
`gone`. The session gives it messages and time.

Rules:
    X1   Tags both, proof both, ready both. One proof before the first ready, the rest after it.
    X2   Tags go out again when spaces or generations have grown.
    X8   Lane 1 opens with 256 KiB at the first match; both windows after a good proof.
    X12  A removed peer gets the credentials that say so, then `gone`.
    N4   Nothing of a space is said before a proof that the fold accepts.
"""

from collections.abc import Callable
from typing import Final, assert_never

from kithspace.core.ids import SpaceId
from kithspace.errors import PeerError
from kithspace.protocol import messages as m
from kithspace.protocol.channel import Arrived, Channel
from kithspace.protocol.matching import MAX_LISTS, Matcher
from kithspace.protocol.noise import Side
from kithspace.protocol.proofs import (
    MAX_ROUNDS,
    WAIT_MS,
    Accepted,
    Book,
    OurEvent,
    Ours,
    Refused,
    SpaceChannel,
    TheirEvent,
    Theirs,
    Unknown,
    Verdict,
    n4_check,
    n4_text,
    next_ours,
    next_theirs,
)
from kithspace.protocol.sharing_events import (
    EarlyCredentials,
    SharingEvent,
    SpaceGone,
    SpaceMessage,
    SpaceReady,
)

SOFTWARE: Final = "kithspace"
EARLY_WINDOW: Final = 256 * 1024
LIVE_WINDOW: Final = 1024 * 1024
BULK_WINDOW: Final = 4 * 1024 * 1024
MAX_CHANNELS: Final = 4_096
RECORD_OVERHEAD: Final = 80
"""What a credential takes in a message beside its bytes: the signature and the heads of arrays."""


class Sharing:
    """The spaces of one connection.

    Args:
        side: Whether this side dialled.
        channel: What messages go through.
        book: The vault's answers.
        entropy: Random bytes, for tags.
        lists_before: 1 after an invitation, whose channel is number 0.
    """

    def __init__(
        self,
        side: Side,
        channel: Channel,
        handshake_hash: bytes,
        book: Book,
        entropy: Callable[[int], bytes],
        lists_before: int = 0,
    ) -> None:
        self._side = side
        self._channel = channel
        self._hash = handshake_hash
        self._book = book
        self._entropy = entropy
        self._matcher = Matcher(side, handshake_hash, lists_before)
        self._lists_left = MAX_LISTS - lists_before
        self._spaces: dict[SpaceId, SpaceChannel] = {}
        self._named: dict[int, SpaceId] = {}
        self._events: list[SharingEvent] = []
        self._farewells: list[tuple[int, str]] = []
        self._now_ms = 0
        self.has_proved = False

    # ------------------------------------------------------------ what the session calls

    def events_received(self) -> list[SharingEvent]:
        """Return what came since the last call."""
        events, self._events = self._events, []
        return events

    def send_tags(self) -> None:
        """Say which spaces one has, to who has them too (N3, X2)."""
        if self._lists_left > 0:
            self._lists_left -= 1
            tags = self._matcher.make_list(self._book.access_keys(), self._entropy)
            self._channel.send(m.Tags(tags))
            self._match()

    def take_tags(self, tags: m.Tags, now_ms: int) -> None:
        """Find what the peer has too."""
        self._now_ms = now_ms
        self._matcher.hear_list(tags.tags)
        self._match()

    def take(self, arrived: Arrived, message: m.ChannelMessage, now_ms: int) -> None:
        """Take in a message about one space.

        Raises:
            PeerError: It does not belong where this space stands.
        """
        self._now_ms = now_ms
        channel = self._channel_of(message.ch)
        if channel is None:
            self._take_astray(message, arrived)
        elif channel.is_open and not isinstance(message, m.Proof | m.Ready | m.Gone):
            self._events.append(SpaceMessage(channel.space, *arrived))
        elif channel.is_over:
            self._take_late(channel, message, arrived)
        else:
            self._take_early(channel, message, arrived)

    def go_on(self, now_ms: int) -> None:
        """Prove where it is time to (N4)."""
        self._now_ms = now_ms
        for channel in sorted(self._spaces.values(), key=lambda one: one.ch):
            if not self.is_established and self._has_proof_in_flight:
                return
            if channel.may_prove(self._side, now_ms):
                self._prove(channel)

    def follow_up(self) -> None:
        """Say on lane 0 what must not overtake lane 1.

        That is `gone` after the credentials that say why (X12), and the inviter's proof after the
        welcome.
        """
        if not self._channel.is_drained(m.LIVE):
            return
        farewells, self._farewells = self._farewells, []
        for ch, code in farewells:
            self._channel.send(m.Gone(ch, code))
        for channel in self._spaces.values():
            if not channel.is_made and not channel.is_invited:
                channel.is_made = True
                self._prove(channel)

    def next_deadline(self) -> int | None:
        """Return when a proof is due that waits for the other's (N4)."""
        if self._side is Side.LISTENER:
            return None
        return min(
            (
                one.wait_until_ms
                for one in self._spaces.values()
                if one.ours is Ours.WAITING and self._now_ms < one.wait_until_ms < 2**53
            ),
            default=None,
        )

    def credentials_taken(self, space: SpaceId, lacking: tuple[bytes, ...], now_ms: int) -> None:
        """Judge again, or ask on."""
        self._now_ms = now_ms
        channel = self._spaces.get(space)
        if channel is None or channel.claim is None or channel.is_over:
            return
        is_known = channel.theirs is Theirs.ACCEPTED or not lacking
        verdict = self._book.judge(space, channel.claim) if is_known else Unknown(lacking)
        was_member = isinstance(verdict, Refused) and verdict.was_member
        if channel.is_invited and not (was_member or isinstance(verdict, Accepted)):
            return  # the credentials that make the inviter a member are still on their way
        channel.is_invited = False
        self._apply(channel, verdict)

    def leave(self, space: SpaceId, code: str) -> None:
        """Take no part in a space any more on this connection."""
        channel = self._spaces.get(space)
        if channel is not None and not channel.is_over:
            self._end(channel, code)

    def is_open(self, space: SpaceId) -> bool:
        """Whether both may tell each other things about a space."""
        channel = self._spaces.get(space)
        return channel is not None and channel.is_open

    @property
    def has_open(self) -> bool:
        """Whether any space is open."""
        return any(one.is_open for one in self._spaces.values())

    @property
    def is_established(self) -> bool:
        """Whether the first `ready` was said or heard (X1)."""
        return any(
            one.theirs is Theirs.ACCEPTED or one.ours is Ours.READY for one in self._spaces.values()
        )

    # ------------------------------------------------------------ after an invitation

    def welcome(self, space: SpaceId) -> None:
        """Inviter: the joiner is a member now; prove on channel 0, after the welcome."""
        self._spaces[space] = SpaceChannel(0, space, is_own_newest=True, is_made=False)
        self._named[0] = space

    def expect(self, space: SpaceId) -> None:
        """Joiner: channel 0 is this space, which is made here first."""
        self._spaces[space] = SpaceChannel(
            0, space, is_own_newest=True, is_invited=True, is_made=False
        )
        self._named[0] = space

    def joined(self, space: SpaceId, now_ms: int) -> None:
        """Joiner: the space is made here; the inviter counts as proved."""
        self._now_ms = now_ms
        channel = self._spaces[space]
        channel.is_made = True
        if channel.claim is not None:
            self._accept(channel)

    # ------------------------------------------------------------ tags

    def _match(self) -> None:
        for match in self._matcher.matches():
            known = self._spaces.get(match.space)
            if known is None or (known.is_over and known.ch < match.ch):
                self._add(match.ch, match.space, is_own_newest=match.is_own_newest)

    def _add(self, ch: int, space: SpaceId, *, is_own_newest: bool) -> SpaceChannel:
        if len(self._spaces) >= MAX_CHANNELS:
            raise PeerError("E_LIMIT", "too many spaces on one connection")
        channel = SpaceChannel(ch, space, is_own_newest, wait_until_ms=self._now_ms + WAIT_MS)
        self._spaces[space] = channel
        self._named[ch] = space
        self._channel.grant(m.LIVE, EARLY_WINDOW)
        return channel

    def _channel_of(self, ch: int) -> SpaceChannel | None:
        space = self._named.get(ch) or self._matcher.space_of(ch)
        if space is None:
            return None
        self._named[ch] = space
        return self._spaces.get(space) or self._add(ch, space, is_own_newest=False)

    # ------------------------------------------------------------ messages before a space is open

    def _take_early(
        self, channel: SpaceChannel, message: m.ChannelMessage, arrived: Arrived
    ) -> None:
        match message:
            case m.Proof():
                self._take_proof(channel, message)
            case m.Ready(now_ms=peer_ms):
                channel.ours = next_ours(channel.ours, OurEvent.READY)
                channel.peer_ms = peer_ms
                self._announce(channel)
            case m.Gone(code=code):
                self._finish(channel, code)
            case m.Credentials() if channel.ours is not Ours.WAITING or channel.asked:
                self._take_credentials(channel, message, arrived)
            case m.WantCredentials(ids=ids) if channel.ours is Ours.PROVED:
                self._answer_ancestry(channel, ids)
            case _:
                raise PeerError("E_STATE", f"{type(message).__name__} before both are ready")

    def _take_late(
        self, channel: SpaceChannel, message: m.ChannelMessage, arrived: Arrived
    ) -> None:
        """Pass over what crosses a `gone`, but credentials: two may have removed each other."""
        if isinstance(message, m.Credentials) and channel.ever_proved:
            self._take_credentials(channel, message, arrived)
        else:
            self._channel.dealt_with(arrived.lane, arrived.size)

    def _take_credentials(
        self, channel: SpaceChannel, message: m.Credentials, arrived: Arrived
    ) -> None:
        channel.early_bytes += arrived.size
        if channel.early_bytes > EARLY_WINDOW:
            raise PeerError("E_LIMIT", "too many credentials before both are ready")
        self._events.append(
            EarlyCredentials(channel.space, message.records, arrived.lane, arrived.size)
        )

    def _take_astray(self, message: m.ChannelMessage, arrived: Arrived) -> None:
        """A false match ends in `gone`; what else comes for it is passed over."""
        self._channel.dealt_with(arrived.lane, arrived.size)
        if isinstance(message, m.Proof):
            self._channel.send(m.Gone(message.ch, "unknown"))
        elif not isinstance(message, m.Gone):
            raise PeerError("E_STATE", "a message of no space")

    # ------------------------------------------------------------ proofs

    def _prove(self, channel: SpaceChannel) -> None:
        claim = self._book.claim(channel.space)
        if claim is None:
            self._end(channel, "left")
            return
        text = n4_text(self._hash, self._side, channel.space, claim.identity)
        channel.ours = next_ours(channel.ours, OurEvent.PROVE)
        channel.ever_proved = True
        self._channel.send(m.Proof(channel.ch, *claim, self._book.sign(text)))

    def _take_proof(self, channel: SpaceChannel, proof: m.Proof) -> None:
        if channel.claim is not None:
            raise PeerError("E_STATE", "a second proof")
        claim = n4_check(proof, self._hash, self._side.other, channel.space)
        mine = self._book.claim(channel.space)
        if mine is not None and mine.device == claim.device:
            raise PeerError("E_SELF", "this is the same device", score=0)
        if any(one.claim and one.claim.device != claim.device for one in self._spaces.values()):
            raise PeerError("E_STATE", "two devices on one connection")
        channel.claim = claim
        if not channel.is_invited:
            self._apply(channel, self._book.judge(channel.space, claim))
        elif channel.is_made:
            self._accept(channel)

    def _apply(self, channel: SpaceChannel, verdict: Verdict) -> None:
        match verdict:
            case Accepted():
                self._accept(channel)
            case Unknown(lacking=lacking) if channel.theirs is not Theirs.ACCEPTED:
                self._ask_ancestry(channel, lacking)
            case Unknown():  # it stood, and stands no more: heads nobody knows do not keep it in
                self._send_ancestry(channel, ())
                self._end(channel, "removed")
            case Refused(code=code, was_member=was_member):
                if was_member:
                    self._send_ancestry(channel, ())
                self._end(channel, code)
            case _:
                assert_never(verdict)

    def _accept(self, channel: SpaceChannel) -> None:
        was_accepted = channel.theirs is Theirs.ACCEPTED
        channel.theirs = next_theirs(channel.theirs, TheirEvent.ACCEPT)
        if was_accepted:
            return
        self.has_proved = True
        self._channel.trust()
        self._channel.grant(m.LIVE, LIVE_WINDOW)
        self._channel.grant(m.BULK, BULK_WINDOW)
        self._channel.send(m.Ready(channel.ch, self._now_ms, SOFTWARE))
        self._announce(channel)

    def _announce(self, channel: SpaceChannel) -> None:
        claim = channel.claim
        if channel.is_open and claim is not None:
            who, times = (claim.identity, claim.device), (channel.peer_ms, self._now_ms)
            self._events.append(SpaceReady(channel.space, channel.ch, *who, *times))

    # ------------------------------------------------------------ ancestry, and the end

    def _ask_ancestry(self, channel: SpaceChannel, lacking: tuple[bytes, ...]) -> None:
        asked = tuple(sorted({one[:16] for one in lacking})[: m.MAX_WANTED])
        channel.theirs = next_theirs(channel.theirs, TheirEvent.LACK)
        channel.rounds += 1
        if asked == channel.asked or channel.rounds > MAX_ROUNDS:
            self._end(channel, "unknown")
            return
        channel.asked = asked
        self._channel.send(m.WantCredentials(channel.ch, asked))

    def _answer_ancestry(self, channel: SpaceChannel, ids: tuple[bytes, ...]) -> None:
        channel.answers += 1
        if channel.answers > MAX_ROUNDS:
            raise PeerError("E_LIMIT", "the ancestry of one proof is asked for too often")
        if not self._send_ancestry(channel, ids):
            self._channel.send(m.Credentials(channel.ch, ()), m.LIVE)

    def _send_ancestry(self, channel: SpaceChannel, ids: tuple[bytes, ...]) -> bool:
        """Send what was asked for, at most 256 KiB on this channel; whether anything was sent."""
        known = channel.claim.credential_heads if channel.claim else ()
        room = m.MAX_CREDENTIALS_BYTES - m.ROOM - channel.answered_bytes
        records = self._book.ancestry(channel.space, ids, known, room) if room > 0 else ()
        if records:
            channel.answered_bytes += sum(len(body) + RECORD_OVERHEAD for body, _ in records)
            self._channel.send(m.Credentials(channel.ch, records), m.LIVE)
        return bool(records)

    def _end(self, channel: SpaceChannel, code: str) -> None:
        self._farewells.append((channel.ch, code))
        self._finish(channel, code)

    def _finish(self, channel: SpaceChannel, code: str) -> None:
        channel.ours = next_ours(channel.ours, OurEvent.GONE)
        channel.theirs = next_theirs(channel.theirs, TheirEvent.GONE)
        self._events.append(SpaceGone(channel.space, code))

    @property
    def _has_proof_in_flight(self) -> bool:
        return any(one.ours is Ours.PROVED for one in self._spaces.values())
