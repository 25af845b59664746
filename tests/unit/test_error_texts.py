"""Every text of experience.md section 5 that this part raises, word for word."""

# ruff: noqa: E501 - a text is easier to compare where it is not cut

import pytest

import kithspace as ks
from kithspace import errors
from tests.api_world import one_space

TEXTS: list[tuple[ks.KithError, str, int]] = [
    (
        errors.VaultInUse.by("Ana", "notes.py", 4121),
        "The vault “Ana” is open in notes.py (process 4121). Close it.",
        6,
    ),
    (
        errors.VaultLocked.of("Ana", is_wrong=True),
        (
            "The vault “Ana” is locked: that passphrase does not open it. Unlock your keychain, or"
            " pass passphrase=…."
        ),
        6,
    ),
    (
        errors.TooNew.of("Ana", "2.0", "1.0"),
        (
            "The vault “Ana” was written by kithspace 2.0; this is 1.0. Upgrade with"
            " `pip install -U kithspace`. Nothing was changed."
        ),
        6,
    ),
    (
        errors.DiskFull.of("Milk", 3),
        (
            "The disk is full: “Milk” was not saved and shows its old value again. Free 3 MB and try"
            " again; `kith status --sizes` shows what uses room."
        ),
        1,
    ),
    (
        errors.Closed.of("Ana", "groceries.py, line 14"),
        "The vault “Ana” was closed at groceries.py, line 14. Open it again.",
        1,
    ),
    (
        errors.Forked.of(),
        (
            "This process was forked from the one that opened the vault. Open the vault in the child"
            " instead."
        ),
        1,
    ),
    (
        errors.NotFound.of("space", "Grocery", "the vault “Ana”", ["Groceries"], "kith space ls"),
        (
            "There is no space “Grocery” in the vault “Ana”. Nearest: Groceries. `kith space ls` lists"
            " them."
        ),
        3,
    ),
    (
        errors.Ambiguous.of("spaces", "Work", ["a, since 3 May 2026", "b, since 4 May 2026"]),
        (
            "You have 2 spaces called “Work”: a, since 3 May 2026; b, since 4 May 2026. Use the id, or"
            " rename one: `kith space rename`."
        ),
        3,
    ),
    (
        errors.NotHere.of("“Milk”", "Ben"),
        (
            "“Milk” is not on this device yet; Ben has it. It comes by itself when you are both"
            " online."
        ),
        7,
    ),
    (
        errors.NotAllowed.of("reader", "Groceries", "change anything", ["Ana", "Eva"]),
        (
            "You are a reader in “Groceries”, so you cannot change anything. Ana or Eva can change"
            " your role."
        ),
        4,
    ),
    (
        errors.FieldType.of("Task", "priority", "int", "'high' is text", "a whole number"),
        "Task.priority holds int; 'high' is text. Give a whole number.",
        2,
    ),
    (
        errors.UnknownField.of("Task", "prioritty", "priority"),
        "Task has no field “prioritty”. Did you mean “priority”?",
        2,
    ),
    (
        errors.BadSchema.reserved("Task", "id"),
        "Task.id: this name belongs to kithspace. Call it task_id.",
        2,
    ),
    (
        errors.BadSchema.differs("Task", 2, "Groceries", ["title", "done"]),
        (
            "Task version 2 differs from the version 2 stored in “Groceries” in title, done. Raise"
            " version= to 3 and add a lens."
        ),
        2,
    ),
    (
        errors.BadQuery.compared("Task", "priority", "int", "'x'"),
        "Task.priority is int and cannot be compared with 'x'.",
        2,
    ),
    (
        errors.Deleted.of("Milk", "Ben", "on 3 May at 12:01"),
        "“Milk” was deleted by Ben on 3 May at 12:01. space.undelete() brings it back.",
        3,
    ),
    (
        errors.TransactionOpen.of("Groceries"),
        (
            "A transaction on “Groceries” is open in another task. Do not await inside"
            " `with space.transaction()`: gather first, then write."
        ),
        1,
    ),
    (
        errors.AlreadyAdded.of("Milk", "Groceries", "Work"),
        (
            "“Milk” is already in “Groceries”. To have it in “Work” too: Work.add(copy.copy(x)), or"
            " keep a ks.ref(x)."
        ),
        2,
    ),
    (
        errors.TooBig.value("Task.raw", 131_073),
        (
            "Task.raw would be 132 kB; a field holds up to 128 kB. Use Text for long writing, Blob for"
            " files."
        ),
        2,
    ),
    (
        errors.TooBig.text("Task.notes", 4_300_000),
        "Task.notes would be 4,300 kB; a Text holds up to 4 MB. Split it in several.",
        2,
    ),
    (
        errors.TooBig.number("Task.n", 12_501),
        (
            "Task.n would be a number of 12,501 bytes; a number has up to 1,024. Use bytes for long"
            " ones."
        ),
        2,
    ),
    (
        errors.TooBig.name("The name of a space", 1_000),
        (
            "The name of a space would be 1,000 characters; a name has up to 128. Give a shorter"
            " one."
        ),
        2,
    ),
    (
        errors.FieldValue.of_name("The name of a space", is_blank=True),
        "The name of a space is empty. Give a name in one line.",
        2,
    ),
    (
        errors.TooBig.transaction(17_000_001),
        (
            "This transaction would be 18 MB; up to 16 MB can be all or nothing. Split it, or use"
            " add_all outside a transaction."
        ),
        2,
    ),
    (
        errors.TimedOut.of(2, "Waiting for Ana's laptop to answer."),
        (
            "Still waiting after 2 s: Waiting for Ana's laptop to answer. It goes on in the"
            " background; call .result() again or .cancel()."
        ),
        5,
    ),
]


@pytest.mark.parametrize(
    ("error", "text", "code"), TEXTS, ids=[f"{n}-{row[0].code}" for n, row in enumerate(TEXTS)]
)
def test_a_text_is_that_of_the_page(error: ks.KithError, text: str, code: int) -> None:
    assert (str(error), error.exit_code) == (text, code)
    assert text.endswith(error.next)


BUILTINS = {
    "VaultInUse": OSError,
    "VaultLocked": PermissionError,
    "DiskFull": OSError,
    "Closed": RuntimeError,
    "Forked": RuntimeError,
    "NotFound": LookupError,
    "Ambiguous": LookupError,
    "NotHere": LookupError,
    "NotAllowed": PermissionError,
    "FieldType": TypeError,
    "UnknownField": AttributeError,
    "BadSchema": TypeError,
    "BadQuery": ValueError,
    "Deleted": LookupError,
    "TransactionOpen": RuntimeError,
    "AlreadyAdded": ValueError,
    "TooBig": ValueError,
    "BadCode": ValueError,
    "CodeUsed": ValueError,
    "CodeExpired": ValueError,
    "Unreachable": ConnectionError,
    "TimedOut": TimeoutError,
}


@pytest.mark.parametrize("name", BUILTINS)
def test_each_error_is_also_the_builtin_one(name: str) -> None:
    error = getattr(ks, name)
    assert issubclass(error, (ks.KithError, BUILTINS[name]))
    assert issubclass(error, BUILTINS[name])


def test_errors_name_things_as_the_user_does() -> None:
    class Item(ks.Object):
        title: str
        raw: bytes = b""

    with one_space() as space, one_space("Work") as work:
        milk = space.add(Item("Milk"))
        with pytest.raises(ks.AlreadyAdded, match=r"“Milk” is already in “Groceries”.*Work"):
            work.add(milk)
        with pytest.raises(ks.AlreadyAdded, match="Change it in place"):
            space.add(milk)
        with pytest.raises(ks.NotFound, match="There is no item “zzz” in “Groceries”"):
            space.get(Item, "zzz")
        with pytest.raises(ks.NotFound, match="There is no member “Bem” in “Groceries”"):
            space.member("Bem")
        with pytest.raises(ks.TooBig, match=r"Item\.raw would be 132 kB"):
            milk.raw = bytes(131_073)
        with pytest.raises(ks.TooBig, match="This transaction would be"), space.transaction():
            space.add_all(Item(str(n), bytes(120_000)) for n in range(200))
        assert (milk.raw, len(space.all(Item))) == (b"", 1)
