"""Centrals on real sockets: one on the `ocpp` package's ChargePoint, which validates all it hears and says, and one on
raw WebSockets that breaks every rule.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

INFO = {"status": "Accepted"}


def stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Recording:
    """A connection that keeps every frame of the station."""

    def __init__(self, socket: ServerConnection, frames: list[str]) -> None:
        self._socket = socket
        self._frames = frames

    async def recv(self) -> str:
        text = await self._socket.recv(decode=True)
        self._frames.append(text)
        return text

    async def send(self, text: str) -> None:
        await self._socket.send(text)


class Point(ChargePoint):
    """How this central sees one station: it numbers transactions itself and knows a repeated start by its content."""

    def __init__(self, id: str, connection: Recording, csms: "Csms") -> None:
        super().__init__(id, connection, response_timeout=10)
        self.csms = csms

    def _hear(self, action: str, **payload: Any) -> None:
        self.csms.heard.append((self.id, action, payload))

    @on("BootNotification")
    def boot(self, **payload: Any) -> call_result.BootNotification:
        self._hear("BootNotification", **payload)
        return call_result.BootNotification(current_time=stamp(), interval=300, status="Accepted")

    @on("Heartbeat")
    def heartbeat(self) -> call_result.Heartbeat:
        self._hear("Heartbeat")
        return call_result.Heartbeat(current_time=stamp())

    @on("Authorize")
    def authorize(self, id_tag: str) -> call_result.Authorize:
        return call_result.Authorize(id_tag_info={"status": self.csms.verdict})

    @on("StatusNotification")
    def status(self, **payload: Any) -> call_result.StatusNotification:
        self._hear("StatusNotification", **payload)
        return call_result.StatusNotification()

    @on("StartTransaction")
    def start_transaction(self, **payload: Any) -> call_result.StartTransaction:
        self._hear("StartTransaction", **payload)
        content = (self.id, *sorted(payload.items()))
        number = self.csms.started.setdefault(content, 4001 + len(self.csms.started))
        return call_result.StartTransaction(transaction_id=number, id_tag_info={"status": self.csms.verdict})

    @on("MeterValues")
    def meter_values(self, **payload: Any) -> call_result.MeterValues:
        self._hear("MeterValues", **payload)
        return call_result.MeterValues()

    @on("StopTransaction")
    def stop_transaction(self, **payload: Any) -> call_result.StopTransaction:
        self._hear("StopTransaction", **payload)
        return call_result.StopTransaction(id_tag_info=INFO)

    @on("DataTransfer")
    def transfer(self, **payload: Any) -> call_result.DataTransfer:
        self._hear("DataTransfer", **payload)
        return call_result.DataTransfer(status="Accepted", data="pong")

    @on("SecurityEventNotification")
    def security_event(self, **payload: Any) -> call_result.SecurityEventNotification:
        self._hear("SecurityEventNotification", **payload)
        return call_result.SecurityEventNotification()

    @on("SignCertificate")
    def sign_certificate(self, csr: str) -> call_result.SignCertificate:
        self._hear("SignCertificate", csr=csr)
        return call_result.SignCertificate(status="Accepted")

    @on("LogStatusNotification")
    def log_status(self, **payload: Any) -> call_result.LogStatusNotification:
        self._hear("LogStatusNotification", **payload)
        return call_result.LogStatusNotification()

    @on("SignedFirmwareStatusNotification")
    def signed_firmware(self, **payload: Any) -> call_result.SignedFirmwareStatusNotification:
        self._hear("SignedFirmwareStatusNotification", **payload)
        return call_result.SignedFirmwareStatusNotification()

    @on("DiagnosticsStatusNotification")
    def diagnostics(self, **payload: Any) -> call_result.DiagnosticsStatusNotification:
        self._hear("DiagnosticsStatusNotification", **payload)
        return call_result.DiagnosticsStatusNotification()

    @on("FirmwareStatusNotification")
    def firmware(self, **payload: Any) -> call_result.FirmwareStatusNotification:
        self._hear("FirmwareStatusNotification", **payload)
        return call_result.FirmwareStatusNotification()


class Csms:
    """A central that keeps the standard. `passwords`: identity -> password, asked for when given."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, Any]]] = []
        self.frames: dict[str, list[str]] = {}
        self.started: dict[tuple[Any, ...], int] = {}
        self.points: dict[str, Point] = {}
        self.passwords: dict[str, str | bytes] | None = None
        self.wants_certificates = False
        self.shown: list[tuple[str, str | None, bool]] = []
        """Who came: identity, the name in its certificate, whether with a password."""
        self.refuses: HTTPStatus | None = None
        self.verdict = "Accepted"
        self.port = 0
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    async def open(self, context: ssl.SSLContext | None = None) -> None:
        self._server = await serve(
            self._converse,
            "127.0.0.1",
            self.port,
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
            process_request=self._admit,
            ssl=context,
            close_timeout=1,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.close(close_connections=False)
            for connection in list(server.all_connections):  # those that are still shaking hands, too
                connection.transport.abort()
            await server.wait_closed()

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        station = unquote(request.path.rsplit("/", 1)[-1])
        if self.refuses is not None:
            return socket.respond(self.refuses, "no\n")
        name, header = _certified(socket), request.headers.get("Authorization")
        if self.wants_certificates and name != station:
            return socket.respond(HTTPStatus.UNAUTHORIZED, "no\n")
        if self.passwords is not None and not self.wants_certificates:
            password = self.passwords.get(station, "")
            secret = password if isinstance(password, bytes) else password.encode()
            if header != "Basic " + base64.b64encode(station.encode() + b":" + secret).decode():
                return socket.respond(HTTPStatus.UNAUTHORIZED, "no\n")
        self.shown.append((station, name, header is not None))
        return None

    async def _converse(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.subprotocol == "ocpp1.6"
        station = unquote(socket.request.path.rsplit("/", 1)[-1])
        point = Point(station, Recording(socket, self.frames.setdefault(station, [])), self)
        self.points[station] = point
        try:
            await point.start()
        except ConnectionClosed:
            pass
        finally:
            if self.points.get(station) is point:
                del self.points[station]

    def of(self, action: str, station: str | None = None) -> list[dict[str, Any]]:
        return [p for who, what, p in self.heard if what == action and station in (None, who)]


def _certified(socket: ServerConnection) -> str | None:
    """The name in the certificate that a station has shown."""
    tls = socket.transport.get_extra_info("ssl_object")
    subject = dict(part[0] for part in (tls.getpeercert() or {}).get("subject", ())) if tls is not None else {}
    return subject.get("commonName")


@asynccontextmanager
async def csms() -> AsyncIterator[Csms]:
    central = Csms()
    await central.open()
    try:
        yield central
    finally:
        await central.close()


Answer = Callable[[str, str, dict[str, Any]], Any]
"""(message id, action, payload) -> what to send: an object (sent as JSON), text, bytes, None, or `CUT`."""

CUT = object()


def well(message_id: str, action: str, payload: dict[str, Any]) -> list[Any]:
    """The answer of a central that is well."""
    answers = {
        "BootNotification": {"status": "Accepted", "currentTime": stamp(), "interval": 300},
        "Heartbeat": {"currentTime": stamp()},
        "StartTransaction": {"transactionId": 4001, "idTagInfo": INFO},
    }
    return [3, message_id, answers.get(action, {})]


class RawCsms:
    """A central that answers by script and keeps the frames as they came."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.answer: Answer = well
        self.noise: Sequence[str | bytes] = ()  # one before each answer, while there is any
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def converse(self, socket: ServerConnection) -> None:
        noise = iter(self.noise)
        while True:
            try:
                text = str(await socket.recv())
            except ConnectionClosed:
                return
            self.frames.append(text)
            frame = json.loads(text)
            if frame[0] != 2:
                continue
            if (said := next(noise, None)) is not None:
                await socket.send(said, text=True)
            said = self.answer(frame[1], frame[2], frame[3])
            if said is CUT:
                socket.transport.abort()
                return
            if said is not None:
                await socket.send(said if isinstance(said, str | bytes) else json.dumps(said))

    def of(self, action: str) -> list[str]:
        """The payloads of an action as text, in the order of arrival."""
        return [f.split(",", 3)[3] for f in self.frames if f.startswith("[2,") and f.split(",", 3)[2] == f'"{action}"']


@asynccontextmanager
async def raw_csms() -> AsyncIterator[RawCsms]:
    central = RawCsms()
    async with serve(central.converse, "127.0.0.1", 0, subprotocols=["ocpp1.6"], close_timeout=1) as server:  # type: ignore[list-item]
        central.port = next(iter(server.sockets)).getsockname()[1]
        yield central


@asynccontextmanager
async def mute_port() -> AsyncIterator[int]:
    """A port that takes connections and never says a word."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


def certificate_for_loopback(folder: Path) -> tuple[Path, Path]:
    """A certificate for loopback that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "central")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files = folder / "central.crt", folder / "central.key"
    files[0].write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return files
