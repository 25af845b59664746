"""What may a person, a device or a space be called?

Rules:
    2.4  A name has at most 128 code points. One that is typed here is checked, one that comes from
         others is shown as what it may be: no name can send commands to a terminal.
"""

import unicodedata
from typing import Final

from kithspace.errors import FieldValue, TooBig

MAX_NAME: Final = 128
_NO_TEXT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_name(what: str, name: str) -> str:
    """Return a name that was typed here.

    Args:
        what: What it is the name of, as the start of a sentence: `The name of a space`.
        name: The name.

    Raises:
        FieldValue: It is blank, or has a character that is not of one line of text.
        TooBig: It is longer than 128 code points.
    """
    if not name.strip():
        raise FieldValue.of_name(what, is_blank=True)
    if len(name) > MAX_NAME:
        raise TooBig.name(what, len(name))
    if any(unicodedata.category(letter) in _NO_TEXT for letter in name):
        raise FieldValue.of_name(what, is_blank=False)
    return name


def shown_name(name: str) -> str:
    """Return a name that others have written, as one line of at most 128 code points."""
    return "".join(
        " " if unicodedata.category(letter) in _NO_TEXT else letter for letter in name[:MAX_NAME]
    )
