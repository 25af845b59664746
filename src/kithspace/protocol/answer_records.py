"""Which credentials and chunks that a peer lacks go out next?

Rules (protocol.md):
    X5, X7  Credentials asked for by the first 16 bytes of their ids, or all, parents first; news
            of credentials without being asked.
    X8      What is asked for stays a list of names until there is room.
    X9      Chunks; null for what is not here.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, TypeAlias

from kithspace.errors import PeerError
from kithspace.protocol.leaves import PREFIX_BYTES
from kithspace.protocol.messages import MAX_CREDENTIALS_BYTES, MAX_WANTED, ROOM, Chunk
from kithspace.protocol.sets import Sets

MAX_ASKED: Final = 4_096
"""Credentials that may be asked for and not answered, beyond all there are."""
MAX_CHUNKS: Final = 1_024
MAX_RECORDS: Final = 1_024
_BYTES_AROUND: Final = 80
"""What a credential takes on the wire beside its bytes: signature and lengths."""

Records: TypeAlias = tuple[tuple[bytes, bytes], ...]


class CredentialAnswers:
    """Credentials on their way to one peer.

    Attributes:
        news: Ids accepted here that the peer has not been told of, oldest first.
    """

    def __init__(self, sets: Sets) -> None:
        self._sets = sets
        self._asked: deque[bytes] = deque()
        self._most = MAX_ASKED
        self.news: dict[bytes, None] = {}

    def __bool__(self) -> bool:
        return bool(self._asked or self.news)

    def want(self, prefixes: Sequence[bytes]) -> None:
        """Take a request; none asks for all.

        Raises:
            PeerError: E_LIMIT: too much is asked for and not answered.
        """
        if prefixes:
            self._asked.extend(prefixes)
        elif not self._asked:
            leaves = sorted(self._sets.credential_leaves(), key=lambda leaf: (leaf[1], leaf[0]))
            self._asked.extend(id_[:PREFIX_BYTES] for id_, _ in leaves)
            self._most = MAX_ASKED + len(leaves)
        if len(self._asked) > self._most:
            raise PeerError("E_LIMIT", "too many credentials asked for")

    def next_asked(self, room_bytes: int) -> Records:
        """What was asked for, for one message; maybe nothing."""
        records, taken = self._read(self._asked, room_bytes)
        for _ in range(taken):
            self._asked.popleft()
        return records

    def next_news(self, room_bytes: int) -> Records:
        """News for one message; maybe nothing."""
        records, taken = self._read((id_[:PREFIX_BYTES] for id_ in self.news), room_bytes)
        for id_ in list(islice(self.news, taken)):
            del self.news[id_]
        return records

    def _read(self, prefixes: Iterable[bytes], room_bytes: int) -> tuple[Records, int]:
        """Credentials for one message, and how many of the prefixes are dealt with by it."""
        budget = min(room_bytes, MAX_CREDENTIALS_BYTES) - ROOM
        chosen = list(islice(prefixes, MAX_WANTED)) if budget > 0 else []
        while chosen:
            found = self._sets.credentials_by_prefix(chosen)
            size = sum(len(record) + _BYTES_AROUND for record, _ in found)
            if size <= budget and len(found) <= MAX_RECORDS:
                return tuple((record, sig) for record, sig in found), len(chosen)
            del chosen[len(chosen) // 4 :]
        return (), 0


class ChunkAnswers:
    """Chunks on their way to one peer."""

    def __init__(self, sets: Sets) -> None:
        self._sets = sets
        self._asked: deque[bytes] = deque()

    def want(self, hashes: Sequence[bytes]) -> None:
        """Take a request.

        Raises:
            PeerError: E_LIMIT: too much is asked for and not answered.
        """
        self._asked.extend(hashes)
        if len(self._asked) > MAX_CHUNKS:
            raise PeerError("E_LIMIT", f"more than {MAX_CHUNKS} chunks asked for")

    def next_chunk(self, ch: int, room_bytes: int) -> Chunk | None:
        """The next chunk, if one was asked for and there is room."""
        if not self._asked:
            return None
        body = self._sets.chunk(self._asked[0])
        if (len(body) if body else 0) + ROOM > room_bytes:
            return None
        return Chunk(ch, self._asked.popleft(), body)
