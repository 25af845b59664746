"""What is a file that lies beside the objects?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.api.overriding import override

if TYPE_CHECKING:
    from kithspace.core.value import BlobValue


class Blob:
    """A file that somebody put into a field; comes with the objects that name it."""

    __slots__ = ("_kith_blob",)
    __kith_kind__ = "blob"

    _kith_blob: BlobValue

    def __init__(self, stored: BlobValue) -> None:
        self._kith_blob = stored

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self._kith_blob.size_bytes

    @property
    def type(self) -> str:
        """Its media type, such as `image/png`."""
        return self._kith_blob.media_type

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blob) and self._kith_blob == other._kith_blob

    @override
    def __hash__(self) -> int:
        return hash(self._kith_blob)

    @override
    def __repr__(self) -> str:
        return f"Blob({self.size:,} bytes, {self.type or 'no type'})"
