"""Is a credential let in, once, by what stood in its own past?

Rules (security.md 3, 4.2, 6):
    I1   Identity entries stand in the fold of their own past.
    M2   At the gate, once: c is kept iff its shape is valid and it is authorised by the fold of its
         past. Otherwise it and its descendants are refused for ever, by every node.
    M14  The quota of a device.
    J6   A claim is a signature of the invite's key over space, invite, identity and genesis entry.
    K1   A key generation's number is one more than the greatest in its past.
    K2   Its recipients are exactly the devices of the fold of its past.
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias

from kithspace.core.credential import Admit, Credential, Genesis, KeyGeneration, claim_text
from kithspace.core.crypto import hash_of, verify
from kithspace.core.fold.authority import find_invite, m4_authorised, m14_within_quota
from kithspace.core.fold.graph import Bits, Graph, members_of
from kithspace.core.fold.view import View
from kithspace.core.ids import DeviceKey

Refusal: TypeAlias = Literal[
    "E_ENCODING",
    "E_LIMIT",
    "E_SIGNATURE",
    "E_SPACE",
    "E_PARENT",
    "E_QUOTA",
    "E_RIGHT",
    "E_CLAIM",
    "E_RECIPIENTS",
]
SCORES: Final[dict[Refusal, int]] = {"E_SIGNATURE": -50, "E_QUOTA": 0}
REFUSED_SCORE: Final = -20


def m2_admissible(
    c: Credential, past: Bits, view: View, devices: Callable[[], list[DeviceKey]]
) -> Refusal | None:
    """M2: why `c` is refused, or None; its signatures were checked before.

    Args:
        c: The credential, its shape good.
        past: All its ancestors.
        view: The fold of its past.
        devices: Gives the sorted signing keys of all live devices of that fold.
    """
    if isinstance(c.body, Genesis):
        return "E_RIGHT"  # the one genesis founded this graph
    if not i1_entries_follow(c, View(view.graph, past)):
        return "E_RIGHT"
    if not m14_within_quota(c, past, view):
        return "E_QUOTA"
    if not m4_authorised(c, view):
        return "E_RIGHT"
    if isinstance(c.body, Admit) and not j6_claim_is_good(view.graph, c, c.body):
        return "E_CLAIM"
    if isinstance(c.body, KeyGeneration) and not _generation_fits(c.body, past, view, devices):
        return "E_RECIPIENTS"
    return None


def i1_entries_follow(c: Credential, past: View) -> bool:
    """I1: identity entries build on entries in the credential or its past, and are admissible.

    It is the past that is asked, not what happens to be known here: every node answers alike.
    """
    if not c.entries:
        return True
    who = c.entries[0].identity
    known = past.entries_of(who, c.entries)
    follow = all(parent in known for entry in c.entries for parent in entry.parents)
    return follow and past.log_of(who, c.entries) is not None


def j6_claim_is_good(graph: Graph, c: Credential, body: Admit) -> bool:
    """J6: an admit by invite carries a claim that the invite's key made for this identity."""
    if body.invite is None or body.claim is None:
        return body.invite is None
    invite = find_invite(graph, body.invite)
    genesis = next(entry for entry in c.entries if entry.id == body.identity)
    text = claim_text(c.space, body.invite, body.identity, genesis.signed)
    return invite is not None and verify(invite.body.public, "ks1/claim", text, body.claim)


def k1_next_n(graph: Graph, past: Bits) -> int:
    """K1: the number of a generation with this past; the first is 1."""
    bodies = (graph.credentials[i].body for i in members_of(graph.generations & past))
    return 1 + max((body.n for body in bodies if isinstance(body, KeyGeneration)), default=0)


def k2_recipients(devices: Iterable[DeviceKey]) -> bytes:
    """K2: the digest of the sorted signing keys of all recipients."""
    return hash_of("ks1/gencommit", b"".join(devices))


def _generation_fits(
    body: KeyGeneration, past: Bits, view: View, devices: Callable[[], list[DeviceKey]]
) -> bool:
    return body.n == k1_next_n(view.graph, past) and body.recipients == k2_recipients(devices())
