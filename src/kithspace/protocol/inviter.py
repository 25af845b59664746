"""How does the inviter let somebody in? One try of one code, or one knock at one link.

Rules:
    J3  The try is counted, and stored, before the joiner's first message is answered.
    J4  Nothing but the preview is told before the joiner says who it is; an introduction proves
        possession of the device's key.
    J5  A device code adds a device of one's own, with its signature.
    J6  A knock is `Sign(invite_sk, ks1/knock, h ‖ side)`.
"""

from collections.abc import Callable
from typing import Final

from kithspace.core import crypto
from kithspace.core.identity import SignedEntry
from kithspace.errors import PeerError
from kithspace.protocol import messages as m
from kithspace.protocol.invitation import (
    DEVICE_ROLE,
    CodeRight,
    DeviceOffered,
    EntrySigned,
    Introduced,
    InvitationFailed,
    Knocked,
    Step,
    TryWanted,
    Walker,
    read_identity,
)
from kithspace.protocol.noise import Side
from kithspace.protocol.pake import Pake, Role
from kithspace.protocol.proofs import n4_text


class Inviter(Walker):
    """The inviter's side of one connection.

    Args:
        nameplate: What the joiner's hello named; None: it knocks at a link.
        handshake_hash: h.
        side: This side; in stage 1 always the listener.
        entropy: For SPAKE2.
    """

    def __init__(
        self,
        nameplate: str | None,
        handshake_hash: bytes,
        side: Side,
        entropy: Callable[[int], bytes],
    ) -> None:
        super().__init__(Role.INVITER)
        self._nameplate: Final = nameplate
        self._hash: Final = handshake_hash
        self._side: Final = side
        self._entropy: Final = entropy
        self._pake: Pake | None = None
        self._joiner_body = b""
        self._invitation = b""
        self._tries_left = 0
        self._preview: m.Preview | None = None
        self._draft = b""
        self._device = b""

    # ------------------------------------------------------------ the joiner says

    def receive(self, message: m.AnyMessage) -> None:
        """Take in a message of the joiner.

        Raises:
            PeerError: It does not belong here, or proves nothing.
        """
        match message:
            case m.Pake(body=body) if self._nameplate is not None:
                self.step(Step.PAKE)
                self._joiner_body = body
                self._tell(TryWanted(self._nameplate))
            case m.Confirm(mac=mac):
                self._take_confirm(mac)
            case m.Knock() if self._nameplate is None:
                self._take_knock(message)
            case m.Introduce():
                self._take_introduce(message)
            case m.DeviceKeys(sign=sign, agree=agree):
                self._take_device(sign, agree)
            case m.Entry():
                self._take_entry(message)
            case m.Failed(code=code):
                self.step(Step.FAILED)
                self._tell(InvitationFailed(code))
            case _:
                raise PeerError("E_STATE", f"an inviter does not take {type(message).__name__}")

    # ------------------------------------------------------------ the vault answers

    def try_taken(self, invitation: bytes, password: bytes, tries_left: int) -> None:
        """The try is counted and stored: answer the joiner's first message (J3)."""
        if self.is_over:
            return
        self._invitation, self._tries_left = invitation, tries_left
        self._pake = Pake(Role.INVITER, password, self._hash, self._entropy)
        self._pake.finish(self._joiner_body)
        self.step(Step.TRY)
        self._say(m.Pake(self._pake.body))

    def offer(self, preview: m.Preview) -> None:
        """Tell the joiner what it would join."""
        if self.is_over:
            return
        self.step(Step.OFFER)
        self._preview = preview
        self._say(preview)

    def draft(self, body: bytes) -> None:
        """Hand the new device its entry to sign (J5)."""
        if self.is_over:
            return
        self.step(Step.DRAFT)
        self._draft = body
        self._say(m.Entry(body, None))

    def admit(self, welcome: m.Welcome) -> None:
        """The admit is written and released: welcome the joiner."""
        if self.is_over:
            return
        self.step(Step.ADMIT)
        self._say(welcome)

    def refuse(self, code: str, tries_left: int = 0) -> None:
        """It does not go on."""
        if self.is_over:
            return
        self.step(Step.REFUSE)
        self._say(m.Failed(code, tries_left))
        self._tell(InvitationFailed(code, tries_left))

    # ------------------------------------------------------------ inside

    def _take_confirm(self, mac: bytes) -> None:
        pake = self._pake
        if pake is None or not pake.is_good(mac):
            self.step(Step.BAD_CONFIRM)
            self._say(m.Failed("wrong", self._tries_left))
            self._tell(InvitationFailed("wrong", self._tries_left))
            return
        self.step(Step.CONFIRM)
        self.is_trusted = True
        self._say(m.Confirm(pake.confirmation(Role.INVITER)))
        self._tell(CodeRight(self._invitation))

    def _take_knock(self, knock: m.Knock) -> None:
        text = self._hash + self._side.other.byte
        if not crypto.verify(knock.invite_key, "ks1/knock", text, knock.signature):
            raise PeerError("E_SIGNATURE", "a knock without the link", score=-50)
        self.step(Step.KNOCK)
        self.is_trusted = True
        self._invitation = knock.invite_key
        self._tell(Knocked(knock.invite_key))

    def _take_introduce(self, message: m.Introduce) -> None:
        preview = self._preview
        self.step(Step.INTRODUCE)
        if preview is None or preview.role == DEVICE_ROLE:
            raise PeerError("E_STATE", "a person came by a device's code")
        identity = read_identity(message.entries, message.device)
        text = n4_text(self._hash, self._side.other, preview.space, identity)
        if not crypto.verify(message.device, "ks1/hello", text, message.signature):
            raise PeerError("E_SIGNATURE", "an introduction not signed by its device", score=-50)
        entries = tuple(SignedEntry(body, sigs) for body, sigs in message.entries)
        self._tell(
            Introduced(
                self._invitation,
                identity,
                entries,
                message.device,
                message.name,
                message.claim,
                self._check,
            )
        )

    def _take_device(self, sign: bytes, agree: bytes) -> None:
        self.step(Step.DEVICE_KEYS)
        if self._preview is None or self._preview.role != DEVICE_ROLE:
            raise PeerError("E_STATE", "a device came by a person's code")
        self._device = sign
        self._tell(DeviceOffered(self._invitation, sign, agree, self._check))

    def _take_entry(self, entry: m.Entry) -> None:
        self.step(Step.ENTRY)
        is_signed = entry.signature is not None and crypto.verify(
            self._device, "ks1/ident", entry.body, entry.signature
        )
        if entry.body != self._draft or entry.signature is None or not is_signed:
            raise PeerError("E_SIGNATURE", "the new device did not sign its entry", score=-50)
        self._tell(EntrySigned(self._invitation, entry.body, entry.signature))

    @property
    def _check(self) -> bytes:
        return self._pake.check if self._pake else b""
