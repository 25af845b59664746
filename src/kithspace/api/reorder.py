"""Which moves bring a list into another order, as few as can be?

What stays in place is a longest increasing run of the old places (Fredman 1975, by patience
sorting); everything else moves once.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def moving(order: Sequence[int]) -> list[int]:
    """Return the places in `order` whose values have to move, ascending.

    Args:
        order: For each new place, the old one; a permutation.
    """
    staying = set(_longest_increasing(order))
    return [place for place in range(len(order)) if place not in staying]


def _longest_increasing(order: Sequence[int]) -> list[int]:
    """Return places of a longest increasing subsequence."""
    ends: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(order):
        length = bisect_left(ends, value)
        before.append(places[length - 1] if length else -1)
        if length == len(ends):
            ends.append(value)
            places.append(place)
        else:
            ends[length], places[length] = value, place
    found = []
    place = places[-1] if places else -1
    while place >= 0:
        found.append(place)
        place = before[place]
    return found[::-1]
