"""Key generations, K1-K6: made, sealed, opened, checked, chosen."""

from collections.abc import Mapping

import pytest

from kithspace.core import crypto
from kithspace.core.credential import KeyGeneration, Signed
from kithspace.core.fold import Membership, generation_id
from kithspace.core.generation import (
    DAY_MS,
    Keys,
    MadeGeneration,
    access_key,
    chunk_hash,
    chunk_of,
    due_reason,
    k3_check,
    make_generation,
    open_chain,
    open_for_device,
    open_sealed_key,
    seal_key,
)
from kithspace.core.ids import GenerationId
from kithspace.errors import KeyMismatch
from tests.people import Drawn, Hands, Person, Stage, id_of
from tests.scenarios import A, B, C, D, E, begin

draw = Drawn("keys")


def known(*signed: Signed) -> Membership:
    return Membership.found(signed[0]).add(signed[1:])[0]


def rotate(
    s: Stage, m: Membership, by: Person, keys: Mapping[GenerationId, Keys], reason: str = "wish"
) -> tuple[Membership, GenerationId, MadeGeneration, Signed]:
    """Make a generation on top of everything, and take it in."""
    made = make_generation(m, keys, reason, draw)
    signed = s.act(by, made.body, *(c for h in m.heads if (c := m.credential(h))))
    m, intake = m.add([signed])
    assert not intake.refused
    return m, generation_id(id_of(signed)), made, signed


def keys_of(m: Membership, made: MadeGeneration) -> Keys:
    return Keys(made.gen_key, access_key(made.gen_key, m.space))


def test_k1_numbers_grow_by_one_from_the_greatest_in_the_past() -> None:
    s, base, _ = begin()
    m = known(*base)
    m, one, first, _ = rotate(s, m, A, {}, "first")
    m, _, second, _ = rotate(s, m, B, {one: keys_of(m, first)})
    assert (first.body.n, second.body.n, m.next_n) == (1, 2, 3)


def test_k1_a_generation_with_another_number_is_refused() -> None:
    s, base, c = begin()
    m = known(*base)
    made = make_generation(m, {}, "first", draw)
    _, intake = m.add([s.act(A, made.body._replace(n=7), c)])
    assert [one.code for one in intake.refused] == ["E_RECIPIENTS"]


def test_k2_recipients_are_exactly_the_live_devices_of_the_past() -> None:
    s, base, c = begin()
    m = known(*base)
    made = make_generation(m, {}, "first", draw)
    later = s.admit(A, D, "writer", c)
    m, _ = m.add([later])
    _, intake = m.add([s.act(A, made.body, later)])
    assert [one.code for one in intake.refused] == ["E_RECIPIENTS"]
    _, intake = m.add([s.act(A, made.body, c)])
    assert intake.refused == ()


def test_k2_each_device_opens_its_own_and_keepers_get_the_access_key() -> None:
    s, base, _ = begin("keeper")
    m = known(*base)
    m, _, made, signed = rotate(s, m, A, {})
    recipients = m.recipients(id_of(signed))
    (chunk,) = made.chunks
    for who in (A, B, C):
        device, agree = who.hands.key, who.hands.agree
        assert chunk_of(made.body, recipients, device) == chunk_hash(chunk)
        opened = open_for_device(made.body, recipients, chunk, device, agree, m.space)
        content = None if who is C else made.gen_key
        assert opened == Keys(content, access_key(made.gen_key, m.space))
    assert chunk_of(made.body, recipients, D.hands.key) is None


def test_k2_more_than_256_recipients_are_packed_in_chunks() -> None:
    s = Stage(A)
    people = [Person(f"member {n}") for n in range(299)]
    last, admits = s.genesis, []
    for who in people:
        last = s.admit(A, who, "reader", last)
        admits.append(last)
    m = known(s.genesis, *admits)
    m, _, made, signed = rotate(s, m, A, {})
    recipients = m.recipients(id_of(signed))
    assert [len(chunk) % 256 == 0 for chunk in made.chunks] == [True, False]
    for who in (people[0], people[150], people[298], A):
        named = chunk_of(made.body, recipients, who.hands.key)
        chunk = next(chunk for chunk in made.chunks if chunk_hash(chunk) == named)
        opened = open_for_device(
            made.body, recipients, chunk, who.hands.key, who.hands.agree, m.space
        )
        assert opened.content == made.gen_key


def test_bad_seal_is_healed() -> None:
    """K3: a wrong key is noticed, and a member seals the right one anew."""
    s, base, _ = begin()
    m = known(*base)
    m, _, made, _ = rotate(s, m, A, {})
    agree = B.hands.agree
    wrong = seal_key(agree.public, m.space, made.body.n, bytes(32), draw)
    with pytest.raises(KeyMismatch):
        open_sealed_key(made.body, m.space, agree, wrong)
    right = seal_key(agree.public, m.space, made.body.n, made.gen_key, draw)
    assert open_sealed_key(made.body, m.space, agree, right) == keys_of(m, made)


def test_k3_a_key_of_another_space_or_number_is_refused() -> None:
    s, base, _ = begin()
    m = known(*base)
    m, _, made, _ = rotate(s, m, A, {})
    agree = B.hands.agree
    for space, n in ((bytes(32), made.body.n), (m.space, made.body.n + 1)):
        sealed = seal_key(agree.public, type(m.space)(space), n, made.gen_key, draw)
        with pytest.raises(KeyMismatch):
            open_sealed_key(made.body, m.space, agree, sealed)


@pytest.mark.parametrize("sealed", [b"", bytes(48), bytes(200)])
def test_k3_garbage_is_no_key(sealed: bytes) -> None:
    s, base, _ = begin()
    m = known(*base)
    m, _, made, _ = rotate(s, m, A, {})
    with pytest.raises(KeyMismatch):
        open_sealed_key(made.body, m.space, B.hands.agree, sealed)


def test_invisible_salamander() -> None:
    """K3: one generation has one key; two commitments of different keys are no generation."""
    _, base, _ = begin()
    m = known(*base)
    one, other = make_generation(m, {}, "wish", draw), make_generation(m, {}, "wish", draw)
    mixed = one.body._replace(access=other.body.access)
    with pytest.raises(KeyMismatch):
        k3_check(mixed, m.space, one.gen_key)
    with pytest.raises(KeyMismatch):
        k3_check(one.body, m.space, other.gen_key)


def test_k3_a_chunk_that_is_not_the_named_one_is_refused() -> None:
    s, base, _ = begin()
    m = known(*base)
    m, _, made, signed = rotate(s, m, A, {})
    recipients = m.recipients(id_of(signed))
    changed = bytes([made.chunks[0][0] ^ 1]) + made.chunks[0][1:]
    with pytest.raises(KeyMismatch):
        open_for_device(made.body, recipients, changed, B.hands.key, B.hands.agree, m.space)


def test_k4_one_key_opens_all_before_it() -> None:
    s, base, _ = begin()
    m = known(*base)
    keys: dict[GenerationId, Keys] = {}
    for _ in range(5):
        m, gen, made, _ = rotate(s, m, A, keys)
        keys[gen] = keys_of(m, made)
    newest = m.generations[0].id
    opened = open_chain(m.generations, m.space, {newest: keys[newest]})
    assert opened == {gen: k for gen, k in keys.items() if gen != newest}


def test_k4_a_keeper_opens_all_access_keys_and_no_content() -> None:
    s, base, _ = begin()
    m = known(*base)
    keys: dict[GenerationId, Keys] = {}
    for _ in range(3):
        m, gen, made, _ = rotate(s, m, A, keys)
        keys[gen] = keys_of(m, made)
    newest = m.generations[0].id
    opened = open_chain(m.generations, m.space, {newest: Keys(None, keys[newest].access)})
    assert opened == {g: Keys(None, k.access) for g, k in keys.items() if g != newest}


def test_k4_both_heads_are_wrapped() -> None:
    s, base, c = begin()
    m = known(*base)
    one, other = make_generation(m, {}, "wish", draw), make_generation(m, {}, "wish", draw)
    acts = [s.act(A, one.body, c), s.act(B, other.body, c)]
    m, _ = m.add(acts)
    keys = {
        generation_id(id_of(act)): keys_of(m, made)
        for act, made in zip(acts, (one, other), strict=True)
    }
    m, newest, made, _ = rotate(s, m, A, keys)
    assert open_chain(m.generations, m.space, {newest: keys_of(m, made)}) == keys


def test_k4_a_damaged_wrap_opens_nothing() -> None:
    s, base, _ = begin()
    m = known(*base)
    m, gen, made, _ = rotate(s, m, A, {})
    keys = {gen: keys_of(m, made)}
    second = make_generation(m, keys, "wish", draw)
    assert second.body.prev_wrap is not None
    broken = second.body._replace(prev_wrap=second.body.prev_wrap[:-1] + b"x", prev_access=b"")
    signed = s.act(A, broken, *(c for h in m.heads if (c := m.credential(h))))
    m, intake = m.add([signed])
    assert not intake.refused
    newest = generation_id(id_of(signed))
    assert open_chain(m.generations, m.space, {newest: keys_of(m, second)}) == {}


def test_generation_forks() -> None:
    """K5: of two made at once all pick one; merging removals leaves both stale."""
    s, base, c = begin("admin")
    m = known(*base)
    one, other = make_generation(m, {}, "wish", draw), make_generation(m, {}, "wish", draw)
    acts = [s.act(A, one.body, c), s.act(B, other.body, c)]
    m, _ = m.add(acts)
    ids = [generation_id(id_of(act)) for act in acts]
    assert m.choose_generation(ids) == max(ids)
    assert m.choose_generation([min(ids)]) == min(ids)
    d = s.remove(A, C, *acts)
    m, _ = m.add([d])
    assert m.choose_generation(ids) is None
    m, newest, _, _ = rotate(s, m, A, {}, "removal")
    assert m.choose_generation([*ids, newest]) == newest


def test_k5_a_generation_made_without_knowing_a_removal_is_stale() -> None:
    s, base, c = begin()
    m = known(*base)
    made = make_generation(m, {}, "wish", draw)
    stale = s.act(B, made.body, c)
    m, _ = m.add([stale, s.remove(A, C, c)])
    assert m.generations[0].counts
    assert m.choose_generation([m.generations[0].id]) is None


def test_k5_a_void_generation_is_never_written_under() -> None:
    s, base, c = begin()
    m = known(*base)
    made = make_generation(m, {}, "wish", draw)
    act = s.act(B, made.body, c)
    m, _ = m.add([act, s.remove(A, B, c)])
    m2, gen, _, _ = rotate(s, m, A, {}, "removal")
    assert not m.generations[0].counts
    assert m2.choose_generation([generation_id(id_of(act)), gen]) == gen


def test_k5_a_generation_sealed_to_somebody_whose_admit_became_void_is_stale() -> None:
    """An over-used link: no removal says so, and yet the key lies with a stranger."""
    s, base, c = begin()
    link = s.invite(B, "reader", c)
    uses = [s.let_in(C, D, link, link), s.let_in(A, E, link, link)]
    late = max(uses, key=id_of)
    m = known(*base, link, late)
    m, gen, _, _ = rotate(s, m, A, {})
    assert m.choose_generation([gen]) == gen
    m, _ = m.add([min(uses, key=id_of)])
    assert m.choose_generation([gen]) is None


def test_k6_what_asks_for_a_new_key() -> None:
    s, base, c = begin()
    laptop = Hands.of("C laptop")
    add = C.add(laptop)
    m = known(*base, s.update(C, [add], c))
    m, gen, made, signed = rotate(s, m, A, {})
    keys = {gen: keys_of(m, made)}
    drop = C.drop(laptop, after=[add])
    acts = {
        "remove": s.remove(A, C, signed),
        "leave": s.remove(C, C, signed),
        "to keeper": s.lower(A, C, "keeper", signed),
        "bar": s.remove(A, C, signed, device=laptop),
        "drop": s.update(C, [drop], signed, cuts=[(laptop, ())]),
        "to reader": s.lower(A, C, "reader", signed),
        "admit": s.admit(A, D, "reader", signed),
    }
    due = {name for name, act in acts.items() if due_reason(m.add([act])[0], keys, 0) == "removal"}
    assert due == {"remove", "leave", "to keeper", "bar", "drop"}


def test_k6_first_and_age() -> None:
    s, base, _ = begin()
    m = known(*base)
    assert due_reason(m, {}, 0) == "first"
    m, gen, made, _ = rotate(s, m, A, {}, "first")
    keys = {gen: keys_of(m, made)}
    born = m.generations[0].time_ms
    assert due_reason(m, keys, born + 90 * DAY_MS) is None
    assert due_reason(m, keys, born + 90 * DAY_MS + 1) == "age"


def test_keys_are_derived_under_labels_of_their_own() -> None:
    key, space = bytes(32), known(*begin()[1]).space
    derived = {
        access_key(key, space),
        crypto.derive(key, "ks1/wrap", space),
        crypto.derive(key, "ks1/content", space),
    }
    assert len(derived) == 3
    assert isinstance(make_generation(known(*begin()[1]), {}, "first", draw).body, KeyGeneration)
