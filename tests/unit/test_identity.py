"""Identity entries and the fold of an identity's log, I1-I8."""

from collections.abc import Sequence

import pytest

from kithspace.core.codec import encode
from kithspace.core.crypto import sign, sign_keypair
from kithspace.core.identity import (
    AddDevice,
    Entry,
    Profile,
    RemoveDevice,
    SetRecovery,
    SignedEntry,
    decode_entry,
    entry_bytes,
    entry_id,
    is_authentic,
    sign_entry,
)
from kithspace.core.identity_log import EntryLog, fold_entries, i3_rank, standing_of
from kithspace.core.ids import DeviceKey
from kithspace.errors import CodecError, VersionError
from tests.people import Drawn, Hands, Person

ANA = Person("Ana", has_phrase=True)
BEN = Person("Ben")
PHONE = ANA.hands
LAPTOP, TABLET, EVIL = Hands.of("laptop"), Hands.of("tablet"), Hands.of("evil")
ADD_LAPTOP = ANA.add(LAPTOP)
ADD_TABLET = ANA.add(TABLET, LAPTOP.sign, [ADD_LAPTOP])
BASE = [ANA.genesis, ADD_LAPTOP, ADD_TABLET]
assert ANA.phrase is not None
PHRASE = ANA.phrase


def entries(signed: Sequence[SignedEntry]) -> list[Entry]:
    return [decode_entry(one) for one in signed]


def live(*signed: SignedEntry) -> list[DeviceKey]:
    """The live devices of a log, oldest first."""
    log = EntryLog.empty().with_entries(entries(signed))
    assert log is not None
    return list(standing_of(log, fold_entries(log, frozenset(log.entries))).live)


def is_admissible(*signed: SignedEntry) -> bool:
    return EntryLog.empty().with_entries(entries(signed)) is not None


def test_an_entry_reads_as_it_was_written() -> None:
    entry = decode_entry(ADD_LAPTOP)
    assert entry.identity == ANA.id
    assert entry.parents == (entry_id(ANA.genesis.raw),)
    assert entry.body == AddDevice(LAPTOP.device)
    assert is_authentic(entry)


def test_the_genesis_entrys_id_is_the_identitys() -> None:
    assert decode_entry(ANA.genesis).id == ANA.id == entry_id(ANA.genesis.raw)


@pytest.mark.parametrize("signed", [*BASE, ANA.rotate(PHONE, EVIL), ANA.drop(LAPTOP, PHRASE)])
def test_every_signature_of_the_table_is_asked(signed: SignedEntry) -> None:
    assert is_authentic(decode_entry(signed))
    for i in range(len(signed.sigs)):
        sigs = list(signed.sigs)
        sigs[i] = bytes(64)
        assert not is_authentic(decode_entry(SignedEntry(signed.raw, tuple(sigs))))
    assert not is_authentic(decode_entry(SignedEntry(signed.raw, signed.sigs[:-1])))


def test_an_entry_of_another_version_or_kind_is_set_aside() -> None:
    for version, kind in ((2, "genesis"), (1, "later")):
        with pytest.raises(VersionError):
            decode_entry(SignedEntry(encode([version, None, kind, [], b"", []]), ()))


WRONG: list[list[object]] = [
    [1],
    [1, None, "genesis", [], PHONE.key, [[PHONE.key, PHONE.key], None, bytes(15)]],
    [1, None, "genesis", [], LAPTOP.key, [[PHONE.key, PHONE.key], None, bytes(16)]],
    [1, ANA.id, "genesis", [], PHONE.key, [[PHONE.key, PHONE.key], None, bytes(16)]],
    [1, ANA.id, "profile", [], PHONE.key, [bytes(32)]],
    [1, ANA.id, "remove-device", [ANA.id], PHONE.key, [PHONE.key, "eaten"]],
    [1, ANA.id, "profile", [ANA.id, ANA.id], PHONE.key, [bytes(32)]],
    [1, ANA.id, "set-recovery", [ANA.id], PHONE.key, [bytes(32), [], 1]],
    [1, ANA.id, "add-device", [ANA.id], PHONE.key, [list(LAPTOP.device), ["keeper"] * 2]],
    [1, ANA.id, "rotate-device", [ANA.id], PHONE.key, [LAPTOP.key, list(EVIL.device)]],
]


@pytest.mark.parametrize("fields", WRONG)
def test_a_wrong_shape_is_refused(fields: list[object]) -> None:
    with pytest.raises(CodecError):
        decode_entry(SignedEntry(encode(fields), ()))


def test_i1_an_entry_needs_an_issuer_that_stands_in_its_past() -> None:
    assert is_admissible(*BASE)
    assert not is_admissible(ANA.genesis, ANA.add(LAPTOP, EVIL.sign))
    gone = ANA.drop(LAPTOP, after=[ADD_LAPTOP])
    assert not is_admissible(ANA.genesis, ADD_LAPTOP, gone, ANA.add(EVIL, LAPTOP.sign, [gone]))


def test_i1_an_entry_whose_parents_are_missing_is_not_admissible() -> None:
    assert not is_admissible(ANA.genesis, ADD_TABLET)


def test_i3_rank_is_the_phrase_then_the_devices_as_they_were_added() -> None:
    log = EntryLog.empty().with_entries(entries([*BASE, ANA.rotate(PHONE, EVIL, [ADD_TABLET])]))
    assert log is not None
    keys = [PHRASE.public, PHONE.key, LAPTOP.key, TABLET.key, EVIL.key]
    assert [i3_rank(log, log.entries, key) for key in keys] == [0, 2, 3, 4, 2]


def test_i4_what_a_removed_device_did_beside_its_removal_is_void() -> None:
    gone = ANA.drop(LAPTOP, after=[ADD_TABLET])
    backdated = ANA.add(EVIL, LAPTOP.sign, [ADD_TABLET])
    assert live(*BASE, gone, backdated) == [PHONE.key, TABLET.key]


def test_i4_what_it_did_before_stays() -> None:
    before = ANA.add(EVIL, LAPTOP.sign, [ADD_TABLET])
    gone = ANA.drop(LAPTOP, after=[before])
    assert live(*BASE, before, gone) == [PHONE.key, TABLET.key, EVIL.key]


def test_i5_what_a_void_device_signed_falls_with_it() -> None:
    gone = ANA.drop(LAPTOP, after=[ADD_TABLET])
    evil = ANA.add(EVIL, LAPTOP.sign, [ADD_TABLET])
    more = ANA.drop(TABLET, EVIL.sign, [evil])
    assert live(*BASE, gone, evil, more) == [PHONE.key, TABLET.key]


def test_i6_of_two_devices_that_remove_each_other_the_older_stays() -> None:
    one = ANA.drop(LAPTOP, after=[ADD_TABLET])
    other = ANA.drop(PHONE, LAPTOP.sign, [ADD_TABLET])
    assert live(*BASE, one, other) == [PHONE.key, TABLET.key]


def test_i6_a_rotated_device_is_as_old_as_before() -> None:
    new = ANA.rotate(PHONE, EVIL, [ADD_TABLET])
    one = ANA.drop(LAPTOP, EVIL.sign, [new])
    other = ANA.drop(EVIL, LAPTOP.sign, [new])
    assert live(*BASE, new, one, other) == [EVIL.key, TABLET.key]


def test_phrase_beats_oldest_device() -> None:
    """I6: the phrase removes a stolen oldest device, whatever it does meanwhile."""
    by_phrase = ANA.drop(PHONE, PHRASE, [ADD_TABLET])
    thief = [ANA.drop(LAPTOP, after=[ADD_TABLET]), ANA.drop(TABLET, after=[ADD_TABLET])]
    evil = ANA.add(EVIL, after=[ADD_TABLET])
    assert live(*BASE, *thief, evil, by_phrase) == [LAPTOP.key, TABLET.key]


def test_i7_only_the_phrase_changes_the_recovery_key() -> None:
    new = sign_keypair(Drawn("new phrase")(32))
    body = SetRecovery(new.public, (), 0)
    assert is_admissible(*BASE, ANA.entry(body, PHRASE, after=[ADD_TABLET]))
    assert not is_admissible(*BASE, ANA.entry(body, PHONE.sign, after=[ADD_TABLET]))


def test_i7_while_none_is_set_the_oldest_device_rules() -> None:
    new = sign_keypair(Drawn("new phrase")(32))
    body = SetRecovery(new.public, (), 0)
    add = BEN.add(LAPTOP)
    assert is_admissible(BEN.genesis, add, BEN.entry(body, BEN.hands.sign, after=[add]))
    assert not is_admissible(BEN.genesis, add, BEN.entry(body, LAPTOP.sign, after=[add]))


def test_i8_a_removed_key_is_never_added_again() -> None:
    gone = ANA.drop(LAPTOP, after=[ADD_LAPTOP])
    assert not is_admissible(ANA.genesis, ADD_LAPTOP, gone, ANA.add(LAPTOP, after=[gone]))


def test_i8_without_a_live_device_only_the_phrase_adds_one() -> None:
    gone = ANA.drop(PHONE, PHRASE)
    assert not is_admissible(ANA.genesis, gone, ANA.add(EVIL, after=[gone]))
    back = ANA.add(LAPTOP, PHRASE, [gone])
    assert live(ANA.genesis, gone, back) == [LAPTOP.key]


def test_devices_and_profiles_of_another_person_say_nothing() -> None:
    raw = entry_bytes(ANA.id, [ANA.id], BEN.hands.key, Profile(bytes(32)))
    assert not is_admissible(ANA.genesis, sign_entry(raw, BEN.hands.sign))


def test_a_signature_under_another_label_is_not_one() -> None:
    raw = entry_bytes(ANA.id, [ANA.id], PHONE.key, RemoveDevice(LAPTOP.key, "lost"))
    forged = SignedEntry(raw, (sign(PHONE.sign.secret, "ks1/cred", raw),))
    assert not is_authentic(decode_entry(forged))
