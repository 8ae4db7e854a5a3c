"""One end of an OCPP-J connection on an in-memory socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from sitectl.base.tasks import Tasks
from sitectl.simulator.link import CallLost, CallRefused, Link, Payload, Refusal


class MemorySocket:
    """What arrives is put into `inbox`; None there ends the connection."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.sent: list[Any] = []

    async def recv(self) -> str | bytes:
        if (frame := await self.inbox.get()) is None:
            raise ConnectionClosedError(None, None)
        return frame

    async def send(self, message: str) -> None:
        self.sent.append(json.loads(message))

    async def close(self) -> None:
        self.inbox.put_nowait(None)

    @property
    def transport(self) -> asyncio.Transport:
        raise AssertionError("not in memory")


def handle(action: str, payload: Payload) -> Payload | None:
    if action == "Silence":
        return None
    if action == "Refuse":
        raise Refusal("NotSupported", "no")
    return {"echo": payload["text"]}


@pytest.fixture
async def linked() -> AsyncIterator[tuple[MemorySocket, Link]]:
    socket, tasks = MemorySocket(), Tasks()
    link = Link(socket, handle, answer_within_s=0.05)
    tasks.spawn(link.run(), "link")
    yield socket, link
    await tasks.cancel_all()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_calls_are_answered_refused_or_left_alone(linked: tuple[MemorySocket, Link]) -> None:
    socket, _ = linked
    for frame in (
        [2, "1", "Echo", {"text": "hi"}],
        [2, "2", "Refuse", {}],
        [2, "3", "Silence", {}],
        [2, "4", "Echo", {}],
    ):
        socket.inbox.put_nowait(json.dumps(frame))
    await settle()
    assert socket.sent[:2] == [[3, "1", {"echo": "hi"}], [4, "2", "NotSupported", "no", {}]]
    assert socket.sent[2][:3] == [4, "4", "FormationViolation"]
    assert len(socket.sent) == 3


@pytest.mark.parametrize(
    "garbage", ["", "{", "5", "[]", "[2]", '[2, "1"]', b"\xff\xfe", '[3, "nobody", {}]', '[4, "x"]']
)
async def test_garbage_is_survived(linked: tuple[MemorySocket, Link], garbage: str | bytes) -> None:
    socket, link = linked
    socket.inbox.put_nowait(garbage)
    socket.inbox.put_nowait('[2, "1", "Echo", {"text": "still here"}]')
    await settle()
    assert socket.sent == [[3, "1", {"echo": "still here"}]]
    assert not link.closed


async def call_and_reply(socket: MemorySocket, link: Link, *reply: Any) -> Payload:
    tasks = Tasks()
    task = tasks.spawn(link.call("Ask", {}), "ask")
    await settle()
    kind, *rest = reply
    socket.inbox.put_nowait(json.dumps([kind, socket.sent[-1][1], *rest]))
    return await task


async def test_a_call_returns_its_answer(linked: tuple[MemorySocket, Link]) -> None:
    socket, link = linked
    assert await call_and_reply(socket, link, 3, {"x": 1}) == {"x": 1}
    assert socket.sent[0][0] == 2
    assert socket.sent[0][2:] == ["Ask", {}]


async def test_a_call_error_is_raised(linked: tuple[MemorySocket, Link]) -> None:
    with pytest.raises(CallRefused, match="GenericError: sorry") as caught:
        await call_and_reply(*linked, 4, "GenericError", "sorry", {})
    assert caught.value.code == "GenericError"


async def test_silence_and_a_lost_connection_lose_the_call(linked: tuple[MemorySocket, Link]) -> None:
    socket, link = linked
    with pytest.raises(CallLost, match="not answered"):
        await link.call("Ask", {})
    tasks = Tasks()
    task = tasks.spawn(link.call("Ask", {}), "ask")
    await settle()
    await link.close()
    with pytest.raises(CallLost, match="connection ended"):
        await task
    with pytest.raises(CallLost, match="not connected"):
        await link.call("Ask", {})
    assert len(socket.sent) == 2
