"""How do two nodes connect over WebSocket? Implements Connection, Listener and Transport.

One binary message carries one Noise message. Compression, pings and text are off: the channel
inside has its own heartbeat and secrets. A request with an Origin is a browser's page and refused.

Rules: protocol.md section 5 (carriers, path `/kith/1`); security.md N2 (65,535 bytes), N6.
"""

import contextlib
import logging
from asyncio import BaseTransport
from http import HTTPStatus
from typing import Final, TypedDict
from weakref import WeakSet

import anyio
import anyio.lowlevel
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection as Carrier
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.http11 import Request, Response

PATH: Final = "/kith/1"
MAX_MESSAGE_BYTES: Final = 65_535
OPEN_SECONDS: Final = 5
CLOSE_SECONDS: Final = 1
MAX_QUEUED_MESSAGES: Final = 16
MAX_WAITING: Final = 64
TURNS: Final = 3
"""Of the loop: until a server that is closed accepts no more, and what it had accepted is known."""
_QUIET: Final = logging.getLogger("kithspace.websocket")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False  # strangers at a port must not fill anybody's log


class _Ends(TypedDict):
    compression: None
    ping_interval: None
    open_timeout: float
    close_timeout: float
    max_size: int
    max_queue: int
    logger: logging.Logger


_BOTH_ENDS: Final[_Ends] = {
    "compression": None,
    "ping_interval": None,
    "open_timeout": OPEN_SECONDS,
    "close_timeout": CLOSE_SECONDS,
    "max_size": MAX_MESSAGE_BYTES,
    "max_queue": MAX_QUEUED_MESSAGES,
    "logger": _QUIET,
}
"""What holds for who dials and for who listens."""
_QUIET.setLevel(logging.CRITICAL + 1)


class WebSocketConnection:
    """One WebSocket.

    Args:
        carrier: The library's connection.
    """

    kind = "ws"

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    @property
    def peer(self) -> str:
        """The host at the other end."""
        address = self._carrier.remote_address
        return str(address[0]) if isinstance(address, tuple) else ""

    async def send(self, message: bytes) -> None:
        """Send one message; returns when the carrier has taken it.

        Raises:
            ConnectionError: The carrier is gone.
        """
        try:
            await self._carrier.send(message)
        except ConnectionClosed as error:
            raise ConnectionError("the connection is gone") from error

    async def receive(self) -> bytes:
        """Return the next message.

        Raises:
            ConnectionError: The carrier is gone, or something else than bytes came.
        """
        try:
            message = await self._carrier.recv()
        except ConnectionClosed as error:
            raise ConnectionError("the connection is gone") from error
        if isinstance(message, str):
            await self.close()
            raise ConnectionError("text came where bytes belong")
        return message

    async def close(self) -> None:
        """Close; any number of times. Who does not wait for its end leaves nothing open."""
        try:
            await self._carrier.close()
        finally:
            self._carrier.transport.abort()


class WebSocketListener:
    """An open port."""

    def __init__(self) -> None:
        ends = anyio.create_memory_object_stream[WebSocketConnection](MAX_WAITING)
        self._arrivals = ends[0]
        self._waiting = ends[1]
        self._opening: WeakSet[ServerConnection] = WeakSet()
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """The port it listens at."""
        sockets = self._server.sockets if self._server is not None else ()
        return next((int(one.getsockname()[1]) for one in sockets), 0)

    async def open(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be had.
        """
        self._server = await serve(
            self._serve,
            host,
            port,
            create_connection=_tracked(self._opening),
            origins=[None],
            process_request=_check_request,
            server_header=None,
            **_BOTH_ENDS,
        )

    async def accept(self) -> WebSocketConnection:
        """Return the next connection.

        Raises:
            ConnectionError: It listens no more.
        """
        try:
            return await self._waiting.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError) as error:
            raise ConnectionError("this port is closed") from error

    async def close(self) -> None:
        """Stop listening; any number of times. Accepted connections go on."""
        if self._server is not None:
            self._server.close(close_connections=False)
        for _ in range(TURNS):
            await anyio.lowlevel.checkpoint()
        for carrier in self._opening:
            carrier.transport.abort()
        await self._arrivals.aclose()
        with contextlib.suppress(anyio.EndOfStream, anyio.ClosedResourceError):
            while True:
                await self._waiting.receive_nowait().close()
        await self._waiting.aclose()

    async def _serve(self, carrier: ServerConnection) -> None:
        """Hand a connection over, and stay until it is closed, as the library asks."""
        self._opening.discard(carrier)
        try:
            self._arrivals.send_nowait(WebSocketConnection(carrier))
        except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return
        await carrier.wait_closed()


def _tracked(opening: WeakSet[ServerConnection]) -> type[ServerConnection]:
    """Return a kind of connection that is in `opening` until its handshake is over."""

    class Tracked(ServerConnection):
        def connection_made(self, transport: BaseTransport) -> None:
            super().connection_made(transport)
            opening.add(self)

    return Tracked


class WebSockets:
    """Listens and dials."""

    async def listen(self, host: str, port: int) -> WebSocketListener:
        """Listen; port 0 takes any free one.

        Raises:
            OSError: The address cannot be had.
        """
        listener = WebSocketListener()
        await listener.open(host, port)
        return listener

    async def dial(self, address: str) -> WebSocketConnection:
        """Connect to `ws://host:port`.

        Raises:
            ConnectionError: Nobody answers there, or not as one of us.
        """
        try:
            carrier = await connect(
                address.rstrip("/") + PATH,
                user_agent_header=None,
                proxy=None,
                **_BOTH_ENDS,
            )
        except (OSError, ValueError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
            raise ConnectionError(f"nobody answers at {address}") from error
        return WebSocketConnection(carrier)


def _check_request(carrier: ServerConnection, request: Request) -> Response | None:
    if request.path == PATH:
        return None
    return carrier.respond(HTTPStatus.NOT_FOUND, "")
