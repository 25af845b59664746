"""Where does an item stand in its list, and where do new ones go?

A position is a fractional index: text that orders by its characters, with room between any two.

Rules:
    L2   Position = fractional index and a short suffix from the seed, so that two people who
         insert at one place get different positions. Equal positions order by item id; an insert
         between equals moves the later ones in the same block.
    L3   A position over 48 characters: the stretch around it is placed anew in the same block. A
         run of n inserted items hangs under one key, so that two pastes do not interleave.
    A11  P = key between the neighbours ‖ 3 base-62 digits of the seed, the last never 0; if that,
         or the last of the run below, reaches the upper neighbour: begin again with the key
         between the first key and it. A run of n > 1: P ‖ i in base 62, fixed width ‖ "V".

Source: the algorithm of npm's `fractional-indexing`; vectors/positions.json was made with it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE: Final = len(DIGITS)
MAX_LENGTH: Final = 48
"""Longer than this, and the stretch is placed anew (L3)."""
LONGEST: Final = 256
"""Longer than this is no position."""

_VALUE: Final = {digit: value for value, digit in enumerate(DIGITS)}
_LEAST_INTEGER: Final = "A" + "0" * 26
_MIDDLE: Final = "V"
_FIRST_WINDOW: Final = 8


class Placed(NamedTuple):
    """Where new items go.

    Attributes:
        new: Positions of the new items, ascending.
        moved: `(index, position)` of items that have to move, by their old index.
    """

    new: list[str]
    moved: list[tuple[int, str]]


def is_position(value: object) -> bool:
    """Whether this is a position; an item without one is not in its list."""
    if type(value) is not str or not 2 <= len(value) <= LONGEST:
        return False
    length = _integer_length(value[0])
    return (
        0 < length <= len(value)
        and value != _LEAST_INTEGER
        and all(digit in _VALUE for digit in value)
        and (len(value) == length or value[-1] != "0")
    )


def place(taken: Sequence[str], index: int, count: int, seed: bytes) -> Placed:
    """Find positions for `count` new items before the item at `index` (L2, L3).

    Args:
        taken: Positions of the list's items, in the list's order.
        index: 0 to `len(taken)`.
        count: At least 1.
        seed: 8 bytes.
    """
    first, last = index, index
    if 0 < index < len(taken) and taken[index - 1] == taken[index]:
        while last < len(taken) and taken[last] == taken[index]:
            last += 1
    window = _FIRST_WINDOW
    keys = _fit(taken, first, last, count, seed)
    while keys is None:
        first, last = max(0, first - window), min(len(taken), last + window)
        window *= 2
        keys = _fit(taken, first, last, count, seed)
    before = index - first
    moved = [*range(first, index), *range(index, last)]
    places = keys[:before] + keys[before + count :]
    return Placed(keys[before : before + count], list(zip(moved, places, strict=True)))


def a11_positions(low: str | None, high: str | None, seed: bytes, count: int) -> list[str]:
    """Positions of `count` items put in together between two neighbours (A11).

    Args:
        low: The lower neighbour's position, or None at the start.
        high: The upper one's, or None at the end.
        seed: 8 bytes; items put in together share it.
        count: At least 1.
    """
    value = int.from_bytes(seed, "big")
    suffix = (
        DIGITS[value % BASE]
        + DIGITS[value // BASE % BASE]
        + DIGITS[1 + value // BASE**2 % (BASE - 1)]
    )
    key = key_between(low, high)
    while high is not None and _last(key + suffix, count) >= high:
        key = key_between(key, high)
    start = key + suffix
    if count == 1:
        return [start]
    width = _width(count)
    return [start + _number(place, width) + _MIDDLE for place in range(count)]


def key_between(low: str | None, high: str | None) -> str:
    """Return a key between two, or before, or after one (None: no neighbour on that side).

    Raises:
        ValueError: `low` is not below `high`.
    """
    if low is not None and high is not None and low >= high:
        raise ValueError("the lower neighbour is not below the upper one")
    if low is None:
        return "a0" if high is None else _before(high)
    whole, fraction = _split(low)
    above = _increment(whole)
    if high is None:
        return above if above is not None else whole + _midpoint(fraction, None)
    high_whole, high_fraction = _split(high)
    if whole == high_whole:
        return whole + _midpoint(fraction, high_fraction)
    if above is not None and above < high:
        return above
    return whole + _midpoint(fraction, None)


def _fit(taken: Sequence[str], first: int, last: int, count: int, seed: bytes) -> list[str] | None:
    """Positions for `count` items and those from `first` to `last`, or None if there is no room."""
    low = taken[first - 1] if first else None
    high = taken[last] if last < len(taken) else None
    if low is not None and high is not None and low >= high:
        return None
    keys = a11_positions(low, high, seed, count + last - first)
    has_room = len(keys[-1]) <= MAX_LENGTH or (low is None and high is None)
    return keys if has_room else None


def _last(start: str, count: int) -> str:
    return start if count == 1 else start + _number(count - 1, _width(count)) + _MIDDLE


def _width(count: int) -> int:
    """Digits of count - 1 in base 62."""
    width, left = 1, (count - 1) // BASE
    while left:
        width, left = width + 1, left // BASE
    return width


def _number(value: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        value, digit = divmod(value, BASE)
        digits = DIGITS[digit] + digits
    return digits


def _integer_length(head: str) -> int:
    if "a" <= head <= "z":
        return ord(head) - ord("a") + 2
    if "A" <= head <= "Z":
        return ord("Z") - ord(head) + 2
    return 0


def _split(key: str) -> tuple[str, str]:
    length = _integer_length(key[0])
    return key[:length], key[length:]


def _before(high: str) -> str:
    whole, fraction = _split(high)
    if whole == _LEAST_INTEGER:
        return whole + _midpoint("", fraction)
    if fraction:
        return whole
    below = _decrement(whole)
    # Below the least of 27 digits there is nothing: no list comes there in 62^26 inserts.
    return below if below is not None else whole


def _increment(whole: str) -> str | None:
    digits = list(whole[1:])
    for place in reversed(range(len(digits))):
        value = _VALUE[digits[place]] + 1
        if value < BASE:
            digits[place] = DIGITS[value]
            return whole[0] + "".join(digits)
        digits[place] = DIGITS[0]
    if whole[0] == "Z":
        return "a0"
    if whole[0] == "z":
        return None
    head = chr(ord(whole[0]) + 1)
    return head + ("".join(digits) + "0" if head > "a" else "".join(digits[:-1]))


def _decrement(whole: str) -> str | None:
    digits = list(whole[1:])
    for place in reversed(range(len(digits))):
        value = _VALUE[digits[place]] - 1
        if value >= 0:
            digits[place] = DIGITS[value]
            return whole[0] + "".join(digits)
        digits[place] = DIGITS[-1]
    if whole[0] == "a":
        return "Z" + DIGITS[-1]
    if whole[0] == "A":
        return None
    head = chr(ord(whole[0]) - 1)
    return head + ("".join(digits) + DIGITS[-1] if head < "Z" else "".join(digits[:-1]))


def _midpoint(low: str, high: str | None) -> str:
    """A fraction between two; `high` None is 1. Neither ends in 0."""
    common = 0
    if high:
        while (low[common] if common < len(low) else "0") == high[common]:
            common += 1
        if common:
            return high[:common] + _midpoint(low[common:], high[common:])
    low_digit = _VALUE[low[0]] if low else 0
    high_digit = _VALUE[high[0]] if high else BASE
    if high_digit - low_digit > 1:
        return DIGITS[(low_digit + high_digit + 1) // 2]
    if high and len(high) > 1:
        return high[0]
    return DIGITS[low_digit] + _midpoint(low[1:], None)
