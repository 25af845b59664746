"""Which ids do the objects of one transaction get?

They have one stamp, so what decides their order is the id: each is greater than the one before, and
still random enough that a few characters tell them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kithspace.core.ids import OBJECT_ID_BYTES, ObjectId

if TYPE_CHECKING:
    from collections.abc import Callable

_END: Final = 1 << (8 * OBJECT_ID_BYTES - 1)
"""Ids of shared objects have the top bit clear (A8)."""
_SHARE: Final = 512
"""An id lies within this part of what is left above the one before."""


class NewIds:
    """Ids in ascending order.

    Args:
        entropy: Random bytes.
    """

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._last = self._random() // 2

    def _random(self) -> int:
        return int.from_bytes(self._entropy(OBJECT_ID_BYTES), "big") % _END

    def take(self) -> ObjectId:
        """Return the next id."""
        found = self._last
        room = max((_END - found) // _SHARE, 1)
        self._last = min(found + 1 + self._random() % room, _END - 1)
        return ObjectId(found.to_bytes(OBJECT_ID_BYTES, "big"))
