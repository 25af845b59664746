"""Every error, its text and its next step.

A text says what happened, to which thing, and what to do now. `KithError` and the classes below it
are public (experience.md section 5); the internal ones never leave the node.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, Literal, Self


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


class SealError(InternalError):
    """An own block cannot be made now.

    Args:
        missing: `"right"`: this identity may not write here; `"generation"`: there is no key to
            write under, one has to be made first (K5).
    """

    def __init__(self, missing: Literal["right", "generation"]) -> None:
        super().__init__(f"no {missing} to write with")
        self.missing = missing


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


# ---------------------------------------------------------------- public (experience.md section 5)


def _quoted(name: str) -> str:
    return f"“{name}”"


def _joined(names: Sequence[str], last: str = "and") -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


class KithWarning(UserWarning):
    """The base of all warnings."""


class BlockingWarning(KithWarning):
    """An event loop was kept waiting for another party."""


class VaultInUse(KithError, OSError):
    """The vault's folder is open in another process."""

    exit_code = 6

    @classmethod
    def by(cls, vault: str, program: str, pid: int) -> Self:
        """Name the process that has it open."""
        return cls(f"The vault {_quoted(vault)} is open in {program} (process {pid}).", "Close it.")


class VaultLocked(KithError, PermissionError):
    """No passphrase, a wrong one, or the keychain is shut."""

    exit_code = 6

    @classmethod
    def of(cls, vault: str, *, is_wrong: bool = False) -> Self:
        """`is_wrong`: a passphrase was given, and does not open it."""
        why = ": that passphrase does not open it" if is_wrong else ""
        return cls(
            f"The vault {_quoted(vault)} is locked{why}.",
            "Unlock your keychain, or pass passphrase=….",
        )

    @classmethod
    def exposed(cls, vault: str, command: str) -> Self:
        """Others on this computer can read it (S3); `command` mends that."""
        return cls(
            f"The vault {_quoted(vault)} is locked: others on this computer can read its folder.",
            f"Close it to them with `{command}`.",
        )

    @classmethod
    def keyless(cls, vault: str, path: str) -> Self:
        """A file that holds its key or passphrase cannot be read."""
        return cls(
            f"The vault {_quoted(vault)} is locked: {path} cannot be read.",
            "Put that file back, or pass passphrase=….",
        )

    @classmethod
    def not_writable(cls, vault: str, path: str) -> Self:
        """This user cannot write its folder."""
        return cls(
            f"The vault {_quoted(vault)} is locked: this program cannot write {path}.",
            "Give it the right to, or choose another folder.",
        )


class VaultDamaged(KithError, OSError):
    """A part of the vault cannot be read."""

    exit_code = 8

    @classmethod
    def of(cls, vault: str, space: str, broken: int, total: int) -> Self:
        """Say how much of which space."""
        return cls(
            f"Part of the vault {_quoted(vault)} cannot be read"
            f" ({broken:,} of {total:,} objects in {_quoted(space)}). Nothing was changed."
        )

    @classmethod
    def file(cls, vault: str, file: str) -> Self:
        """Name the file, where nothing can be said about what is in it."""
        return cls(
            f"Part of the vault {_quoted(vault)} cannot be read ({file}). Nothing was changed.",
            file=file,
        )


class TooNew(KithError):
    """A newer version wrote it."""

    exit_code = 6

    @classmethod
    def of(cls, vault: str, writer: str, this: str) -> Self:
        """Name both versions."""
        return cls(
            f"The vault {_quoted(vault)} was written by kithspace {writer}; this is {this}.",
            "Upgrade with `pip install -U kithspace`. Nothing was changed.",
        )


class DiskFull(KithError, OSError):
    """There is no room; nothing was written."""

    @classmethod
    def of(cls, title: str, megabytes: int) -> Self:
        """Name what was not saved, and how much room it takes."""
        return cls(
            f"The disk is full: {_quoted(title)} was not saved and shows its old value again.",
            f"Free {megabytes} MB and try again; `kith status --sizes` shows what uses room.",
        )

    @classmethod
    def unnamed(cls, megabytes: int) -> Self:
        """Where nobody knows yet what it was that was not saved."""
        return cls(
            "The disk is full: nothing was saved.",
            f"Free {megabytes} MB and try again; `kith status --sizes` shows what uses room.",
            megabytes=megabytes,
        )


class Closed(KithError, RuntimeError):
    """Used after the vault was closed."""

    @classmethod
    def of(cls, vault: str, where: str) -> Self:
        """`where`: file and line of the close."""
        return cls(f"The vault {_quoted(vault)} was closed at {where}.", "Open it again.")


class Forked(KithError, RuntimeError):
    """Used in a child of the process that opened the vault."""

    @classmethod
    def of(cls) -> Self:
        """Say where to open it instead."""
        return cls(
            "This process was forked from the one that opened the vault.",
            "Open the vault in the child instead.",
        )


class NotFound(KithError, LookupError):
    """An unknown name or id."""

    exit_code = 3

    @classmethod
    def of(
        cls, kind: str, name: str, where: str, nearest: Sequence[str] = (), command: str = ""
    ) -> Self:
        """Name what is near, and the command that lists all."""
        near = f"Nearest: {', '.join(nearest)}." if nearest else ""
        lists = f"`{command}` lists them." if command else ""
        return cls(f"There is no {kind} {_quoted(name)} in {where}.", f"{near} {lists}".strip())


class Ambiguous(KithError, LookupError):
    """Several things go by this name."""

    exit_code = 3

    @classmethod
    def of(cls, kinds: str, name: str, each: Sequence[str]) -> Self:
        """Describe each of them."""
        return cls(
            f"You have {len(each)} {kinds} called {_quoted(name)}: {'; '.join(each)}.",
            "Use the id, or rename one: `kith space rename`.",
        )

    @classmethod
    def results(cls, count: int, kinds: str) -> Self:
        """One result was asked for, and there are several."""
        return cls(
            f"There are {count:,} {kinds} where one was asked for.",
            "Ask for more exactly, or use first().",
        )


class NotHere(KithError, LookupError):
    """Known, and not on this device."""

    exit_code = 7

    @classmethod
    def of(cls, thing: str, who: str) -> Self:
        """Say who has it."""
        return cls(
            f"{thing} is not on this device yet; {who} has it.",
            "It comes by itself when you are both online.",
        )


class NotAllowed(KithError, PermissionError):
    """The role does not suffice."""

    exit_code = 4

    @classmethod
    def of(cls, role: str, space: str, act: str, admins: Sequence[str]) -> Self:
        """Say who can change that."""
        fact = f"You are a {role} in {_quoted(space)}, so you cannot {act}."
        if role == "none":
            fact = f"You are no member of {_quoted(space)}, so you cannot {act}."
        if role == "admin":
            fact = f"You are an {role} in {_quoted(space)}, so you cannot {act}."
        who = _joined(admins, "or") or "An admin"
        return cls(fact, f"{who} can change your role.")


class FieldType(KithError, TypeError):
    """A value of the wrong type."""

    exit_code = 2

    @classmethod
    def of(cls, type_name: str, field: str, holds: str, value: str, give: str) -> Self:
        """Say what the field holds, what `value` is, and what to give instead."""
        return cls(f"{type_name}.{field} holds {holds}; {value}.", f"Give {give}.")


class FieldValue(FieldType, ValueError):
    """A value that no field can hold: NaN, an infinity, half a character, a type without a form."""

    @classmethod
    def of_field(cls, field: str, value: str, give: str) -> Self:
        """`field`: as the user calls it, such as `Task.priority`."""
        return cls(f"{field} cannot hold {value}.", f"Give {give}.")

    @classmethod
    def of_name(cls, what: str, *, is_blank: bool) -> Self:
        """No name: a blank one, or one that is not a line of text."""
        wrong = "is empty" if is_blank else "has line ends or control characters"
        return cls(f"{what} {wrong}.", "Give a name in one line.")


class UnknownField(KithError, AttributeError):
    """There is no such field."""

    exit_code = 2

    @classmethod
    def of(cls, type_name: str, field: str, near: str = "") -> Self:
        """Name the field that was meant, as far as can be guessed."""
        return cls(
            f"{type_name} has no field {_quoted(field)}.",
            f"Did you mean {_quoted(near)}?" if near else "",
        )


class BadSchema(KithError, TypeError):
    """A class that cannot be a type."""

    exit_code = 2

    @classmethod
    def reserved(cls, type_name: str, field: str) -> Self:
        """The name is one of ours."""
        better = f"{type_name.rpartition('.')[2].lower()}_{field.strip('_')}"
        return cls(f"{type_name}.{field}: this name belongs to kithspace.", f"Call it {better}.")

    @classmethod
    def differs(cls, type_name: str, version: int, space: str, fields: Sequence[str]) -> Self:
        """The same version is stored with other fields (E4)."""
        return cls(
            f"{type_name} version {version} differs from the version {version} stored in"
            f" {_quoted(space)} in {', '.join(fields)}.",
            f"Raise version= to {version + 1} and add a lens.",
        )


class BadQuery(KithError, ValueError):
    """A condition that makes no sense."""

    exit_code = 2

    @classmethod
    def compared(cls, type_name: str, field: str, holds: str, value: str) -> Self:
        """The value is of another type than the field."""
        return cls(f"{type_name}.{field} is {holds} and cannot be compared with {value}.")


class Deleted(KithError, LookupError):
    """Writing what was deleted."""

    exit_code = 3

    @classmethod
    def of(cls, title: str, who: str, when: str) -> Self:
        """Say by whom, and how it comes back."""
        return cls(
            f"{_quoted(title)} was deleted by {who} {when}.", "space.undelete() brings it back."
        )


class TransactionOpen(KithError, RuntimeError):
    """Another task of this thread writes inside a transaction (G5)."""

    @classmethod
    def of(cls, space: str) -> Self:
        """Name the space."""
        return cls(
            f"A transaction on {_quoted(space)} is open in another task.",
            "Do not await inside `with space.transaction()`: gather first, then write.",
        )


class AlreadyAdded(KithError, ValueError):
    """The object is in a space."""

    exit_code = 2

    @classmethod
    def of(cls, title: str, space: str, target: str) -> Self:
        """`target`: the space it was to be added to."""
        if space == target:
            step = "Change it in place, or add copy.copy(x) for a second one."
        else:
            too = f"To have it in {_quoted(target)} too"
            step = f"{too}: {target}.add(copy.copy(x)), or keep a ks.ref(x)."
        return cls(f"{_quoted(title)} is already in {_quoted(space)}.", step)


class TooBig(KithError, ValueError):
    """A value, a transaction or a space over its limit."""

    exit_code = 2

    @classmethod
    def value(cls, field: str, size_bytes: int) -> Self:
        """A field's value."""
        return cls(
            f"{field} would be {-(-size_bytes // 1000)} kB; a field holds up to 128 kB.",
            "Use Text for long writing, Blob for files.",
        )

    @classmethod
    def text(cls, field: str, size_bytes: int) -> Self:
        """A `Text`."""
        return cls(
            f"{field} would be {-(-size_bytes // 1000):,} kB; a Text holds up to 4 MB.",
            "Split it in several.",
        )

    @classmethod
    def number(cls, field: str, size: int) -> Self:
        """A number, in bytes or in digits."""
        return cls(
            f"{field} would be a number of {size:,} bytes; a number has up to 1,024.",
            "Use bytes for long ones.",
        )

    @classmethod
    def name(cls, what: str, length: int) -> Self:
        """A name."""
        return cls(
            f"{what} would be {length:,} characters; a name has up to 128.", "Give a shorter one."
        )

    @classmethod
    def transaction(cls, size_bytes: int) -> Self:
        """More than 64 blocks (A10)."""
        return cls(
            f"This transaction would be {-(-size_bytes // 1_000_000)} MB; up to 16 MB can be all or"
            " nothing.",
            "Split it, or use add_all outside a transaction.",
        )


class BadCode(KithError, ValueError):
    """A code that is mistyped or wrong."""

    exit_code = 2

    @classmethod
    def mistyped(cls, code: str, word: str, near: str = "") -> Self:
        """Found before anything is sent."""
        return cls(
            f"{code} is no code: {_quoted(word)} is not in the word list.",
            f"Did you mean {_quoted(near)}?" if near else "A code looks like 7-marble-salad-tiger.",
        )

    @classmethod
    def wrong(cls, tries_left: int) -> Self:
        """The inviter refused it."""
        return cls(f"That code is not right; {tries_left} tries are left.")


class CodeUsed(KithError, ValueError):
    """A code that is used up."""

    exit_code = 2

    @classmethod
    def up(cls) -> Self:
        """Three wrong tries burned it."""
        return cls("That code was tried wrongly three times and is used up.", "Ask for a new one.")

    @classmethod
    def by(cls, who: str, when: str) -> Self:
        """Somebody joined by it."""
        return cls(f"This code was used by {who} {when}.", "Ask for a new one.")


class CodeExpired(KithError, ValueError):
    """A code that is too old."""

    exit_code = 2

    @classmethod
    def of(cls, when: str, space: str) -> Self:
        """Say until when it was good."""
        return cls(f"This code was good until {when}.", f"Ask for a new one: kith invite {space}.")


class Unreachable(KithError, ConnectionError):
    """Nobody answers; the text is a sentence of experience.md section 8."""

    exit_code = 7


class TimedOut(KithError, TimeoutError):
    """`.result(timeout)` is over; the work goes on."""

    exit_code = 5

    @classmethod
    def of(cls, seconds: float, words: str) -> Self:
        """`words`: what it waits for, as a sentence."""
        return cls(
            f"Still waiting after {seconds:g} s: {words}",
            "It goes on in the background; call .result() again or .cancel().",
        )


class Cancelled(KithError):
    """An operation was given up before it was done."""

    @classmethod
    def of(cls) -> Self:
        """`.cancel()` was called, or the vault was closed."""
        return cls("This was cancelled.")
