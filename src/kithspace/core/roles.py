"""What may a member do in a space?

Roles are ordered: `none < keeper < reader < writer < admin` (security.md 4.1). A keeper is blind:
it stores and passes on, and has no content keys.
"""

from enum import IntEnum
from typing import Final

from kithspace.errors import CodecError


class Role(IntEnum):
    """A member's role; a greater one may do all that a lesser one may."""

    NONE = 0
    KEEPER = 1
    READER = 2
    WRITER = 3
    ADMIN = 4

    @property
    def text(self) -> str:
        """The word that stands in records and is shown."""
        return self.name.lower()


ROLES: Final = {role.text: role for role in Role if role is not Role.NONE}
"""The roles that a record can name."""

ADMIT_BY: Final = {
    "admins": Role.ADMIN,
    "writers": Role.WRITER,
    "members": Role.READER,
    "keepers": Role.KEEPER,
}
"""Who may let somebody in by an invite: the least role for each text of the field `admit_by`."""


def parse_role(text: object) -> Role:
    """Return the role a record names.

    Raises:
        CodecError: It is not one of the four texts.
    """
    role = ROLES.get(text) if isinstance(text, str) else None
    if role is None:
        raise CodecError("a record names a role that does not exist")
    return role
