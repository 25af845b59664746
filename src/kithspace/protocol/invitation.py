"""How does a person, or a device, come in? States, events and the table of both roles.

`Inviter` and `Joiner` walk this table, one for each connection. What must be asked of
the vault is an event; the answer is a method. An event without a row closes the connection.

Rules: J1-J6 (security.md 10), protocol.md section 5, Invitation. 60 s for the whole.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from kithspace.core.identity import SignedEntry, decode_entry, is_authentic
from kithspace.core.identity_log import EntryLog, fold_entries, standing_of
from kithspace.core.ids import DeviceKey, GenerationId, IdentityId, SpaceId
from kithspace.errors import CodecError, PeerError
from kithspace.protocol.messages import AnyMessage, Preview
from kithspace.protocol.pake import Role

WHOLE_MS: Final = 60_000
DEVICE_ROLE: Final = "device"


class State(Enum):
    """Where an invitation stands on one connection."""

    WAITING = auto()
    COUNTING = auto()
    AGREEING = auto()
    CONFIRMING = auto()
    PREPARING = auto()
    EXPECTING = auto()
    OFFERING = auto()
    DECIDING = auto()
    DRAFTING = auto()
    SIGNING = auto()
    ADMITTING = auto()
    INTRODUCED = auto()
    DONE = auto()
    FAILED = auto()


class Step(Enum):
    """What happens: first what the peer says, then what this side's vault or person says."""

    PAKE = auto()
    CONFIRM = auto()
    BAD_CONFIRM = auto()
    KNOCK = auto()
    PREVIEW = auto()
    INTRODUCE = auto()
    DEVICE_KEYS = auto()
    ENTRY = auto()
    WELCOME = auto()
    FAILED = auto()
    BEGIN_CODE = auto()
    BEGIN_LINK = auto()
    TRY = auto()
    OFFER = auto()
    DRAFT = auto()
    ADMIT = auto()
    REFUSE = auto()
    ACCEPT = auto()
    ACCEPT_DEVICE = auto()
    SIGN = auto()


_FAIL: Final = {Step.FAILED: State.FAILED, Step.REFUSE: State.FAILED}

TRANSITIONS: Final[dict[Role, dict[State, dict[Step, State]]]] = {
    Role.INVITER: {
        State.WAITING: {Step.PAKE: State.COUNTING, Step.KNOCK: State.PREPARING, **_FAIL},
        State.COUNTING: {Step.TRY: State.CONFIRMING, **_FAIL},
        State.CONFIRMING: {
            Step.CONFIRM: State.PREPARING,
            Step.BAD_CONFIRM: State.FAILED,
            **_FAIL,
        },
        State.PREPARING: {Step.OFFER: State.OFFERING, **_FAIL},
        State.OFFERING: {
            Step.INTRODUCE: State.ADMITTING,
            Step.DEVICE_KEYS: State.DRAFTING,
            **_FAIL,
        },
        State.DRAFTING: {Step.DRAFT: State.SIGNING, **_FAIL},
        State.SIGNING: {Step.ENTRY: State.ADMITTING, **_FAIL},
        State.ADMITTING: {Step.ADMIT: State.DONE, **_FAIL},
        State.DONE: {},
        State.FAILED: {},
    },
    Role.JOINER: {
        State.WAITING: {
            Step.BEGIN_CODE: State.AGREEING,
            Step.BEGIN_LINK: State.EXPECTING,
            **_FAIL,
        },
        State.AGREEING: {Step.PAKE: State.CONFIRMING, **_FAIL},
        State.CONFIRMING: {
            Step.CONFIRM: State.EXPECTING,
            Step.BAD_CONFIRM: State.FAILED,
            **_FAIL,
        },
        State.EXPECTING: {Step.PREVIEW: State.DECIDING, **_FAIL},
        State.DECIDING: {
            Step.ACCEPT: State.INTRODUCED,
            Step.ACCEPT_DEVICE: State.DRAFTING,
            **_FAIL,
        },
        State.DRAFTING: {Step.ENTRY: State.SIGNING, **_FAIL},
        State.SIGNING: {Step.SIGN: State.INTRODUCED, **_FAIL},
        State.INTRODUCED: {Step.WELCOME: State.DONE, **_FAIL},
        State.DONE: {},
        State.FAILED: {},
    },
}
FINAL: Final = frozenset({State.DONE, State.FAILED})


# ---------------------------------------------------------------- events for the vault


class TryWanted(NamedTuple):
    """J3: count a try of this code and store it, then answer `try_taken` or `refuse`."""

    nameplate: str


class CodeRight(NamedTuple):
    """J3: give the try back; answer `offer` or `refuse`."""

    invitation: bytes


class Knocked(NamedTuple):
    """J6: somebody holds the link of this invite key; answer `offer` or `refuse`."""

    invite_key: bytes


class Introduced(NamedTuple):
    """J4, J6: admit this identity, or find the admit of before; answer `admit` or `refuse`."""

    invitation: bytes
    identity: IdentityId
    entries: tuple[SignedEntry, ...]
    device: DeviceKey
    name: str
    claim: bytes | None
    check: bytes


class DeviceOffered(NamedTuple):
    """J5: draft the add-device entry of these keys; answer `draft` or `refuse`."""

    invitation: bytes
    sign: bytes
    agree: bytes
    check: bytes


class EntrySigned(NamedTuple):
    """J5: the new device has signed; add it everywhere; answer `admit` or `refuse`."""

    invitation: bytes
    body: bytes
    signature: bytes


class Previewed(NamedTuple):
    """J4: this is what one would join; answer `accept`, `accept_as_device` or `refuse`."""

    preview: Preview
    check: bytes


class EntryToSign(NamedTuple):
    """J5: sign this entry, if it adds just these keys; answer `sign` or `refuse`."""

    body: bytes


class Welcomed(NamedTuple):
    """J4, J5: make the space here, then tell the session `joined`."""

    preview: Preview
    keys: tuple[tuple[SpaceId, GenerationId, bytes], ...]
    entries: tuple[SignedEntry, ...]


class InvitationFailed(NamedTuple):
    """It does not go on: `wrong`, `unknown`, `used`, `expired`, `refused`, `later`."""

    code: str
    tries_left: int = 0


InvitationEvent = (
    TryWanted
    | CodeRight
    | Knocked
    | Introduced
    | DeviceOffered
    | EntrySigned
    | Previewed
    | EntryToSign
    | Welcomed
    | InvitationFailed
)


class Walker:
    """One role on one connection: its place in the table, and what is to be sent and told."""

    def __init__(self, role: Role) -> None:
        self.role: Final = role
        self.state = State.WAITING
        self.is_trusted = False
        self._outbox: list[AnyMessage] = []
        self._events: list[InvitationEvent] = []

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens."""
        return self.state in FINAL

    def messages_to_send(self) -> list[AnyMessage]:
        """Return what to send now."""
        out, self._outbox = self._outbox, []
        return out

    def events_received(self) -> list[InvitationEvent]:
        """Return what to ask or tell the vault."""
        events, self._events = self._events, []
        return events

    def step(self, step: Step) -> None:
        """Take a step.

        Raises:
            PeerError: The table has no such row.
        """
        rows = TRANSITIONS[self.role][self.state]
        if step not in rows:
            raise PeerError(
                "E_STATE", f"{self.role.name.lower()} in {self.state.name} cannot take {step.name}"
            )
        self.state = rows[step]

    def _say(self, message: AnyMessage) -> None:
        self._outbox.append(message)

    def _tell(self, event: InvitationEvent) -> None:
        self._events.append(event)


def read_identity(entries: Sequence[tuple[bytes, tuple[bytes, ...]]], device: bytes) -> IdentityId:
    """Return whose log these entries are.

    Raises:
        PeerError: Not one log, a bad signature, or the device is not a live one of it.
    """
    try:
        decoded = [decode_entry(SignedEntry(body, sigs)) for body, sigs in entries]
    except CodecError as error:
        raise PeerError("E_ENCODING", "an identity entry of a wrong shape") from error
    identities = {entry.identity for entry in decoded}
    if len(identities) != 1 or not all(is_authentic(entry) for entry in decoded):
        raise PeerError("E_SIGNATURE", "not one identity's entries, or badly signed", score=-50)
    log = EntryLog.empty().with_entries(decoded)
    if log is None or device not in standing_of(log, fold_entries(log, log.entries.keys())).live:
        raise PeerError("E_SIGNATURE", "the device is not a live one of the identity", score=-50)
    return decoded[0].identity
