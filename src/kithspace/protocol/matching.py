"""Which spaces do two strangers share? Tags that say nothing to who has not the key.

Rules:
    N3  A tag is the first 8 bytes of `MAC(ks1/match, access_key, h ‖ side)`: useless to echo (side)
        and to replay (h). Lists are shuffled and filled with noise to a multiple of 32, at most
        1,024 tags, 8 generations of a space.
    N4  The newest generation that both have listed is the match.
    X2  A channel's number is the index of the matched tag in the dialer's lists, counted on from
        list to list (1,024 for each earlier one).
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from kithspace.core import crypto
from kithspace.core.ids import GenerationId, SpaceId
from kithspace.errors import PeerError
from kithspace.protocol.messages import MAX_TAGS, TAG_BYTES
from kithspace.protocol.noise import Side

PADDING: Final = 32
MAX_GENERATIONS: Final = 8
MAX_LISTS: Final = 64
"""Lists one side may send on one connection."""


class AccessKey(NamedTuple):
    """What a space is found by: one generation's access key."""

    space: SpaceId
    generation: GenerationId
    number: int
    key: bytes

    @property
    def age(self) -> tuple[int, bytes]:
        """Generations compare by (n, id) (K5)."""
        return (self.number, self.generation)


class Match(NamedTuple):
    """A space that both listed, under the newest generation that both listed."""

    ch: int
    space: SpaceId
    is_own_newest: bool


class _Listed(NamedTuple):
    key: AccessKey
    mine: bytes
    theirs: bytes


class Matcher:
    """Makes one's own lists, reads the peer's, and finds what is in both.

    Args:
        side: Whether this side dialled.
        handshake_hash: h.
        lists_before: 1 after an invitation, whose channel is number 0.
    """

    def __init__(self, side: Side, handshake_hash: bytes, lists_before: int = 0) -> None:
        self._side = side
        self._hash = handshake_hash
        self._listed: dict[tuple[SpaceId, GenerationId], _Listed] = {}
        self._newest: dict[SpaceId, AccessKey] = {}
        self._heard: set[bytes] = set()
        self._numbers: dict[bytes, int] = {}
        self._tags: dict[int, bytes] = {}
        self._lists = {Side.DIALER: lists_before, Side.LISTENER: lists_before}

    def make_list(self, keys: Sequence[AccessKey], entropy: Callable[[int], bytes]) -> bytes:
        """Return one's own list.

        Args:
            keys: The newest generation of each space, the most recently active first; then older.
            entropy: For the order and the noise.
        """
        self._newest = {}
        tags = []
        for key in n3_choose(keys):
            known = self._newest.get(key.space)
            if known is None or key.age > known.age:
                self._newest[key.space] = key
            tags.append(self._list(key).mine)
        filled = -(-max(len(tags), 1) // PADDING) * PADDING
        tags += [entropy(TAG_BYTES) for _ in range(filled - len(tags))]
        tags = n3_shuffle(tags, entropy)
        self._number(self._side, tags)
        return b"".join(tags)

    def hear_list(self, joined: bytes) -> None:
        """Take in the peer's list.

        Raises:
            PeerError: Not a list, or one too many.
        """
        if len(joined) % (TAG_BYTES * PADDING) or not joined:
            raise PeerError("E_MESSAGE", "tags are not a multiple of 32")
        if self._lists[self._side.other] >= MAX_LISTS:
            raise PeerError("E_LIMIT", "too many lists of tags")
        tags = [joined[at : at + TAG_BYTES] for at in range(0, len(joined), TAG_BYTES)]
        self._heard.update(tags)
        self._number(self._side.other, tags)

    def matches(self) -> list[Match]:
        """Return one match for each space that both listed, in the order of channels (N4)."""
        best: dict[SpaceId, _Listed] = {}
        for listed in self._listed.values():
            space = listed.key.space
            if listed.theirs in self._heard and (
                space not in best or listed.key.age > best[space].key.age
            ):
                best[space] = listed
        found = [
            Match(self._numbers[tag], space, listed.key == self._newest.get(space))
            for space, listed in best.items()
            if (tag := self._dialer_tag(listed)) in self._numbers
        ]
        return sorted(found)

    def space_of(self, ch: int) -> SpaceId | None:
        """Return the space that the dialer means by a channel, if it is one of ours."""
        tag = self._tags.get(ch)
        if tag is None:
            return None
        for listed in self._listed.values():
            if self._dialer_tag(listed) == tag:
                return listed.key.space
        return None

    def _list(self, key: AccessKey) -> _Listed:
        place = (key.space, key.generation)
        if place not in self._listed:
            mine = n3_tag(key.key, self._hash, self._side)
            theirs = n3_tag(key.key, self._hash, self._side.other)
            self._listed[place] = _Listed(key, mine, theirs)
        return self._listed[place]

    def _dialer_tag(self, listed: _Listed) -> bytes:
        return listed.mine if self._side is Side.DIALER else listed.theirs

    def _number(self, side: Side, tags: Sequence[bytes]) -> None:
        base = self._lists[side] * MAX_TAGS
        self._lists[side] += 1
        if side is Side.DIALER:
            for place, tag in enumerate(tags):
                self._numbers.setdefault(tag, base + place)
                self._tags[base + place] = tag


def n3_tag(access_key: bytes, handshake_hash: bytes, side: Side) -> bytes:
    """N3: the tag of one access key on one side of one connection."""
    return crypto.mac("ks1/match", access_key, handshake_hash + side.byte)[:TAG_BYTES]


def n3_choose(keys: Sequence[AccessKey]) -> list[AccessKey]:
    """N3: at most 8 generations of a space and 1,024 tags, in the order given."""
    counts: dict[SpaceId, int] = {}
    chosen: list[AccessKey] = []
    for key in keys:
        counts[key.space] = counts.get(key.space, 0) + 1
        if counts[key.space] <= MAX_GENERATIONS and len(chosen) < MAX_TAGS:
            chosen.append(key)
    return chosen


def n3_shuffle(tags: Sequence[bytes], entropy: Callable[[int], bytes]) -> list[bytes]:
    """N3: the same tags in an order that tells nothing."""
    places = [(entropy(8), place) for place in range(len(tags))]
    return [tags[place] for _, place in sorted(places)]
