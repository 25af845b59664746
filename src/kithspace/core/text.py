"""How is a text read and edited?

A text is a Yjs document with one shared text; what is stored and sent are its updates, as they
come. Positions at our API are Unicode code points.

Rules:
    T1  A text is loaded when someone reads or edits it. A snapshot replaces the updates beyond 200,
        or beyond 64 KiB.
    T2  A random client id per opening: it comes as an argument.
    T3  pycrdt counts UTF-8 bytes, and moves an offset inside a character silently: offsets are
        converted here and nowhere else; for ASCII text they are the same.
    T4  An update over 96 KiB is cut by `core/run`.

Updates come from others: one that is no update changes nothing.
"""

from collections.abc import Iterable
from typing import Final

from pycrdt import Doc, Text

from kithspace.errors import FieldValue, TooBig

MAX_UPDATES: Final = 200
MAX_UPDATES_BYTES: Final = 64 * 1024
MAX_TEXT_BYTES: Final = 4 * 1024 * 1024
"""Of one text, and of one update."""

ROOT_NAME: Final = "t"
"""The name of the shared text in its Yjs document; part of the format."""

_READER: Final = 1
"""The client id of documents that are read and never written."""


def is_long(updates: int, size_bytes: int) -> bool:
    """T1: whether a snapshot has to take the place of so many updates."""
    return updates > MAX_UPDATES or size_bytes > MAX_UPDATES_BYTES


def snapshot_of(updates: Iterable[bytes]) -> bytes:
    """Return one update that stands for all (T1)."""
    return _load(updates, _READER)[0].get_update()


def read_text(updates: Iterable[bytes]) -> str:
    """Return the text that these updates make."""
    return str(_load(updates, _READER)[1])


def new_text(text: str, client_id: int) -> bytes:
    """Return the update that makes a text from nothing.

    Args:
        text: At most 4 MiB.
        client_id: 32 random bits (T2).

    Raises:
        FieldValue: The text has half a character.
        TooBig: It is longer.
    """
    return OpenText((), client_id).splice(0, 0, text) if text else b""


class OpenText:
    """A text that is read and edited; it lives while someone holds it.

    Args:
        updates: What is stored: the snapshot, if there is one, and what follows.
        client_id: 32 random bits, anew for each opening (T2).
    """

    __slots__ = ("_doc", "_made", "_shown", "_subscription", "_text")

    def __init__(self, updates: Iterable[bytes], client_id: int) -> None:
        self._doc, self._text = _load(updates, client_id)
        self._made: list[bytes] = []
        self._subscription = self._doc.observe(lambda event: self._made.append(event.update))
        self._shown: str | None = None

    def __str__(self) -> str:
        if self._shown is None:
            self._shown = str(self._text)
        return self._shown

    def __len__(self) -> int:
        return len(str(self))

    def splice(self, start: int, end: int, text: str, field: str = "text") -> bytes:
        """Put `text` in place of the code points from `start` to `end`.

        Args:
            start: 0 to the text's length, in code points (T3).
            end: `start` to the text's length.
            text: What comes there; empty to delete.
            field: The field as the user calls it, for the error.

        Returns:
            The update to store and send; empty if nothing changed.

        Raises:
            FieldValue: The text has half a character.
            TooBig: The whole would be over 4 MiB.
        """
        shown = str(self)
        if not 0 <= start <= end <= len(shown):
            raise IndexError(f"{start}:{end} is outside the text of {len(shown)} characters")
        _check(shown, text, field)
        first = _t3_bytes(shown, start)
        last = first + _t3_bytes(shown[start:end], end - start)
        self._made.clear()
        with self._doc.transaction():
            if last > first:
                del self._text[first:last]
            if text:
                self._text.insert(first, text)
        self._shown = shown[:start] + text + shown[end:]
        return self._made.pop() if self._made else b""

    def apply(self, update: bytes) -> None:
        """Take in an update of somebody else; one that is no update changes nothing."""
        _apply(self._doc, update)
        self._made.clear()
        self._shown = None


def _load(updates: Iterable[bytes], client_id: int) -> "tuple[Doc[Text], Text]":
    # The node's thread and the caller's take turns, under the space's lock (G4).
    doc: Doc[Text] = Doc(client_id=client_id, allow_multithreading=True)
    text = doc.get(ROOT_NAME, type=Text)
    with doc.transaction():
        for update in updates:
            _apply(doc, update)
    return doc, text


def _apply(doc: "Doc[Text]", update: bytes) -> None:
    if not update:
        return
    try:
        doc.apply_update(update)
    except ValueError:
        # An honest node never sends such an update, and every node skips the same ones.
        return


def _t3_bytes(text: str, count: int) -> int:
    """T3: how many UTF-8 bytes the first `count` code points take."""
    return count if text.isascii() else len(text[:count].encode())


def _check(shown: str, text: str, field: str) -> None:
    try:
        added = len(text.encode())
    except UnicodeEncodeError:
        raise FieldValue.of_field(
            field, "text with half a character (a surrogate)", "valid text"
        ) from None
    if (len(shown) + len(text)) * 4 > MAX_TEXT_BYTES:
        size = len(shown.encode()) + added
        if size > MAX_TEXT_BYTES:
            raise TooBig.text(field, size)
