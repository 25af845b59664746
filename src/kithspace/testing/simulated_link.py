"""What becomes of a message on its way from one node to another?

A `Link` is one connection: each lane keeps its order, lower lanes overtake higher, credit is given
back when a message was dealt with, and now and then the line breaks and what is on it is lost. It
carries encoded messages, so that each is typed whole on arrival, as from a socket.

Rules: protocol.md section 5 (lanes), X8 (credit; who sends beyond it is a bug and stops the run).
"""

from collections.abc import Callable
from typing import Final

from kithspace.protocol import messages
from kithspace.protocol.messages import BULK, CONTROL, LANES, LIVE, AnyMessage
from kithspace.testing.simulated_time import Timeline

WINDOWS: Final = {LIVE: 1 << 20, BULK: 4 << 20}


class Line:
    """How connections behave: the same for all links of a simulation.

    Args:
        loss: How likely a connection breaks at a message.
        least_ms: The least time a message takes.
        most_ms: The most.
    """

    def __init__(self, loss: float, least_ms: int, most_ms: int) -> None:
        self.loss = loss
        self.least_ms = least_ms
        self.most_ms = most_ms


class Link:
    """One connection between two nodes, sides 0 (who dialled) and 1.

    Args:
        timeline: When things arrive.
        line: How it behaves.
        arrived: Called with the side that gets a message, the message and its lane.
        broke: Called when the line breaks by itself.
    """

    def __init__(
        self,
        timeline: Timeline,
        line: Line,
        arrived: Callable[[int, AnyMessage], None],
        broke: Callable[[], None],
    ) -> None:
        self._timeline = timeline
        self._line = line
        self._arrived = arrived
        self._broke = broke
        self._credit = {(side, lane): WINDOWS[lane] for side in (0, 1) for lane in WINDOWS}
        self._last_ms = {(side, lane): 0 for side in (0, 1) for lane in LANES}
        self._is_dying = [False, False]
        self.on_the_way = 0
        self.is_open = True

    def room(self, side: int, lane: int) -> int:
        """How many bytes this side may send on a lane."""
        return self._credit[side, lane]

    def put(self, side: int, message: AnyMessage, lane: int) -> None:
        """Send; it arrives later, or never.

        Raises:
            AssertionError: More than there is credit for.
        """
        body = messages.encode(message)
        if lane != CONTROL:
            self._credit[side, lane] -= len(body)
            if self._credit[side, lane] < 0:
                raise AssertionError("sent beyond credit (X8)")
        chance = self._timeline.random
        if self._is_dying[side]:
            return
        if chance.random() < self._line.loss:
            self._is_dying[side] = True
            self.on_the_way += 1
            self._timeline.after(chance.randint(0, self._line.most_ms), self._break)
            return
        when = self._timeline.now_ms + chance.randint(self._line.least_ms, self._line.most_ms)
        # Lower lanes go first: nothing overtakes what was queued on its own or a lower lane.
        when = max(when, *(self._last_ms[side, lower] for lower in LANES[: lane + 1]))
        self._last_ms[side, lane] = when
        self.on_the_way += 1
        self._timeline.at(when, lambda: self._arrive(side, body, lane))

    def close(self) -> None:
        """The line is cut; nothing on it arrives."""
        self.is_open = False

    def _break(self) -> None:
        if self.is_open:
            self.is_open = False
            self._broke()

    def _arrive(self, side: int, body: bytes, lane: int) -> None:
        if not self.is_open:
            return
        self.on_the_way -= 1
        message = messages.decode(body, lane)
        if message is None:
            raise AssertionError("a message of no known number")
        if lane != CONTROL:
            self._credit[side, lane] += len(body)
        self._arrived(1 - side, message)
