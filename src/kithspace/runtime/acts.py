"""How are members admitted, changed and removed?

Each act is: check the role, fill the cut, sign on top of all that is known, admit it through the
gate, and where a removal asks for it make the new key in the same step. Under the space's lock.

Rules: M4, M12 (author-side check: never without an admin), section 4.1 (the remover's node fills
the cut with everything it has applied), K5, K6 (whoever removes makes the new generation), C2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.core.block import read_open_record
from kithspace.core.credential import Head, Lower, Raise, Remove
from kithspace.core.ids import BlockId
from kithspace.core.roles import Role
from kithspace.errors import NotAllowed, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kithspace.core.credential import Cut
    from kithspace.core.effects import PutFeed
    from kithspace.core.ids import DeviceKey, IdentityId
    from kithspace.core.state import State
    from kithspace.runtime.engine import Engine
    from kithspace.runtime.names import Names


class Acts:
    """Acts on the members of one space.

    Args:
        engine: The open space.
        names: Its names, for errors.
    """

    def __init__(self, engine: Engine, names: Names) -> None:
        self._engine = engine
        self._names = names

    def change_role(self, identity: IdentityId, role: Role) -> None:
        """Raise or lower a member; below writer with a cut.

        Raises:
            NotAllowed: One is no admin, or no admin would be left.
            NotFound: It is no member.
        """
        engine = self._engine
        with engine.lock:
            present = self._role_of_member(identity)
            if identity != engine.me.identity or role > present:
                self._check_admin("change roles")
            if role == present:
                return
            if role > present:
                engine.admit_own([engine.make_credential(Raise(identity, role))])
                return
            self._check_throne(identity, "make someone else admin first")
            cut = self.cut(identity) if role < Role.WRITER else None
            engine.admit_own([engine.make_credential(Lower(identity, role, cut))])
            if role < Role.READER:
                engine.keyring.prepare()

    def remove(self, identity: IdentityId, device: DeviceKey | None, reason: str) -> None:
        """Remove a member or one of its devices, and make the new key.

        Raises:
            NotAllowed: One is no admin, or no admin would be left.
            NotFound: It is no member, or has no such device.
        """
        engine = self._engine
        with engine.lock:
            self._role_of_member(identity)
            self._check_admin("remove anybody")
            if device is None:
                self._check_throne(identity, "make someone else admin first")
            elif all(one.sign != device for one in engine.membership.devices(identity)):
                raise NotFound("There is no such device.", "`kith who` lists them.")
            cut = self.cut(identity, device)
            engine.admit_own([engine.make_credential(Remove(identity, device, cut, reason))])
            if engine.role >= Role.WRITER:  # else it was this device: others make the key
                engine.keyring.prepare()

    def leave(self) -> None:
        """Leave: a removal of oneself. Others make the new key.

        Raises:
            NotAllowed: One is the last admin.
        """
        engine = self._engine
        with engine.lock:
            me = engine.me.identity
            self._role_of_member(me)
            self._check_throne(me, "make someone else admin first")
            engine.release()
            body = Remove(me, None, self.cut(me), "left")
            engine.admit_own([engine.make_credential(body)])

    def cut(self, identity: IdentityId, device: DeviceKey | None = None) -> Cut:
        """Everything applied of somebody's feeds, branches too (C2: by hashes)."""
        state = self._engine.state
        heads = []
        for row, opening_row in _with_roots(state.feeds()):
            opening = read_open_record(opening_row.opening, opening_row.opening_sig)
            if opening.identity != identity or device not in (None, opening.device):
                continue
            head = _applied_head(row, state)
            if head is not None:
                heads.append(head)
        return tuple(sorted(heads))

    def _role_of_member(self, identity: IdentityId) -> Role:
        role = self._engine.membership.role(identity)
        if role is Role.NONE:
            raise NotFound("This person is no member.", "`kith who` lists the members.")
        return role

    def _check_admin(self, act: str) -> None:
        if self._engine.role is not Role.ADMIN:
            raise NotAllowed.of(
                self._engine.role.text, self._names.space, act, self._names.admins()
            )

    def _check_throne(self, identity: IdentityId, hint: str) -> None:
        """M12: no space without an admin."""
        admins = self._engine.membership.admins
        if admins == (identity,):
            raise NotAllowed(
                f"“{self._names.space}” would be without an admin.", f"{hint.capitalize()}."
            )


def _with_roots(rows: Iterable[PutFeed]) -> Iterable[tuple[PutFeed, PutFeed]]:
    """Each feed or branch with the feed that it comes from."""
    by_number = {row.n: row for row in rows}
    for row in by_number.values():
        root = row
        while root.branch_of is not None:
            root = by_number[root.branch_of]
        if root.opening:
            yield row, root


def _applied_head(row: PutFeed, state: State) -> Head | None:
    seq = row.applied - 1
    if seq < 0 or not row.length:
        return None
    found = row.head if row.applied == row.length else state.id_at(row.n, seq)
    return None if found is None else Head(row.id, seq, BlockId(found))
