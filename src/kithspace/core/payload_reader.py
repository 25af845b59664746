"""Is what a block says well-formed, and what does it say?

Rules (V14: what breaks one of them is `PayloadError`; the block is empty but counted):
    protocol 2  The exact grammar of each value type; tables in order of first use, each entry
                once, none unused; maps and sets sorted by the canonical CBOR of their keys.
    W2, A8      `core/payload_rules`.
    W3, W4      Replaced stamps are sorted, the greatest first, each once, all below the block's.
    A7          A zero write replaces nothing and has no origin.
    A8          Shared ids have their top bit clear; own ones are computed from the author.
    2.4         4,096 writes, paths of 16 segments of 256 bytes, text updates of 96 KiB.

Counters in containers stand for a base, and a text in a container for a new text: sums and
updates are writes of their own.
"""

from itertools import pairwise
from typing import Final

from kithspace.core.codec import PAYLOAD, Value, decode
from kithspace.core.grammar import check_scalar, code_of, is_int_form
from kithspace.core.ids import ID_BYTES, OBJECT_ID_BYTES, IdentityId, ObjectId, SpaceId
from kithspace.core.object_id import SALT_BYTES, is_own, own_object_id
from kithspace.core.path import MAX_DEPTH, MAX_KEY_BYTES, PathKey, Segment, name_key, path_key
from kithspace.core.payload_rules import (
    a8_types,
    check_segment,
    refuse,
    require,
    sorted_segments,
    w2_one_write_per_cell,
)
from kithspace.core.stamp import ZERO, Stamp, pack_time
from kithspace.core.value import (
    ABSENT,
    BASE,
    LIST,
    MAP,
    ROOT,
    SET,
    SUM,
    TEXT,
    TEXT_PART,
    TEXT_UPDATE,
    Form,
)
from kithspace.core.write import (
    OWN,
    SHARED,
    Group,
    Payload,
    Write,
)
from kithspace.errors import CodecError, PayloadError, StampError

MAX_PAYLOAD_BYTES: Final = 256 * 1024
MAX_WRITES: Final = 4096
MAX_NAME: Final = 128
MAX_UPDATE_BYTES: Final = 96 * 1024
MAX_VERSION: Final = 2**32 - 1
SEED_BYTES: Final = 8
FORMAT: Final = 1


def decode_payload(
    body: bytes, own_feed: bytes, space: SpaceId, author: IdentityId, stamp: Stamp
) -> Payload:
    """Read the opened body of a block.

    Args:
        body: Without its length and padding.
        own_feed: The feed id of the block's header, also on a branch: what a payload says does
            not depend on whether a fork is known.
        space: The space, for the ids of own objects.
        author: Who wrote the feed.
        stamp: The block's stamp (W4).

    Raises:
        PayloadError: It breaks a rule of V14.
    """
    try:
        whole = decode(body, MAX_PAYLOAD_BYTES, PAYLOAD)
    except CodecError as error:
        raise PayloadError(str(error)) from error
    match whole:
        case (int(form), (str(app), grant), about, tuple(feeds), tuple(names), tuple(groups)):
            require(form is not True and form == FORMAT, "payload format")
        case _:
            refuse("payload shape")
    require(len(app) <= MAX_NAME, "app name")
    if grant is not None and not (type(grant) is bytes and len(grant) == OBJECT_ID_BYTES):
        refuse("grant")
    reader = _Reader(own_feed, stamp, feeds, names)
    label, undoes = reader.about(about)
    read = tuple(reader.group(group, space, author) for group in groups)
    reader.finish()
    require(len({group.id for group in read}) == len(read), "one group per object")
    return Payload(app, grant, label, undoes, read)


class _Reader:
    """Knows the tables, and how much of them was used."""

    __slots__ = ("below", "feeds", "names", "roots", "used_feeds", "used_names", "writes")

    def __init__(
        self, own_feed: bytes, below: Stamp, feeds: tuple[Value, ...], names: tuple[Value, ...]
    ) -> None:
        self.feeds = (own_feed, *(feed for feed in feeds if type(feed) is bytes))
        self.names = tuple(name for name in names if type(name) is str)
        self.below = below
        self.used_feeds = 1
        self.used_names = 0
        self.writes = 0
        self.roots: dict[tuple[Value, ...], tuple[str, ...]] = {}
        require(all(_is_bytes(feed, ID_BYTES) for feed in feeds), "feeds")
        require(len(self.names) == len(names), "names")
        require(len(set(self.feeds)) == len(self.feeds), "feeds are named once")
        require(len(set(names)) == len(names), "names are named once")
        require(all(len(name_key(n)) <= MAX_KEY_BYTES for n in self.names), "a key's length")

    def finish(self) -> None:
        require(self.used_feeds == len(self.feeds), "feeds that are not used")
        require(self.used_names == len(self.names), "names that are not used")

    def about(self, about: Value) -> tuple[str, tuple[Stamp, ...]]:
        match about:
            case None:
                return "", ()
            case (str(label), tuple(undoes)) if len(label) <= MAX_NAME and (label or undoes):
                return label, tuple(map(self.stamp, undoes))
            case _:
                raise PayloadError("about")

    # ------------------------------------------------------------ tables

    def name(self, index: Value) -> str:
        if type(index) is not int or not 0 <= index <= self.used_names:
            refuse("a name's number")
        if index == self.used_names:
            require(index < len(self.names), "a name's number")
            self.used_names += 1
        return self.names[index]

    def feed(self, index: Value) -> bytes:
        if type(index) is not int or not 0 <= index <= self.used_feeds:
            refuse("a feed's number")
        if index == self.used_feeds:
            require(index < len(self.feeds), "a feed's number")
            self.used_feeds += 1
        return self.feeds[index]

    def stamp(self, stamp: Value) -> Stamp:
        if type(stamp) is not tuple or len(stamp) != 3:
            refuse("a stamp")
        index, ms, counter = stamp
        feed = self.feed(index)
        if type(ms) is not int or type(counter) is not int:
            refuse("a stamp")
        try:
            return Stamp(pack_time(ms, counter), feed)
        except StampError as error:
            raise PayloadError(str(error)) from error

    # ------------------------------------------------------------ groups and writes

    def group(self, group: Value, space: SpaceId, author: IdentityId) -> Group:
        if type(group) is not tuple or len(group) != 4:
            refuse("a group")
        what, name, version, writes = group
        if type(what) is not int or what not in (SHARED, OWN):
            refuse("a group's kind")
        if type(version) is not int or not 0 <= version <= MAX_VERSION:
            refuse("a schema version")
        if type(name) is not bytes or type(writes) is not tuple or not writes:
            refuse("a group")
        require(len(name) == (SALT_BYTES if what == OWN else OBJECT_ID_BYTES), "an object's id")
        self.writes += len(writes)
        require(self.writes <= MAX_WRITES, "number of writes")
        read = tuple(map(self.write, writes))
        w2_one_write_per_cell(read)
        a8_types(what, name, read)
        if what == OWN:
            return Group(OWN, own_object_id(space, author, name), version, read, name)
        require(not is_own(name), "a shared object's id")
        return Group(SHARED, ObjectId(name), version, read)

    def write(self, write: Value) -> Write:
        if type(write) is not tuple or not 2 <= len(write) <= 4:
            refuse("a write")
        path, key = self.path(write[0])
        value = self.value(write[1], path)
        if len(write) == 2:
            return Write(path, key, value)
        if type(write[2]) is int:
            require(write[2] == 0 and len(write) == 3, "a zero write")
            return Write(path, key, value, (), True)  # noqa: FBT003 - the tuple's field
        replaced = self.replaced(write[2])
        if len(write) == 3:
            require(replaced != (), "an empty list of replaced stamps")
            return Write(path, key, value, replaced)
        return Write(path, key, value, replaced, False, self.stamp(write[3]))  # noqa: FBT003

    def replaced(self, stamps: Value) -> tuple[Stamp, ...]:
        if type(stamps) is not tuple:
            refuse("replaced stamps")
        read = tuple(map(self.stamp, stamps))
        above = self.below
        for stamp in read:
            # W4: a liar could otherwise make winners diverge.
            require(stamp < above, "replaced stamps are below the block's, the greatest first")
            above = stamp
        return read

    def path(self, path: Value) -> tuple[tuple[Segment, ...], PathKey]:
        if type(path) is int:
            field = self.name(path)
            return (field,), PathKey(name_key(field))
        if type(path) is not tuple or len(path) == 1 or len(path) > MAX_DEPTH:
            refuse("a path")
        if not path:
            return (), PathKey(b"")
        whole = (self.name(path[0]), *path[1:])
        for segment in whole:
            check_segment(segment)
        return whole, path_key(whole)

    # ------------------------------------------------------------ values

    def value(self, value: Value, path: tuple[Segment, ...]) -> Value:
        """The value of a write: everything that is allowed within containers, and more."""
        if not path:
            return self.root(value)
        if type(value) is tuple:
            read = _OUTER.get(code_of(value))
            if read is not None:
                return read(self, value)
        return self.inner(value, len(path))

    def inner(self, value: Value, depth: int) -> Value:
        """A value within a container, `depth` segments below the root."""
        if type(value) is not tuple:
            if type(value) in _SIZED:
                check_scalar(value)
            return value
        read = _INNER.get(code_of(value))
        if read is None:
            check_scalar(value)
            return value
        require(depth < MAX_DEPTH, "a path's depth")
        return read(self, value, depth + 1)

    def root(self, value: Value) -> Value:
        match value:
            case (0,) if type(value[0]) is int:
                return value
            case (int(code), kind, tuple(fields)) if code == ROOT and len(fields) % 2 == 0:
                type_name = self.name(kind)
            case _:
                refuse("a root's value")
        flat = list(fields)
        flat[::2] = self.root_names(fields[::2])
        for place in range(1, len(flat), 2):
            if type(flat[place]) in _CHECKED:
                flat[place] = self.inner(flat[place], 1)
        return (ROOT, type_name, tuple(flat))

    def root_names(self, numbers: tuple[Value, ...]) -> tuple[str, ...]:
        """The names of a root's fields; most objects of a payload have the same."""
        # By the types too: True and 1.0 are equal to 1, and no numbers of names.
        if set(map(type, numbers)) != _INTS:
            require(not numbers, "a name's number")
        known = self.roots.get(numbers)
        if known is None:
            known = self.roots[numbers] = tuple(map(self.name, numbers))
            if any(a >= b for a, b in pairwise(numbers)):  # type: ignore[operator]  # ints
                refuse("a root's fields are sorted")
        return known

    def absent(self, form: Form) -> Value:
        require(len(form) == 1, "an absent value")
        return form

    def sum(self, form: Form) -> Value:
        require(len(form) == 2 and is_int_form(form[1]), "a counter's sum")
        return form

    def update(self, form: Form) -> Value:
        match form:
            case (int(code), incarnation, bytes(update)) if len(update) <= MAX_UPDATE_BYTES:
                pass
            case _:
                refuse("a text's update")
        if type(incarnation) is int:
            require(incarnation == 0, "a text's incarnation")
            return (code, ZERO, update)
        return (code, self.stamp(incarnation), update)

    def base(self, form: Form, _depth: int) -> Value:
        match form:
            case (int(), offset, tuple(counted)) if is_int_form(offset):
                read = tuple(map(self.counted, counted))
            case _:
                refuse("a counter's base")
        feeds = [feed for feed, _ in read]
        require(feeds == sorted(set(feeds)), "a counter's feeds are sorted")
        return (BASE, offset, read)

    def counted(self, pair: Value) -> tuple[bytes, Value]:
        match pair:
            case (index, number) if is_int_form(number):
                return self.feed(index), number
            case _:
                raise PayloadError("a counted sum")

    def text(self, form: Form, _depth: int) -> Value:
        require(len(form) == 2 and type(form[1]) is bytes, "a text")
        require(len(form[1]) <= MAX_UPDATE_BYTES, "a text's size")
        return form

    def map(self, form: Form, depth: int) -> Value:
        match form:
            case (int(), tuple(flat)) if len(flat) % 2 == 0:
                pass
            case _:
                refuse("a map")
        sorted_segments(flat[::2])
        values = iter([self.inner(value, depth) for value in flat[1::2]])
        return (
            MAP,
            tuple(next(values) if place % 2 else flat[place] for place in range(len(flat))),
        )

    def set(self, form: Form, _depth: int) -> Value:
        require(len(form) == 2 and type(form[1]) is tuple, "a set")
        sorted_segments(form[1])
        return form

    def list(self, form: Form, depth: int) -> Value:
        match form:
            case (int(), bytes(seed), tuple(values)) if len(seed) == SEED_BYTES:
                # An item's value lies two segments below its list (L1).
                require(depth < MAX_DEPTH, "a path's depth")
                return (LIST, seed, tuple(self.inner(value, depth + 1) for value in values))
            case _:
                raise PayloadError("a list")


_SIZED: Final = frozenset({str, bytes})
_CHECKED: Final = frozenset({str, bytes, tuple})
_INTS: Final = {int}
_INNER: Final = {
    MAP: _Reader.map,
    SET: _Reader.set,
    LIST: _Reader.list,
    BASE: _Reader.base,
    TEXT: _Reader.text,
}
_OUTER: Final = {
    ABSENT: _Reader.absent,
    SUM: _Reader.sum,
    TEXT_UPDATE: _Reader.update,
    TEXT_PART: _Reader.update,
}


def _is_bytes(value: Value, size: int) -> bool:
    return type(value) is bytes and len(value) == size
