"""Is what a block says well-formed, and what does it say?

Rules (V14: what breaks one of them is `PayloadError`; the block is empty but counted):
    protocol 2  The exact grammar of each value type; tables in order of first use, each entry
                once, none unused; maps and sets sorted by the canonical CBOR of their keys.
    W2          One write per cell and block, also where a container's value unfolds.
    W3, W4      Replaced stamps are sorted, the greatest first, each once, all below the block's.
    A7          A zero write replaces nothing and has no origin.
    A8          Own objects have the own types, and shared objects the others; shared ids have
                their top bit clear; a profile's salt is zeros.
    2.4         4,096 writes, paths of 16 segments of 256 bytes, text updates of 96 KiB.

Counters in containers stand for a base, and a text in a container for a new text: sums and
updates are writes of their own.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

from kithspace.core.codec import PAYLOAD, Value, decode
from kithspace.core.container import unfold
from kithspace.core.grammar import check_scalar, code_of, is_int_form
from kithspace.core.ids import ID_BYTES, OBJECT_ID_BYTES, IdentityId, ObjectId, SpaceId
from kithspace.core.object_id import PROFILE_SALT, SALT_BYTES, is_own, own_object_id
from kithspace.core.path import MAX_DEPTH, MAX_KEY_BYTES, PathKey, Segment, path_key, segment_key
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
    is_scalar,
)
from kithspace.core.write import OWN, OWN_TYPES, PROFILE_TYPE, SHARED, Group, Payload, Write
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
            _require(form is not True and form == FORMAT, "payload format")
        case _:
            _refuse("payload shape")
    _require(len(app) <= MAX_NAME, "app name")
    if grant is not None and not (type(grant) is bytes and len(grant) == OBJECT_ID_BYTES):
        _refuse("grant")
    reader = _Reader(own_feed, stamp, feeds, names)
    label, undoes = reader.about(about)
    read = tuple(reader.group(group, space, author) for group in groups)
    reader.finish()
    _require(len({group.id for group in read}) == len(read), "one group per object")
    return Payload(app, grant, label, undoes, read)


class _Reader:
    """Knows the tables, and how much of them was used."""

    __slots__ = ("below", "feeds", "names", "used_feeds", "used_names", "writes")

    def __init__(
        self, own_feed: bytes, below: Stamp, feeds: tuple[Value, ...], names: tuple[Value, ...]
    ) -> None:
        self.feeds = (own_feed, *(feed for feed in feeds if type(feed) is bytes))
        self.names = tuple(name for name in names if type(name) is str)
        self.below = below
        self.used_feeds = 1
        self.used_names = 0
        self.writes = 0
        _require(all(_is_bytes(feed, ID_BYTES) for feed in feeds), "feeds")
        _require(len(self.names) == len(names), "names")
        _require(len(set(self.feeds)) == len(self.feeds), "feeds are named once")
        _require(len(set(names)) == len(names), "names are named once")

    def finish(self) -> None:
        _require(self.used_feeds == len(self.feeds), "feeds that are not used")
        _require(self.used_names == len(self.names), "names that are not used")

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
            _refuse("a name's number")
        if index == self.used_names:
            _require(index < len(self.names), "a name's number")
            self.used_names += 1
        return self.names[index]

    def feed(self, index: Value) -> bytes:
        if type(index) is not int or not 0 <= index <= self.used_feeds:
            _refuse("a feed's number")
        if index == self.used_feeds:
            _require(index < len(self.feeds), "a feed's number")
            self.used_feeds += 1
        return self.feeds[index]

    def stamp(self, stamp: Value) -> Stamp:
        match stamp:
            case (index, int(ms), int(counter)) if type(ms) is int and type(counter) is int:
                feed = self.feed(index)
                try:
                    return Stamp(pack_time(ms, counter), feed)
                except StampError as error:
                    raise PayloadError(str(error)) from error
            case _:
                raise PayloadError("a stamp")

    # ------------------------------------------------------------ groups and writes

    def group(self, group: Value, space: SpaceId, author: IdentityId) -> Group:
        match group:
            case (int(what), bytes(name), int(version), tuple(writes)) if writes:
                pass
            case _:
                _refuse("a group")
        _require(type(what) is int and what in (SHARED, OWN), "a group's kind")
        _require(type(version) is int and 0 <= version <= MAX_VERSION, "a schema version")
        _require(len(name) == (SALT_BYTES if what == OWN else OBJECT_ID_BYTES), "an object's id")
        self.writes += len(writes)
        _require(self.writes <= MAX_WRITES, "number of writes")
        read = tuple(map(self.write, writes))
        w2_one_write_per_cell(read)
        _a8_types(what, name, read)
        if what == OWN:
            return Group(OWN, own_object_id(space, author, name), version, read, name)
        _require(not is_own(name), "a shared object's id")
        return Group(SHARED, ObjectId(name), version, read)

    def write(self, write: Value) -> Write:
        if type(write) is not tuple or not 2 <= len(write) <= 4:
            _refuse("a write")
        path, key = self.path(write[0])
        value = self.value(write[1], path)
        if len(write) == 2:
            return Write(path, key, value)
        if type(write[2]) is int:
            _require(write[2] == 0 and len(write) == 3, "a zero write")
            return Write(path, key, value, (), True)  # noqa: FBT003 - the tuple's field
        replaced = self.replaced(write[2])
        if len(write) == 3:
            _require(replaced != (), "an empty list of replaced stamps")
            return Write(path, key, value, replaced)
        return Write(path, key, value, replaced, False, self.stamp(write[3]))  # noqa: FBT003

    def replaced(self, stamps: Value) -> tuple[Stamp, ...]:
        if type(stamps) is not tuple:
            _refuse("replaced stamps")
        read = tuple(map(self.stamp, stamps))
        above = self.below
        for stamp in read:
            # W4: a liar could otherwise make winners diverge.
            _require(stamp < above, "replaced stamps are below the block's, the greatest first")
            above = stamp
        return read

    def path(self, path: Value) -> tuple[tuple[Segment, ...], PathKey]:
        if type(path) is int:
            field = self.name(path)
            key = path_key((field,))
            _require(len(key) <= MAX_KEY_BYTES, "a key's length")
            return (field,), key
        if type(path) is not tuple or len(path) == 1 or len(path) > MAX_DEPTH:
            _refuse("a path")
        if not path:
            return (), PathKey(b"")
        whole = (self.name(path[0]), *path[1:])
        for segment in whole:
            _segment(segment)
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
            check_scalar(value)
            return value
        read = _INNER.get(code_of(value))
        if read is None:
            check_scalar(value)
            return value
        _require(depth < MAX_DEPTH, "a path's depth")
        return read(self, value, depth + 1)

    def root(self, value: Value) -> Value:
        match value:
            case (0,) if type(value[0]) is int:
                return value
            case (int(code), kind, tuple(fields)) if code == ROOT and len(fields) % 2 == 0:
                type_name = self.name(kind)
            case _:
                _refuse("a root's value")
        flat: list[Value] = []
        last = -1
        for place in range(0, len(fields), 2):
            name = self.name(fields[place])
            index = self.names.index(name)
            _require(index > last, "a root's fields are sorted")
            last = index
            _require(len(segment_key(name)) <= MAX_KEY_BYTES, "a key's length")
            flat += (name, self.inner(fields[place + 1], 1))
        return (ROOT, type_name, tuple(flat))

    def absent(self, form: Form) -> Value:
        _require(len(form) == 1, "an absent value")
        return form

    def sum(self, form: Form) -> Value:
        _require(len(form) == 2 and is_int_form(form[1]), "a counter's sum")
        return form

    def update(self, form: Form) -> Value:
        match form:
            case (int(code), incarnation, bytes(update)) if len(update) <= MAX_UPDATE_BYTES:
                pass
            case _:
                _refuse("a text's update")
        if type(incarnation) is int:
            _require(incarnation == 0, "a text's incarnation")
            return (code, ZERO, update)
        return (code, self.stamp(incarnation), update)

    def base(self, form: Form, _depth: int) -> Value:
        match form:
            case (int(), offset, tuple(counted)) if is_int_form(offset):
                read = tuple(map(self.counted, counted))
            case _:
                _refuse("a counter's base")
        feeds = [feed for feed, _ in read]
        _require(feeds == sorted(set(feeds)), "a counter's feeds are sorted")
        return (BASE, offset, read)

    def counted(self, pair: Value) -> tuple[bytes, Value]:
        match pair:
            case (index, number) if is_int_form(number):
                return self.feed(index), number
            case _:
                raise PayloadError("a counted sum")

    def text(self, form: Form, _depth: int) -> Value:
        _require(len(form) == 2 and type(form[1]) is bytes, "a text")
        _require(len(form[1]) <= MAX_UPDATE_BYTES, "a text's size")
        return form

    def map(self, form: Form, depth: int) -> Value:
        match form:
            case (int(), tuple(flat)) if len(flat) % 2 == 0:
                pass
            case _:
                _refuse("a map")
        _sorted_segments(flat[::2])
        values = iter([self.inner(value, depth) for value in flat[1::2]])
        return (
            MAP,
            tuple(next(values) if place % 2 else flat[place] for place in range(len(flat))),
        )

    def set(self, form: Form, _depth: int) -> Value:
        _require(len(form) == 2 and type(form[1]) is tuple, "a set")
        _sorted_segments(form[1])
        return form

    def list(self, form: Form, depth: int) -> Value:
        match form:
            case (int(), bytes(seed), tuple(values)) if len(seed) == SEED_BYTES:
                # An item's value lies two segments below its list (L1).
                _require(depth < MAX_DEPTH, "a path's depth")
                return (LIST, seed, tuple(self.inner(value, depth + 1) for value in values))
            case _:
                raise PayloadError("a list")


_CONTAINERS: Final = frozenset({MAP, SET, LIST, ROOT})
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


def w2_one_write_per_cell(writes: tuple[Write, ...]) -> None:
    """W2: no cell is written twice, not even by the value of a container that holds it.

    Raises:
        PayloadError: One is.
    """
    if len(writes) == 1:
        return
    cells = {(write.key, cell_of(write.value)) for write in writes}
    _require(len(cells) == len(writes), "one write per cell")
    for write in writes:
        for cell in _unfolded(write.key, write.value):
            _require(cell not in cells, "one write per cell")


def cell_of(value: Value) -> int:
    """Which of the cells that share a path this value is for: a counter's sum, its base, else 0."""
    return value[0] if type(value) is tuple and value[0] in (SUM, BASE) else 0  # type: ignore[return-value]


def _unfolded(key: bytes, value: Value) -> Iterator[tuple[bytes, int]]:
    if type(value) is tuple and value[0] in _CONTAINERS:
        for segment, child in unfold(value):
            yield key + segment, cell_of(child)
            yield from _unfolded(key + segment, child)


def _a8_types(what: int, salt: bytes, writes: tuple[Write, ...]) -> None:
    """A8: an own object's root has an own type, a shared one's another."""
    for write in writes:
        value = write.value
        if write.key or type(value) is not tuple or value[0] != ROOT:
            continue
        _require((value[1] in OWN_TYPES) == (what == OWN), "an own object's type")
        if what == OWN:
            _require((value[1] == PROFILE_TYPE) == (salt == PROFILE_SALT), "a profile's salt")


def _sorted_segments(segments: Sequence[Value]) -> None:
    last = b""
    for segment in segments:
        key = _segment(segment)
        _require(key > last, "a container's keys are sorted, each once")
        last = key


def _segment(segment: Value) -> bytes:
    check_scalar(segment)
    _require(is_scalar(segment), "a key is a plain value")
    key = segment_key(segment)
    _require(len(key) <= MAX_KEY_BYTES, "a key's length")
    return key


def _is_bytes(value: Value, size: int) -> bool:
    return type(value) is bytes and len(value) == size


def _require(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not condition:
        raise PayloadError(what)


def _refuse(what: str) -> NoReturn:
    raise PayloadError(what)
