"""How is a method marked that stands in for one of a base class? `typing.override` is of 3.12."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing_extensions import override
else:
    F = TypeVar("F")

    def override(method: F) -> F:
        """Mark a method; type checkers look at it."""
        return method


__all__ = ["override"]
