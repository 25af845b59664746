"""What rows does the conformance suite of a store write, and how does it look at all of a store?

The rows live in a small universe of numbers and ids, so that `look_at` can ask a `State` for
everything that can be in it.
"""

from typing import Final

from kithspace.core import effects
from kithspace.core.codec import encode
from kithspace.core.state import State

SMALL: Final = 5
"""Numbers of feeds and objects, and of blocks in a feed, are 1 to 4."""


def id_of(kind: str, n: int, size: int = 32) -> bytes:
    """A recognisable id."""
    return f"{kind} {n} ".encode().ljust(size, b".")[:size]


def feed(n: int, length: int = 1, branch_of: int | None = None) -> effects.PutFeed:
    """A feed of some length; a branch has no open record."""
    opening = b"" if branch_of else b"opening %d" % n
    head = id_of("block", n * 100 + length - 1)
    time = length << 16
    signature = b"" if branch_of else b"signature"
    return effects.PutFeed(
        n,
        id_of("feed", n),
        branch_of,
        length,
        length,
        length,
        length,
        1,
        head,
        time,
        opening,
        signature,
    )


def block(n: int, seq: int, *, form: int = 1, sig: bytes | None = None) -> effects.PutBlock:
    """A block stored as it came; its `prev` is where `state.prev_of` looks for it."""
    prev = id_of("block", n * 100 + seq - 1)
    clear = encode((form, prev, (), 1, seq << 16, id_of("generation", 1, 16)))
    return effects.PutBlock(n, seq, clear, sig, b"body %d of %d" % (seq, n))


def item(obj: int, path: bytes, parent: bytes, value: bytes = b"value") -> effects.PutItem:
    """A child of a big container."""
    return effects.PutItem(obj, path, parent, 7 << 16, 1, value, None)


def an_object(n: int, doc: str = "{}", *, kind: int = 1, live: int = 1) -> effects.PutObject:
    """An object of a type's number."""
    return effects.PutObject(n, id_of("object", n, 16), kind, live, n << 16, doc, b"meta %d" % n)


def held(n: int, seq: int, side: int = 0) -> effects.PutHeld:
    """A held block; `side` tells two of one number apart."""
    identifier = id_of("held", n * 100 + seq * 10 + side)
    return effects.PutHeld(id_of("feed", n), seq, identifier, b"record", b"body", b"sig")


def credential(n: int, depth: int) -> effects.PutCredential:
    """A credential of a depth."""
    return effects.PutCredential(id_of("credential", n), depth, b"record %d" % n, b"sig", 1)


EVERYTHING: Final[tuple[effects.Row, ...]] = (
    feed(1, 3),
    feed(2, 3, branch_of=1),
    block(1, 1),
    block(1, 2, sig=b"signed"),
    block(2, 2),
    an_object(1, '{"title":"Milk"}'),
    an_object(2, '{"title":"Eggs"}', live=0),
    item(1, b"\x61a\x61b", b"\x61a"),
    item(1, b"\x61a\x61c", b"\x61a"),
    effects.PutText(1, b"\x65notes", 0, b"snapshot"),
    effects.PutText(1, b"\x65notes", 1, b"update"),
    effects.PutTouched(1, 1 << 32 | 1),
    effects.PutTouched(1, 1 << 32 | 2),
    effects.PutTouched(2, 1 << 32 | 2),
    held(3, 1),
    credential(1, 0),
    credential(2, 1),
    effects.PutKey(id_of("generation", 1, 16), 1, bytes(32), bytes(32)),
    effects.PutType(1, "task", 1, "{}", ""),
    effects.PutAbout("floor", b"7"),
)
"""One row of every kind that a `State` can show, and more than one where order matters."""


def look_at(state: State) -> dict[str, object]:
    """Ask for everything that the rows of this module can have left in a store."""
    numbers = range(1, SMALL)
    paths = (b"", b"\x61a", b"\x61a\x61b", b"\x61a\x61c", b"\x65notes")
    blocks = [n << 32 | seq for n in numbers for seq in range(1, SMALL)]
    return {
        "feeds": list(state.feeds()),
        "feed": [(state.feed(n), state.feed(id_of("feed", n))) for n in numbers],
        "blocks": [list(state.blocks(n, 0, SMALL)) for n in numbers],
        "block": [state.block(key >> 32, key & 0xFFFFFFFF) for key in blocks],
        "ids": [state.id_at(n, seq) for n in numbers for seq in range(SMALL)],
        "objects": [(state.object(n), state.object(id_of("object", n, 16))) for n in numbers],
        "last": state.last_object(),
        "item": [state.item(n, path) for n in numbers for path in paths],
        "items": [list(state.items(n, path)) for n in numbers for path in paths],
        "texts": [list(state.texts(n, path)) for n in numbers for path in paths],
        "touched": [list(state.touched(n)) for n in numbers],
        "touched by": [list(state.objects_touched_by([key])) for key in blocks],
        "held": [list(state.held(id_of("feed", n))) for n in numbers],
        "held feeds": list(state.held_feeds()),
        "keys": list(state.keys()),
        "key": state.key(id_of("generation", 1, 16)),
        "credentials": list(state.credentials()),
        "types": list(state.types()),
        "about": state.about("floor"),
    }
