"""Which leaves does a set have, and what are its digests?

The two sets that nodes compare are the credentials and the feeds of a space. One `LeafSet` of each
serves all peers of the space.

Rules (protocol.md X5):
    A leaf has a 32-byte key. Credentials: key = id, number = depth, whole = id.
    Feeds: key = feed or branch id, number = announced length, whole = id of the head.
    Sent form: credentials `depth u32, 16 bytes of the id`; feeds `key, length u32, 16 of the head`.
    Leaf input: `key, number u32, whole`. Bucket b: `H(ks1/sync, what, b, the inputs of the leaves
    whose key begins with byte b, sorted)`. Root: H of the 256 bucket digests.
    Digests are computed when asked for, and only those of buckets that changed.
    Sent leaves are in ascending order of their bytes: credentials by depth, feeds by id.
    In a bit map, bucket b is bit `b % 8` (the least is 0) of byte `b // 8`.
"""

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from kithspace.core.crypto import hash_of
from kithspace.core.ids import BlockId, CredentialId, FeedId
from kithspace.errors import PeerError

BUCKETS: Final = 256
SHORT_DIGEST_BYTES: Final = 8
PREFIX_BYTES: Final = 16
KEY_BYTES: Final = 32
NUMBER_BYTES: Final = 4
MAX_NUMBER: Final = 2**32 - 1


class What(IntEnum):
    """Which of the two sets."""

    CREDENTIALS = 0
    FEEDS = 1


class CredentialLeaf(NamedTuple):
    """One credential of the set (X5)."""

    id: CredentialId
    depth: int


class FeedLeaf(NamedTuple):
    """What is announced of a feed or branch (X5): up to its last signed block (F5)."""

    feed: FeedId
    length: int
    head: BlockId


class SentLeaf(NamedTuple):
    """A leaf as it travels.

    Attributes:
        key: 32 bytes of a feed; 16 bytes of a credential.
        number: Length or depth.
        whole: The first 16 bytes of the head or the credential's id.
    """

    key: bytes
    number: int
    whole: bytes


class _Leaf(NamedTuple):
    number: int
    whole: bytes


LEAF_BYTES: Final = {
    What.CREDENTIALS: NUMBER_BYTES + PREFIX_BYTES,
    What.FEEDS: KEY_BYTES + NUMBER_BYTES + PREFIX_BYTES,
}


class LeafSet:
    """The leaves of one set, with cached digests.

    Args:
        what: Which set it is.
    """

    __slots__ = ("_buckets", "_count", "_digests", "_prefixes", "_root", "what")

    def __init__(self, what: What) -> None:
        self.what = what
        self._buckets: list[dict[bytes, _Leaf]] = [{} for _ in range(BUCKETS)]
        self._digests: list[bytes | None] = list(_empty_digests(what))
        self._root: bytes | None = None
        self._count = 0
        self._prefixes: set[bytes] = set()

    def __len__(self) -> int:
        return self._count

    def put_credential(self, id_: CredentialId, depth: int) -> None:
        """Add a credential."""
        self._put(id_, _Leaf(depth, id_))
        self._prefixes.add(id_[:PREFIX_BYTES])

    def put_feed(self, feed: FeedId, length: int, head: BlockId) -> None:
        """Add a feed, or change its length and head; of length 0 it is taken away."""
        if length:
            self._put(feed, _Leaf(length, head))
        else:
            self._drop(feed)

    def _put(self, key: bytes, leaf: _Leaf) -> None:
        bucket = self._buckets[key[0]]
        before = bucket.get(key)
        if before == leaf:
            return
        self._count += before is None
        bucket[key] = leaf
        self._digests[key[0]] = self._root = None

    def _drop(self, key: bytes) -> None:
        if self._buckets[key[0]].pop(key, None) is not None:
            self._count -= 1
            self._digests[key[0]] = self._root = None

    def length(self, feed: bytes) -> int:
        """The announced length of a feed; 0 if it is not here."""
        leaf = self._buckets[feed[0]].get(feed)
        return leaf.number if leaf else 0

    def has(self, leaf: SentLeaf) -> bool:
        """Whether a leaf that a peer sent is here just so."""
        if self.what is What.CREDENTIALS:
            return leaf.key in self._prefixes
        ours = self._buckets[leaf.key[0]].get(leaf.key)
        return (
            ours is not None
            and ours.number == leaf.number
            and ours.whole[:PREFIX_BYTES] == leaf.whole
        )

    def root(self) -> bytes:
        """H of the 256 bucket digests."""
        if self._root is None:
            joined = b"".join(self._digest(bucket) for bucket in range(BUCKETS))
            self._root = hash_of("ks1/sync", joined)
        return self._root

    def short_digests(self) -> bytes:
        """The first 8 bytes of each bucket digest, joined: 2,048 bytes."""
        return b"".join(self._digest(bucket)[:SHORT_DIGEST_BYTES] for bucket in range(BUCKETS))

    def _digest(self, number: int) -> bytes:
        digest = self._digests[number]
        if digest is None:
            inputs = sorted(
                key + leaf.number.to_bytes(NUMBER_BYTES) + leaf.whole
                for key, leaf in self._buckets[number].items()
            )
            digest = hash_of("ks1/sync", bytes((self.what, number)) + b"".join(inputs))
            self._digests[number] = digest
        return digest

    def differing(self, theirs: bytes) -> frozenset[int]:
        """Buckets whose digest is another at the peer, from its 256 short digests."""
        ours = self.short_digests()
        return frozenset(
            bucket
            for bucket in range(BUCKETS)
            if ours[(at := bucket * SHORT_DIGEST_BYTES) : at + SHORT_DIGEST_BYTES]
            != theirs[at : at + SHORT_DIGEST_BYTES]
        )

    def sent_leaves(self, buckets: Iterable[int]) -> list[bytes]:
        """The sent forms of the leaves of these buckets, ascending."""
        form = _credential_form if self.what is What.CREDENTIALS else _feed_form
        return sorted(
            form(key, leaf) for number in buckets for key, leaf in self._buckets[number].items()
        )

    def leaf_of(self, feed: bytes) -> FeedLeaf:
        """The leaf of one feed; of length 0 if it is not here."""
        leaf = self._buckets[feed[0]].get(feed) or _Leaf(0, feed)
        return FeedLeaf(FeedId(feed), leaf.number, BlockId(leaf.whole))


@lru_cache
def _empty_digests(what: What) -> tuple[bytes, ...]:
    return tuple(hash_of("ks1/sync", bytes((what, number))) for number in range(BUCKETS))


def _credential_form(key: bytes, leaf: _Leaf) -> bytes:
    return leaf.number.to_bytes(NUMBER_BYTES) + key[:PREFIX_BYTES]


def _feed_form(key: bytes, leaf: _Leaf) -> bytes:
    return key + leaf.number.to_bytes(NUMBER_BYTES) + leaf.whole[:PREFIX_BYTES]


def feed_form(leaf: FeedLeaf) -> bytes:
    """The sent form of a feed's leaf: 52 bytes, as in `leaves` and `have`."""
    return _feed_form(leaf.feed, _Leaf(leaf.length, leaf.head))


def read_leaves(what: What, joined: bytes) -> list[SentLeaf]:
    """Read the leaves of a message.

    Raises:
        PeerError: E_ENCODING: not whole leaves, or not ascending.
    """
    size = LEAF_BYTES[what]
    if len(joined) % size:
        raise PeerError("E_ENCODING", "leaves have a wrong length")
    forms = [joined[at : at + size] for at in range(0, len(joined), size)]
    if any(left >= right for left, right in pairwise(forms)):
        raise PeerError("E_ENCODING", "leaves are not in ascending order")
    if what is What.CREDENTIALS:
        return [
            SentLeaf(form[NUMBER_BYTES:], int.from_bytes(form[:NUMBER_BYTES]), form[NUMBER_BYTES:])
            for form in forms
        ]
    end = KEY_BYTES + NUMBER_BYTES
    return [
        SentLeaf(form[:KEY_BYTES], int.from_bytes(form[KEY_BYTES:end]), form[end:])
        for form in forms
    ]


def bit_map(buckets: Iterable[int]) -> bytes:
    """A set of buckets as 32 bytes."""
    bits = 0
    for bucket in buckets:
        bits |= 1 << bucket
    return bits.to_bytes(BUCKETS // 8, "little")


def buckets_of(bits: bytes) -> frozenset[int]:
    """The set of buckets that `bit_map` wrote."""
    number = int.from_bytes(bits, "little")
    return frozenset(bucket for bucket in range(BUCKETS) if number >> bucket & 1)


ALL_BUCKETS: Final = frozenset(range(BUCKETS))
