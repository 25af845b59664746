"""How is a time told to a person?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from kithspace.adapters.system import SystemClock

_STEPS: Final = ((86_400, "day"), (3_600, "h"), (60, "min"))


def now() -> datetime:
    """This moment, with a zone."""
    return datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)


def ago(when: datetime | None) -> str:
    """`2 min ago`, `3 days ago`, `just now`; `never`."""
    if when is None:
        return "never"
    seconds = int((now() - when).total_seconds())
    for size, unit in _STEPS:
        if seconds >= size:
            count = seconds // size
            plural = "s" if unit == "day" and count > 1 else ""
            return f"{count} {unit}{plural} ago"
    return "just now"


def clock_time(when: datetime) -> str:
    """`tomorrow 14:05`, in the zone of this computer."""
    local, today = when.astimezone(), now().astimezone()
    days = (local.date() - today.date()).days
    day = {0: "today", 1: "tomorrow"}.get(days, f"{local.day} {local:%B}")
    return f"{day} {local:%H:%M}"
