"""What is a text in which several people type at the same time?

Offsets count code points. While a `Text` stands alone it is a plain text; in an object in a space
every edit is saved as an update that merges with what others type (data rules T1 to T4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from kithspace.api.overriding import override
from kithspace.api.spot import MAKERS, Spot
from kithspace.core import edit
from kithspace.core.compose import new_client_id
from kithspace.core.text import OpenText

if TYPE_CHECKING:
    from kithspace.core.document import Document


class Text:
    """Typing merges.

    Args:
        text: What it says at first.
    """

    __slots__ = (
        "__weakref__",
        "_kith_count",
        "_kith_made",
        "_kith_open",
        "_kith_spot",
        "_kith_text",
    )
    __kith_kind__ = "text"
    _kith_maker = "text"

    _kith_text: str
    _kith_spot: Spot | None
    _kith_open: OpenText | None
    _kith_made: bytes
    _kith_count: int

    def __init__(self, text: str = "") -> None:
        if not isinstance(text, str):
            raise TypeError(f"a Text is made of text, not {type(text).__name__}")
        self._kith_text = text
        self._kith_spot = None
        self._kith_open = None
        self._kith_made = b""
        self._kith_count = 0

    # ---------------------------------------------------------------- reading

    @override
    def __str__(self) -> str:
        if self._kith_spot is None:
            return self._kith_text
        return str(self._kith_opened(self._kith_spot))

    @override
    def __repr__(self) -> str:
        return f"Text({str(self)!r})"

    def __len__(self) -> int:
        return len(str(self))

    def __bool__(self) -> bool:
        return bool(str(self))

    def __getitem__(self, index: int | slice) -> str:
        return str(self)[index]

    def __contains__(self, part: str) -> bool:
        return part in str(self)

    def __copy__(self) -> Text:
        return Text(str(self))

    def __deepcopy__(self, memo: object) -> Text:
        return Text(str(self))

    # ---------------------------------------------------------------- editing

    def insert(self, at: int, s: str) -> None:
        """Put text in before the character at `at`."""
        self._splice(at, at, s)

    def delete(self, at: int, n: int = 1) -> None:
        """Take `n` characters out, from `at` on."""
        self._splice(at, at + n, "")

    def set(self, text: str) -> None:
        """Make it say this, by the smallest edit, so that others' typing survives."""
        old = str(self)
        most = min(len(old), len(text))
        start = next((i for i in range(most) if old[i] != text[i]), most)
        same = 0
        while same < most - start and old[-1 - same] == text[-1 - same]:
            same += 1
        self._splice(start, len(old) - same, text[start : len(text) - same])

    def __iadd__(self, s: str) -> Self:
        self._splice(len(self), len(self), s)
        return self

    def _splice(self, start: int, end: int, s: str) -> None:
        spot = self._kith_spot
        if spot is None:
            old = self._kith_text
            if not 0 <= start <= end <= len(old):
                raise IndexError(f"{start}:{end} is outside the text of {len(old)} characters")
            self._kith_text = old[:start] + s + old[end:]
            return
        try:
            spot.edit(lambda document: self._kith_update(spot, document, start, end, s))
        except BaseException:
            self._kith_open = None
            raise

    def _kith_update(
        self, spot: Spot, document: Document, start: int, end: int, s: str
    ) -> list[edit.Edit]:
        update = self._kith_opened(spot).splice(start, end, s, spot.words)
        self._kith_made = update
        return edit.text_update(document, spot.path, update)

    # ---------------------------------------------------------------- in a space

    def _kith_opened(self, spot: Spot) -> OpenText:
        """Return the text, loaded (T1)."""
        session = spot.root.session
        session.check_open()
        opened = self._kith_open
        if opened is None:
            with session.lock:
                document = spot.root.doc
                opened = OpenText(document.text(*spot.path), new_client_id(spot.entropy))
                self._kith_open = opened
                self._kith_count = _count(document, spot)[0]
        return opened

    def _kith_refresh(self, document: Document) -> None:
        """Forget what was loaded, unless the one new update is what was made here just now."""
        spot = self._kith_spot
        if self._kith_open is None or spot is None:
            return
        count, last = _count(document, spot)
        if count == self._kith_count:
            return
        if last is not None and last == self._kith_made and count == self._kith_count + 1:
            self._kith_count = count
        else:
            self._kith_open = None

    @classmethod
    def _kith_make(cls, spot: Spot, document: Document) -> Text:
        new = cls()
        new._kith_spot = spot
        return new

    def _kith_attach(self, spot: Spot) -> None:
        """Become part of an object in a space."""
        self._kith_open = None
        self._kith_spot = spot

    def _kith_detach(self, text: str) -> None:
        """Stand alone again, and say this."""
        self._kith_spot = self._kith_open = None
        self._kith_text = text


def _count(document: Document, spot: Spot) -> tuple[int, bytes | None]:
    """Return the number of a text's updates since its last snapshot, and the last of them."""
    extra = document.cell(*spot.path).extra
    log = extra.text if extra is not None else None
    if log is None:
        return 0, None
    return log.stored + len(log.fresh), log.fresh[-1] if log.fresh else None


MAKERS["text"] = Text._kith_make  # noqa: SLF001 - ours
