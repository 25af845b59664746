"""What stands for a value in an object's JSON, so that SQL can compare and sort it?

Rules:
    B1  Projections sort as their values do: dates as UTC with six decimals, Decimals as text that
        orders as numbers do, ints beyond 64 bits as the nearest float, bytes as hex. They need not
        be exact: the payload form is kept beside them.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final, TypeAlias
from uuid import UUID

from kithspace.core.codec import Value
from kithspace.core.ids import to_text
from kithspace.core.value import (
    BIG_INT,
    BLOB,
    DATE,
    DATETIME,
    DECIMAL,
    REF,
    TIME,
    TIMEDELTA,
    UUID_CODE,
    Form,
    read_int,
)

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""What an object's `doc` holds."""


def project(value: Value) -> Json:
    """Return what stands for a scalar in an object's JSON; it sorts as the value does (B1)."""
    if isinstance(value, tuple):
        show = _PROJECT.get(value[0])
        return None if show is None else show(value)
    if isinstance(value, bytes):
        return value.hex()
    if type(value) is int and not -(2**63) <= value < 2**63:
        return float(value)
    return value


def _show_int(form: Form) -> Json:
    number = read_int(form)
    try:
        return float(number)
    except OverflowError:
        return _GREATEST_FLOAT if number > 0 else -_GREATEST_FLOAT


def _show_datetime(form: Form) -> Json:
    moment = datetime.fromisoformat(form[1])
    if moment.tzinfo is None:
        return moment.isoformat(timespec="microseconds")
    try:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    except OverflowError:
        # Within a day of the ends of the calendar.
        return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _show_time(form: Form) -> Json:
    return time.fromisoformat(form[1]).isoformat(timespec="microseconds")


def _show_timedelta(form: Form) -> Json:
    return project(form[1])


def _show_decimal(form: Form) -> Json:
    """Text that orders as the numbers do, and is equal where they are.

    A positive number is `2`, its exponent, its digits; the exponent is a letter for its sign and
    length, then its digits, nines' complement if negative. A negative number is `0`, the same with
    every character mirrored, and `~`, so that a longer run of digits sorts before its start.
    """
    number = Decimal(form[1])
    if not number:
        return "1"
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    exponent = str(abs(number.adjusted()))
    if number.adjusted() >= 0:
        body = chr(ord("m") + len(exponent)) + exponent + digits
    else:
        body = chr(ord("m") - len(exponent)) + exponent.translate(_NINES) + digits
    return "2" + body if number > 0 else "0" + body.translate(_MIRROR) + "~"


def _show_ref(form: Form) -> Json:
    target = to_text(form[1])
    return target if form[2] is None else f"{target}@{to_text(form[2])}"


_GREATEST_FLOAT: Final = float.fromhex("0x1.fffffffffffffp+1023")
_NINES: Final = str.maketrans("0123456789", "9876543210")
_LETTERS: Final = "".join(map(chr, range(ord("a"), ord("z") + 1)))
_MIRROR: Final = str.maketrans("0123456789" + _LETTERS, "9876543210" + _LETTERS[::-1])

_PROJECT: Final[dict[Value, Callable[[Form], Json]]] = {
    BIG_INT: _show_int,
    DATETIME: _show_datetime,
    DATE: lambda form: form[1],
    TIME: _show_time,
    TIMEDELTA: _show_timedelta,
    DECIMAL: _show_decimal,
    UUID_CODE: lambda form: str(UUID(bytes=form[1])),
    REF: _show_ref,
    BLOB: lambda form: to_text(form[1]),
}
