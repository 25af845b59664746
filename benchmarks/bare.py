"""What do the same bytes cost with the bare libraries, on this machine, now?

The calibration run: seal, sign, hash and commit with libsodium and SQLite (same build, same cipher,
same pragmas), in tables of the same shape; and raw SQLite for what is read. Nothing of kithspace is
used here: this is what is left when everything of ours costs nothing.
"""

import hashlib
import json
import os
import time
from pathlib import Path

import apsw
from nacl import bindings as sodium

from benchmarks.measure import median, times_us

STEP = 1_000
_TABLES = """
create table feeds(n integer primary key, id blob unique, length int, head blob);
create table blocks(n integer primary key, clear blob, sig blob, body blob);
create table objects(n integer primary key, id blob unique, type int, live int, created int,
 doc text, meta blob);
create table touched(obj int, block int, primary key(obj, block)) without rowid;
create index t_type on objects(type, created, id) where live;
create index t7_priority on objects(doc->>'$.priority', created, id) where type = 7 and live;
"""
_OBJECT = "insert into objects values (?, ?, 7, 1, ?, ?, ?)"
_TOUCHED = "insert into touched values (?, ?)"
_BLOCK = "insert into blocks values (?, ?, ?, ?)"
_FOUND = """select n, id, doc, meta from objects indexed by t7_priority where type = 7 and live
 and +(doc->>'$.done') is not 1 and doc->>'$.priority' >= 2
 order by doc->>'$.priority', created, id limit 20"""


class Bare:
    """One encrypted file, and keys."""

    def __init__(self, path: Path) -> None:
        self._database = apsw.Connection(str(path))
        for pragma in (
            "cipher = 'chacha20'",
            f"key = 'raw:{os.urandom(32).hex()}'",
            "journal_mode = wal",
            "synchronous = normal",
            "temp_store = memory",
        ):
            self._database.execute(f"pragma {pragma}").fetchall()
        self._database.execute(_TABLES).fetchall()
        self._database.execute("insert into feeds values (1, ?, 0, ?)", (bytes(32), bytes(32)))
        self._key = os.urandom(32)
        self._secret = sodium.crypto_sign_keypair()[1]
        self._blocks = 0
        self.objects = 0

    def commit_us(self, count: int = 1_000) -> float:
        """Seal, sign and hash 256 bytes, and commit them as a change of one object; the median."""
        return median(times_us(self._commit, count))

    def sign_us(self, count: int = 500) -> float:
        """One signature; the median."""
        return median(times_us(lambda _: sodium.crypto_sign(bytes(256), self._secret), count))

    def verify_us(self, count: int = 500) -> float:
        """Checking one signature; the median."""
        signed = sodium.crypto_sign(bytes(256), self._secret)
        public = self._secret[32:]
        return median(times_us(lambda _: sodium.crypto_sign_open(signed, public), count))

    def insert_per_s(self, count: int) -> float:
        """Objects a second in blocks of 1,000, each block sealed, signed, hashed and committed."""
        start = time.perf_counter()
        for _ in range(0, count, STEP):
            self._insert(STEP)
        return count / (time.perf_counter() - start)

    def blocks_per_s(self, count: int = 5_000) -> float:
        """Blocks a second that come in messages of 250: open, hash, check one, store the rows."""
        start = time.perf_counter()
        nonce, sealed = self._seal(bytes(256))
        signed = sodium.crypto_sign(bytes(256), self._secret)
        for _ in range(0, count, 250):
            sodium.crypto_sign_open(signed, self._secret[32:])
            execute = self._database.execute
            execute("begin immediate")
            for _ in range(250):
                sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, b"", nonce, self._key)
                hashlib.blake2b(sealed, digest_size=32).digest()
                self._blocks += 1
                execute(_BLOCK, (self._blocks, bytes(60), None, bytes(200)))
                self._put_object()
            execute("commit")
        return count / (time.perf_counter() - start)

    def point_us(self, count: int = 1_000) -> float:
        """Read one object's row and its JSON; the median."""
        select = "select doc from objects where n = ?"

        def read(i: int) -> None:
            row = self._database.execute(select, (i % self.objects + 1,)).fetchall()[0]
            json.loads(str(row[0]))

        return median(times_us(read, count))

    def query_us(self, count: int = 300) -> float:
        """The benchmark's query, as rows; the median."""
        return median(times_us(lambda _: self._database.execute(_FOUND).fetchall(), count))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _seal(self, body: bytes) -> tuple[bytes, bytes]:
        nonce = os.urandom(24)
        return nonce, sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(body, b"", nonce, self._key)

    def _put_block(self, body: bytes) -> None:
        nonce, sealed = self._seal(body)
        digest = hashlib.blake2b(sealed, digest_size=32).digest()
        sig = sodium.crypto_sign(digest, self._secret)[:64]
        self._blocks += 1
        self._database.execute(_BLOCK, (self._blocks, digest, sig, nonce + body))
        self._database.execute("update feeds set length = ?, head = ?", (self._blocks, digest))

    def _put_object(self) -> None:
        n = self.objects = self.objects + 1
        doc = json.dumps({"title": f"Task number {n}", "priority": n % 5, "notes": "x" * 60})
        self._database.execute(_OBJECT, (n, os.urandom(16), n, doc, bytes(16)))
        self._database.execute(_TOUCHED, (n, self._blocks))

    def _insert(self, count: int) -> None:
        self._database.execute("begin immediate")
        self._put_block(os.urandom(160 * count))
        for _ in range(count):
            self._put_object()
        self._database.execute("commit")

    def _commit(self, i: int) -> None:
        execute = self._database.execute
        execute("begin immediate")
        self._put_block(bytes(256))
        n = i % max(self.objects, 1) + 1
        doc = json.dumps({"title": f"Task number {n}", "priority": i, "notes": "x" * 60})
        execute("update objects set doc = ?, meta = ? where n = ?", (doc, bytes(20), n))
        execute("insert or ignore into touched values (?, ?)", (n, self._blocks))
        execute("commit")
