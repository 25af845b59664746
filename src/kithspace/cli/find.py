"""Which object is meant by what was typed, and what is an object called?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kithspace.errors import Ambiguous, NotFound

if TYPE_CHECKING:
    import kithspace as ks

_NAMES: Final = ("title", "name")
_SHORT: Final = 4


def title_of(obj: ks.Object) -> str:
    """What an object is called: its title or name, else its first text, else its id."""
    import kithspace as ks

    fields = ks.to_dict(obj, unknown=True)
    texts = [fields.get(name) for name in (*_NAMES, *fields)]
    return next((text for text in texts if isinstance(text, str) and text), short_id(obj))


def short_id(obj: ks.Object) -> str:
    """The first characters of an id, as tables show it."""
    return obj.id[:_SHORT]


def find_object(vault: ks.Vault, word: str, *, deleted: bool = False) -> ks.Object:
    """Find an object in all spaces by a unique start of its id (4 and more) or by its title.

    Raises:
        NotFound: There is none.
        Ambiguous: There are several.
    """
    found = [obj for space in vault.spaces for obj in space.find(word, deleted=deleted)]
    if not found:
        where = "your spaces, deleted ones" if deleted else "your spaces"
        raise NotFound.of("object", word, where, command="kith ls SPACE TYPE")
    if len(found) > 1:
        each = "; ".join(f"{obj.id[:8]} “{title_of(obj)}”" for obj in found[:5])
        raise Ambiguous(f"{len(found)} objects go by “{word}”: {each}.", "Use more of the id.")
    return found[0]
