"""Which links may a field hold?

A reference to an object of the same space, a `Ref` that may lead elsewhere, or a file. Section 4 of
experience.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from kithspace.core.field_type import UNREADABLE, Links, Shape, Where, link_of, refuse, with_article
from kithspace.core.value import BlobValue, RefValue


@dataclass(frozen=True, slots=True)
class Reference:
    """An object of a class, in the same space. `target` is None where only the name is known."""

    target: type | None
    type_name: str

    @property
    def words(self) -> str:
        """The class."""
        return self.type_name if self.target is None else self.target.__name__

    @property
    def give(self) -> str:
        """What to give instead."""
        return f"{with_article(self.words)} that is in this space"

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return ["object", self.type_name]

    def check(self, value: object, where: Where) -> object:
        """Return its id."""
        if self.target is None or not isinstance(value, self.target):
            raise refuse(value, where, self)
        return link_of(value)

    def read(self, stored: object, links: Links) -> object:
        """Return the object, or None if it is not here."""
        if type(stored) is not RefValue or stored.space is not None:
            return UNREADABLE
        if self.target is None:
            return links.make_ref(stored, None)
        return links.resolve(stored, self.target)

    def empty(self) -> object:
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class RefTo:
    """A `Ref`: an id, maybe of another space; it is looked up only when asked."""

    of: str
    target: type | None = None

    @property
    def words(self) -> str:
        """As in an annotation."""
        return f"Ref[{self.of}]"

    @property
    def give(self) -> str:
        """What to give instead."""
        return "ks.ref(object)"

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return ["ref", self.of]

    def check(self, value: object, where: Where) -> object:
        """Return its ids."""
        if getattr(type(value), "__kith_kind__", "") != "ref":
            raise refuse(value, where, self)
        return link_of(value)

    def read(self, stored: object, links: Links) -> object:
        """Return a `Ref`."""
        return links.make_ref(stored, self.target) if type(stored) is RefValue else UNREADABLE

    def empty(self) -> object:
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class BlobOf:
    """A `Blob`: a file that travels beside the objects."""

    @property
    def words(self) -> str:
        """As in an annotation."""
        return "Blob"

    @property
    def give(self) -> str:
        """What to give instead."""
        return "a ks.Blob"

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return "blob"

    def check(self, value: object, where: Where) -> object:
        """Return its id, key, size and type."""
        stored = getattr(value, "_kith_blob", None)
        if type(stored) is not BlobValue:
            raise refuse(value, where, self)
        return stored

    def read(self, stored: object, links: Links) -> object:
        """Return a `Blob`."""
        return links.make_blob(stored) if type(stored) is BlobValue else UNREADABLE

    def empty(self) -> object:
        """Return None."""
        return None
