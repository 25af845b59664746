"""Which object, space or member is meant by what was typed?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.core.ids import to_text
from kithspace.errors import CodecError

if TYPE_CHECKING:
    import kithspace as ks


def title_of(obj: ks.Object) -> str:
    """What an object is called: its title or name, else its first text, else its id."""
    import kithspace as ks

    fields = ks.to_dict(obj)
    for name in ("title", "name", *fields):
        if isinstance(fields.get(name), str) and fields[name]:
            return str(fields[name])
    return short_id(obj)


def short_id(obj: ks.Object) -> str:
    """The first four characters of an id, as tables show it."""
    return obj.id[:4]


def find_object(vault: ks.Vault, word: str) -> ks.Object:
    """Find an object in all spaces by a unique start of its id (4 and more) or by its title.

    Raises:
        NotFound: There is none.
        Ambiguous: There are several.
    """
    import kithspace as ks

    found = [obj for space in vault.spaces for obj in space.find(word)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ks.Ambiguous.objects(word, [(short_id(obj), title_of(obj)) for obj in found])
    raise ks.NotFound.thing("object", word, "your spaces")


__all__ = ["CodecError", "find_object", "short_id", "title_of", "to_text"]
