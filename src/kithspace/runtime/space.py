"""What does the API get when it opens a space? The port `SpaceBackend` over the engine.

Rules: G4 (any thread; nothing waits for another party), E2 (leaving keeps the file, read-only),
experience.md sections 2 and 7 (what is said when somebody is removed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from kithspace.core.block import MAX_PAYLOAD_BYTES
from kithspace.core.codec import PAYLOAD, decode, encode
from kithspace.core.crypto import NONCE_BYTES
from kithspace.core.effects import SEQ_BITS
from kithspace.core.envelope import OPENED, read_clear
from kithspace.core.naming import check_name
from kithspace.core.roles import Role, parse_role
from kithspace.errors import CodecError, NotAllowed, NotFound
from kithspace.ports import MemberInfo, Outcome, PresenceState, Who
from kithspace.runtime.acts import Acts
from kithspace.runtime.members import Members
from kithspace.runtime.pending import Deferred
from kithspace.runtime.status import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from kithspace.core.document import Document
    from kithspace.core.effects import Changed
    from kithspace.core.ids import DeviceKey, IdentityId, ObjectId, SpaceId
    from kithspace.core.query import Plan
    from kithspace.core.stamp import Stamp
    from kithspace.ports import Draft, InvitationInfo, RoleName, Status
    from kithspace.runtime.engine import Engine
    from kithspace.runtime.exchange import MeshControl
    from kithspace.runtime.invitations import Invitations
    from kithspace.runtime.members import Outside
    from kithspace.runtime.names import Names
    from kithspace.runtime.sightings import Sightings

MAX_PRESENCE_BYTES: Final = 4_000


class Household(Protocol):
    """What a space asks of the vault that it is in."""

    @property
    def app(self) -> str:
        """Who acts, for blocks the vault writes by itself."""

    @property
    def sightings(self) -> Sightings:
        """Who was seen."""

    @property
    def mesh(self) -> MeshControl | None:
        """The network, if there is one."""

    def outside(self) -> Outside:
        """What holds for the whole vault."""

    @property
    def inviter(self) -> Invitations:
        """Codes and links."""

    def left(self, space: SpaceId) -> None:
        """One has left: remember it."""

    def renamed(self, space: SpaceId) -> None:
        """The space has another name: remember it."""


class Space:
    """An open space.

    Args:
        engine: Its engine.
        names: Its names.
        household: The vault it is in.
    """

    def __init__(self, engine: Engine, names: Names, household: Household) -> None:
        self.engine = engine
        self.names = names
        self.acts = Acts(engine, names)
        self.people = Members(engine, names, household.sightings)
        self._household = household
        self._waiting: list[Deferred[Status]] = []

    # ---------------------------------------------------------------- what it is

    @property
    def id(self) -> SpaceId:
        """The space."""
        return self.engine.space

    @property
    def me(self) -> IdentityId:
        """Whose vault this is."""
        return self.engine.me.identity

    @property
    def name(self) -> str:
        """The name it has now."""
        return self.names.space

    @property
    def role(self) -> RoleName:
        """One's own role."""
        return self.engine.role.text  # type: ignore[return-value]  # a role's text is one of them

    @property
    def changed(self) -> int:
        """A number that grows with every change that was applied."""
        return self.engine.changed

    # ---------------------------------------------------------------- reading and writing

    def get(self, id: ObjectId) -> Document | None:  # noqa: A002 - the API's word
        """Return an object's document as stored, deleted ones too."""
        return self.engine.document(id)

    def select(self, plan: Plan) -> list[Document]:
        """Return the documents a plan finds, in its order."""
        return self.engine.select(plan)

    def count(self, plan: Plan) -> int:
        """How many a plan finds."""
        return self.engine.count(plan)

    def commit(self, draft: Draft) -> Stamp:
        """Write a transaction; returns when it would survive `kill -9`."""
        try:
            return self.engine.commit(draft)
        except NotAllowed as error:
            if self.engine.role >= Role.WRITER:
                raise
            admins = self.names.admins()  # the engine knows no names
            raise NotAllowed.of(self.role, self.name, "change anything", admins) from error

    def lock(self) -> AbstractContextManager[object]:
        """Hold the space still for this thread (G5); reentrant."""
        return self.engine.lock

    def watch(self, call: Callable[[Sequence[Changed]], None]) -> Callable[[], None]:
        """Call with what each commit changed, in order, under no lock."""
        return self.engine.watch(call)

    def types(self) -> Mapping[str, int]:
        """Names of the types that have objects here, with their newest version."""
        with self.engine.lock:
            self.engine.check_open()
            return {row.name: row.version for row in self.engine.state.types()}

    def declare(self, type_name: str, version: int, columns: Mapping[str, str]) -> None:
        """Keep these indexes of a type, by field; nothing happens before it has objects."""
        self.engine.declare(type_name, version, columns)

    def who(self, stamp: Stamp, object: ObjectId | None = None) -> Who:  # noqa: A002
        """Who wrote; with an object the app is looked up too."""
        with self.engine.lock:
            self.engine.check_open()
            author = self.engine.replica.author_of(stamp.feed)
            if author is None:
                return Who(self.me, "somebody", "", stamp.milliseconds)
            identity, _ = author
            app = self._app_of(stamp, object) if object is not None else ""
            return Who(identity, self.names.person(identity), app, stamp.milliseconds)

    def _app_of(self, stamp: Stamp, object_id: ObjectId) -> str:
        """The app that wrote an object at a stamp: from the block, through `touched`."""
        state = self.engine.state
        feed = state.feed(stamp.branch or stamp.feed)
        stored = state.object(object_id)
        if feed is None or stored is None:
            return ""
        for key in reversed(state.touched(stored.n)):
            block = state.block(*divmod(key, 1 << SEQ_BITS))
            clear = None if block is None else read_clear(block.clear)
            if block is None or clear is None or block.n != feed.n or clear.time != stamp.time:
                continue
            return _app_in(block.body[NONCE_BYTES:]) if clear.form == OPENED else ""
        return ""

    # ---------------------------------------------------------------- members

    def members(self) -> list[MemberInfo]:
        """All members, oneself first, then by name."""
        self.engine.check_open()
        return self.people.all()

    def invite(self, role: str, *, uses: int, hours: float, link: bool) -> InvitationInfo:
        """Make an invitation: a code, or with `link` a link."""
        self.engine.check_open()
        if self.engine.role is not Role.ADMIN:
            raise NotAllowed.of(self.role, self.name, "invite anybody", self.names.admins())
        return self._household.inviter.make(self, _role(role), uses=uses, hours=hours, link=link)

    def invitations(self) -> list[InvitationInfo]:
        """Open invitations made here, and live links of the space."""
        return self._household.inviter.of_space(self)

    def revoke(self, invitation: bytes) -> None:
        """Take an invitation back."""
        self._household.inviter.revoke(self, invitation)

    def joined(self, invitation: bytes) -> Deferred[MemberInfo]:
        """Wait for somebody to come by an invitation of this vault."""
        return self._household.inviter.joined(invitation)

    def change_role(self, identity: IdentityId, role: str) -> Outcome:
        """Raise or lower a member."""
        self.engine.check_open()
        self.acts.change_role(identity, _role(role))
        name = self.names.person(identity)
        return Outcome(
            f"From now on {name} is {_article(role)} {role} of “{self.name}”.",
            "Who has not heard of it yet goes by the old role until then.",
        )

    def remove(self, identity: IdentityId, device: DeviceKey | None = None) -> Outcome:
        """Remove a member, or one device of one, with a cut and a new key."""
        self.engine.check_open()
        name = self.names.person(identity)
        if device is not None:
            name = self.names.device_of(identity, device)
        self.acts.remove(identity, device, "removed")
        return Outcome(
            f"From now on {name} receives nothing new and his changes are refused.",
            "What he already has stays with him; nobody can take that back.",
        )

    def leave(self) -> None:
        """Leave; the copy stays, read-only."""
        self.engine.check_open()
        self.acts.leave()
        self._household.left(self.id)

    def rename(self, name: str) -> None:
        """Give the space another name, for everybody."""
        check_name("The name of a space", name)
        if self.engine.role < Role.WRITER:
            raise NotAllowed.of(self.role, self.name, "rename it", self.names.admins())
        self.names.name_space(name, self._household.app)
        self._household.renamed(self.id)

    # ---------------------------------------------------------------- others

    def status(self) -> Status:
        """Why it does, or does not, sync."""
        self.engine.check_open()
        return judge(self.people.facts(self._household.outside()))

    def synced(self) -> Deferred[Status]:
        """Wait until every reachable member has everything, and we theirs."""
        waiting: Deferred[Status] = Deferred("")
        waiting.say(self.status().words)
        self._waiting.append(waiting)
        self.look_whether_synced()
        return waiting

    def look_whether_synced(self) -> None:
        """Settle what waits for `synced`; called when something was seen or sent."""
        if not self._waiting:
            return
        status = self.status()
        waiting, self._waiting = self._waiting, []
        is_offline = self._household.mesh is None
        for one in waiting:
            one.say(status.words)
            if is_offline or (status.in_sync and self._is_all_released()):
                one.succeed(status)
            elif not one.is_done:
                self._waiting.append(one)

    def _is_all_released(self) -> bool:
        return not self.engine.has_unsigned

    def set_presence(self, state: Mapping[str, object]) -> None:
        """Show this to the other devices that are here now."""
        self.engine.check_open()
        mesh = self._household.mesh
        if mesh is not None:
            mesh.show(self.id, encode(tuple(sorted(state.items()))) if state else b"")

    def others(self) -> list[PresenceState]:
        """What the other devices show now."""
        mesh = self._household.mesh
        if mesh is None:
            return []
        found = []
        for identity, device, raw in mesh.shown(self.id):
            state = _read_presence(raw)
            if state is not None:
                found.append(PresenceState(identity, device, self.names.person(identity), state))
        return found

    def watch_others(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when what others show, or who is here, has changed."""

        def about(space: SpaceId) -> None:
            if space == self.id:
                call()

        stops = [self._household.sightings.listen(about)]
        if self._household.mesh is not None:
            stops.append(self._household.mesh.watch_shown(about))

        def stop() -> None:
            for each in stops:
                each()

        return stop

    def sizes(self) -> Mapping[str, int]:
        """Bytes on disk by what uses them."""
        with self.engine.lock:
            self.engine.check_open()
            return self.engine.store.sizes()


def _role(text: str) -> Role:
    try:
        return parse_role(text)
    except CodecError as error:
        raise NotFound.of("role", text, "kithspace", ("admin", "writer", "reader")) from error


def _article(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"


def _read_presence(raw: bytes) -> Mapping[str, object] | None:
    """What a peer shows; nothing if it is not in our form."""
    try:
        pairs = decode(raw, MAX_PRESENCE_BYTES, PAYLOAD)
    except CodecError:
        return None
    if not isinstance(pairs, tuple):
        return None
    state: dict[str, object] = {}
    for pair in pairs:
        match pair:
            case (str(name), value):
                state[name] = value
            case _:
                return None
    return state


def _app_in(body: bytes) -> str:
    """The app's name in an opened payload, which was checked when it was applied."""
    match decode(body, MAX_PAYLOAD_BYTES, PAYLOAD):
        case (_, (str(name), *_), *_):
            return name
        case _:
            return ""
