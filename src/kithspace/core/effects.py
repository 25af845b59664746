"""What does the gate decide, and in what words does it tell the outside?

Rules:
    G1, B5  `Effects` is the only result of the gate: rows to write in one transaction, changes to
            show, things to send, refusals. `after` is taken over only when the rows are on disk.
    F5      An `Announce` of one's own feed is made by `release` alone.

A row says what a table holds afterwards, not how; every row is an upsert or a delete by its key.
Rows are carried out in the order given.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from kithspace.core.ids import FeedId, GenerationId, IdentityId, ObjectId
from kithspace.core.stamp import Stamp

if TYPE_CHECKING:
    from kithspace.core.block import OpenRecord
    from kithspace.core.document import Document
    from kithspace.core.fold import Membership
    from kithspace.core.waiting import Wait

SEQ_BITS = 32
"""A block's key is `n << SEQ_BITS | seq`."""


class PutFeed(NamedTuple):
    """A feed, or a branch of one (V12). Key: n. `state.feed` gives the same tuple back.

    Attributes:
        n: Local number, given out by the replica; never sent.
        id: Feed id, or branch id.
        branch_of: Local number of the feed that it branched from.
        length: Blocks stored, the open record counted; a branch goes on counting from its parent,
            so it holds the blocks from the fork to `length - 1`. 0: nothing of it counts, not
            even its open record (held); peers are not told of it.
        applied: Blocks applied: seq below it.
        signed: Blocks up to and with the last checked signature.
        released: Blocks that peers may be told of; of others' feeds: `signed`.
        tip: 1 if nothing applied builds on the last applied block.
        head: Id of block `length - 1` (the feed id, while there is only the open record).
        last_time: `Stamp.time` of block `length - 1`.
        opening: The open record's bytes; empty for a branch.
        opening_sig: Its signature; empty for a branch.
    """

    n: int
    id: bytes
    branch_of: int | None
    length: int
    applied: int
    signed: int
    released: int
    tip: int
    head: bytes
    last_time: int
    opening: bytes
    opening_sig: bytes


class PutBlock(NamedTuple):
    """A stored block. Key: n, seq. The open record (seq 0) lies in its feed's row.

    Attributes:
        n: Local number of the feed.
        seq: Its number in the feed.
        clear: `[form, prev, deps, kind, time, gen]`, canonical CBOR; `core/block` reads it.
        sig: Only where it was checked (F5).
        body: Form 0: nonce and opened payload (B7); form 1: the sealed payload as it came.
    """

    n: int
    seq: int
    clear: bytes
    sig: bytes | None
    body: bytes


class PutObject(NamedTuple):
    """An object's row. Key: n; `id` is unique. `created`: time of the stamp that made it."""

    n: int
    id: bytes
    type: int
    live: int
    created: int
    doc: str
    meta: bytes


class PutItem(NamedTuple):
    """A child of a big container (B2). Key: obj, path; looked up by parent as well."""

    obj: int
    path: bytes
    parent: bytes
    time: int
    feed: int
    value: bytes
    more: bytes | None


class DropItem(NamedTuple):
    """A child that is no more."""

    obj: int
    path: bytes


class PutText(NamedTuple):
    """An update of a text (T1). Key: obj, path, n; n = 0: snapshot."""

    obj: int
    path: bytes
    n: int
    data: bytes


class DropTexts(NamedTuple):
    """All updates of a text, before what stands for them is written."""

    obj: int
    path: bytes


class DropObject(NamedTuple):
    """An object's row, items and texts: before it is rebuilt (C7), or when nothing is left."""

    n: int


class PutTouched(NamedTuple):
    """An object was written by a block; `block` is its key."""

    obj: int
    block: int


class PutHeld(NamedTuple):
    """A block that is authentic but does not count (C5). Key: feed, seq, id.

    Attributes:
        feed: Feed id of the header, also for a branch.
        seq: Its number.
        id: Its block id.
        record: The header's bytes (seq 0: the open record's).
        body: The sealed payload as it came; empty for an open record.
        sig: Only where it was checked.
    """

    feed: bytes
    seq: int
    id: bytes
    record: bytes
    body: bytes
    sig: bytes | None


class DropHeld(NamedTuple):
    """A held block that counts now."""

    feed: bytes
    seq: int
    id: bytes


class PutCredential(NamedTuple):
    """A credential. Key: id. `record`: the bytes signed; `counts`: 1 if it is in E."""

    id: bytes
    depth: int
    record: bytes
    sig: bytes
    counts: int


class PutKey(NamedTuple):
    """The keys of a generation. Key: gen. A keeper has no content key."""

    gen: bytes
    n: int
    content: bytes | None
    access: bytes | None


class PutType(NamedTuple):
    """A type's local number and schema; `fields` and `indexed` are JSON.

    `indexed` is an object: from each declared field to the columns of its index
    (`core.query.index_columns`), which a store takes as they are.
    """

    n: int
    name: str
    version: int
    fields: str
    indexed: str


class PutChunk(NamedTuple):
    """A sealed chunk. Key: hash. `body` empty: it lies in a file."""

    hash: bytes
    blob: bytes | None
    size: int
    body: bytes


class PutAbout(NamedTuple):
    """A fact about the space's file. Key: key."""

    key: str
    value: bytes


class DropBlock(NamedTuple):
    """A stored block that does not count any more (it goes to `held`), with its `touched` rows."""

    n: int
    seq: int


class MoveBlocks(NamedTuple):
    """Blocks `first` and later of `from_n`, with their `touched` rows, lie under `to_n` now."""

    from_n: int
    to_n: int
    first: int


Row: TypeAlias = (
    PutFeed
    | PutBlock
    | PutObject
    | PutItem
    | DropItem
    | PutText
    | DropTexts
    | DropObject
    | PutTouched
    | PutHeld
    | DropHeld
    | PutCredential
    | PutKey
    | PutType
    | PutChunk
    | PutAbout
    | DropBlock
    | MoveBlocks
)


class Changed(NamedTuple):
    """An object before and after; equal ends are left out.

    Attributes:
        object: Its id.
        type: Its type's name; empty while no root write is known.
        before: None if it was not there.
        after: None if nothing is left of it.
        fields: Names of the changed fields.
        who: Who wrote the last block that touched it; for other reasons than "write", the same.
        app: With which app.
        stamp: Of that block.
        reason: Why it changed.
    """

    object: ObjectId
    type: str
    before: "Document | None"
    after: "Document | None"
    fields: frozenset[str]
    who: IdentityId
    app: str
    stamp: Stamp
    reason: Literal["write", "membership", "key", "checkpoint"]


class Announce(NamedTuple):
    """Peers may be told that this feed (or branch) is longer now; `first` is its old length."""

    feed: FeedId
    first: int
    length: int


class AskCredentials(NamedTuple):
    """Credentials that something here names and that are not known."""

    ids: tuple[bytes, ...]


class AskRange(NamedTuple):
    """Blocks `first` to `end - 1` of a feed are missing."""

    feed: FeedId
    first: int
    end: int


class AskKey(NamedTuple):
    """A generation's key is missing (E_KEY)."""

    generation: GenerationId


class Proof(NamedTuple):
    """A device wrote two blocks under one number (V12).

    Attributes:
        feed: The feed that split.
        seq: The first number where its histories differ.
        left: Headers of one side, up to its next signed block.
        left_sig: The signature of the last of them.
        right: Headers of the other side.
        right_sig: The signature of the last of them.
    """

    feed: FeedId
    seq: int
    left: tuple[bytes, ...]
    left_sig: bytes
    right: tuple[bytes, ...]
    right_sig: bytes


Send: TypeAlias = Announce | AskCredentials | AskRange | AskKey | Proof


class Refused(NamedTuple):
    """Something was dropped for good: by which rule, and what the peer's score loses (<= 0)."""

    rule: str
    code: str
    score: int
    feed: bytes
    seq: int


class After(NamedTuple):
    """What the replica knows when the rows are on disk; opaque to everybody but `Replica.adopt`.

    Only differences are named.

    Attributes:
        feeds: Feeds and branches that are new or changed, by local number.
        clock: The greatest time seen.
        last_object: The greatest local number of an object given out.
        types: New local numbers of types.
        membership: The members now; None: as before.
        lagging: Feeds with stored blocks that cannot be applied, and what each needs; None: as
            before.
        waits: Blocks that wait from now on.
        left: Ids of blocks that wait no longer.
        openings: Open records that wait for credentials; None: it waits no longer.
        held: Feed ids that have held blocks now.
        own: Number of the feed that own blocks go to, and the reason for which it has to be
            succeeded first; None: as before.
        own_record: Header of the newest own block; empty: as before.
        own_bytes: Bytes of own blocks since the last signature, with `own_record`.
    """

    feeds: Mapping[int, PutFeed] = {}
    clock: int = 0
    last_object: int = 0
    types: Mapping[str, int] = {}
    membership: "Membership | None" = None
    lagging: Mapping[int, bytes] | None = None
    waits: "tuple[Wait, ...]" = ()
    left: tuple[bytes, ...] = ()
    openings: Mapping[FeedId, "OpenRecord | None"] = {}
    held: frozenset[bytes] = frozenset()
    own: tuple[int, int | None] | None = None
    own_record: bytes = b""
    own_bytes: int = 0


class Effects(NamedTuple):
    """The result of the gate.

    Attributes:
        persist: To be written in this order, in one transaction.
        changed: To be shown, when `persist` is on disk.
        send: To be sent, when `persist` is on disk.
        refused: To be scored.
        after: For `Replica.adopt`, when `persist` is on disk.
    """

    persist: tuple[Row, ...] = ()
    changed: tuple[Changed, ...] = ()
    send: tuple[Send, ...] = ()
    refused: tuple[Refused, ...] = ()
    after: After = After()
