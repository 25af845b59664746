"""Any message of the protocol, and messages that nearly are one."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from kithspace.protocol import messages as m


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values that fit a field."""
    match kind:
        case msgspec.inspect.IntType(ge=least, le=greatest):
            return st.integers(least, greatest)
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.StrType(pattern=str()):
            return st.integers(1, 9_999).map(str)
        case msgspec.inspect.StrType(max_length=greatest):
            return st.text(max_size=min(greatest or 32, 32))
        case msgspec.inspect.BytesType(min_length=least, max_length=greatest):
            return st.binary(min_size=least or 0, max_size=max(least or 0, min(greatest or 40, 80)))
        case msgspec.inspect.VarTupleType(item_type=item, min_length=least):
            return st.lists(values_of(item), min_size=least or 0, max_size=(least or 0) + 3).map(
                tuple
            )
        case msgspec.inspect.TupleType(item_types=items):
            return st.tuples(*map(values_of, items))
        case msgspec.inspect.UnionType(types=kinds):
            return st.one_of(*map(values_of, kinds))
        case _:
            raise AssertionError(kind)


def messages_of(kind: type[m.Message]) -> st.SearchStrategy[Any]:
    """Messages of one kind."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return st.builds(kind, *(values_of(field.type) for field in info.fields))


any_message = st.sampled_from(m.KINDS).flatmap(messages_of)
"""Any message."""

plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.binary(max_size=40)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)
odd_messages = st.lists(plain_values, max_size=6).flatmap(
    lambda rest: st.integers(-1, 60).map(lambda number: [number, *rest])
)
"""Arrays that look like a message."""
