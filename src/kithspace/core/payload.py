"""What are the bytes of a payload?

Rules:
    protocol 2  `[1, app, about, feeds, names, groups]`. The tables are in order of first use, each
                entry once, none unused; `about` counts as used before the groups.
    W3          `replaced` is sorted, the greatest first, each once.
    A7          A zero write has `0` in place of the replaced stamps, and no origin.
    A8          An own object's group carries its salt in place of its id.

`core/write` has the types, `core/payload_reader` reads what this module writes.
"""

from kithspace.core.codec import Value, encode
from kithspace.core.path import PathKey, Segment
from kithspace.core.payload_reader import decode_payload
from kithspace.core.stamp import ZERO, Stamp
from kithspace.core.value import BASE, LIST, MAP, ROOT, TEXT_PART, TEXT_UPDATE, Form
from kithspace.core.write import OWN, Group, Payload, Write

__all__ = ["Group", "PathKey", "Payload", "Segment", "Write", "decode_payload", "encode_payload"]


def encode_payload(payload: Payload, own_feed: bytes) -> bytes:
    """Return the body that is sealed in a block.

    Args:
        payload: Values in payload form, as the API made them; nothing is checked here.
        own_feed: The feed id of the block's header, also on a branch.
    """
    writer = _Writer(own_feed)
    about = None
    if payload.label or payload.undoes:
        about = (payload.label, tuple(map(writer.stamp, payload.undoes)))
    groups = tuple(map(writer.group, payload.groups))
    tables = (tuple(writer.feeds)[1:], tuple(writer.names))
    return encode((1, (payload.app, payload.grant), about, *tables, groups))


class _Writer:
    """Fills the tables as it goes; dicts keep the order of first use."""

    __slots__ = ("feeds", "layouts", "names")

    def __init__(self, own_feed: bytes) -> None:
        self.feeds: dict[bytes, int] = {own_feed: 0}
        self.names: dict[str, int] = {}
        self.layouts: dict[Form, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        """Of roots with the same fields: the numbers of their names in order, and the places."""

    def stamp(self, stamp: Stamp) -> Value:
        return (self.feed(stamp.branch or stamp.feed), stamp.milliseconds, stamp.counter)

    def feed(self, feed: bytes) -> int:
        return self.feeds.setdefault(feed, len(self.feeds))

    def name(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names))

    def group(self, group: Group) -> Value:
        own = group.what == OWN
        writes = tuple(map(self.write, group.writes))
        return (group.what, group.salt if own else group.id, group.version, writes)

    def write(self, write: Write) -> Value:
        path = self.path(write.path)
        value = self.value(write.value)
        if write.zero:
            return (path, value, 0)
        named = write.replaced
        if len(named) > 1:
            # In the order of what stands in the payload: a branch by its id.
            named = tuple(sorted(named, key=_mention, reverse=True))
        replaced = tuple(map(self.stamp, named))
        if write.origin is not None:
            return (path, value, replaced, self.stamp(write.origin))
        return (path, value, replaced) if replaced else (path, value)

    def path(self, path: tuple[Segment, ...]) -> Value:
        if not path:
            return ()
        field = self.name(str(path[0]))
        return field if len(path) == 1 else (field, *path[1:])

    def value(self, value: Value) -> Value:
        if type(value) is not tuple:
            return value
        change = _CHANGE.get(value[0])  # type: ignore[arg-type]  # a code is an int
        return value if change is None else change(self, value)

    def contents(self, form: Form) -> Value:
        return (*form[:-1], tuple(map(self.value, form[-1])))

    def root(self, form: Form) -> Value:
        """`[24, type, [field, value, …]]`, by index: fields named before come first."""
        _, type_name, fields = form
        kind = self.name(type_name)
        names = fields[::2]
        layout = self.layouts.get(names)
        if layout is None:
            pairs = sorted((self.name(name), place) for place, name in enumerate(names))
            numbers = tuple(number for number, _ in pairs)
            layout = self.layouts[names] = (numbers, tuple(2 * place + 1 for _, place in pairs))
        flat = list(fields)
        flat[::2], places = layout
        flat[1::2] = [
            self.value(value) if type(value) is tuple else value
            for value in map(fields.__getitem__, places)
        ]
        return (ROOT, kind, tuple(flat))

    def base(self, form: Form) -> Value:
        _, offset, counted = form
        return (BASE, offset, tuple((self.feed(feed), sum_) for feed, sum_ in counted))

    def update(self, form: Form) -> Value:
        code, incarnation, update = form
        return (code, 0 if incarnation == ZERO else self.stamp(incarnation), update)


def _mention(stamp: Stamp) -> tuple[int, bytes]:
    return stamp.time, stamp.branch or stamp.feed


_CHANGE = {
    MAP: _Writer.contents,
    LIST: _Writer.contents,
    ROOT: _Writer.root,
    BASE: _Writer.base,
    TEXT_UPDATE: _Writer.update,
    TEXT_PART: _Writer.update,
}
