"""A central in a process of its own that answers at once: raw OCPP-J frames over raw sockets.

Written for load: it understands what sitectl says as a well-behaved station, and no more. It looks whether the messages
of each station's transactions come in their order: their time stamps must not go back.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
import time
from itertools import count
from typing import Any, cast

import orjson
import uvloop

from tests.bench.site_process import CentralProcess

Payload = dict[str, Any]
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")
NEW_STAMPS = "0000"


class Books:
    """What all connections have seen: messages by action, disorders, when the first and the last message of a
    transaction came; and when each status that says something in `info` did, and the first start of each token."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.disorders: list[str] = []
        self.first_at = self.last_at = 0.0
        self.seen: dict[str, float] = {}
        self.numbers = count(1)
        self._newest: dict[str, str] = {}

    def book(self, station: str, action: str, payload: Payload, at: float) -> Payload:
        """Take note of a call; its answer."""
        self.calls[action] = self.calls.get(action, 0) + 1
        if action in TRANSACTIONAL:
            self._transactional(station, action, payload, at)
        if action == "StartTransaction":
            return {"transactionId": next(self.numbers), "idTagInfo": {"status": "Accepted"}}
        if action == "StatusNotification" and "info" in payload:
            self.seen.setdefault(f"{station} {payload['info']}", at)
        if action in ("BootNotification", "Heartbeat"):
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            return (
                {"currentTime": now, "interval": 300, "status": "Accepted"}
                if action[0] == "B"
                else {"currentTime": now}
            )
        return {}

    def _transactional(self, station: str, action: str, payload: Payload, at: float) -> None:
        self.first_at = self.first_at or at
        self.last_at = at
        stamp = payload["meterValue"][-1]["timestamp"] if action == "MeterValues" else payload["timestamp"]
        before = self._newest.get(station, NEW_STAMPS)
        if stamp < before and len(self.disorders) < 10:
            self.disorders.append(f"{station}: {action} of {stamp} after one of {before}")
        self._newest[station] = stamp
        if (tag := payload.get("idTag", "")) and action == "StartTransaction":
            self.seen.setdefault(f"{station} {tag}", at)


class Connection(asyncio.Protocol):
    """One virtual station."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._buffer = b""
        self._station = ""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        data = self._buffer + data
        if not self._station:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = data
                return
            self._upgrade(head)
            data = rest
        while (cut := self._frame(data, at)) > 0:
            data = data[cut:]
        self._buffer = data

    def _upgrade(self, head: bytes) -> None:
        lines = head.split(b"\r\n")
        self._station = lines[0].split(b" ")[1].decode().rpartition("/")[2]
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        key = next(line for line in lines if line.lower().startswith(b"sec-websocket-key:")).split(b": ", 1)[1]
        assert b"ocpp1.6" in fields[b"sec-websocket-protocol"]
        accept = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def _frame(self, data: bytes, at: float) -> int:
        """Deal with the first frame; how long it is, 0 where it is not there whole."""
        if len(data) < 6:
            return 0
        size, start = data[1] & 127, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10]), 10
        end = start + 4 + size
        if len(data) < end:
            return 0
        mask = data[start : start + 4] * (size // 4 + 1)
        body = (int.from_bytes(data[start + 4 : end]) ^ int.from_bytes(mask[:size])).to_bytes(size)
        self._take(data[0] & 15, body, at)
        return end

    def _take(self, opcode: int, body: bytes, at: float) -> None:
        if opcode == PING:
            self._send(PONG, body)
        elif opcode == CLOSE:
            self._send(CLOSE, body)
            self._transport.close()
        elif opcode == TEXT:
            kind, id, *rest = orjson.loads(body)
            if kind == 2:
                self._send(TEXT, orjson.dumps([3, id, self._books.book(self._station, rest[0], rest[1], at)]))

    def _send(self, opcode: int, body: bytes) -> None:
        head = (
            bytes((0x80 | opcode, len(body)))
            if len(body) < 126
            else bytes((0x80 | opcode, 126)) + len(body).to_bytes(2)
        )
        self._transport.write(head + body)


class RawCentral(CentralProcess):
    """The process; it tells what `Books` holds."""

    MODULE = "tests.bench.raw_central"


async def serve() -> None:
    books = Books()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(books), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        told = {
            "calls": books.calls,
            "disorders": books.disorders,
            "first_at": books.first_at,
            "last_at": books.last_at,
            "seen": books.seen,
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    uvloop.run(serve())
