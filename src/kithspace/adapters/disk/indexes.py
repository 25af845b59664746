"""Which indexes does a type have?

Rules:
    data.md section 2: one partial index for each declared field, `t7_priority`, over the very
        expression that a query compares (`core.query.index_columns`), so that SQLite finds it.
    B1  A field's default stands in that expression; another default makes another index.

A declaration is JSON, `{field: columns}`, made by this program from a schema; see `PutType`.
"""

import json
from collections.abc import Mapping

import apsw

from kithspace.core.effects import PutType


def declare_indexes(connection: apsw.Connection, before: PutType | None, after: PutType) -> None:
    """Make what is declared and not there, drop what is declared no more or otherwise."""
    old = _statements(before) if before else {}
    new = _statements(after)
    for name, statement in old.items():
        if new.get(name) != statement:
            connection.execute(f"drop index if exists {name}")
    for name, statement in new.items():
        if old.get(name) != statement:
            connection.execute(statement)


def _statements(row: PutType) -> Mapping[str, str]:
    statements: dict[str, str] = {}
    for field, columns in json.loads(row.indexed or "{}").items():
        name = _quoted(f"t{row.n}_{field}")
        statements[name] = (
            f"create index {name} on objects({columns}) where type = {row.n} and live"
        )
    return statements


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
