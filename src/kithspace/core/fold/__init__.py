"""Which credentials of a space count, and who is a member? (security.md 4.2)."""

from kithspace.core.fold.feeds import FeedRight
from kithspace.core.fold.intake import Admitted, Intake, Recount, RefusedCredential
from kithspace.core.fold.keys import Generation, generation_id
from kithspace.core.fold.membership import LiveDevice, Membership
from kithspace.core.fold.rules_of_space import LiveInvite

__all__ = [
    "Admitted",
    "FeedRight",
    "Generation",
    "Intake",
    "LiveDevice",
    "LiveInvite",
    "Membership",
    "Recount",
    "RefusedCredential",
    "generation_id",
]
