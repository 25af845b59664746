"""How does a simulated space begin, with all its members in it?

The founder makes the space, admits the others and makes the first key; everybody starts from that
same history, as if they had joined long ago. It is made once for each number of nodes.

Rules: security.md 4.1 (genesis, admit), K1, K2.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from kithspace.core.credential import (
    Admit,
    Genesis,
    Signed,
    credential_id,
    sign_credential,
)
from kithspace.core.crypto import agree_keypair, sign_keypair
from kithspace.core.effects import PutAbout, PutCredential, PutKey, Row
from kithspace.core.fold import Membership
from kithspace.core.gate.drafting import Author
from kithspace.core.generation import access_key, chunk_hash, make_generation
from kithspace.core.identity import (
    AddDevice,
    Device,
    SignedEntry,
    entry_bytes,
    entry_id,
    found_identity,
    sign_entry,
)
from kithspace.core.ids import DeviceKey, GenerationId, IdentityId, SpaceId
from kithspace.core.roles import Role
from kithspace.testing.simulated_time import START_MS, SeededEntropy

APP = "simulation"


class Person(NamedTuple):
    """An identity with one device for each of its nodes."""

    identity: IdentityId
    entries: tuple[SignedEntry, ...]
    devices: tuple[Author, ...]


class Founded(NamedTuple):
    """A space that everybody is in.

    Attributes:
        space: Its id.
        people: Its members.
        authors: Who writes at each node, in order of the nodes.
        rows: What lies on each node's disk.
    """

    space: SpaceId
    people: tuple[Person, ...]
    authors: tuple[Author, ...]
    rows: tuple[tuple[Row, ...], ...]


def make_person(name: str, devices: int) -> Person:
    """An identity with so many devices; of one name always the same."""
    entropy = SeededEntropy(0, name)
    first, agree = sign_keypair(entropy(32)), agree_keypair(entropy(32))
    genesis = found_identity(first, agree.public, entropy)
    identity = IdentityId(entry_id(genesis.raw))
    entries, authors = [genesis], [Author(identity, first, agree, APP)]
    for _ in range(devices - 1):
        sign, agree = sign_keypair(entropy(32)), agree_keypair(entropy(32))
        body = AddDevice(Device(DeviceKey(sign.public), agree.public), ())
        raw = entry_bytes(identity, (entry_id(entries[-1].raw),), first.public, body)
        entries.append(sign_entry(raw, first, sign))
        authors.append(Author(identity, sign, agree, APP))
    return Person(identity, tuple(entries), tuple(authors))


@lru_cache(maxsize=64)
def found_space(roles: tuple[Role, ...], devices: tuple[int, ...]) -> Founded:
    """Found a space: the first person is its admin, the others are admitted in their roles."""
    people = [make_person(f"person {n}", count) for n, count in enumerate(devices)]
    founder = people[0].devices[0]
    entropy = SeededEntropy(0, "space")
    genesis = sign_credential(
        None,
        (),
        founder.identity,
        founder.device,
        START_MS,
        Genesis(people[0].entries, (), entropy(16)),
    )
    membership = Membership.found(genesis)
    for person, role in zip(people[1:], roles[1:], strict=True):
        membership = _add(membership, founder, Admit(person.identity, person.entries, role))
    made = make_generation(membership, {}, "first", entropy)
    signed = membership.make(made.body, founder.identity, founder.device, START_MS)
    membership, _ = membership.add([signed])
    credentials = tuple(PutCredential(*row) for row in membership.credentials())
    generation = GenerationId(credential_id(signed.raw)[:16])
    keys = (made.gen_key, access_key(made.gen_key, membership.space))
    authors = tuple(device for person in people for device in person.devices)
    rows = tuple(
        (*credentials, *_key_rows(membership.role(author.identity), generation, keys, made.chunks))
        for author in authors
    )
    return Founded(membership.space, tuple(people), authors, rows)


def _add(membership: Membership, founder: Author, body: Admit) -> Membership:
    signed: Signed = membership.make(body, founder.identity, founder.device, START_MS)
    return membership.add([signed])[0]


def _key_rows(
    role: Role, generation: GenerationId, keys: tuple[bytes, bytes], chunks: Sequence[bytes]
) -> list[Row]:
    content = None if role is Role.KEEPER else keys[0]
    rows: list[Row] = [PutKey(generation, 1, content, keys[1])]
    rows += [PutAbout("chunk/" + chunk_hash(chunk).hex(), chunk) for chunk in chunks]
    return rows
