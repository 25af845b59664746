"""What is an object called, in errors and lists?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.core.value import ROOT
from kithspace.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kithspace.ports import DraftObject


def title_of(fields: Mapping[str, object], otherwise: str) -> str:
    """Return its title or name, else its first text, else what `otherwise` says."""
    for name in ("title", "name", *fields):
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
    return otherwise


def disk_full(error: DiskFull, first: DraftObject) -> DiskFull:
    """Return the error that names what was not saved."""
    megabytes = error.details.get("megabytes")
    return DiskFull.of(_title_of_draft(first), megabytes if isinstance(megabytes, int) else 1)


def _title_of_draft(part: DraftObject) -> str:
    if part.base is not None:
        return title_of(part.base.doc, part.base.type)
    value = part.writes[0].value
    if type(value) is tuple and value[0] == ROOT:
        flat = value[2]
        names: dict[str, object] = dict(zip(flat[::2], flat[1::2], strict=True))  # type: ignore[index, arg-type]
        return title_of(names, str(value[1]))
    return "this"
