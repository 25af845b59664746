"""Random edits of every kind to one object, for tests."""

from typing import Any, TypeAlias

from hypothesis import strategies as st

from kithspace.core import edit
from kithspace.core.document import Document
from kithspace.core.text import OpenText
from kithspace.core.value import CounterValue, TextValue

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.sampled_from(
        [
            (2, "2026-01-01T00:00:00+00:00"),
            (6, "1.50"),
            (1, (2**64).to_bytes(9, "big")),
            (99, "unknown", (1, 2)),
        ]
    ),
)
python_values: st.SearchStrategy[object] = st.recursive(
    st.integers(-9, 9) | st.text("ab", max_size=30) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", 1, None]), inner, max_size=3)
        | st.sets(st.integers(0, 9), max_size=4)
    ),
    max_leaves=8,
)
FIELDS = ["a", "m", "l", "s", "votes", "notes"]
KINDS = ["scalar", "any", "key", "element", "insert", "remove", "move", "add", "set", "type"]
MORE_KINDS = ["anew", "delete", "undelete", "pull", "zero"]
steps = st.tuples(
    st.sampled_from([*KINDS, *MORE_KINDS]),
    st.integers(0, 2),
    st.integers(0, 40),
    python_values,
    scalars,
)

Step: TypeAlias = tuple[str, int, int, object, Any]


def edits_of(document: Document, feed: bytes, wanted: Step, entropy: Any) -> list[edit.Edit]:
    """The edits of one step, as the program would make them now."""
    step, _, at, value, scalar = wanted
    key = ["x", "y", 1, True, "z"][at % 5]
    items = document.items("l")
    match step:
        case "scalar" | "zero":
            return [(("a",), scalar)]
        case "any":
            name = ["a", "m", "l"][at % 3]
            return edit.assign(document, (name,), value, name, entropy)
        case "key":
            return edit.map_set(("m",), key, value, "m", entropy)
        case "element":
            return edit.set_add(("s",), at, "s") if at % 3 else edit.set_discard(("s",), 4, "s")
        case "insert":
            return edit.list_insert(
                document, ("l",), at % (len(items) + 1), [value] * (1 + at % 4), "l", entropy
            )
        case "remove" if items:
            return edit.list_remove(("l",), [items[at % len(items)]])
        case "move" if items:
            return edit.list_move(document, ("l",), items[at % len(items)], 0, entropy)
        case _:
            return _more_edits_of(document, feed, step, at, entropy)


def _more_edits_of(
    document: Document, feed: bytes, step: str, at: int, entropy: Any
) -> list[edit.Edit]:
    match step:
        case "add":
            return edit.counter_add(document, ("votes",), at, feed, "votes")
        case "set":
            return edit.assign(document, ("votes",), CounterValue(at), "votes", entropy)
        case "type":
            opened = OpenText(document.text("notes"), int.from_bytes(entropy(4), "big"))
            return edit.text_update(document, ("notes",), opened.splice(0, 0, "x" * (at + 1)))
        case "anew":
            return edit.assign(document, ("notes",), TextValue("anew"), "notes", entropy)
        case "delete":
            return edit.delete()
        case "undelete":
            return [((), (24, "task", ()))]
        case _:
            return []
