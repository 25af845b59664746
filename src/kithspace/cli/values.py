"""How are fields typed on a command line read? `title=Milk priority=2 tags+=fridge votes+=1`."""

import json
import re
from typing import Final, Literal, NamedTuple

from kithspace.errors import KithError

_ASSIGNMENT: Final = re.compile(r"(?P<field>[^\W\d]\w*)(?P<op>\+=|-=|=)(?P<value>.*)", re.DOTALL)


class WrongInput(KithError):
    """What was typed, or a file that was named, is not what the command takes."""

    exit_code = 2


class Assignment(NamedTuple):
    """One `field=value`, `field+=value` or `field-=value`."""

    field: str
    op: Literal["=", "+=", "-="]
    value: object


def read_assignments(words: tuple[str, ...]) -> list[Assignment]:
    """Read the assignments of `kith add` and `kith set`.

    Raises:
        WrongInput: A word is no assignment.
    """
    return [_read_assignment(word) for word in words]


def _read_assignment(word: str) -> Assignment:
    match = _ASSIGNMENT.fullmatch(word)
    if match is None:
        raise WrongInput(f"“{word}” is no assignment.", "Write field=value, such as title=Milk.")
    op: Literal["=", "+=", "-="] = match["op"]  # type: ignore[assignment]
    return Assignment(match["field"], op, read_value(match["value"]))


def read_value(text: str) -> object:
    """A value is JSON, else text: `2`, `true`, `["dairy"]`, `Oat milk`."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # also a thousand brackets are text
        return text


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def field_name(label: str) -> str:
    """Make a field's name from a column's label: `US Gross` becomes `us_gross`."""
    name = re.sub(r"\W+", "_", label.strip()).strip("_").lower()
    if not name:
        raise WrongInput(f"The column “{label}” has no name.", "Give every column a name.")
    name = f"n{name}" if name[0].isdigit() else name
    return f"{name}_" if name in _TAKEN else name


_TAKEN: Final = frozenset({"id", "space", "meta", "history", "conflicts"})
"""Names that belong to kithspace (experience.md section 4)."""


def show_value(value: object) -> str:
    """A value in a table: text as it is, nothing for None, else JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
