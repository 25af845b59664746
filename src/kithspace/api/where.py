"""From which line of a user's program does a call come?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_HOME: Final = str(Path(__file__).parent.parent)


def caller() -> str:
    """Return “groceries.py, line 14”: the nearest frame outside kithspace."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way
    while frame is not None and frame.f_code.co_filename.startswith(_HOME):
        frame = frame.f_back
    if frame is None:
        return "the end of the program"
    return f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"
