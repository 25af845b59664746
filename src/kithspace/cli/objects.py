"""`kith add`, `set`, `ls`, `show`, `delete`, `undelete`, `watch`: objects of a space."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kithspace.cli.command import command
from kithspace.cli.find import find_object, short_id, title_of
from kithspace.cli.importing import read_records
from kithspace.cli.output import Progress
from kithspace.cli.times import ago
from kithspace.cli.values import Assignment, WrongInput, read_assignments, read_value, show_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import kithspace as ks
    from kithspace.cli.command import Session

_STEP = 1_000


@command("add", "kith add Groceries task title=Milk priority=2 tags='[\"dairy\"]'")
@click.argument("space")
@click.argument("type_name", metavar="TYPE")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="Add all records of a CSV or JSON file.",
)
def add_command(
    session: Session, space: str, type_name: str, fields: tuple[str, ...], source: Path | None
) -> None:
    """Add an object, or all records of a file. Values are JSON, else text."""
    if (source is None) == (not fields):
        raise WrongInput("There is nothing to add.", "Give field=value, or --from FILE.")
    if source is not None:
        _add_file(session, space, type_name, source)
        return
    assignments = read_assignments(fields)
    wrong = [a for a in assignments if a.op != "="]
    if wrong:
        raise WrongInput(
            f"“{wrong[0].field}{wrong[0].op}” has nothing to add to.", "Write field=value."
        )
    found = session.space(space)
    record = {a.field: a.value for a in assignments}
    cls = found.type_for(type_name, record)
    made = found.add(cls(**record))
    session.voice.done(
        f"{type_name} {short_id(made)} “{title_of(made)}”", {"id": made.id, "type": type_name}
    )


def _add_file(session: Session, space: str, type_name: str, source: Path) -> None:
    records = read_records(source)  # the whole file is checked before anything is written
    found = session.space(space)
    fields = dict.fromkeys(field for record in records for field in record)
    cls = found.type_for(type_name, fields)
    objects = [cls(**record) for record in records]
    with Progress(session.voice, f"Adding {len(objects):,} {type_name}s", len(objects)) as progress:
        for start in range(0, len(objects), _STEP):
            step = objects[start : start + _STEP]
            found.add_all(step)
            progress.step(len(step))
    session.voice.done(
        f"{len(objects):,} {type_name}s added to “{found.name}” from {source.name}.",
        {"added": len(objects), "type": type_name},
    )


@command("set", "kith set 9k2f done=true tags+=fridge votes+=1")
@click.argument("obj", metavar="OBJECT")
@click.argument("fields", nargs=-1, required=True, metavar="FIELD=VALUE...")
def set_command(session: Session, obj: str, fields: tuple[str, ...]) -> None:
    """Change fields of an object: = assigns, += and -= add to or take from what is there."""
    import kithspace as ks

    assignments = read_assignments(fields)
    found = find_object(session.vault(), obj)
    space = found.space
    if space is None:
        raise WrongInput(f"“{obj}” is in no space.", "Give an object of a space.")
    cls = space.type_for(found.meta.type, [assignment.field for assignment in assignments])
    found = space.get(cls, found.id)  # with the fields that are new
    title, before = title_of(found), ks.to_dict(found, unknown=True)
    with space.transaction():
        for assignment in assignments:
            _assign(found, assignment)
    after = ks.to_dict(found, unknown=True)
    said = ", ".join(_change_words(a, before.get(a.field), after.get(a.field)) for a in assignments)
    session.voice.done(
        f"“{title}”: {said}",
        {
            "id": found.id,
            "fields": {a.field: [before.get(a.field), after.get(a.field)] for a in assignments},
        },
    )


def _assign(obj: ks.Object, assignment: Assignment) -> None:
    field, value = assignment.field, assignment.value
    if assignment.op == "=":
        setattr(obj, field, value)
        return
    present = getattr(obj, field)
    adding = assignment.op == "+="
    if isinstance(present, set):
        (present.add if adding else present.discard)(value)
    elif isinstance(present, list):
        (present.append if adding else present.remove)(value)
    elif isinstance(present, int | float) and isinstance(value, int | float):
        setattr(obj, field, present + value if adding else present - value)
    elif isinstance(present, str) and isinstance(value, str) and adding:
        setattr(obj, field, present + value)
    else:
        raise WrongInput(
            f"{field} is {show_value(present) or 'empty'}; {assignment.op} does not fit it.",
            f"Write {field}=VALUE.",
        )


def _change_words(assignment: Assignment, before: object, after: object) -> str:
    if isinstance(before, set | list):
        sign = assignment.op[0].replace("=", "→")
        return f"{assignment.field} {sign} {show_value(assignment.value)}"
    return (
        f"{assignment.field} {show_value(before) or 'nothing'} → {show_value(after) or 'nothing'}"
    )


@command("ls", "kith ls Groceries task --where '{\"done\": false}' --order=-priority --limit 20")
@click.argument("space")
@click.argument("type_name", metavar="[TYPE]", required=False)
@click.option("--where", "where", metavar="JSON", help='Conditions, such as {"done": false}.')
@click.option("--order", metavar="FIELD,…", help="Fields to order by; -field for descending.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
def ls_command(
    session: Session,
    space: str,
    type_name: str | None,
    where: str | None,
    order: str | None,
    limit: int | None,
) -> None:
    """List the objects of a type, or the types of a space."""
    found = session.space(space)
    if type_name is None:
        _list_types(session, found)
        return
    every = found.all(type_name)
    results = found.all(type_name, _condition(where)) if where else every
    if order:
        results = results.order_by(*order.split(","))
    shown = list(results.limit(limit) if limit else results)
    if session.voice.json:
        for obj in shown:
            session.voice.record(_record(obj))
        return
    _table(session, shown)
    session.voice.say(f"{len(shown):,} of {len(every):,} {type_name}s")


def _condition(text: str) -> dict[str, object]:
    condition = read_value(text)
    if not isinstance(condition, dict):
        raise WrongInput(
            f"--where: {text} is no condition.", 'Write JSON, such as {"done": false}.'
        )
    return condition


def _list_types(session: Session, space: ks.Space) -> None:
    rows = [[name, f"{len(space.all(name)):,}"] for name in sorted(space.types)]
    if session.voice.json:
        for name, count in rows:
            session.voice.record({"type": name, "count": int(count.replace(",", ""))})
    elif rows:
        session.voice.table(["TYPE", "OBJECTS"], rows)
    else:
        session.voice.say(f"“{space.name}” is empty. kith add {space.name} task title=Milk")


def _record(obj: ks.Object) -> dict[str, object]:
    import kithspace as ks

    fields = ks.to_dict(obj, unknown=True)
    return {
        "id": obj.id,
        "type": obj.meta.type,
        "fields": fields,
        "changed": _iso(obj.meta.changed),
        "by": obj.meta.by,
    }


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when is not None else None


def _table(session: Session, shown: Sequence[ks.Object]) -> None:
    import kithspace as ks

    records = [ks.to_dict(obj, unknown=True) for obj in shown]
    fields = list(dict.fromkeys(field for record in records for field in record))[:6]
    rows = [
        [
            short_id(obj),
            *(show_value(record.get(field))[:40] for field in fields),
            f"{ago(obj.meta.changed)} by {obj.meta.by}",
        ]
        for obj, record in zip(shown, records, strict=True)
    ]
    if rows:
        session.voice.table(["ID", *(field.upper() for field in fields), "CHANGED"], rows)


@command("show", "kith show 7c1e --keep priority=3")
@click.argument("obj", metavar="OBJECT")
@click.option("--conflicts", is_flag=True, help="Only the conflicts.")
@click.option("--keep", metavar="FIELD=VALUE", help="Settle a conflict with this value.")
def show_command(session: Session, obj: str, keep: str | None, *, conflicts: bool) -> None:
    """Show an object, whole, with its conflicts."""
    import kithspace as ks

    found = find_object(session.vault(), obj)
    if keep is not None:
        _keep(session, found, keep)
        return
    clashes = [
        {
            "field": conflict.field,
            "value": conflict.value,
            "others": [
                {"value": other.value, "who": other.who, "when": other.when.isoformat()}
                for other in conflict.others
            ],
        }
        for conflict in found.conflicts
    ]
    if session.voice.json:
        session.voice.record({**_record(found), "conflicts": clashes})
        return
    if not conflicts:
        click.echo(f"{found.meta.type} {found.id} “{title_of(found)}”")
        for field, value in ks.to_dict(found, unknown=True).items():
            click.echo(f"  {field:<16} {show_value(value)}")
        click.echo(f"  changed {ago(found.meta.changed)} by {found.meta.by}")
    for conflict in found.conflicts:
        for other in conflict.others:
            when = f"{other.when.astimezone():%H:%M:%S}"
            click.echo(
                f"  ⚠ {conflict.field}: {show_value(conflict.value)} is shown;"
                f" also {show_value(other.value)} ({other.who} {when})"
            )
    if found.conflicts:
        session.voice.hint(f"  Keep one: kith show {short_id(found)} --keep FIELD=VALUE")


def _keep(session: Session, obj: ks.Object, word: str) -> None:
    (assignment,) = read_assignments((word,))
    for conflict in obj.conflicts:
        if conflict.field == assignment.field:
            conflict.keep(assignment.value)
            session.voice.done(
                f"{assignment.field} is {show_value(assignment.value)}.", _record(obj)
            )
            return
    raise WrongInput(
        f"{assignment.field} has no conflict.", f"kith show {short_id(obj)} lists them."
    )


@command("delete", "kith delete 9k2f")
@click.argument("obj", metavar="OBJECT")
def delete_command(session: Session, obj: str) -> None:
    """Delete an object; `kith undelete` brings it back."""
    found = find_object(session.vault(), obj)
    title, number = title_of(found), found.id
    if found.space is not None:
        found.space.delete(found)
    session.voice.done(
        f"“{title}” deleted. Bring it back: kith undelete {number}", {"deleted": number}
    )


@command("undelete", "kith undelete 9k2f")
@click.argument("obj", metavar="ID")
def undelete_command(session: Session, obj: str) -> None:
    """Bring a deleted object back."""
    found = find_object(session.vault(), obj, deleted=True)
    if found.space is not None:
        found.space.undelete(found)
    session.voice.done(f"“{title_of(found)}” is back.", {"undeleted": found.id})


@command("watch", "kith watch Groceries task --json")
@click.argument("space")
@click.argument("type_name", metavar="TYPE")
def watch_command(session: Session, space: str, type_name: str) -> None:
    """Print each change of a type's objects until Ctrl-C."""
    found = session.space(space, network=True)
    results = found.all(type_name)

    def tell(change: ks.Change[ks.Object]) -> None:
        for op, obj in _operations(change):
            if session.voice.json:
                session.voice.record({"op": op, **_record(obj)})
            else:
                click.echo(f"{op:<8} {short_id(obj)} “{title_of(obj)}” by {obj.meta.by}")

    with results.watch(tell, now=False):
        session.voice.say(
            f"Watching {len(results):,} {type_name}s of “{found.name}” (Ctrl-C ends)."
        )
        threading.Event().wait()


def _operations(change: ks.Change[ks.Object]) -> Iterator[tuple[str, ks.Object]]:
    yield from (("added", obj) for obj in change.added)
    yield from (("updated", obj) for obj in change.updated)
    yield from (("removed", obj) for obj in change.removed)
