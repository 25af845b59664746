"""WebSocket does what the ports Connection, Listener and Transport say."""

import anyio
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from kithspace.adapters.websocket import WebSocketConnection, WebSocketListener, WebSockets

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def both() -> tuple[WebSocketListener, WebSocketConnection, WebSocketConnection]:
    listener = await WebSockets().listen("127.0.0.1", 0)
    dialer = await WebSockets().dial(f"ws://127.0.0.1:{listener.port}")
    return listener, dialer, await listener.accept()


async def test_messages_arrive_whole_and_in_order() -> None:
    listener, dialer, accepted = await both()
    messages = [bytes([number]) * size for number, size in enumerate((1, 0, 65_535, 300))]
    for message in messages:
        await dialer.send(message)
    assert [await accepted.receive() for _ in messages] == messages
    await accepted.send(b"back")
    assert await dialer.receive() == b"back"
    assert (dialer.kind, accepted.peer) == ("ws", "127.0.0.1")
    await dialer.close()
    await listener.close()


async def test_a_closed_connection_says_so_on_both_ends() -> None:
    listener, dialer, accepted = await both()
    await dialer.close()
    await dialer.close()
    with pytest.raises(ConnectionError):
        await accepted.receive()
    with pytest.raises(ConnectionError):
        await accepted.send(b"x")
    with pytest.raises(ConnectionError):
        await dialer.receive()
    await listener.close()


async def test_accepted_connections_go_on_when_the_listener_closes() -> None:
    listener, dialer, accepted = await both()
    await listener.close()
    await listener.close()
    await dialer.send(b"still here")
    assert await accepted.receive() == b"still here"
    await dialer.close()
    with pytest.raises(ConnectionError):
        await WebSockets().dial(f"ws://127.0.0.1:{listener.port}")


async def test_a_message_over_65535_bytes_closes() -> None:
    listener, dialer, accepted = await both()
    await dialer.send(bytes(65_536))
    with pytest.raises(ConnectionError):
        await accepted.receive()
    await dialer.close()
    await listener.close()


async def test_text_closes() -> None:
    listener = await WebSockets().listen("127.0.0.1", 0)
    async with connect(f"ws://127.0.0.1:{listener.port}/kith/1", proxy=None) as stranger:
        accepted = await listener.accept()
        await stranger.send("hello")
        with pytest.raises(ConnectionError):
            await accepted.receive()
    await listener.close()


async def test_another_path_and_a_browsers_page_are_refused() -> None:
    listener = await WebSockets().listen("127.0.0.1", 0)
    address = f"ws://127.0.0.1:{listener.port}"
    with pytest.raises(InvalidStatus):
        await connect(f"{address}/", proxy=None)
    with pytest.raises(InvalidStatus):
        await connect(f"{address}/kith/1", origin="https://example.org", proxy=None)  # type: ignore[arg-type]
    await listener.close()


async def test_random_bytes_on_the_port_get_no_answer() -> None:
    listener = await WebSockets().listen("127.0.0.1", 0)
    stream = await anyio.connect_tcp("127.0.0.1", listener.port)
    await stream.send(bytes(range(256)) * 8 + b"\r\n\r\n")
    with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
        await stream.receive()
    await stream.aclose()
    await listener.close()


async def test_nobody_there_is_a_connection_error() -> None:
    listener = await WebSockets().listen("127.0.0.1", 0)
    port = listener.port
    await listener.close()
    for address in (f"ws://127.0.0.1:{port}", "ws://", "nonsense", "ws://127.0.0.1:99999"):
        with pytest.raises(ConnectionError):
            await WebSockets().dial(address)
