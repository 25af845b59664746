"""What is a write, and what does a block say in memory?

Names stand as text here, stamps as `Stamp`, and counters' feeds as ids; on the wire they are
numbers in the payload's tables (`core/payload`). A stamp that a payload mentions has the feed's id
in `feed`, or a branch's id, and no `branch`: whoever looks it up compares with both.

Rules:
    W1  A write is `(path, value, replaced, origin?)`.
    A8  Own objects: type names and salts.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from kithspace.core.codec import Value
from kithspace.core.ids import ObjectId
from kithspace.core.path import PathKey, Segment, path_key
from kithspace.core.stamp import Stamp
from kithspace.core.value import BASE, SUM

OWN_TYPES: Final = frozenset({"kith.message", "kith.profile", "kith.record"})
"""Types whose objects are own objects; all others are shared (A8)."""

PROFILE_TYPE: Final = "kith.profile"

SHARED: Final = 0
OWN: Final = 1


class Write(NamedTuple):
    """One cell is set.

    Attributes:
        path: From the object's root; `()` is the root.
        key: The path's key.
        value: In payload form.
        replaced: The heads that the writer saw there, greatest first (W3).
        zero: Whether it gives way to every other write (A7).
        origin: Where the value came from, if undo brought it back (U1).
    """

    path: tuple[Segment, ...]
    key: PathKey
    value: Value
    replaced: tuple[Stamp, ...] = ()
    zero: bool = False
    origin: Stamp | None = None


class Group(NamedTuple):
    """The writes to one object.

    Attributes:
        what: 0: shared object; 1: own object (A8).
        id: The object's id, also for an own one.
        version: Schema version of the writer.
        writes: At least one.
        salt: Of an own object, 16 bytes: what is sent in place of the id.
    """

    what: int
    id: ObjectId
    version: int
    writes: tuple[Write, ...]
    salt: bytes = b""


class Payload(NamedTuple):
    """What a block says.

    Attributes:
        app: Name of the app that acted, at most 128 characters.
        grant: Its grant, or None.
        label: Of the transaction, at most 128 characters.
        undoes: Stamps of the first blocks of the transactions that this one undoes (U1, U4).
        groups: One per object.
    """

    app: str
    grant: bytes | None = None
    label: str = ""
    undoes: tuple[Stamp, ...] = ()
    groups: tuple[Group, ...] = ()


def cell_of(value: Value) -> int:
    """Which of the cells that share a path this value is for: a counter's sum, its base, else 0."""
    if type(value) is tuple and value[0] in (SUM, BASE):
        return SUM if value[0] == SUM else BASE
    return 0


def w2_repeats(groups: Iterable[Group]) -> bool:
    """W2: whether these writes need several blocks, as the parts of one text do (T4)."""
    for group in groups:
        writes = group.writes
        if len(writes) > 1 and len({(w.key, cell_of(w.value)) for w in writes}) < len(writes):
            return True
    return False


def make_write(
    path: Iterable[Segment],
    value: Value,
    replaced: tuple[Stamp, ...] = (),
    *,
    zero: bool = False,
    origin: Stamp | None = None,
) -> Write:
    """Make a write, with its key."""
    whole = tuple(path)
    return Write(whole, path_key(whole), value, replaced, zero, origin)
