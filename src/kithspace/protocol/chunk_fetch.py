"""Which peer is asked for which chunk?

One `ChunkFetch` for each space. Stage 1 fetches the key chunks of K1 by it.

Rules (protocol.md X9, security.md K1, K2):
    A chunk is asked of one peer at a time. Who has it not is asked again after a second, then after
    two, and so on up to a minute: it may be fetching it as well. Who does not answer for 20 s is
    not asked again for a minute. What comes must have the hash that was asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from kithspace.core.crypto import hash_of
from kithspace.errors import PeerError

ASK_AGAIN_MS: Final = 20_000
LEAST_REST_MS: Final = 1_000
REST_MS: Final = 60_000
MAX_IN_MESSAGE: Final = 64


@dataclass(slots=True)
class _Wanted:
    peer: bytes | None = None
    until_ms: int = 0
    rest_ms: int = LEAST_REST_MS
    tried: dict[bytes, int] = field(default_factory=dict)


class ChunkFetch:
    """Asks peers for chunks by their hash."""

    def __init__(self) -> None:
        self._wanted: dict[bytes, _Wanted] = {}
        self._asked: dict[bytes, set[bytes]] = {}
        self._now_ms = 0

    def join(self, peer: bytes) -> None:
        """A peer may be asked from now on."""
        self._asked[peer] = set()

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        self._asked.pop(peer, None)
        for wanted in self._wanted.values():
            wanted.tried.pop(peer, None)
            if wanted.peer == peer:
                wanted.peer = None

    def want(self, hashes: Iterable[bytes]) -> None:
        """Ask for these chunks."""
        for hash_ in hashes:
            self._wanted.setdefault(hash_, _Wanted())

    def to_ask(self, peer: bytes, now_ms: int) -> list[bytes]:
        """Hashes to ask of this peer now."""
        due: list[bytes] = []
        for hash_, wanted in self._wanted.items():
            if len(due) == MAX_IN_MESSAGE:
                break
            if wanted.peer is None and wanted.tried.get(peer, 0) <= now_ms:
                wanted.peer = peer
                wanted.until_ms = now_ms + ASK_AGAIN_MS
                due.append(hash_)
        self._asked[peer].update(due)
        return due

    def came(self, peer: bytes, hash_: bytes, body: bytes | None, now_ms: int) -> bool:
        """Take a chunk, or the word that it is not there; return whether it is wanted.

        Raises:
            PeerError: It was not asked for, or has another hash.
        """
        if hash_ not in self._asked[peer]:
            raise PeerError("E_STATE", "a chunk that was not asked for")
        self._asked[peer].discard(hash_)
        if body is not None and hash_of("ks1/chunk", body) != hash_:
            raise PeerError("E_HASH", "a chunk has another hash")
        wanted = self._wanted.get(hash_)
        if wanted is None:
            return False
        if body is None:
            self._rest(wanted, peer, now_ms + wanted.rest_ms)
            wanted.rest_ms = min(REST_MS, 2 * wanted.rest_ms)
            return False
        del self._wanted[hash_]
        return True

    def next_deadline(self) -> int | None:
        """When somebody else is to be asked."""
        times: list[int] = []
        for wanted in self._wanted.values():
            if wanted.peer is not None:
                times.append(wanted.until_ms)
            else:
                times.extend(wanted.tried.values())
        return min((ms for ms in times if ms > self._now_ms), default=None)

    def time_passed(self, now_ms: int) -> None:
        """Ask others for what was not answered."""
        self._now_ms = now_ms
        for wanted in self._wanted.values():
            if wanted.peer is not None and wanted.until_ms <= now_ms:
                self._rest(wanted, wanted.peer, now_ms + REST_MS)

    @staticmethod
    def _rest(wanted: _Wanted, peer: bytes, until_ms: int) -> None:
        wanted.tried[peer] = until_ms
        if wanted.peer == peer:
            wanted.peer = None
