"""Who made an object, who changed it last, and when?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.api.links import moment
from kithspace.core.stamp import ZERO, Stamp

if TYPE_CHECKING:
    from datetime import datetime

    from kithspace.api.attached import Attached
    from kithspace.core.cell import Cell
    from kithspace.core.document import Document


class ObjectMeta:
    """What is known of an object beside its fields; read when asked."""

    __slots__ = ("_root", "type")

    def __init__(self, root: Attached | None, type_name: str) -> None:
        self._root = root
        self.type = type_name

    @property
    def created(self) -> datetime | None:
        """When it was added; None while it is in no space."""
        if self._root is None:
            return None
        return moment(self._root.doc.created.milliseconds)

    @property
    def changed(self) -> datetime | None:
        """When it was changed last; None while it is in no space."""
        if self._root is None:
            return None
        return moment(last_stamp(self._root.doc).milliseconds)

    @property
    def by(self) -> str:
        """Who changed it last."""
        if self._root is None:
            return ""
        return self._root.session.backend.who(last_stamp(self._root.doc)).name

    @property
    def app(self) -> str:
        """With which app it was changed last."""
        if self._root is None:
            return ""
        session = self._root.session
        return session.backend.who(last_stamp(self._root.doc), self._root.id).app

    @property
    def deleted(self) -> datetime | None:
        """When it was deleted; None while it is there."""
        if self._root is None or self._root.doc.live:
            return None
        heads = self._root.doc.root.heads
        return moment(heads[0].stamp.milliseconds) if heads else None


def last_stamp(document: Document) -> Stamp:
    """Return the greatest stamp of an object's cells."""
    return _greatest(document.root)


def _greatest(cell: Cell) -> Stamp:
    found = max((head.stamp for head in cell.heads), default=ZERO)
    extra = cell.extra
    if extra is not None:
        sums = (head.stamp for head in extra.sums.values())
        found = max(found, *sums, *(head.stamp for head in extra.base), ZERO)
    return max([found, *(_greatest(kid) for kid in cell.kids.values())])
