"""How does a class declare its fields, and how is one read from an object?

`field()` stands after the `=` of a declaration. A `FieldSlot` takes its place in the class: it is
asked only while the object has no value in its `__dict__`, so that a value that was read once
costs what any attribute costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from kithspace.api.overriding import override
from kithspace.core.schema import MISSING, FieldSpec

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")


class Holder(Protocol):
    """Something with fields: an object or a record."""

    def _kith_read(self, name: str) -> object:
        """Return the value of a field."""


class FieldSlot:
    """A field in a class."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, holder: Holder | None, cls: type | None = None) -> object:
        if holder is None:
            return self
        return holder._kith_read(self._name)  # noqa: SLF001 - the protocol Holder

    @override
    def __repr__(self) -> str:
        return f"<field {self._name}>"


@overload
def field(
    *,
    default: T,
    index: bool = False,
    text: bool = False,
    was: str = "",
    kw_only: bool = False,
    doc: str = "",
) -> T: ...
@overload
def field(
    *,
    factory: Callable[[], T],
    index: bool = False,
    text: bool = False,
    was: str = "",
    kw_only: bool = False,
    doc: str = "",
) -> T: ...
@overload
def field(
    *,
    index: bool = False,
    text: bool = False,
    was: str = "",
    kw_only: bool = False,
    doc: str = "",
) -> Any: ...  # noqa: ANN401 - as with dataclasses.field: the annotation types it
def field(
    *,
    default: object = MISSING,
    factory: Callable[[], object] | None = None,
    index: bool = False,
    text: bool = False,
    was: str = "",
    kw_only: bool = False,
    doc: str = "",
) -> object:
    """Declare a field with more than a default.

    Args:
        default: What an object shows that was given no value; a mutable one is copied.
        factory: Makes that value for each new object instead.
        index: Keep an index: fast `==`, `<` and order.
        text: Keep full text.
        was: The field's former name: values written under it are shown here.
        kw_only: A new object takes it by name only.
        doc: One line for whoever else reads the type.
    """
    return FieldSpec(default, factory, index, text, was, kw_only, doc)
