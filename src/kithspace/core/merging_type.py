"""What may a field hold that merges instead of winning?

A text and a counter are fields of an object or record; they exist from the start (W8), and a bare
str or int is no value for them (experience.md section 2, amendments: Counters).
"""

from __future__ import annotations

from dataclasses import dataclass

from kithspace.core.field_type import UNREADABLE, Links, Shape, Where, refuse
from kithspace.core.value import CounterValue, TextValue


@dataclass(frozen=True, slots=True)
class CounterOf:
    """A `Counter`; `cls` is the API's class."""

    cls: type

    @property
    def words(self) -> str:
        """As in an annotation."""
        return "Counter"

    @property
    def give(self) -> str:
        """What to give instead."""
        return "ks.Counter(n), or add with +="

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return "counter"

    def check(self, value: object, where: Where) -> object:
        """Return what makes a counter that stands there."""
        if type(value) is not self.cls or not isinstance(value, int):
            raise refuse(value, where, self)
        return CounterValue(int(value))

    def read(self, stored: object, links: Links) -> object:
        """Return a counter that belongs to nothing."""
        return self.cls(stored) if type(stored) is int else UNREADABLE

    def empty(self) -> object:
        """Return nought."""
        return self.cls()


@dataclass(frozen=True, slots=True)
class TextOf:
    """A `Text`; `cls` is the API's class."""

    cls: type

    @property
    def words(self) -> str:
        """As in an annotation."""
        return "Text"

    @property
    def give(self) -> str:
        """What to give instead."""
        return "ks.Text(…), or use .set(…)"

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return "text"

    def check(self, value: object, where: Where) -> object:
        """Return what makes a text that says the same."""
        if type(value) is not self.cls:
            raise refuse(value, where, self)
        return TextValue(str(value))

    def read(self, stored: object, links: Links) -> object:
        """Return a text that belongs to nothing."""
        return self.cls(stored) if type(stored) is str else UNREADABLE

    def empty(self) -> object:
        """Return a text with nothing in it."""
        return self.cls()
