"""A central CSMS in raw frames that writes down every call, and keeps the ledger that such a central would have.

Careful (`deduplicates`): a start or stop of equal content is the one that it knows. Naive: each start opens another
transaction, each stop and each value counts. Both are to be found in the field.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.faults.wire import Payload, Wire

TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")


@dataclass
class Heard:
    """One call of a virtual station, on its n-th connection, and what was answered. None: nothing was."""

    connection: int
    message_id: str
    action: str
    payload: Payload
    answer: Payload | None = None

    @property
    def transactional(self) -> bool:
        return self.action in TRANSACTIONAL


@dataclass
class CentralTransaction:
    """One line of the central's ledger. Several stops: it was told to stop more than once."""

    id: int
    station: str
    start: Payload
    stops: list[Payload] = field(default_factory=list)
    samples: list[Payload] = field(default_factory=list)


Answers = Callable[[str, str, Payload, Payload], "Payload | None"]
"""(station, action, payload, the usual answer) -> what is answered."""


class Central:
    """The server. `answers` may change or withhold an answer after the call was taken into the ledger."""

    def __init__(self, *, deduplicates: bool, think_s: float = 0.0) -> None:
        self.deduplicates = deduplicates
        self.heard: dict[str, list[Heard]] = {}
        self.transactions: dict[int, CentralTransaction] = {}
        self.oddities: list[str] = []
        self.links: dict[str, Wire] = {}
        self.answers: Answers = lambda station, action, payload, usual: usual
        self.refuses: HTTPStatus | None = None
        self.port = 0
        self._think_s = think_s
        self._connections: dict[str, int] = {}
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    async def open(self) -> None:
        """Listen; the first time on a free port, later on the same."""
        self._server = await serve(
            self._converse,
            "127.0.0.1",
            self.port,
            subprotocols=[Subprotocol("ocpp1.6")],
            process_request=self._admit,
            compression=None,
            ping_interval=None,
            close_timeout=0.2,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """Vanish: nobody listens, every connection breaks."""
        if self._server is not None:
            server, self._server = self._server, None
            server.close(close_connections=False)
            for link in list(self.links.values()):
                link.cut()
            await server.wait_closed()

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        return socket.respond(self.refuses, "no\n") if self.refuses is not None else None

    async def _converse(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        station = unquote(socket.request.path.rsplit("/", 1)[-1])
        number = self._connections[station] = self._connections.get(station, 0) + 1

        def taken(message_id: str, action: str, payload: Payload) -> Payload | None:
            heard = Heard(number, message_id, action, payload)
            self.take(station, heard)
            answer = self.answers(station, action, payload, heard.answer or {})
            heard.answer = answer
            return answer

        self.links[station] = link = Wire(socket, taken, self._think_s)
        try:
            await link.run()
        finally:
            if self.links.get(station) is link:
                del self.links[station]

    def remember(self, station: str, heard: Heard) -> None:
        """Take a call of an earlier life into the ledger, under the id that was given then."""
        given = None if heard.answer is None else heard.answer.get("transactionId")
        self._connections[station] = max(self._connections.get(station, 0), heard.connection)
        if given is not None and given not in self.transactions:
            self.transactions[given] = CentralTransaction(given, station, heard.payload)
            self.heard.setdefault(station, []).append(heard)
        else:
            self.take(station, heard)

    # --- the ledger --------------------------------------------------------------------------------------------------

    def take(self, station: str, heard: Heard) -> None:
        """Take a call into the ledger, and note what is answered."""
        self.heard.setdefault(station, []).append(heard)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        info = {"idTagInfo": {"status": "Accepted"}}
        match heard.action:
            case "BootNotification":
                heard.answer = {"status": "Accepted", "currentTime": now, "interval": 300}
            case "Heartbeat":
                heard.answer = {"currentTime": now}
            case "Authorize":
                heard.answer = info
            case "StartTransaction":
                heard.answer = {"transactionId": self._start(station, heard.payload), **info}
            case "StopTransaction":
                self._follow(station, heard.payload, "stops")
                heard.answer = info
            case "MeterValues":
                if "transactionId" in heard.payload:
                    self._follow(station, heard.payload, "samples")
                heard.answer = {}
            case _:
                heard.answer = {}

    def _start(self, station: str, payload: Payload) -> int:
        if self.deduplicates:
            for known in self.transactions.values():
                if known.station == station and content(known.start) == content(payload):
                    return known.id
        transaction = CentralTransaction(1 + max(self.transactions, default=4000), station, payload)
        self.transactions[transaction.id] = transaction
        return transaction.id

    def _follow(self, station: str, payload: Payload, kind: str) -> None:
        transaction = self.transactions.get(payload["transactionId"])
        if transaction is None or transaction.station != station:
            self.oddities.append(f"{station}: {kind} of the unknown transaction {payload['transactionId']}")
            return
        known: list[Payload] = getattr(transaction, kind)
        if not (self.deduplicates and payload in known):
            known.append(payload)


def content(payload: Payload) -> str:
    """What a message says, whoever numbered the transaction."""
    return json.dumps({key: value for key, value in payload.items() if key != "transactionId"}, sort_keys=True)


def told(heard: list[Heard]) -> list[tuple[str, str]]:
    """Transaction messages in the order of arrival, as (action, content)."""
    return [(one.action, content(one.payload)) for one in heard if one.transactional]
