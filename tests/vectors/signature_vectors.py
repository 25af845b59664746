"""Signatures at the edge of what verifiers agree on; every platform answers as libsodium does."""

from typing import Final, NamedTuple

from kithspace.core.crypto import sign, sign_keypair
from tests.people import Drawn

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's base point."""

SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
"""The eight points of small order, and two of them in a form that is not canonical."""

LABEL: Final = "ks1/cred"
MESSAGE = b"signed under ks1/cred"


class Case(NamedTuple):
    """A public key, a signature of `MESSAGE` under `LABEL`, and whether it is accepted."""

    title: str
    public: bytes
    sig: bytes
    accept: bool


def cases() -> list[Case]:
    """All of them."""
    keys = sign_keypair(Drawn("signature vectors")(32))
    good = sign(keys.secret, LABEL, MESSAGE)
    r, s = good[:32], int.from_bytes(good[32:], "little")
    grown = r + (s + ORDER).to_bytes(32, "little")
    found = [
        Case("honest", keys.public, good, accept=True),
        Case("S grown by the group's order", keys.public, grown, accept=False),
        Case("S = 0", keys.public, r + bytes(32), accept=False),
        Case("one bit of R", keys.public, bytes([r[0] ^ 1]) + good[1:], accept=False),
        Case("all zero", keys.public, bytes(64), accept=False),
    ]
    for point in map(bytes.fromhex, SMALL_ORDER):
        title = f"small order {point.hex()[:8]}…{point.hex()[-2:]}"
        # With A and R of small order and S = 0 the equation holds for some, or all, messages.
        found.append(Case(f"A: {title}", point, point + bytes(32), accept=False))
        identity = bytes.fromhex(SMALL_ORDER[0])
        found.append(Case(f"A, R = 1: {title}", point, identity + bytes(32), accept=False))
        found.append(Case(f"R: {title}", keys.public, point + good[32:], accept=False))
    return found
