"""What is an object that one write has made, and nothing has changed since?

Most objects are made with plain values and stay so, or are only read. Their JSON says everything
then: every field has one head, with the stamp of the making and the value that the JSON has (B1).
Such an object has no cells until somebody asks for them.

Rules: W8 (the fields unfold with the root's stamp), A6, B1.
"""

from typing import TYPE_CHECKING, Final

from kithspace.core.cell import Cell, Head
from kithspace.core.path import name_key
from kithspace.core.value import ROOT, Form

if TYPE_CHECKING:
    from kithspace.core.codec import Value
    from kithspace.core.projection import Json
    from kithspace.core.stamp import Stamp

_PLAIN: Final = frozenset({str, bool, float, type(None)})
_LEAST: Final = -(2**63)
_END: Final = 2**63


def made_doc(fields: Form) -> "dict[str, Json] | None":
    """The JSON of an object made with these names and values; None: it does not say everything."""
    values = fields[1::2]
    for value in values:
        kind = type(value)
        if kind not in _PLAIN and not (kind is int and _LEAST <= value < _END):
            return None
    return dict(zip(fields[::2], values, strict=True))


def made_root(type_name: str, created: "Stamp", doc: "dict[str, Json]") -> Cell:
    """The cells of an object from its JSON."""
    kids = {}
    for name, value in doc.items():
        plain: Value = value  # type: ignore[assignment]  # as `made_doc` took it
        kids[name_key(name)] = Cell((_new(Head, (created, plain, None)),))
    return Cell((Head(created, (ROOT, type_name, ())),), kids)


_new: Final = tuple.__new__
"""Makes a `Head` without the price of its keyword defaults."""
