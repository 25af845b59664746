"""How do writes and blocks get into an open space, and how do they get shown and sent?

One engine per open space: one lock, one store, one replica. Everything that changes the space goes
through `_carry_out`: persist, adopt, queue what is to be shown, queue what is to be sent. The queue
is emptied when the lock is given back, in commit order, by whoever gives it back.

Rules:
    G1, B5  The replica takes `Effects.after` only when the rows are on disk.
    G4, G5  A commit runs in the caller's thread under the lock; the lock is reentrant.
    F2, F5  Own heads are signed apart from commits: soon when somebody listens, at least every 256
            blocks or 512 KiB.
    F3      The write-ahead log is synced within 500 ms.
    V11     Blocks that were early are tried again when they are due.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Final

from kithspace.core.effects import Announce, PutCredential
from kithspace.core.ids import BlockId, CredentialId, DeviceKey, FeedId
from kithspace.core.replica import Replica
from kithspace.core.roles import Role
from kithspace.core.stamp import Stamp
from kithspace.core.verify import VerifiedBlock
from kithspace.errors import Closed, DiskFull, KithError, NotAllowed
from kithspace.protocol.leaves import CredentialLeaf, FeedLeaf
from kithspace.runtime.delivery import Delivery, SpaceLock, leaf_of
from kithspace.runtime.documents import Documents
from kithspace.runtime.drafts import gate_draft
from kithspace.runtime.exchange import News
from kithspace.runtime.keyring import Keyring

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kithspace.core.credential import Body, Signed
    from kithspace.core.document import Document
    from kithspace.core.effects import Changed, Effects, Row, Send
    from kithspace.core.fold import Membership
    from kithspace.core.gate.drafting import Author
    from kithspace.core.ids import ObjectId, SpaceId
    from kithspace.core.query import Plan
    from kithspace.core.state import State
    from kithspace.ports import Clock, Draft, Entropy, Store

_log = logging.getLogger(__name__)

SYNC_MS: Final = 500
"""F3: the write-ahead log reaches the disk within this time."""
RELEASE_GAP_MS: Final = 4
"""While somebody listens, own heads are signed at most this often."""
RELEASE_IDLE_MS: Final = 500
"""While nobody listens, they are signed after this time."""
RESTORED: Final = 1
"""Reason of an open record: the disk may have forgotten (F2)."""


class Engine:
    """An open space.

    Args:
        space: Its id.
        store: Its store; nobody else writes to it.
        me: Who writes here.
        clock: For stamps and deadlines.
        entropy: For nonces and salts.
        wake: Called when `next_due` has become sooner; cheap.
        durable: Sync the disk at every commit (F3).
    """

    def __init__(
        self,
        space: SpaceId,
        store: Store,
        me: Author,
        clock: Clock,
        entropy: Entropy,
        wake: Callable[[], None],
        *,
        durable: bool = False,
    ) -> None:
        self.space = space
        self.store = store
        self.me = me
        self.clock = clock
        self.entropy = entropy
        self.state: State = store.state()
        self.replica = Replica.restore(space, self.state, me)
        if store.is_doubtful:
            self.replica.doubt(RESTORED)
        self.documents = Documents(self.state, self.replica.numbers)
        self.changed = 0
        self.is_disk_full = False
        """Whether the last commit found no room."""
        self.on_members: Callable[[], None] = _do_nothing
        """Called, under the lock, when members have changed."""
        self.on_release: Callable[[], object] = _do_nothing
        """Called, under no lock, when own heads were signed."""
        self._delivery = Delivery()
        self.lock = SpaceLock(self._delivery.hand_out)
        self._wake = wake
        self._is_durable = durable
        self.keyring = Keyring(self)
        self._closed: Closed | None = None
        self._released_ms = 0
        self._release_ms: int | None = self.clock.monotonic_ms()
        self._sync_ms: int | None = None

    # ---------------------------------------------------------------- reading

    @property
    def membership(self) -> Membership:
        """The fold of all credentials here, a frozen value."""
        return self.replica.membership

    @property
    def role(self) -> Role:
        """One's own role; none, once this device was removed."""
        membership = self.replica.membership
        if membership.owner(DeviceKey(self.me.device.public)) != self.me.identity:
            return Role.NONE
        return membership.role(self.me.identity)

    def document(self, object_id: ObjectId) -> Document | None:
        """Return an object's document as stored, deleted ones too."""
        with self.lock:
            self.check_open()
            return self.documents.get(object_id)

    # ---------------------------------------------------------------- writing

    def peek(self, object_id: ObjectId) -> Document | None:
        """The same, also after close: nothing then."""
        with self.lock:
            return None if self._closed is not None else self.documents.get(object_id)

    def select(self, plan: Plan) -> list[Document]:
        """Return the documents a plan finds, in its order."""
        with self.lock:
            self.check_open()
            return self.documents.select(plan, self.store)

    def count(self, plan: Plan) -> int:
        """How many a plan finds."""
        with self.lock:
            self.check_open()
            return self.documents.count(plan, self.store)

    def declare(self, type_name: str, version: int, columns: Mapping[str, str]) -> None:
        """Keep these indexes of a type, by field; nothing happens before it has objects."""
        with self.lock:
            self.check_open()
            row = next((one for one in self.state.types() if one.name == type_name), None)
            if row is None:
                return
            indexed = json.dumps(dict(columns), sort_keys=True)
            if (row.version, row.indexed) != (max(row.version, version), indexed):
                newest = max(row.version, version)
                self.store.commit([row._replace(version=newest, indexed=indexed)])

    def commit(self, draft: Draft) -> Stamp:
        """Write a transaction; returns when it would survive `kill -9` (F1).

        Raises:
            NotAllowed: One's role is below writer.
            TooBig: More than 64 blocks.
            DiskFull: Nothing was written; memory is as the disk (B5).
            Closed: The vault was closed.
        """
        with self.lock:
            self.check_open()
            if self.role < Role.WRITER:  # every node would refuse it
                raise NotAllowed.of(self.role.text, "this space", "change anything", ())
            self.keyring.prepare()
            now = self.clock.now_ms()
            whole = gate_draft(draft, self.documents.get, self.replica.next_feed)
            blocks = self.replica.seal(whole, self.state, now, self.entropy)
            self.carry_out(self.replica.apply(blocks, self.state, now))
            last = blocks[-1]
            assert isinstance(last, VerifiedBlock)  # noqa: S101 - a transaction ends with a block
            self._plan_release()
            return Stamp(last.header.time, last.header.feed)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed is not None

    def check_open(self) -> None:
        """Refuse use after close.

        Raises:
            Closed: The vault was closed.
        """
        if self._closed is not None:
            raise self._closed

    def carry_out(
        self,
        effects: Effects,
        *,
        rows: Sequence[Row] = (),
        source: DeviceKey | None = None,
        is_new_generation: bool = False,
    ) -> tuple[Send, ...]:
        """Persist, adopt, queue to show, queue to send; under the lock (G1).

        Args:
            effects: What the gate decided.
            rows: Further rows of the same transaction.
            source: The device it came from, if it did.
            is_new_generation: The access keys have grown (X2).

        Returns:
            What is to be asked for.
        """
        persist = (*effects.persist, *rows) if rows else effects.persist
        if persist:
            self._persist(persist)
            if self._is_durable:
                self.store.sync()
            elif self._sync_ms is None:
                self._sync_ms = self.clock.monotonic_ms() + SYNC_MS
                self._wake()
        self.replica.adopt(effects.after)
        if effects.after.membership is not None:
            self._members_changed()
        if self.replica.has_unreleased and (source or effects.after.membership is not None):
            self._plan_release()  # own blocks that came back (F4), or count again (C7)
        if effects.changed:
            self.changed += 1
            self.documents.take(effects.changed)
            self._delivery.show(effects.changed)
        if is_new_generation:
            self._delivery.tell(News(is_new_generation=True))
        return self._queue_news(effects, source)

    def _persist(self, rows: Sequence[Row]) -> None:
        try:
            self.store.commit(rows)
        except DiskFull:
            self.is_disk_full = True
            raise
        self.is_disk_full = False

    def admit_own(self, credentials: Sequence[Signed], *, rows: Sequence[Row] = ()) -> None:
        """Take in credentials made here, with rows that belong to them.

        Raises:
            NotAllowed: The fold refuses one: somebody else was faster, or it breaks a rule.
        """
        for signed in credentials:
            if not self.membership.allows(signed):
                raise NotAllowed("This is not allowed any more.", "Look at the members again.")
            effects = self.replica.admit([signed], self.state, self.clock.now_ms())
            self.carry_out(effects, rows=rows)
            rows = ()

    def make_credential(self, body: Body) -> Signed:
        """Sign a credential on top of all that is known."""
        self.merge_heads()
        now = self.clock.now_ms()
        return self.membership.make(body, self.me.identity, self.me.device, now)

    def merge_heads(self) -> None:
        """A5: with more than 16 heads, name them in empty credentials first."""
        now = self.clock.now_ms()
        merging = self.membership.merge_heads(self.me.identity, self.me.device, now)
        if merging:
            self.admit_own(merging)

    def _members_changed(self) -> None:
        self.keyring.plan()
        self.on_members()
        if self.keyring.due_ms is not None:
            self._wake()

    def _queue_news(self, effects: Effects, source: DeviceKey | None) -> tuple[Send, ...]:
        """Queue what peers are to be told; return what they are to be asked."""
        has_grown = effects.after.membership is not None
        if not effects.send and not has_grown:
            return ()
        asks = tuple(send for send in effects.send if not isinstance(send, Announce))
        if not self._delivery.has_listeners:
            return asks
        grown = [send.feed for send in effects.send if isinstance(send, Announce)]
        # What came from others may also have taken back: by a cut (C7) or a fork (V12).
        taken = effects.after.feeds.values() if has_grown or source is not None else ()
        told = dict.fromkeys([*grown, *(FeedId(row.id) for row in taken)])
        feeds = tuple(self._leaf(feed) for feed in told)
        credentials = tuple(
            CredentialLeaf(CredentialId(row.id), row.depth)
            for row in (effects.persist if has_grown else ())
            if isinstance(row, PutCredential)
        )
        if feeds or credentials or asks:
            self._delivery.tell(News(feeds, credentials, asks, source))
        return asks

    def _leaf(self, feed: FeedId) -> FeedLeaf:
        row = self.state.feed(feed)
        leaf = None if row is None else leaf_of(row, self.state)
        return leaf or FeedLeaf(feed, 0, BlockId(feed))

    # ---------------------------------------------------------------- showing and sending

    def watch(self, call: Callable[[Sequence[Changed]], None]) -> Callable[[], None]:
        """Call with what each commit changed, in order, under no lock. Returns what stops it."""
        return self._delivery.watch(call)

    def listen(self, call: Callable[[News], None]) -> Callable[[], None]:
        """Call with what may be told to peers, in order, under no lock. Returns what stops it."""
        stop = self._delivery.listen(call)
        with self.lock:
            self._plan_release()
        return stop

    # ---------------------------------------------------------------- chores of the node

    def next_due(self) -> int | None:
        """When `work` has something to do, in monotonic ms."""
        times = [self._release_ms, self.keyring.due_ms]
        waiting = self.replica.next_due()
        if waiting is not None:
            ahead = max(waiting - self.clock.now_ms(), 0)
            times.append(self.clock.monotonic_ms() + ahead)
        return min((time for time in times if time is not None), default=None)

    def work(self) -> None:
        """Sign the head if it is time; try again what has become due."""
        with self.lock:
            if self._closed is not None:
                return
            now = self.clock.monotonic_ms()
            is_time = self._release_ms is not None and self._release_ms <= now
            if is_time:
                self.release()
            due = self.replica.next_due()
            now_ms = self.clock.now_ms()
            if due is not None and due <= now_ms:
                self.carry_out(self.replica.due(self.state, now_ms))
            if self.keyring.due_ms is not None and self.keyring.due_ms <= now:
                self.keyring.make_idle()
        if is_time:
            self.on_release()

    def next_sync(self) -> int | None:
        """When the write-ahead log has to be on disk, in monotonic ms (F3)."""
        return self._sync_ms

    def sync(self) -> None:
        """Sync the write-ahead log; without the lock, since a disk may take its time (F3)."""
        self._sync_ms = None
        if self._closed is None:
            self.store.sync()

    def release(self) -> None:
        """Sign the own head, so that peers may be told (F5)."""
        with self.lock:
            self._release_ms = None
            self._released_ms = self.clock.monotonic_ms()
            self.carry_out(self.replica.release(self.state))

    @property
    def has_unsigned(self) -> bool:
        """Whether own blocks wait to be signed and announced."""
        with self.lock:
            return self.replica.has_unreleased

    def _plan_release(self) -> None:
        now = self.clock.monotonic_ms()
        when = now + RELEASE_IDLE_MS
        if self._delivery.has_listeners:
            when = max(now, self._released_ms + RELEASE_GAP_MS)
        if self._release_ms is None or when < self._release_ms:
            self._release_ms = when
            self._wake()

    def close(self, closed: Closed) -> None:
        """Sign what is unsigned, sync, close the store; every later use raises `closed`."""
        with self.lock:
            if self._closed is not None:
                return
            try:
                self.release()
            except KithError:
                # What is not signed now is signed at the next opening; the blocks are on disk.
                _log.warning("The head of a space could not be signed at its end.")
            finally:
                self._closed = closed
                self.store.close(clean=True)


def _do_nothing() -> None:
    """Nobody wants to know."""
