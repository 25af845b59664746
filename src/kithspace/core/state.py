"""What may the gate ask of the stored space?

`State` is a view of what is on disk, read under the space's lock. What it gives back are the same
tuples that were written (`core/effects`). It reads no history unless it is asked for blocks.

Assumes of an implementation:
    - Between two commits it answers the same; after a commit it shows what was committed.
    - A lookup by id, number or key costs a lookup, not a scan.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from kithspace.core.effects import (
    PutBlock,
    PutCredential,
    PutFeed,
    PutHeld,
    PutItem,
    PutKey,
    PutObject,
    PutType,
)

WireBlock: TypeAlias = tuple[bytes, bytes | None, bytes | None]
"""A block as peers send it: header, sealed payload, signature; open record: `(bytes, None, sig)`.

A signature stands only where the sender had checked it (F5).
"""

_PREV: Final = slice(4, 36)


def prev_of(clear: bytes) -> bytes:
    """The id of the block before, from `PutBlock.clear`: it stands at a fixed place."""
    return clear[_PREV]


class State(Protocol):
    """Reads of a stored space. The part that `Document.load` needs is its `ItemSource`."""

    def feed(self, key: bytes | int) -> PutFeed | None:
        """The feed or branch of this id or local number."""

    def feeds(self) -> Iterable[PutFeed]:
        """All feeds and branches, in order of their numbers."""

    def block(self, n: int, seq: int) -> PutBlock | None:
        """A stored block (seq >= 1) that lies under this very number.

        A branch's blocks below the fork lie under its parent's number.
        """

    def blocks(self, n: int, first: int, end: int) -> Sequence[PutBlock]:
        """Stored blocks with `first <= seq < end` under this number, in order."""

    def id_at(self, n: int, seq: int) -> bytes | None:
        """The id of block `seq` that lies under `n`: the next one's `prev_of`, or the feed's head.

        None where there is none. For seq 0 it is the feed id.
        """

    def object(self, key: bytes | int) -> PutObject | None:
        """The object of this id or local number."""

    def last_object(self) -> int:
        """The greatest local number of an object that was ever given out; 0 if none."""

    def item(self, obj: int, path: bytes) -> PutItem | None:
        """A child of a big container (B2)."""

    def items(self, obj: int, parent: bytes) -> Iterable[PutItem]:
        """All children of a big container, ordered by path."""

    def texts(self, obj: int, path: bytes) -> Sequence[bytes]:
        """A text's updates, ordered by number; the snapshot (n = 0), if there is one, first."""

    def touched(self, obj: int) -> Sequence[int]:
        """Keys of the blocks that wrote to an object, ascending."""

    def objects_touched_by(self, blocks: Iterable[int]) -> Sequence[int]:
        """Local numbers of the objects that these blocks (keys) wrote to, each once."""

    def held(self, feed: bytes) -> Sequence[PutHeld]:
        """Held blocks under a header's feed id, by seq, then id."""

    def held_feeds(self) -> Iterable[bytes]:
        """Feed ids that have held blocks, each once."""

    def key(self, generation: bytes) -> PutKey | None:
        """The keys of a generation."""

    def keys(self) -> Iterable[PutKey]:
        """All keys here."""

    def credentials(self) -> Iterable[PutCredential]:
        """All credentials, in order of depth, then id."""

    def types(self) -> Iterable[PutType]:
        """All types, in order of their numbers."""

    def about(self, key: str) -> bytes | None:
        """A fact about the space's file."""
