"""What does a person open? A vault: their identity, spaces and devices."""

from __future__ import annotations

import contextlib
import threading
from difflib import get_close_matches
from typing import TYPE_CHECKING, Never

from kithspace.api.forks import mind_forks
from kithspace.api.household import Household
from kithspace.api.list_source import ListSource
from kithspace.api.overriding import override
from kithspace.api.pending import Pending
from kithspace.api.people import Contact, Device, Invitation, Member
from kithspace.api.results import Results
from kithspace.api.session import Session
from kithspace.api.space import Space
from kithspace.api.where import caller
from kithspace.core.ids import to_text
from kithspace.errors import Ambiguous, Closed, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from kithspace.core.ids import SpaceId
    from kithspace.ports import SpaceBackend, SpaceInfo, Status, VaultBackend


class Vault:
    """An open vault; a context manager that closes it.

    Args:
        backend: The engine.
        app: Who acts, in history.
        entropy: Random bytes.
    """

    def __init__(self, backend: VaultBackend, app: str, entropy: Callable[[int], bytes]) -> None:
        self._backend = backend
        self._household = Household(app, entropy, self._session, backend.run_later)
        self._lock = threading.Lock()
        mind_forks(self._household)

    # ---------------------------------------------------------------- what it is

    @property
    def name(self) -> str:
        """The person's name."""
        return self._backend.name

    @property
    def id(self) -> str:
        """The person's id."""
        return to_text(self._backend.identity)

    @property
    def status(self) -> Status:
        """The first thing that any space has to say."""
        self._household.check_open()
        return self._backend.status()

    @property
    def spaces(self) -> Results[Space]:
        """The person's spaces, by name."""
        return self._listed(
            "spaces", lambda: [self._space(info.id) for info in self._backend.spaces()]
        )

    @property
    def devices(self) -> Results[Device]:
        """The person's devices, this one first."""
        backend = self._backend
        return self._listed(
            "devices",
            lambda: [
                Device(info, lambda key=info.key: backend.remove_device(key))  # type: ignore[misc]
                for info in backend.devices()
            ],
        )

    @property
    def contacts(self) -> Results[Contact]:
        """People one shares spaces with."""
        backend = self._backend
        return self._listed(
            "contacts", lambda: [Contact(one.identity, one.name) for one in backend.contacts()]
        )

    def _listed(self, kinds: str, read: Callable[[], list[object]]) -> Results:  # type: ignore[type-arg]
        def check_and_read() -> list[object]:
            self._household.check_open()
            return read()

        source = ListSource(kinds, check_and_read, self._backend.watch, self._backend.run_later)
        return Results(source)

    # ---------------------------------------------------------------- spaces

    def space(self, name: str, *, create: bool = True) -> Space:
        """Open a space by name or id, or make it.

        Raises:
            NotFound: There is none, and `create` is false.
            Ambiguous: Several have this name.
        """
        self._household.check_open()
        infos = self._backend.spaces()
        found = [info for info in infos if info.name == name and not info.is_left]
        found = found or [info for info in infos if name in (info.name, to_text(info.id))]
        if len(found) > 1:
            raise Ambiguous.of("spaces", name, [self._describe(info) for info in found])
        if found:
            return self._space(found[0].id)
        if not create:
            near = get_close_matches(name, [info.name for info in infos], n=2, cutoff=0.4)
            raise NotFound.of("space", name, f"the vault “{self.name}”", near, "kith space ls")
        return self._space_of(self._backend.make_space(name))

    def _describe(self, info: SpaceInfo) -> str:
        from kithspace.api.links import moment  # noqa: PLC0415

        return f"{to_text(info.id)[:6]}, since {moment(info.created_ms).astimezone():%d %B %Y}"

    def _space(self, space: SpaceId) -> Space:
        return self._space_of(self._backend.open_space(space))

    def _space_of(self, backend: SpaceBackend) -> Space:
        with self._lock:
            session = self._household.sessions.get(backend.id)
            if session is None:
                session = Session(backend, self._household)
                session.space = Space(session)
                self._household.sessions[backend.id] = session
            return session.space

    def _session(self, space: SpaceId) -> Session | None:
        try:
            self._space(space)
        except NotFound:
            return None
        return self._household.sessions.get(space)

    def join(self, code_or_link: str, *, as_device: bool = False) -> Pending[Space]:
        """Join a space by a code or link; one that was used here before gives the same space.

        Args:
            code_or_link: As the inviter gave it.
            as_device: The code is of `add_device` on another device of one's own: this device
                becomes that person's. Without it such a code is refused (`NotAllowed`), so that
                nobody is made somebody else's device by a code for a space.

        Raises:
            BadCode: It is no code: found before anything is sent.
        """
        self._household.check_open()
        return Pending(self._backend.join(code_or_link, as_device=as_device), self._space_of)

    # ---------------------------------------------------------------- devices

    def add_device(self) -> Invitation:
        """Make a code for another device of one's own."""
        self._household.check_open()
        backend = self._backend
        made = backend.add_device()

        def no_link() -> Never:
            raise NotFound("A device is added by a code, not by a link.", "Use .code.")

        return Invitation(
            made,
            no_link,
            lambda id_: Pending(backend.joined(id_), lambda info: Member(info, backend.home)),
            backend.revoke,
        )

    def device(self, name: str) -> Device:
        """Return one of one's own devices by name.

        Raises:
            NotFound: None is called so.
            Ambiguous: Several are.
        """
        devices = list(self.devices)
        found = [one for one in devices if name in (one.name, one.id)]
        if not found:
            near = get_close_matches(name, [one.name for one in devices], n=2, cutoff=0.4)
            raise NotFound.of("device", name, f"the vault “{self.name}”", near, "kith devices")
        if len(found) > 1:
            raise Ambiguous.of("devices", name, [one.id[:6] for one in found])
        return found[0]

    # ---------------------------------------------------------------- lifetime

    def setting(self, name: str) -> object:
        """Return a setting of this device."""
        self._household.check_open()
        return self._backend.setting(name)

    def set_setting(self, name: str, value: object) -> None:
        """Change a setting of this device: `listen` is HOST:PORT."""
        self._household.check_open()
        self._backend.set_setting(name, value)

    def run(self) -> None:
        """Stay online until Ctrl-C, then close."""
        self._household.check_open()
        with contextlib.suppress(KeyboardInterrupt), self:
            threading.Event().wait()

    def close(self) -> None:
        """Close: up to 2 s to send what is unsent. Any number of times; nothing is ever unsaved."""
        where = caller()
        if self._household.problem is None:
            closed = Closed.of(self.name, where)
            self._backend.close(where)
            self._household.end(closed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @override
    def __repr__(self) -> str:
        return f"<Vault {self.name}>"
