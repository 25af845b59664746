"""What is in a CSV or JSON file of records? Checked whole before anything is written."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import Final

from kithspace.cli.values import WrongInput, field_name

Record = dict[str, object]

_WHOLE: Final = re.compile(r"-?[1-9][0-9]*|0")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def read_records(path: Path) -> list[Record]:
    """Read all records of a file by its suffix, `.csv` or `.json`.

    A missing value (an empty cell, a key that is not there) stays out of its record; null is kept.

    Raises:
        WrongInput: The file cannot be read, or a line is wrong; it names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongInput(
            f"{path.name} is not UTF-8: byte {error.start} cannot be read.",
            "Save it as UTF-8. Nothing was written.",
        ) from error
    except OSError as error:
        raise WrongInput(f"{path} cannot be read: {error.strerror}.", "Check the name.") from error
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _read_csv(path.name, text)
    if suffix == ".json":
        return _read_json(path.name, text)
    raise WrongInput(f"{path.name} is neither .csv nor .json.", "Give the file that suffix.")


def _read_csv(name: str, text: str) -> list[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend((reader.line_num, row) for row in reader if row)
    except csv.Error as error:
        raise _wrong_line(name, reader.line_num, f"is no CSV ({error})") from error
    if not rows:
        raise WrongInput(f"{name} is empty.", "The first line names the fields.")
    fields = _fields(name, rows[0][1])
    for line, row in rows[1:]:
        if len(row) != len(fields):
            raise _wrong_line(name, line, f"has {len(row)} values, the header has {len(fields)}")
    columns = [[row[place] for _, row in rows[1:]] for place in range(len(fields))]
    typed = [_typed(column) for column in columns]
    return [
        {field: value for field, value in zip(fields, values, strict=True) if value is not None}
        for values in zip(*typed, strict=True)
    ]


def _typed(column: Sequence[str]) -> list[object]:
    """Read a column as one type: whole numbers, numbers, booleans, else text."""
    for read in _COLUMN_TYPES:
        try:
            return [read(cell) if cell else None for cell in column]
        except ValueError:
            continue
    return [cell or None for cell in column]


def _whole(cell: str) -> int:
    if not _WHOLE.fullmatch(cell):  # 007 and +1 are names, not numbers
        raise ValueError(cell)
    return int(cell)


def _number(cell: str) -> float:
    if not _NUMBER.fullmatch(cell) or not isfinite(float(cell)):
        raise ValueError(cell)
    return float(cell)


def _truth(cell: str) -> bool:
    if cell.lower() not in {"true", "false"}:
        raise ValueError(cell)
    return cell.lower() == "true"


_COLUMN_TYPES: Final[tuple[Callable[[str], object], ...]] = (_whole, _number, _truth)


def _read_json(name: str, text: str) -> list[Record]:
    try:
        loaded = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _wrong_line(name, error.lineno, f"is no JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise WrongInput(f"{name} is no JSON: {error}.", "Nothing was written.") from error
    if not isinstance(loaded, list):
        raise WrongInput(f"{name} holds no list of records.", "It must look like [{…}, {…}].")
    labels: dict[str, None] = {}
    for place, record in enumerate(loaded, 1):
        if not isinstance(record, dict):
            raise WrongInput(
                f"Record {place} of {name} is no record: {record!r:.60}.", "Nothing was written."
            )
        labels.update(dict.fromkeys(record))
    fields = dict(zip(labels, _fields(name, list(labels)), strict=True))
    return [{fields[label]: value for label, value in record.items()} for record in loaded]


def _no_constant(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON value")


def _fields(name: str, labels: Iterable[str]) -> list[str]:
    fields = [field_name(label) for label in labels]
    twice = [field for field, count in Counter(fields).items() if count > 1]
    if twice:
        raise WrongInput(
            f"{name} has two columns for the field “{twice[0]}”.", "Rename one of them."
        )
    return fields


def _wrong_line(name: str, line: int, what: str) -> WrongInput:
    return WrongInput(f"Line {line} of {name} {what}.", "Nothing was written.", line=line)
