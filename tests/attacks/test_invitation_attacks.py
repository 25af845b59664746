"""What somebody gets who was let in once, and misuses it: nothing more."""

import pytest

from kithspace.core import crypto
from kithspace.core.ids import CredentialId
from kithspace.core.roles import Role
from kithspace.errors import NotAllowed, PeerError
from kithspace.protocol import messages as m
from kithspace.protocol.joiner import Joiner
from kithspace.protocol.noise import Side
from kithspace.protocol.sharing_events import SpaceGone
from kithspace.protocol.words import Link, j6_read_link
from kithspace.runtime.exchange import Failure, OpenCode, Preview, Welcome
from kithspace.runtime.vault import Vault
from tests.unit.test_invitation import CODE, GROCERIES, Host, Party
from tests.vault_pairs import join, open_vault
from tests.wire import seeded


def open_code(host: Vault, code: str) -> bytes:
    opened = host.core.inviter.take_try(code.partition("-")[0])
    assert isinstance(opened, OpenCode)
    host.core.inviter.give_back_try(opened.invitation)
    return opened.invitation


def test_j4_removed_cannot_rejoin_by_a_used_code() -> None:
    """A used code answers its user again, but what an admin took back it does not give again."""
    ana, ben = open_vault("Ana"), open_vault("Ben", device="phone")
    space = ana.make_space("Groceries")
    code = space.invite("writer", uses=1, hours=24, link=False).code
    preview = join(ben, ana, code)
    space.remove(ben.identity)
    who = ben.core.entrance.introduction(preview.space, preview.invite, None)
    assert ana.core.inviter.admit(open_code(ana, code), who) == Failure("used")
    assert space.engine.membership.role(ben.identity) is Role.NONE
    ana.close()
    ben.close()


def test_removed_cannot_rejoin_by_link() -> None:
    ana, ben = open_vault("Ana"), open_vault("Ben", device="phone")
    space = ana.make_space("Groceries")
    seed = j6_read_link(space.invite("reader", uses=5, hours=24, link=True).link).seed
    preview = join(ben, ana, "link", link_seed=seed)
    space.remove(ben.identity)
    who = ben.core.entrance.introduction(preview.space, preview.invite, seed)
    key = crypto.sign_keypair(crypto.derive(seed, "ks1/invite", b"sign")).public
    assert ana.core.inviter.admit(key, who) == Failure("refused")
    assert space.engine.membership.role(ben.identity) is Role.NONE
    ana.close()
    ben.close()


def test_j5_one_device_code_adds_one_device() -> None:
    """Two who got the same device code in at once: the second one is refused."""
    ana = open_vault("Ana")
    invitation = open_code(ana, ana.add_device().code)
    host, drafts = ana.core.inviter, []
    for name in (b"one", b"two"):
        keys, agree = crypto.sign_keypair(name.ljust(32)), crypto.agree_keypair(name.ljust(32))
        entry = host.device_entry(invitation, keys.public, agree.public)
        assert isinstance(entry, bytes)
        drafts.append((entry, crypto.sign(keys.secret, "ks1/ident", entry)))
    assert isinstance(host.admit_device(invitation, *drafts[0]), Welcome)
    assert host.admit_device(invitation, *drafts[1]) == Failure("used")
    assert len(ana.devices()) == 2
    ana.close()


def test_j6_a_link_does_not_lead_to_another_space() -> None:
    """Whoever answers at a link's address may know the invite's id, but has to have its space."""
    ana, ben = open_vault("Ana"), open_vault("Ben", device="phone")
    trap = ana.make_space("Trap")
    join(ben, ana, trap.invite("writer", uses=1, hours=24, link=False).code)
    invented = CredentialId(bytes(range(32)))
    for invite in (invented, CredentialId(trap.id)):
        said = Preview(trap.id, invite, "writer", "Groceries", "Ana", 2, "all")
        with pytest.raises(NotAllowed):
            ben.core.entrance.arrived(trap.id, "link", said)
    ana.close()
    ben.close()


def test_j5_a_link_makes_nobody_a_device() -> None:
    link = Link(b"s" * 32, bytes(16))
    guest = Joiner(link, b"h" * 32, Side.DIALER, seeded("guest"))
    said = m.Preview(GROCERIES, bytes(32), "device", "", "Eve", 1, "all")
    with pytest.raises(PeerError):
        guest.receive(said)


def test_x12_an_inviter_who_is_removed_is_out() -> None:
    """The joiner believes its inviter until it can fold for itself, and no longer."""
    party = Party(Host(), CODE)
    party.run()
    assert party.is_in
    dialer, ledger = party.wire.dialer, party.ben.ledgers[GROCERIES]
    dialer.credentials_taken(GROCERIES, party.wire.now_ms)
    assert dialer.events_received() == []
    ledger.add("+ana")
    dialer.credentials_taken(GROCERIES, party.wire.now_ms)
    assert dialer.events_received() == []
    ledger.add("-ana")
    dialer.credentials_taken(GROCERIES, party.wire.now_ms)
    assert [type(event) for event in dialer.events_received()] == [SpaceGone]
