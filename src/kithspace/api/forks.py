"""What happens to an open vault in a forked process? Every use raises `Forked`."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Final

from kithspace.errors import Forked

if TYPE_CHECKING:
    from kithspace.api.household import Household

_OPEN: Final[weakref.WeakSet[Household]] = weakref.WeakSet()
_IS_MINDED: list[bool] = []


def mind_forks(household: Household) -> None:
    """From now on a child of this process finds this vault unusable."""
    _OPEN.add(household)
    if not _IS_MINDED and hasattr(os, "register_at_fork"):
        _IS_MINDED.append(True)
        os.register_at_fork(after_in_child=_refuse_all)


def _refuse_all() -> None:
    for household in list(_OPEN):
        household.refuse(Forked.of())
