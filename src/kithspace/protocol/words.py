"""How are codes, links and checks written, so that people can read and type them?

Rules:
    J1   A code is a nameplate and three words of the list, `7-marble-salad-tiger`, perhaps with
         `@host:port`. Case, spaces for hyphens and unique starts of four letters are accepted.
         Anything else is refused before the network is used.
    J6   A link is `kith:join?via=ADDRESS#SEED`; SEED = base64url of 32 bytes of seed and the first
         16 bytes of the invite's id; `via` 0 to 4 times (protocol.md section 6).
    I12  Verification words: 8 words, the first 88 bits of `H(ks1/words, both ids sorted)`.
    J4   Check words: 2 words, the first 22 bits of `MAC(ks1/words, K, h)`.

The word list (BIP39, English) comes in as an argument: nothing here reads a file.
"""

import base64
import binascii
import difflib
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from kithspace.core import crypto
from kithspace.core.ids import IdentityId
from kithspace.errors import BadCode

LIST_WORDS: Final = 2_048
WORD_BITS: Final = 11
CODE_WORDS: Final = 3
CHECK_WORDS: Final = 2
VERIFICATION_WORDS: Final = 8
UNIQUE_LETTERS: Final = 4
SEED_BYTES: Final = 32
INVITE_START_BYTES: Final = 16
MAX_WAYS: Final = 4
MAX_TEXT: Final = 2_000
LINK_START: Final = "kith:join"
_NAMEPLATE: Final = re.compile(r"[1-9][0-9]{0,3}")
_WAY: Final = re.compile(r"wss?://[A-Za-z0-9.:\[\]-]{1,260}/?")
_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})")


class Code(NamedTuple):
    """A one-time code: where to ask, and what to prove."""

    nameplate: str
    words: tuple[str, str, str]
    address: str | None = None

    @property
    def password(self) -> bytes:
        """SPAKE2's password: the three words alone (J2)."""
        return "-".join(self.words).encode()

    @property
    def text(self) -> str:
        """As it is shown: `7-marble-salad-tiger`."""
        code = f"{self.nameplate}-{'-'.join(self.words)}"
        return f"{code}@{self.address}" if self.address else code


class Link(NamedTuple):
    """An invitation link."""

    seed: bytes
    invite_start: bytes
    ways: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As it is sent to people: `kith:join?via=…#SEED`."""
        secret = base64.urlsafe_b64encode(self.seed + self.invite_start).decode()
        query = "&".join(f"via={way}" for way in self.ways)
        return f"{LINK_START}{'?' if query else ''}{query}#{secret}"


class WordList:
    """The 2,048 words, with completion and near misses.

    Args:
        words: The BIP39 English list, in its order.
    """

    def __init__(self, words: Sequence[str]) -> None:
        if len(words) != LIST_WORDS:
            raise ValueError(f"the word list has {len(words)} words, not {LIST_WORDS}")
        self._words = tuple(words)
        self._places = {word: place for place, word in enumerate(words)}
        self._starts = {word[:UNIQUE_LETTERS]: word for word in words}

    def complete(self, typed: str) -> str | None:
        """Return the word that was typed, or of which its first four letters were."""
        lower = typed.lower()
        if lower in self._places:
            return lower
        word = self._starts.get(lower[:UNIQUE_LETTERS]) if len(lower) >= UNIQUE_LETTERS else None
        return word if word is not None and word.startswith(lower) else None

    def near(self, typed: str) -> str:
        """Return the word most like a mistyped one, or nothing."""
        found = difflib.get_close_matches(typed.lower(), self._words, n=1, cutoff=0.6)
        return found[0] if found else ""

    def spell(self, source: bytes, count: int) -> tuple[str, ...]:
        """Return words for the first `count` times 11 bits of `source`."""
        number = int.from_bytes(source, "big") >> (len(source) * 8 - count * WORD_BITS)
        places = (number >> WORD_BITS * place for place in reversed(range(count)))
        return tuple(self._words[place % LIST_WORDS] for place in places)


# ---------------------------------------------------------------- codes


def j1_new_code(nameplate: str, words: WordList, entropy: Callable[[int], bytes]) -> Code:
    """J1: a code of 33 random bits."""
    first, second, third = words.spell(entropy(5), CODE_WORDS)
    return Code(nameplate, (first, second, third))


def j1_read_code(text: str, words: WordList) -> Code:
    """J1: read a typed code.

    Raises:
        BadCode: It is not a nameplate and exactly three words of the list; nothing was sent.
    """
    bare, at, address = text.strip().partition("@")
    parts = [part for part in re.split(r"[-\s]+", bare) if part]
    if len(text) > MAX_TEXT or len(parts) != 1 + CODE_WORDS or not _NAMEPLATE.fullmatch(parts[0]):
        raise _no_code(text)
    if at and not is_address(address):
        raise _no_code(text)
    first, second, third = (_read_word(part, text, words) for part in parts[1:])
    return Code(parts[0], (first, second, third), address or None)


def _read_word(typed: str, text: str, words: WordList) -> str:
    word = words.complete(typed)
    if word is None:
        raise BadCode.mistyped(text.strip(), typed, words.near(typed))
    return word


def is_address(text: str) -> bool:
    """Whether it is `host:port`, `1.2.3.4:port` or `[::1]:port`."""
    match = _ADDRESS.fullmatch(text)
    return match is not None and 0 < int(match[2]) < 65_536


# ---------------------------------------------------------------- links


def is_link(text: str) -> bool:
    """Whether a text is meant as a link, not as a code."""
    return text.strip().lower().startswith("kith:")


def j6_read_link(text: str) -> Link:
    """J6: read a link.

    Raises:
        BadCode: It is no link of ours; nothing was sent.
    """
    start, _, fragment = text.strip()[:MAX_TEXT].partition("#")
    kind, _, query = start.partition("?")
    items = [item.partition("=") for item in query.split("&") if item]
    ways = tuple(value if name == "via" else "" for name, _, value in items)
    secret = _read_secret(fragment)
    if kind.lower() != LINK_START or secret is None:
        raise _no_link()
    if len(ways) > MAX_WAYS or not all(_WAY.fullmatch(way) for way in ways):
        raise _no_link()
    return Link(secret[:SEED_BYTES], secret[SEED_BYTES:], ways)


def _read_secret(fragment: str) -> bytes | None:
    try:
        secret = base64.b64decode(_padded(fragment).encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return secret if len(secret) == SEED_BYTES + INVITE_START_BYTES else None


def _no_link() -> BadCode:
    return BadCode("This is no link of kithspace.", "A link looks like kith:join?via=…#….")


def _no_code(text: str) -> BadCode:
    return BadCode(f"{text[:64]} is no code.", "A code looks like 7-marble-salad-tiger.")


def _padded(fragment: str) -> str:
    return fragment + "=" * (-len(fragment) % 4)


# ---------------------------------------------------------------- checks


def i12_verification_words(
    mine: IdentityId, theirs: IdentityId, words: WordList
) -> tuple[str, ...]:
    """I12: eight words that both persons see alike."""
    joined = b"".join(sorted((mine, theirs)))
    return words.spell(crypto.hash_of("ks1/words", joined), VERIFICATION_WORDS)


def j4_check_words(check: bytes, words: WordList) -> tuple[str, ...]:
    """J4: two words that both sides of an invitation see alike.

    Args:
        check: `MAC(ks1/words, K, h)`, of which the first 22 bits count.
        words: The word list.
    """
    return words.spell(check, CHECK_WORDS)
