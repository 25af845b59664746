"""What does the replica remember from one transaction to the next?

Everything here can be read again from the store, but the waiting blocks, which peers send again.

Rules:
    B5   It changes only by `adopt`, when the rows that go with the change are on disk.
    V12  A feed and its branches are a family: the root is the feed, and every branch goes on where
         its parent ends.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from kithspace.core.block import OpenRecord, read_open_record
from kithspace.core.effects import After, PutFeed
from kithspace.core.fold import Membership
from kithspace.core.ids import ID_BYTES, DeviceKey, FeedId, GenerationId, SpaceId
from kithspace.core.stamp import Stamp
from kithspace.core.state import State
from kithspace.core.waiting import WaitingRoom

OWN_FEED: Final = "own"
"""Key in `about`: the id of the own feed, and the reason as a byte if it has to be succeeded."""


@dataclass(slots=True)
class Known:
    """The replica's memory.

    Attributes:
        space: The space.
        membership: The members.
        feeds: Every feed and branch, by local number.
        numbers: Local numbers, by feed and branch id.
        families: Numbers of a forked feed and its branches, by the root's number.
        tips: Numbers of the feeds whose last applied block nothing applied builds on.
        lagging: Feeds with stored blocks that cannot be applied yet, and what each needs.
        clock: The greatest time seen.
        last_object: The greatest local number of an object.
        types: Local numbers of types.
        type_names: The inverse of `types`.
        own: Number of the feed that own blocks go to; 0: none yet.
        own_reason: Why that feed has to be succeeded before the next own block; None: it has not.
        own_record: Header of the newest own block, if it was made since the start.
        own_bytes: Bytes of own blocks since the last signature.
        unreleased: Numbers of the feeds that peers may not be told of to their end.
        room: Blocks that wait.
        openings: Open records that wait for credentials.
        held: Feed ids that have, or had, held blocks.
        chosen: The generation to write under and its key, for a membership; a cache.
        checked_own: The membership that lets the own feed go on; a cache.
        keys: Payload keys that were derived already; a cache.
    """

    space: SpaceId
    membership: Membership
    feeds: dict[int, PutFeed] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    families: dict[int, tuple[int, ...]] = field(default_factory=dict)
    tips: set[int] = field(default_factory=set)
    lagging: dict[int, bytes] = field(default_factory=dict)
    clock: int = 0
    last_object: int = 0
    types: dict[str, int] = field(default_factory=dict)
    type_names: dict[int, str] = field(default_factory=dict)
    own: int = 0
    own_reason: int | None = None
    own_record: bytes = b""
    own_bytes: int = 0
    unreleased: set[int] = field(default_factory=set)
    room: WaitingRoom = field(default_factory=WaitingRoom)
    openings: dict[FeedId, OpenRecord] = field(default_factory=dict)
    keys: dict[tuple[GenerationId, FeedId], bytes] = field(default_factory=dict)
    held: set[bytes] = field(default_factory=set)
    chosen: tuple[Membership, GenerationId, bytes] | None = None
    checked_own: Membership | None = None
    _devices: Counter[DeviceKey] | None = None
    _parsed: dict[int, OpenRecord] = field(default_factory=dict)

    @classmethod
    def restore(cls, space: SpaceId, membership: Membership, state: State) -> "Known":
        """Read it from the store, without history."""
        known = cls(space, membership, last_object=state.last_object())
        known.held = set(state.held_feeds())
        for row in state.types():
            known.types[row.name] = row.n
            known.type_names[row.n] = row.name
        known._take_feeds(state.feeds())
        own = state.about(OWN_FEED) or b""
        known.own = known.numbers.get(own[:ID_BYTES], 0)
        known.own_reason = own[ID_BYTES] if len(own) > ID_BYTES else None
        # What they need is found out when they are tried again.
        known.lagging = {n: b"" for n, feed in known.feeds.items() if feed.applied < feed.length}
        return known

    def adopt(self, after: After) -> None:
        """Take over what the effects said, now that their rows are on disk (B5)."""
        if after.feeds:
            self._take_feeds(after.feeds.values())
        self.clock = max(self.clock, after.clock)
        self.last_object = max(self.last_object, after.last_object)
        for name, n in after.types.items():
            self.types[name] = n
            self.type_names[n] = name
        self.held |= after.held
        if after.membership is not None:
            self.membership = after.membership
        if after.lagging is not None:
            self.lagging = dict(after.lagging)
        self.room.drop(after.left)
        self.room.add(after.waits)
        for feed, opening in after.openings.items():
            if opening is None:
                self.openings.pop(feed, None)
            else:
                self.openings[feed] = opening
        if after.own is not None:
            self.own, self.own_reason = after.own
        if after.own_record:
            self.own_record, self.own_bytes = after.own_record, after.own_bytes

    def opening(self, n: int) -> OpenRecord:
        """The open record of a feed, or of the feed that a branch comes from."""
        parsed = self._parsed.get(n)
        if parsed is None:
            feed = self.feeds[n]
            if feed.branch_of is not None:
                return self.opening(feed.branch_of)
            parsed = self._parsed[n] = read_open_record(feed.opening, feed.opening_sig)
        return parsed

    def opening_of(self, feed: bytes) -> OpenRecord | None:
        """The open record under this feed id, also one that waits for credentials."""
        n = self.numbers.get(feed)
        if n is not None and self.feeds[n].branch_of is None:
            return self.opening(n)
        return self.openings.get(FeedId(feed))

    def feeds_of(self, device: DeviceKey) -> int:
        """How many feeds a device has opened (V5)."""
        if self._devices is None:
            roots = (n for n, feed in self.feeds.items() if feed.branch_of is None)
            self._devices = Counter(self.opening(n).device for n in roots)
        return self._devices[device]

    def released(self, n: int) -> int:
        """How much of a feed peers may be told of; 0 if it is not known."""
        feed = self.feeds.get(n)
        return feed.released if feed is not None else 0

    # ------------------------------------------------------------ as `FeedNumbers`

    def number(self, feed: bytes, branch: bytes) -> int:
        """The local number in a stored stamp; 0 for no feed at all."""
        return self.numbers.get(branch or feed, 0)

    def type_number(self, name: str) -> int:
        """The local number of a type."""
        return self.types[name]

    def type_name(self, n: int) -> str:
        """The name of a type from its local number."""
        return self.type_names.get(n, "")

    def stamp(self, time: int, n: int) -> Stamp:
        """The inverse of `number`."""
        if not n:
            return Stamp(time, b"")
        feed = self.feeds[n]
        if feed.branch_of is None:
            return Stamp(time, feed.id)
        return Stamp(time, self.opening(n).id, feed.id)

    def _take_feeds(self, feeds: Iterable[PutFeed]) -> None:
        has_branches = False
        for feed in feeds:
            old = self.feeds.get(feed.n)
            if old is None:
                self._devices = None
            if old is not None and old.id != feed.id and self.numbers.get(old.id) == feed.n:
                del self.numbers[old.id]
            self.feeds[feed.n] = feed
            self.numbers[feed.id] = feed.n
            has_branches = has_branches or feed.branch_of is not None
            self.clock = max(self.clock, feed.last_time)
            if feed.released < feed.length:
                self.unreleased.add(feed.n)
            else:
                self.unreleased.discard(feed.n)
            if feed.tip:
                self.tips.add(feed.n)
            else:
                self.tips.discard(feed.n)
        if has_branches:
            self._find_families()

    def _find_families(self) -> None:
        families: dict[int, list[int]] = {}
        for n, feed in sorted(self.feeds.items()):
            if feed.branch_of is not None:
                root = n
                while (parent := self.feeds[root].branch_of) is not None:
                    root = parent
                families.setdefault(root, [root]).append(n)
        self.families = {root: tuple(numbers) for root, numbers in families.items()}
