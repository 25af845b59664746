"""Credentials and blocks in any order, with restarts between: the same replica (C1-C7, V4, M1)."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from kithspace.core.credential import AcceptHeld, Signed
from kithspace.core.state import WireBlock
from tests.gate_world import Node, World

WRITERS = ("Ben", "Cem")
steps = st.tuples(
    st.sampled_from(["write", "write", "pull", "remove", "back", "lower", "raise", "accept"]),
    st.sampled_from(WRITERS),
    st.integers(0, 2),
)
stories = st.lists(steps, min_size=5, max_size=14)


class Story:
    """What happens: Ana decides, Ben and Cem write and may not have heard of it."""

    def __init__(self) -> None:
        self.world = World.make(dict.fromkeys(WRITERS, "writer"))
        self.nodes = {name: self.world.node(name) for name in ("Ana", *WRITERS)}
        self.ana = self.nodes["Ana"]
        self.roles = dict.fromkeys(WRITERS, "writer")

    def tell(self, what: str, name: str, number: int) -> None:
        """One step; what makes no sense is left out."""
        node, person, stage = self.nodes[name], self.world.people[name], self.world.stage
        match what:
            case "write":
                thing = node.create(f"thing {number}", title=name)
                node.write((thing, ("title",), f"{name} {number}"))
                node.release()
            case "pull":
                self.ana.pull(node)
                self.ana.create(f"thing {number}", title="Ana")
                node.pull(self.ana)
            case "remove" if self.roles[name] != "none":
                cut = self.ana.replica.heads_of(person.id, self.ana.state)[number % 2 :]
                self.decide(
                    name, "none", self.world.sign(stage.remove, self.world.ana, person, cut=cut)
                )
            case "lower" if self.roles[name] == "writer":
                cut = self.ana.replica.heads_of(person.id, self.ana.state)
                made = self.world.sign(stage.lower, self.world.ana, person, "reader", cut=cut)
                self.decide(name, "reader", made)
            case "back" if self.roles[name] == "none":
                made = self.world.sign(stage.admit, self.world.ana, person, "writer")
                self.decide(name, "writer", made)
                node.admit(*self.world.credentials)
            case "raise" if self.roles[name] == "reader":
                made = self.world.sign(stage.raise_, self.world.ana, person, "writer")
                self.decide(name, "writer", made)
                node.admit(*self.world.credentials)
            case "accept" if node.replica.own_feed and node.feed(node.own).length > 1:
                head = node.head(node.own, node.feed(node.own).length - 1)
                made = self.world.sign(stage.act, self.world.ana, AcceptHeld((head,)))
                self.ana.admit(made)
            case _:
                pass

    def decide(self, name: str, role: str, made: Signed) -> None:
        self.roles[name] = role
        self.ana.admit(made)
        self.world.rotate()
        self.ana.admit(self.world.credentials[-1])
        self.ana.take_keys()
        for node in self.nodes.values():
            node.take_keys()

    def parts(self) -> list[list[WireBlock]]:
        """Every node's own feeds, as they were sent."""
        return [
            part
            for node in self.nodes.values()
            for row in node.state.feeds()
            if node.replica.author_of(row.id) == (node.person.id, node.person.hands.key)
            for part in all_parts(node, row.id)
        ]


def all_parts(node: Node, feed: bytes) -> list[list[WireBlock]]:
    """A feed's parts, also of one that counts no more here."""
    if node.feed(feed).length:
        return node.parts(feed)
    row = node.feed(feed)
    held = sorted(node.state.held(feed), key=lambda each: each.seq)
    parts: list[list[WireBlock]] = [[(row.opening, None, row.opening_sig)], []]
    for each in held:
        parts[-1].append((each.record, each.body, each.sig))
        if each.sig is not None:
            parts.append([])
    return parts[:-1]


@given(stories, st.integers(0, 2**32))
@settings(max_examples=40)
def test_credentials_and_blocks_in_any_order_give_the_same_replica(
    told: list[tuple[str, str, int]], seed: int
) -> None:
    story = Story()
    for step in told:
        story.tell(*step)
    for node in story.nodes.values():
        node.release()
    parts = story.parts()
    results = []
    for turn in range(3):
        node = Node(story.world, story.world.ana, story.world.ana.hands)
        draw = random.Random(seed + turn)  # noqa: S311 - an order, not a secret
        deliver(node, story.world.credentials, parts, draw)
        results.append((node.heads(), node.documents(), counts(node)))
    assert results[0] == results[1]
    assert results[0] == results[2]


def deliver(
    node: Node, credentials: list[Signed], parts: list[list[WireBlock]], draw: random.Random
) -> None:
    """Everything once in a drawn order, with restarts, and once more in order."""
    events: list[Signed | list[WireBlock]] = [*credentials, *parts]
    draw.shuffle(events)
    keys_at = draw.randrange(len(events))
    for place, event in enumerate(events):
        if place == keys_at:
            node.take_keys()
        if draw.random() < 0.1:
            node.restart()
        if isinstance(event, Signed):
            node.admit(event)
        else:
            node.receive(event)
    node.admit(*credentials)
    node.take_keys()
    for part in parts:
        node.receive(part)


def counts(node: Node) -> dict[bytes, list[tuple[int, bytes]]]:
    """What is held, by feed."""
    return {
        feed: [(row.seq, row.id) for row in node.state.held(feed)]
        for feed in node.state.held_feeds()
    }
