"""Is what came from outside a well-formed scalar?

Rules:
    V14          The exact grammar of each value type; one value has one form.
    security 2.3 Big integers only where the plain form does not fit, in the fewest bytes.
    security 2.4 A value has at most 128 KiB.
    A6           An unknown code is accepted, whatever follows it.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from kithspace.core.codec import Value
from kithspace.core.ids import ID_BYTES, OBJECT_ID_BYTES
from kithspace.core.value import (
    BIG_INT,
    BLOB,
    DATE,
    DATETIME,
    DECIMAL,
    GREATEST_PLAIN,
    LEAST_PLAIN,
    MAX_DECIMAL_LENGTH,
    MAX_INT_BYTES,
    MAX_VALUE_BYTES,
    REF,
    STRUCTURES,
    TIME,
    TIMEDELTA,
    UUID_CODE,
    ZONE_NAME,
    Form,
    int_form,
    read_int,
)
from kithspace.errors import PayloadError

_T = TypeVar("_T", date, time, datetime)


def check_scalar(value: Value) -> None:
    """Check the exact grammar of a scalar's payload form (V14).

    Raises:
        PayloadError: The form breaks its grammar.
    """
    if isinstance(value, tuple):
        code = code_of(value)
        check = _CHECK.get(code)
        if check is not None and not check(value):
            raise PayloadError(f"a value of code {code} breaks its grammar")
    elif isinstance(value, str | bytes) and len(value) * 4 > MAX_VALUE_BYTES:
        size = len(value.encode()) if isinstance(value, str) else len(value)
        if size > MAX_VALUE_BYTES:
            raise PayloadError("a value is over its limit")


def code_of(form: Form) -> int:
    """Return the code of a value in tuple form.

    Raises:
        PayloadError: It has none.
    """
    if not form or type(form[0]) is not int or form[0] < 0:
        raise PayloadError("a value has no code")
    return form[0]


def is_int_form(form: Value) -> bool:
    """Whether this is what `int_form` gives."""
    if type(form) is tuple:
        return len(form) == 2 and form[0] == BIG_INT and _is_big_int(form)
    return type(form) is int


def _is_big_int(form: Form) -> bool:
    raw = form[1]
    if type(raw) is not bytes or not 1 <= len(raw) <= MAX_INT_BYTES:
        return False
    number = int.from_bytes(raw, "big", signed=True)
    return not LEAST_PLAIN <= number <= GREATEST_PLAIN and int_form(number) == (BIG_INT, raw)


def _is_datetime(form: Form) -> bool:
    moment = _iso(datetime, form[1])
    if len(form) == 2:
        return moment is not None
    zone = form[2]
    return (
        moment is not None
        and moment.tzinfo is not None
        and type(zone) is str
        and ZONE_NAME.fullmatch(zone) is not None
    )


def _iso(kind: type[_T], text: object) -> _T | None:
    if type(text) is not str:
        return None
    try:
        read = kind.fromisoformat(text)
    except ValueError:
        return None
    return read if read.isoformat() == text else None


def _is_timedelta(form: Form) -> bool:
    if not is_int_form(form[1]):
        return False
    try:
        timedelta(microseconds=read_int(form[1]))
    except OverflowError:
        return False
    return True


def _is_decimal(form: Form) -> bool:
    text = form[1]
    if type(text) is not str or len(text) > MAX_DECIMAL_LENGTH:
        return False
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return number.is_finite() and str(number) == text


def _is_ref(form: Form) -> bool:
    return _is_bytes(form[1], OBJECT_ID_BYTES) and (form[2] is None or _is_bytes(form[2], ID_BYTES))


def _is_blob(form: Form) -> bool:
    _, blob, key, size, media_type = form
    return (
        _is_bytes(blob, ID_BYTES)
        and _is_bytes(key, ID_BYTES)
        and type(size) is int
        and size >= 0
        and type(media_type) is str
        and len(media_type) <= 128
    )


def _is_bytes(value: object, size: int) -> bool:
    return type(value) is bytes and len(value) == size


def _sized(lengths: frozenset[int], check: Callable[[Form], bool]) -> Callable[[Form], bool]:
    return lambda form: len(form) in lengths and check(form)


_CHECK: Final[dict[Value, Callable[[Form], bool]]] = {
    **dict.fromkeys(STRUCTURES, lambda _form: False),
    BIG_INT: _sized(frozenset({2}), _is_big_int),
    DATETIME: _sized(frozenset({2, 3}), _is_datetime),
    DATE: _sized(frozenset({2}), lambda form: _iso(date, form[1]) is not None),
    TIME: _sized(frozenset({2}), lambda form: _iso(time, form[1]) is not None),
    TIMEDELTA: _sized(frozenset({2}), _is_timedelta),
    DECIMAL: _sized(frozenset({2}), _is_decimal),
    UUID_CODE: _sized(frozenset({2}), lambda form: _is_bytes(form[1], 16)),
    REF: _sized(frozenset({3}), _is_ref),
    BLOB: _sized(frozenset({5}), _is_blob),
}
