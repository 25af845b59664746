"""Which settings and invites hold in a space?

Rules (security.md 4.2):
    M11  Per key, of the counting settings with none for that key after them, the greatest by
         order; of security keys (history, extra_signers) the strictest instead.
"""

from typing import Final, NamedTuple

from kithspace.core.credential import Genesis, Invite, Settings
from kithspace.core.fold.graph import Graph, members_of
from kithspace.core.fold.view import View, m3_role
from kithspace.core.ids import CredentialId, IdentityId
from kithspace.core.roles import Role

DEFAULTS: Final[dict[str, int | str]] = {
    "history": "all",
    "min_age_days": 30,
    "extra_signers": 0,
    "max_bytes": 0,
    "keep_days": 30,
    "rotate_days": 90,
    "who_invites": "admins",
    "messages": "writers",
}
_STRICTER: Final[dict[int | str, int]] = {"all": 0, "from-join": 1}


class LiveInvite(NamedTuple):
    """An invite that counts, is not cancelled, and has uses left; expiry is the asker's to see."""

    id: CredentialId
    issuer: IdentityId
    body: Invite
    used: int


def m11_settings(view: View) -> dict[str, int | str]:
    """M11: the settings of a space, with defaults for what was never set."""
    graph = view.graph
    set_by: dict[str, list[tuple[int, int | str]]] = {}
    for i in members_of(graph.settings & view.bits):
        for key, value in _changed(graph, i):
            set_by.setdefault(key, []).append((i, value))
    return DEFAULTS | {key: _pick(graph, key, found) for key, found in set_by.items()}


def live_invites(view: View) -> list[LiveInvite]:
    """Invites by which somebody may still be let in."""
    graph = view.graph
    found = []
    for who, ids in graph.invites_of.items():
        if m3_role(view, who) is not Role.ADMIN:
            continue
        for invite in ids:
            i = graph.index[invite]
            body = graph.credentials[i].body
            used = (graph.uses.get(invite, 0) & view.bits).bit_count()
            is_cancelled = bool(graph.cancels.get(invite, 0) & view.bits)
            if isinstance(body, Invite) and view.bits >> i & 1 and not is_cancelled:
                found += [LiveInvite(invite, who, body, used)] if used < body.uses else []
    return found


def _changed(graph: Graph, i: int) -> tuple[tuple[str, int | str], ...]:
    match graph.credentials[i].body:
        case Genesis(settings=settings):
            return settings
        case Settings(changed=changed):
            return changed
        case _:
            return ()


def _pick(graph: Graph, key: str, found: list[tuple[int, int | str]]) -> int | str:
    newest = [(i, value) for i, value in found if not any(graph.is_before(i, j) for j, _ in found)]
    if key == "history":
        return max((value for _, value in newest), key=_STRICTER.__getitem__)
    if key == "extra_signers":
        return max(value for _, value in newest if isinstance(value, int))
    return max(newest, key=lambda pair: graph.keys[pair[0]])[1]
