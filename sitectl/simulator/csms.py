"""A simulated central CSMS of OCPP 1.6J: it accepts, answers, keeps its own ledger, and can vanish and come back.

Transaction ids are its own, positive. Whoever repeats a StartTransaction of equal content gets the id of the first
(`deduplicates`), as a careful central does; a careless one opens a second transaction.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from sitectl.base.clock import Clock
from sitectl.base.units import format_utc
from sitectl.simulator.link import CallLost, Handler, Link, Payload, Refusal

HEARTBEAT_S = 300


@dataclass
class CentralTransaction:
    """One line of the central's ledger; times as they came."""

    id: int
    station: str
    connector: int
    id_tag: str
    started: str
    meter_start_wh: int
    stopped: str | None = None
    meter_stop_wh: int | None = None
    reason: str | None = None
    samples: int = 0
    repeated: int = 0


@dataclass
class CentralLedger:
    """What the central was told, over all of its connections."""

    deduplicates: bool = True
    transactions: dict[int, CentralTransaction] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    statuses: dict[tuple[str, int], str] = field(default_factory=dict)
    oddities: list[str] = field(default_factory=list)

    def start(self, station: str, payload: Payload) -> int:
        content = (station, payload["connectorId"], payload["idTag"], payload["timestamp"], payload["meterStart"])
        if self.deduplicates:
            for known in self.transactions.values():
                if content == (known.station, known.connector, known.id_tag, known.started, known.meter_start_wh):
                    known.repeated += 1
                    return known.id
        transaction = CentralTransaction(4_001 + len(self.transactions), *content)
        self.transactions[transaction.id] = transaction
        return transaction.id

    def stop(self, station: str, payload: Payload) -> None:
        transaction = self.transactions.get(payload["transactionId"])
        if transaction is None or transaction.station != station:
            self.oddities.append(f"{station}: a stop of the unknown transaction {payload['transactionId']}")
        elif transaction.stopped is None:
            transaction.stopped, transaction.meter_stop_wh = payload["timestamp"], payload["meterStop"]
            transaction.reason = payload.get("reason", "Local")
        elif (transaction.stopped, transaction.meter_stop_wh) == (payload["timestamp"], payload["meterStop"]):
            transaction.repeated += 1
        else:
            self.oddities.append(f"{station}: a second, other stop of transaction {transaction.id}")

    def sample(self, station: str, payload: Payload) -> None:
        if (transaction_id := payload.get("transactionId")) is None:
            return
        transaction = self.transactions.get(transaction_id)
        if transaction is None or transaction.station != station:
            self.oddities.append(f"{station}: a sample of the unknown transaction {transaction_id}")
        else:
            transaction.samples += 1


class CentralSystem:
    """The server. `verdict` gives the status of an idTag; `passwords` are asked for where they are given."""

    def __init__(
        self,
        clock: Clock,
        *,
        verdict: Callable[[str], str] = lambda id_tag: "Accepted",
        passwords: dict[str, str] | None = None,
        boot_status: str = "Accepted",
    ) -> None:
        self.ledger = CentralLedger()
        self.links: dict[str, Link] = {}
        self.boot_status = boot_status
        self.host = "127.0.0.1"
        self.port = 0
        self._clock = clock
        self._verdict = verdict
        self._passwords = passwords
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where stations connect; `/<station id>` is appended by them."""
        return f"ws://127.0.0.1:{self.port}/ocpp"

    async def open(self) -> None:
        """Listen; the first time on a free port if none was chosen, later on the same."""
        self._server = await serve(
            self._converse,
            self.host,
            self.port,
            subprotocols=[Subprotocol("ocpp1.6")],
            process_request=self._admit,
            compression=None,
            ping_interval=None,
            close_timeout=1,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def cut(self) -> None:
        """Vanish: nobody listens, and every connection breaks without a close frame."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close(close_connections=False)
        for link in list(self.links.values()):
            link.cut()
        await server.wait_closed()

    async def call(self, station: str, action: str, payload: Payload) -> Payload:
        """Send one call to a station; raises CallLost when it is not connected, CallRefused on a CALLERROR."""
        if (link := self.links.get(station)) is None:
            raise CallLost(f"{station} is not connected")
        return await link.call(action, payload)

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        if self._passwords is None:
            return None
        station = _identity(request.path)
        expected = self._passwords.get(station)
        if expected is None or request.headers.get("Authorization") != _basic(station, expected):
            return socket.respond(HTTPStatus.UNAUTHORIZED, "wrong password\n")
        return None

    async def _converse(self, socket: ServerConnection) -> None:
        station = _identity(socket.request.path if socket.request else "")
        link = Link(socket, self._handler(station))
        self.links[station] = link
        try:
            await link.run()
        finally:
            if self.links.get(station) is link:
                del self.links[station]

    def _handler(self, station: str) -> Handler:
        def handle(action: str, payload: Payload) -> Payload:
            self.ledger.calls[action] += 1
            return self._answer(station, action, payload)

        return handle

    def _answer(self, station: str, action: str, payload: Payload) -> Payload:
        now = format_utc(self._clock.wall())
        match action:
            case "BootNotification":
                return {"status": self.boot_status, "currentTime": now, "interval": HEARTBEAT_S}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {"idTagInfo": {"status": self._verdict(payload["idTag"])}}
            case "StartTransaction":
                transaction_id = self.ledger.start(station, payload)
                return {"transactionId": transaction_id, "idTagInfo": {"status": self._verdict(payload["idTag"])}}
            case "StopTransaction":
                self.ledger.stop(station, payload)
                return {}
            case "MeterValues":
                self.ledger.sample(station, payload)
                return {}
            case "StatusNotification":
                self.ledger.statuses[station, payload["connectorId"]] = payload["status"]
                return {}
            case "DataTransfer":
                return {"status": "UnknownVendorId"}
            case "DiagnosticsStatusNotification" | "FirmwareStatusNotification":
                return {}
        raise Refusal("NotImplemented", action)


def _identity(path: str) -> str:
    return unquote(path.rsplit("/", 1)[-1])


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
