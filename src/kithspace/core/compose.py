"""What is the payload form of a value of the program, containers included?

Rules:
    protocol 2  Maps and sets are sorted by the canonical CBOR of their keys; items of a list get
                ids from a seed of their own.
    W8          A container carries its whole initial value.
    2.4         Keys have at most 256 bytes, paths 16 segments.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

from kithspace.core.codec import Value
from kithspace.core.path import MAX_DEPTH, MAX_KEY_BYTES, segment_key
from kithspace.core.text import new_text
from kithspace.core.value import (
    BASE,
    LIST,
    MAP,
    ROOT,
    SET,
    TEXT,
    CounterValue,
    Form,
    TextValue,
    int_form,
    to_payload,
)
from kithspace.errors import FieldValue

Entropy: TypeAlias = Callable[[int], bytes]

SEED_BYTES: Final = 8
CLIENT_ID_BYTES: Final = 4


def compose(value: object, field: str, entropy: Entropy, depth: int = 1) -> Value:
    """Return the payload form of a scalar, dict, list, set, `CounterValue` or `TextValue`.

    Args:
        value: Containers nest; keys and elements are scalars.
        field: The field as the user calls it, for the error.
        entropy: For the ids of items, and the client ids of texts.
        depth: How many segments its path has.

    Raises:
        FieldValue: A value that cannot be stored, or containers nested too deep.
        TooBig: A value or a key over its limit.
    """
    if depth > MAX_DEPTH:
        raise FieldValue.of_field(field, "containers nested so deep", "a flatter value")
    if isinstance(value, CounterValue):
        return (BASE, int_form(value.start, field), ())
    if isinstance(value, TextValue):
        return (TEXT, new_text(value.text, new_client_id(entropy)))
    if isinstance(value, Mapping):
        pairs = [
            (_key(key, field), compose(one, field, entropy, depth + 1))
            for key, one in value.items()
        ]
        return map_form(pairs)
    if isinstance(value, list):
        values = tuple(compose(one, field, entropy, depth + 2) for one in value)
        return (LIST, entropy(SEED_BYTES), values)
    if isinstance(value, AbstractSet):
        return set_form([_key(element, field) for element in value])
    return to_payload(value, field)


def compose_root(type_name: str, fields: Mapping[str, object], entropy: Entropy) -> Form:
    """Return the root write of a new object (A6).

    Args:
        type_name: Its type.
        fields: The values that are written; a field that is left out has its default (W9).
        entropy: As for `compose`.

    Raises:
        FieldValue: A value that cannot be stored.
        TooBig: A value over its limit.
    """
    flat: list[Value] = []
    for name, value in fields.items():
        flat += (name, compose(value, f"{type_name}.{name}", entropy))
    return (ROOT, type_name, tuple(flat))


def key_form(key: object, field: str) -> Value:
    """Return the payload form of a map's key or a set's element.

    Raises:
        FieldValue: It is no plain value.
        TooBig: It has over 256 bytes.
    """
    return _key(key, field)


def map_form(pairs: Sequence[tuple[Value, Value]]) -> Form:
    """Return the form of a map from its keys and values, in any order."""
    flat: list[Value] = []
    for key, value in sorted(pairs, key=lambda pair: segment_key(pair[0])):
        flat += (key, value)
    return (MAP, tuple(flat))


def set_form(elements: Sequence[Value]) -> Form:
    """Return the form of a set from its elements, in any order."""
    return (SET, tuple(sorted(elements, key=segment_key)))


def new_client_id(entropy: Entropy) -> int:
    """A random client id for a text (T2)."""
    return int.from_bytes(entropy(CLIENT_ID_BYTES), "big")


def _key(key: object, field: str) -> Value:
    form = to_payload(key, field)
    size = len(segment_key(form))
    if size > MAX_KEY_BYTES:
        raise FieldValue.of_field(field, f"a key of {size} bytes", f"keys of up to {MAX_KEY_BYTES}")
    return form
