"""How does a batch of credentials, in any order, enter a graph?

Rules (security.md 4.2, 2.4):
    M1  A credential waits until all its parents are known; at most 1,000 wait, the newest dropped.
    M2  Refused ones, and all that builds on them, are refused for ever.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from kithspace.core.credential import Credential, Signed, decode_credential, has_good_signatures
from kithspace.core.fold.admission import Refusal, m2_admissible
from kithspace.core.fold.graph import Bits, Graph, is_revoker
from kithspace.core.fold.intake import RefusedCredential
from kithspace.core.fold.removal import m6_rank
from kithspace.core.fold.roster import Roster
from kithspace.core.fold.state import FoldState, fold_of
from kithspace.core.fold.view import View
from kithspace.core.ids import CredentialId, DeviceKey, SpaceId
from kithspace.errors import CodecError, LimitError, VersionError

MAX_WAITING: Final = 1_000
MAX_REFUSED: Final = 10_000


class Arrivals:
    """Credentials from outside, read and sorted: what is new, what is bad, what is unknown."""

    __slots__ = ("aside", "new", "refused")

    def __init__(self) -> None:
        self.new: dict[CredentialId, Credential] = {}
        self.refused: list[RefusedCredential] = []
        self.aside: list[Signed] = []

    def read(self, signed: Signed, space: SpaceId, *, is_trusted: bool) -> None:
        """Read one; only authentic ones of this space become `new`."""
        try:
            c = decode_credential(signed)
        except VersionError:
            self.aside.append(signed)
            return
        except LimitError:
            self._refuse(signed, "E_LIMIT")
            return
        except CodecError:
            self._refuse(signed, "E_ENCODING")
            return
        if c.space != space:
            self.refused.append(RefusedCredential(c.id, "E_SPACE"))
        elif is_trusted or c.id in self.new or has_good_signatures(c):
            self.new.setdefault(c.id, c)
        else:
            self.refused.append(RefusedCredential(c.id, "E_SIGNATURE"))

    def _refuse(self, signed: Signed, code: Refusal) -> None:
        self.refused.append(RefusedCredential(CredentialId(b""), code))


class Growth:
    """A graph of its own that is being extended, and what follows from it."""

    __slots__ = ("added", "graph", "refused", "refused_now", "roster", "state", "waiting")

    def __init__(
        self,
        graph: Graph,
        state: FoldState,
        roster: Roster,
        waiting: dict[CredentialId, Credential],
        refused: dict[CredentialId, None],
    ) -> None:
        self.graph = graph.copy()
        self.state = state
        self.roster = roster.copy()
        self.waiting = dict(waiting)
        self.refused = dict(refused)
        self.refused_now: list[RefusedCredential] = []
        self.added: list[int] = []

    def take(self, new: Iterable[Credential], *, is_trusted: bool = False) -> None:
        """M1: let in all whose parents are there, in whatever order they came."""
        for c in new:
            self.waiting.setdefault(c.id, c)
        children: dict[CredentialId, list[CredentialId]] = {}
        missing: dict[CredentialId, int] = {}
        ready: deque[CredentialId] = deque()
        for c in self.waiting.values():
            absent = [p for p in c.parents if p not in self.graph.index]
            missing[c.id] = len(absent)
            for p in absent:
                children.setdefault(p, []).append(c.id)
            if not absent or any(p in self.refused for p in absent):
                ready.append(c.id)
        while ready:
            done = ready.popleft()
            c_done = self.waiting.pop(done, None)
            if c_done is None:
                continue
            is_in = self._let_in(c_done, is_trusted=is_trusted)
            for child in children.get(done, ()):
                missing[child] -= 1
                if not missing[child] or not is_in:
                    ready.append(child)
        self._bound()

    def resolve(self) -> Bits:
        """Return E of everything, computed now if it was put off."""
        self.state = self.state.resolved(self.graph)
        return self.state.kept or 0

    def missing_parents(self) -> tuple[CredentialId, ...]:
        """Ids to ask for: parents that neither are known nor wait themselves."""
        wanted = {p for c in self.waiting.values() for p in c.parents}
        known = self.graph.index
        return tuple(sorted(p for p in wanted if p not in known and p not in self.waiting))

    def _let_in(self, c: Credential, *, is_trusted: bool) -> bool:
        if any(p in self.refused for p in c.parents):
            return self._refuse(c, "E_PARENT")
        graph = self.graph
        parents = tuple(graph.index[p] for p in c.parents)
        beside = graph.beside_of_parents(parents)
        past = graph.everything ^ beside
        kept = fold_of(self.state, graph, past)
        view = View(graph, kept)
        if not is_trusted:
            refusal = m2_admissible(c, past, view, lambda: self._devices(kept))
            if refusal is not None:
                return self._refuse(c, refusal)
        self._append(c, parents, beside, view)
        return True

    def _append(self, c: Credential, parents: tuple[int, ...], beside: Bits, view: View) -> None:
        i = self.graph.append(c, parents, beside)
        if is_revoker(c):
            self.graph.ranks[i] = m6_rank(c, self.graph.keys[i], view)
        self.state = self.state.grown(self.graph, i)
        self.added.append(i)

    def _devices(self, kept: Bits) -> list[DeviceKey]:
        self.roster.follow(self.graph, kept)
        return self.roster.device_keys()

    def _refuse(self, c: Credential, code: Refusal) -> bool:
        self.refused[c.id] = None
        self.refused_now.append(RefusedCredential(c.id, code))
        return False

    def _bound(self) -> None:
        for newest in list(self.waiting)[MAX_WAITING:]:
            del self.waiting[newest]
        for oldest in list(self.refused)[: len(self.refused) - MAX_REFUSED]:
            del self.refused[oldest]
