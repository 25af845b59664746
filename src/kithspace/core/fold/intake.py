"""What became of credentials that came in?"""

from typing import NamedTuple

from kithspace.core.credential import Signed
from kithspace.core.fold.admission import REFUSED_SCORE, SCORES, Refusal
from kithspace.core.ids import CredentialId


class Admitted(NamedTuple):
    """A credential that is known for good; `counts`: it is in E."""

    id: CredentialId
    depth: int
    raw: bytes
    sig: bytes
    counts: bool


class RefusedCredential(NamedTuple):
    """A credential that no node takes."""

    id: CredentialId
    code: Refusal

    @property
    def score(self) -> int:
        """What the peer that sent it loses."""
        return SCORES.get(self.code, REFUSED_SCORE)


class Recount(NamedTuple):
    """A credential known before that counts now, or counts no longer."""

    id: CredentialId
    counts: bool


class Intake(NamedTuple):
    """The outcome of `Membership.add`.

    Attributes:
        accepted: New ones, parents first; also some that waited until now.
        waiting: Ids of parents that are missing: to be asked for.
        refused: Never taken; a bad signature condemns only that copy.
        aside: Of a version or kind this program does not know: to be kept and passed on.
        recounted: Known ones whose counting changed.
    """

    accepted: tuple[Admitted, ...] = ()
    waiting: tuple[CredentialId, ...] = ()
    refused: tuple[RefusedCredential, ...] = ()
    aside: tuple[Signed, ...] = ()
    recounted: tuple[Recount, ...] = ()

    @property
    def has_grown(self) -> bool:
        """Whether something new is known."""
        return bool(self.accepted)
