"""What tables does a space's file have, and `vault.db`; how did older formats look?

Rules:
    B4  A file's format is its `user_version`: how many of these migrations it has had. A migration
        is never changed after a release; a change of tables is another migration, with a fixture
        of the format before it among the tests.

Source: data.md section 2, protocol.md section 8.
"""

from typing import Final

import apsw

from kithspace.adapters.disk.database import Migration

_SPACE_1: Final = (
    """create table feeds(n integer primary key, id blob unique, branch_of int, length int,
       applied int, signed int, released int, tip int, head blob, last_time int,
       opening blob, opening_sig blob)""",
    "create table blocks(n integer primary key, clear blob, sig blob, body blob)",
    """create table objects(n integer primary key, id blob unique, type int, live int, created int,
       doc text, meta blob)""",
    "create index t_type on objects(type, created, id) where live",
    """create table items(obj int, path blob, parent blob, time int, feed int, value blob,
       more blob, primary key(obj, path)) without rowid""",
    """create table texts(obj int, path blob, n int, data blob,
       primary key(obj, path, n)) without rowid""",
    "create table touched(obj int, block int, primary key(obj, block)) without rowid",
    "create index touched_block on touched(block)",
    "create table about(key text primary key, value blob) without rowid",
    """create table credentials(id blob primary key, depth int, bytes blob, sig blob,
       counts int) without rowid""",
    "create table keys(gen blob primary key, n int, content blob, access blob) without rowid",
    """create table types(n integer primary key, name text unique, version int, fields text,
       indexed text)""",
    """create table held(feed blob, seq int, id blob, bytes blob, body blob, sig blob,
       primary key(feed, seq, id)) without rowid""",
    """create table chunks(hash blob primary key, blob blob, size int,
       body blob) without rowid""",
)

_VAULT_1: Final = (
    "create table about(key text primary key, value blob) without rowid",
    "create table entries(key text primary key, value blob) without rowid",
)


def _space_1(connection: apsw.Connection) -> None:
    for statement in _SPACE_1:
        connection.execute(statement)


def _vault_1(connection: apsw.Connection) -> None:
    for statement in _VAULT_1:
        connection.execute(statement)


SPACE: Final[tuple[Migration, ...]] = (_space_1,)
"""Of a space's file."""
VAULT: Final[tuple[Migration, ...]] = (_vault_1,)
"""Of `vault.db`."""
