"""Every error, its text and its next step.

A text says what happened, to which thing, and what to do now. `KithError` and the classes below it
are public (experience.md section 5); the internal ones never leave the node.
"""

import re
from typing import ClassVar


class KithError(Exception):
    """The base of all errors raised on purpose by kithspace.

    Args:
        fact: What happened, to which thing, as a sentence.
        next_step: What to do now, as a sentence; empty where the fact says it.
        details: Machine-readable parts; never a key or a value.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, fact: str, next_step: str = "", **details: object) -> None:
        super().__init__(f"{fact} {next_step}".strip())
        self.next = next_step
        self.details = details

    @property
    def code(self) -> str:
        """The class name in kebab-case; stable."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(self).__name__).lower()


# ---------------------------------------------------------------- internal


class InternalError(Exception):
    """The base of errors that never leave the node."""


class CodecError(InternalError):
    """Bytes that are not what they should be (E_ENCODING)."""


class VersionError(CodecError):
    """A record of a version this program does not know (E_VERSION): set aside, never applied."""


class LimitError(CodecError):
    """More, longer or deeper than the limits of security.md 2.4 (E_LIMIT)."""


class PayloadError(CodecError):
    """A payload that opens but breaks a rule of V14 (E_PAYLOAD): empty but counted."""


class StampError(InternalError):
    """A stamp is outside what its fields can hold (E_STAMP)."""


class KeyMismatch(InternalError):
    """A key does not open, or does not fit its commitment (E_KEY)."""


class PeerError(InternalError):
    """A peer broke the protocol; the connection is closed.

    Args:
        code: Stable, in capitals, as in security.md section 7.
        reason: For the log; no ids in full, no values.
        score: What the peer's score loses, at most zero.
    """

    def __init__(self, code: str, reason: str, score: int = -20) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.score = score
