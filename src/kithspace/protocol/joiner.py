"""How does one join? With a code's three words, or with a link's seed.

Rules:
    J3  The joiner confirms first; a wrong confirmation of the inviter ends it.
    J4  It says who it is after the preview, if it wants to; that proves its device's key.
    J5  As a device it gives its keys, and signs the entry that adds just these.
    J6  It knocks with the link's key, and refuses another invite than the link names.
"""

from collections.abc import Callable, Sequence
from typing import Final

from kithspace.core import crypto
from kithspace.core.crypto import KeyPair
from kithspace.core.identity import AddDevice, SignedEntry, decode_entry
from kithspace.core.ids import DeviceKey, IdentityId
from kithspace.errors import CodecError, PeerError
from kithspace.protocol import messages as m
from kithspace.protocol.invitation import (
    DEVICE_ROLE,
    EntryToSign,
    InvitationFailed,
    Previewed,
    Step,
    Walker,
    Welcomed,
)
from kithspace.protocol.noise import Side
from kithspace.protocol.pake import Pake, Role
from kithspace.protocol.proofs import n4_text
from kithspace.protocol.words import INVITE_START_BYTES, Code, Link


class Joiner(Walker):
    """The joiner's side of one connection.

    Args:
        by: The code or link.
        handshake_hash: h.
        side: This side; in stage 1 always the dialer.
        entropy: For SPAKE2.
    """

    def __init__(
        self,
        by: Code | Link,
        handshake_hash: bytes,
        side: Side,
        entropy: Callable[[int], bytes],
    ) -> None:
        super().__init__(Role.JOINER)
        self._by: Final = by
        self._hash: Final = handshake_hash
        self._side: Final = side
        self._pake: Pake | None = None
        self._preview: m.Preview | None = None
        self._device: tuple[bytes, bytes] | None = None
        self._entry = b""
        if isinstance(by, Code):
            self._pake = Pake(Role.JOINER, by.password, handshake_hash, entropy)
            self.step(Step.BEGIN_CODE)
            self._say(m.Pake(self._pake.body))
        else:
            keys = j6_invite_keys(by.seed)
            text = handshake_hash + side.byte
            self.step(Step.BEGIN_LINK)
            self._say(m.Knock(keys.public, crypto.sign(keys.secret, "ks1/knock", text)))

    # ------------------------------------------------------------ the inviter says

    def receive(self, message: m.AnyMessage) -> None:
        """Take in a message of the inviter.

        Raises:
            PeerError: It does not belong here.
        """
        match message:
            case m.Pake(body=body):
                self._take_pake(body)
            case m.Confirm(mac=mac):
                self._take_confirm(mac)
            case m.Preview():
                self._take_preview(message)
            case m.Entry(body=body, signature=None):
                self._take_entry(body)
            case m.Welcome():
                self._take_welcome(message)
            case m.Failed(code=code, tries_left=tries_left):
                self.step(Step.FAILED)
                self._tell(InvitationFailed(code, tries_left))
            case _:
                raise PeerError("E_STATE", f"a joiner does not take {type(message).__name__}")

    # ------------------------------------------------------------ the vault answers

    def accept(
        self,
        entries: Sequence[SignedEntry],
        device: KeyPair,
        identity: IdentityId,
        name: str,
        claim: bytes | None,
    ) -> None:
        """Join as this identity."""
        preview = self._preview
        if self.is_over or preview is None:
            return
        self.step(Step.ACCEPT)
        text = n4_text(self._hash, self._side, preview.space, identity)
        signature = crypto.sign(device.secret, "ks1/hello", text)
        bodies = tuple((raw, sigs) for raw, sigs in entries)
        self._say(m.Introduce(bodies, DeviceKey(device.public), signature, name, claim))

    def accept_as_device(self, sign: bytes, agree: bytes) -> None:
        """Become a device of the inviter's identity (J5)."""
        if self.is_over:
            return
        self.step(Step.ACCEPT_DEVICE)
        self._device = (sign, agree)
        self._say(m.DeviceKeys(sign, agree))

    def sign(self, signature: bytes) -> None:
        """Give the entry back, signed by the new device (J5)."""
        if self.is_over:
            return
        self.step(Step.SIGN)
        self._say(m.Entry(self._entry, signature))

    def refuse(self, code: str = "refused") -> None:
        """Do not join after all."""
        if self.is_over:
            return
        self.step(Step.REFUSE)
        self._say(m.Failed(code, 0))
        self._tell(InvitationFailed(code))

    # ------------------------------------------------------------ inside

    def _take_pake(self, body: bytes) -> None:
        self.step(Step.PAKE)
        if self._pake is not None:
            self._pake.finish(body)
            self._say(m.Confirm(self._pake.confirmation(Role.JOINER)))

    def _take_confirm(self, mac: bytes) -> None:
        if self._pake is None or not self._pake.is_good(mac):
            self.step(Step.BAD_CONFIRM)
            self._tell(InvitationFailed("wrong"))
            return
        self.step(Step.CONFIRM)
        self.is_trusted = True

    def _take_preview(self, preview: m.Preview) -> None:
        self.step(Step.PREVIEW)
        if isinstance(self._by, Link):
            start = (preview.invite or b"")[:INVITE_START_BYTES]
            if not crypto.same(start, self._by.invite_start):
                raise PeerError("E_STATE", "the link is for another invitation (J6)", score=-50)
            if preview.role == DEVICE_ROLE:
                raise PeerError("E_STATE", "a link makes nobody a device (J5)", score=-50)
        self.is_trusted = True
        self._preview = preview
        self._tell(Previewed(preview, self._pake.check if self._pake else b""))

    def _take_entry(self, body: bytes) -> None:
        self.step(Step.ENTRY)
        if j5_added_device(body) != self._device:
            raise PeerError("E_STATE", "the entry adds other keys than those given (J5)", score=-50)
        self._entry = body
        self._tell(EntryToSign(body))

    def _take_welcome(self, welcome: m.Welcome) -> None:
        preview = self._preview
        self.step(Step.WELCOME)
        if preview is None or welcome.space != preview.space:
            raise PeerError("E_STATE", "welcome to another space", score=-50)
        if preview.role != DEVICE_ROLE and len(welcome.keys) != 1:
            raise PeerError("E_STATE", "a member is welcomed with one key", score=-50)
        entries = tuple(SignedEntry(body, sigs) for body, sigs in welcome.entries)
        self._tell(Welcomed(preview, welcome.keys, entries))


def j6_invite_keys(seed: bytes) -> KeyPair:
    """J6: the key pair of a link."""
    return crypto.sign_keypair(crypto.derive(seed, "ks1/invite", b"sign"))


def j5_added_device(body: bytes) -> tuple[bytes, bytes] | None:
    """J5: the keys an unsigned add-device entry adds; None: it is no such entry."""
    try:
        entry = decode_entry(SignedEntry(body, ()))
    except CodecError:
        return None
    if not isinstance(entry.body, AddDevice):
        return None
    return entry.body.device.sign, entry.body.device.agree
