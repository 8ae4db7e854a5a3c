"""A thousand stations in one process: raw OCPP-J frames over a raw socket, a few microseconds a frame.

Written for load: it understands what the daemon sends to a well-behaved 1.6 station, and no more. Every frame is
stamped with the monotonic clock, which all processes of a machine share, before anything else is done with it.
"""

from __future__ import annotations

import asyncio
import base64
import struct
import time
from collections.abc import Callable
from typing import Any, cast

import orjson

Payload = dict[str, Any]
CONFIGURATION = {
    "AllowOfflineTxForUnknownId": "false",
    "AuthorizationCacheEnabled": "false",
    "ChargeProfileMaxStackLevel": "10",
    "ChargingScheduleAllowedChargingRateUnit": "Current",
    "HeartbeatInterval": "300",
    "LocalAuthListEnabled": "false",
    "LocalAuthorizeOffline": "false",
    "LocalPreAuthorize": "false",
    "MeterValueSampleInterval": "10",
    "MeterValuesSampledData": "Current.Import,Energy.Active.Import.Register",
    "NumberOfConnectors": "1",
    "SupportedFeatureProfiles": "Core,SmartCharging,RemoteTrigger",
}
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class RawStation(asyncio.Protocol):
    """One station. `profiled` is called with the time stamp and the limit of every dynamic limit that comes."""

    def __init__(self, name: str, profiled: Callable[[str, float, float], None] = lambda *_: None) -> None:
        self.name = name
        self.limit_a = 0.0
        self.lost: str | None = None
        self._profiled = profiled
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._opened: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self._waiting: dict[str, Callable[[float, Payload], None]] = {}
        self._number = 0

    async def connect(self, port: int) -> None:
        """Connect and upgrade; raises OSError where that fails."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        assert self._opened is not None
        await self._opened
        self._opened = None

    # --- calls ---

    def call(self, action: str, payload: Payload, answered: Callable[[float, Payload], None] | None = None) -> None:
        """Send a call; `answered` gets the time stamp and the payload of the answer."""
        self._number += 1
        id = f"{self._number}"
        if answered is not None:
            self._waiting[id] = answered
        self._send(orjson.dumps([2, id, action, payload]))

    async def ask(self, action: str, payload: Payload) -> Payload:
        """Send a call and wait for its answer."""
        answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()

        def answered(at: float, payload: Payload) -> None:
            if not answer.done():  # who asked may be gone
                answer.set_result(payload)

        self.call(action, payload, answered)
        return await answer

    async def boot(self) -> Payload:
        """BootNotification, and the status of its connector."""
        identity = {"chargePointVendor": "Bench", "chargePointModel": "B1", "firmwareVersion": "1.0"}
        answer = await self.ask("BootNotification", identity)
        for connector in (0, 1):
            await self.status("Available", connector)
        return answer

    async def status(self, status: str, connector: int = 1) -> None:
        """StatusNotification."""
        payload = {"connectorId": connector, "errorCode": "NoError", "status": status}
        await self.ask("StatusNotification", payload)

    def hang_up(self) -> None:
        """End the connection as a broken wire does."""
        if self._transport is not None:
            self._transport.abort()

    def _send(self, text: bytes, opcode: int = TEXT) -> None:
        # The mask of a client may be any: with zeros the text stays as it is.
        if len(text) < 126:
            head = struct.pack(">BB4x", 0x80 | opcode, 0x80 | len(text))
        else:
            head = struct.pack(">BBH4x", 0x80 | opcode, 0x80 | 126, len(text))
        assert self._transport is not None
        self._transport.write(head + text)

    # --- what comes ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        key = base64.b64encode(b"a station of a b").decode()
        self._transport.write(
            f"GET /ocpp/{self.name} HTTP/1.1\r\nHost: site\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = repr(error)
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(ConnectionError(f"{self.name} was not let in"))

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        data = self._buffer + data if self._buffer else data
        if self._opened is not None and not self._opened.done():
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self._opened.set_exception(ConnectionError(head.decode()))
                return
            self._opened.set_result(None)
        while len(data) >= 2:
            size, start = data[1], 2
            if size == 126:
                if len(data) < 4:
                    break
                size, start = int.from_bytes(data[2:4]), 4
            if len(data) < start + size:
                break
            self._frame(at, data[0] & 15, data[start : start + size])
            data = data[start + size :]
        self._buffer = data

    def _frame(self, at: float, opcode: int, body: bytes) -> None:
        if opcode == PING:
            self._send(body, PONG)
        elif opcode == TEXT:
            kind, id, *rest = orjson.loads(body)
            if kind == 2:
                answer = self._answer(at, rest[0], rest[1])
                self._send(orjson.dumps([3, id, answer]))
            elif (answered := self._waiting.pop(id, None)) is not None:
                assert kind == 3, body
                answered(at, rest[0])

    def _answer(self, at: float, action: str, payload: Payload) -> Payload:
        if action == "GetConfiguration":
            known = [
                {"key": key, "value": CONFIGURATION[key], "readonly": False}
                for key in payload["key"]
                if key in CONFIGURATION
            ]
            return {"configurationKey": known, "unknownKey": [k for k in payload["key"] if k not in CONFIGURATION]}
        if action == "SetChargingProfile":
            profile = payload["csChargingProfiles"]
            if profile["chargingProfilePurpose"] == "TxProfile":
                self.limit_a = profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
                self._profiled(self.name, at, self.limit_a)
        return {"status": "Accepted"}
