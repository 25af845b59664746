"""What has to be brought into agreement between the home space and the other spaces?

`tend` looks and does what is lacking, in either direction; done twice it does nothing the second
time. So it can be called whenever something may have changed, and mends what a crash left undone.

Rules: E2 (the list of spaces), E3 (keys for one's other devices; profiles), I11 (identity log).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from kithspace.core.roles import Role
from kithspace.core.stamp import COUNTER_BITS
from kithspace.errors import KithError

if TYPE_CHECKING:
    from kithspace.runtime.home import Home, KnownSpace
    from kithspace.runtime.shelf import Shelf, Shelved

ACTIVE_STEP_MS: Final = 60_000
"""How exactly it is remembered when a space was last active (X2)."""

_log = logging.getLogger(__name__)


class Tended(Protocol):
    """What tending asks of the vault."""

    @property
    def shelf(self) -> Shelf:
        """The vault's spaces."""

    @property
    def home(self) -> Home:
        """The home space."""

    @property
    def app(self) -> str:
        """Who acts."""

    @property
    def name(self) -> str:
        """The person's name."""

    @property
    def device_name(self) -> str:
        """This device's name."""

    def publish_identity(self) -> None:
        """Bring one's identity log into every space."""


def tend(vault: Tended) -> None:
    """Look at everything once; what fails is logged, and looked at again the next time."""
    known = vault.home.spaces()
    for space in known.values():
        _attempt(vault, space)
    for shelved in vault.shelf.open_all():
        try:
            _tend_space(vault, shelved, known.get(shelved.record.space))
        except KithError as error:
            _log.info("A space is left as it is for now: %s", error.code)
    try:
        vault.publish_identity()
    except KithError as error:
        _log.info("The identity log is published later: %s", error.code)


def _attempt(vault: Tended, known: KnownSpace) -> None:
    """What the home space says about a space comes true here."""
    record = vault.shelf.record(known.space)
    if record is None:
        if not known.is_left:
            vault.shelf.expect(known.space, known.name, {})
    elif known.is_left and not record.is_left:
        vault.shelf.put_record(record._replace(is_left=True))
    vault.shelf.offer_keys(known.space, known.keys)


def _tend_space(vault: Tended, shelved: Shelved, known: KnownSpace | None) -> None:
    """What is here about a space gets into the home space, and one's name into the space."""
    space, record = shelved.space, shelved.record
    if space is None or space.engine.is_closed:
        return
    if space.engine.role >= Role.WRITER:
        space.names.introduce(vault.name, vault.device_name, vault.app)
    if record.is_home:
        return
    name = space.name
    active_ms = space.engine.replica.clock >> COUNTER_BITS
    if name != record.name or active_ms > record.active_ms + ACTIVE_STEP_MS:
        record = record._replace(name=name, active_ms=max(active_ms, record.active_ms))
        vault.shelf.put_record(record)
    if known is None or known.name != name:
        vault.home.put_space(record.space, name, is_left=record.is_left)
    keys = space.engine.keyring.content_keys
    lacking = {gen: key for gen, key in keys.items() if known is None or gen not in known.keys}
    if lacking:
        vault.home.put_keys(record.space, lacking)
