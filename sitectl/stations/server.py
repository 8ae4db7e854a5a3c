"""The listeners: plain and TLS. Before the upgrade every request is judged; after it, the newest connection serves.

A connection that is already open (in memory, in tests) enters by `accept`, past the sockets but not past the rules for
pins, quarantine and displacement.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from socket import socket as Socket

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response

from sitectl.base.tasks import Tasks
from sitectl.config.settings import OcppSettings
from sitectl.model.health import Finding
from sitectl.model.ids import StationId
from sitectl.model.security import SecurityEventType
from sitectl.security.credentials import PASSWORD_PIN, PinVerifier, pins_of
from sitectl.security.failures import Failures
from sitectl.security.tls import peer_certificate
from sitectl.stations.connection import attend
from sitectl.stations.desk import Desk
from sitectl.stations.handshake import (
    QUARANTINE_PLACES,
    Admitted,
    Presence,
    Request,
    Rules,
    Situation,
    Turned,
    claimed,
    displaces,
    judge,
    password_to_prove,
)
from sitectl.stations.listeners import Doors, Listeners, station_socket
from sitectl.stations.passwords import settled
from sitectl.stations.record import StationRecord
from sitectl.wire.limits import LIMITS, Limits
from sitectl.wire.outcomes import Lost
from sitectl.wire.ports import Transport
from sitectl.wire.websocket import WebSocketTransport

log = logging.getLogger(__name__)

PROBE_S = 2.0
SPARE_SOCKETS = 32
NOTE_EVERY_S = 60.0


class StationServer:
    """Lets stations in. `commissioning` says of an unpinned listed station whether what it shows is pinned now."""

    def __init__(
        self,
        settings: OcppSettings,
        rules: Rules,
        desk: Desk,
        tasks: Tasks,
        commissioning: Callable[[StationId], bool],
        limits: Limits = LIMITS,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._desk = desk
        self._tasks = tasks
        self._commissioning = commissioning
        self._limits = limits
        self._pins = PinVerifier()
        self._failures = Failures()
        self._probed: set[StationId] = set()
        self._kept_out: set[StationId] = set()
        self._noted: dict[tuple[str, int], float] = {}
        self._listeners = Listeners(self._serve, self._process_request, lambda: desk.certificates.authority)

    # --- listeners ---------------------------------------------------------------------------------------------------

    async def start(self, inherited: Sequence[tuple[str, Socket]] = ()) -> None:
        """Listen. Raises EnvironmentFault when an address is not to be had, ConfigurationError for bad TLS files.

        `inherited`: sockets that listen already, by name; those at an address of the configuration are taken over. An
        address that the machine has not got yet is awaited: where nobody sits, a restart would bring it no sooner.
        """
        self._listeners.inherit(inherited, self._settings)
        self._listeners.take(await self._listeners.prepare(self._settings, _most(self._rules), ahead=True))

    async def prepare(self, settings: OcppSettings, rules: Rules) -> Doors:
        """Open the listeners of another configuration, for `reconfigure`; raises as `start`, and changes nothing."""
        return await self._listeners.prepare(settings, _most(rules))

    def reconfigure(self, settings: OcppSettings, rules: Rules, listeners: Doors) -> None:
        """Judge newcomers by other rules, at other doors; who is in stays in."""
        self._settings, self._rules = settings, rules
        self._listeners.take(listeners)

    def trust(self) -> None:
        """Take client certificates of the site's own authority from now on."""
        self._listeners.trust()

    @property
    def is_encrypted(self) -> bool:
        """Whether there is a TLS listener."""
        return self._settings.tls is not None

    @property
    def addresses(self) -> Sequence[tuple[str, int]]:
        """Where it listens, plain first; the ports are the real ones."""
        return self._listeners.addresses

    @property
    def sockets(self) -> Sequence[tuple[str, int]]:
        """What listens, by name and number of the open file."""
        return self._listeners.sockets

    async def stop(self) -> None:
        """Close the listeners and every connection, politely."""
        await self._listeners.close()
        self._pins.close()

    def findings(self) -> Iterator[Finding]:
        """Where stations cannot come, because this machine has not got the address."""
        return self._listeners.findings()

    @property
    def pins(self) -> PinVerifier:
        """What makes and checks pins of passwords."""
        return self._pins

    def keep_out(self, station: StationId) -> None:
        """Let go of a station, and turn it away until `let_in`, as if its network were gone."""
        self._kept_out.add(station)
        record = self._desk.book.records.get(station)
        if record is not None and record.present is not None:
            self._tasks.spawn(record.present.peer.close(1001, "a drill"), f"{station} is let go")

    def let_in(self, station: StationId) -> None:
        """Let it come again."""
        self._kept_out.discard(station)

    # --- before the upgrade ------------------------------------------------------------------------------------------

    async def _process_request(self, connection: ServerConnection, http: HttpRequest) -> Response | None:
        request = _request(connection, http)
        verdict = await self._judge(request)
        if isinstance(verdict, Admitted):
            record = self._desk.book.records.get(verdict.station)
            verdict = await self._unless_held(verdict, record, request.address)
        if isinstance(verdict, Admitted) and verdict.station in self._kept_out:
            verdict = Turned(HTTPStatus.SERVICE_UNAVAILABLE, "kept out by a drill", verdict.station)
        if isinstance(verdict, Turned):
            return await self._turn_away(connection, request.address, verdict)
        station_socket(connection).admitted = verdict
        return None

    async def _judge(self, request: Request) -> Admitted | Turned:
        station = claimed(request, self._rules)
        record = self._desk.book.records.get(station) if station is not None else None
        pin = record.known.credential if record is not None and record.known is not None else None
        password = password_to_prove(request, station, pin)
        fitting = None if password is None else await self._fitting(pin, password)
        if fitting is not None and record is not None and record.known is not None:
            self._settle(record, record.known.credential, fitting)  # as it is now: a renewal may have begun meanwhile
        proven = fitting is not None
        open_to_it = station is not None and self._commissioning(station)
        situation = Situation(self._desk.book.quarantined, open_to_it, pin, proven)
        return judge(request, self._rules, situation)

    def _settle(self, record: StationRecord, credential: str | None, fitting: str) -> None:
        if (left := settled(credential, fitting)) is None:
            return
        self._desk.book.learned(record, credential=left)
        if left == fitting:
            self._desk.note("station.password_taken", record)

    async def _fitting(self, credential: str | None, password: bytes) -> str | None:
        """The pin that a password fits; None: none."""
        for pin in pins_of(credential):
            if pin.startswith(PASSWORD_PIN) and await self._pins.check(pin, password):
                return pin
        return None

    async def _unless_held(self, admitted: Admitted, record: StationRecord | None, address: str) -> Admitted | Turned:
        """Turn a newcomer away while another connection of this identity lives, unless it is surely the same one."""
        holder = record.present if record is not None else None
        if record is None or holder is None or displaces(Presence(address, admitted.shown.value), holder.presence):
            return admitted
        if record.id in self._probed:
            return Turned(HTTPStatus.SERVICE_UNAVAILABLE, "another connection is being looked at", record.id)
        self._probed.add(record.id)
        try:
            lives = await holder.peer.responds(PROBE_S)
        finally:
            self._probed.discard(record.id)
        if not lives:
            return admitted
        self._desk.book.problem(
            record.id,
            "contested",
            f"Somebody at {address} claims to be this station, which is connected from {holder.presence.address}.",
            "Find the second device: two stations with one identity, or somebody who knows its password.",
        )
        return Turned(HTTPStatus.FORBIDDEN, "this identity is connected from elsewhere", record.id, failure=True)

    async def _turn_away(self, connection: ServerConnection, address: str, turned: Turned) -> Response:
        now = self._desk.clock.monotonic()
        delay_s = self._failures.count(address, now) if turned.failure else 0.0
        self._note_refusal(address, turned, now)
        if delay_s:
            await asyncio.sleep(delay_s)
        text = turned.reason if turned.status is HTTPStatus.BAD_REQUEST else turned.status.phrase
        response = connection.respond(turned.status, f"{text}\n")
        if turned.status is HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
        return response

    def _note_refusal(self, address: str, turned: Turned, now: float) -> None:
        """For people, once a minute for each address and status: a crowd at the door must not fill the journal."""
        key = (address, int(turned.status))
        if now - self._noted.get(key, -NOTE_EVERY_S) < NOTE_EVERY_S:
            return
        if len(self._noted) >= 256:
            self._noted.clear()
        self._noted[key] = now
        whom = turned.station or address
        log.info("%s turned away: %d %s", whom, turned.status, turned.reason, extra={"station": turned.station})
        data = {"address": address, "status": int(turned.status), "why": turned.reason}
        listed = turned.station if turned.station in self._rules.stations else None
        if listed is not None and turned.failure:
            info = f"at the site, from {address}: {turned.reason}"
            self._desk.centrals.security_event(listed, SecurityEventType.FAILED_TO_AUTHENTICATE, info)
        self._desk.journal.record("station.refused", listed, None, data)

    # --- after the upgrade -------------------------------------------------------------------------------------------

    async def _serve(self, connection: ServerConnection) -> None:
        await self.accept(WebSocketTransport(connection), station_socket(connection).admitted, _host(connection))

    async def accept(self, transport: Transport, admitted: Admitted, address: str) -> Lost:
        """Serve an open connection of a station that was admitted, until it ends."""
        book = self._desk.book
        record = book.record(admitted.station)
        if record.quarantined:
            if record.id not in book.quarantined and len(book.quarantined) >= QUARANTINE_PLACES:
                await transport.close(1008, "no place")
                return Lost("no place in quarantine")
            book.quarantined[record.id] = record
            book.learned(record)
        pinned_now = await self._pin(record, admitted, address)
        if pinned_now is None:
            await transport.close(1008, "not this station")
            return Lost("another credential was pinned meanwhile")
        presence = Presence(address, admitted.shown.value)
        return await attend(
            self._desk,
            self._tasks,
            record,
            transport,
            admitted.version,
            presence,
            certificate=admitted.certificate,
            pinned_now=pinned_now,
            limits=self._limits,
        )

    async def _pin(self, record: StationRecord, admitted: Admitted, address: str) -> bool | None:
        """Pin what was shown, if it shall be. None: two came at once, and the other one's credential was pinned."""
        pin, password = admitted.shown.pin, admitted.shown.pin_password
        if password is not None:
            pin = await self._pins.pin(password)
        if pin is None:
            return False
        held = record.known.credential if record.known is not None else None
        if held is not None:
            same = held == pin or (password is not None and await self._pins.check(held, password))
            return False if same else None
        self._desk.book.learned(record, credential=pin)
        self._desk.note("station.pinned", record, {"kind": pin.partition(":")[0], "address": address})
        return True


# --- what a request shows --------------------------------------------------------------------------------------------


def _most(rules: Rules) -> int:
    """Connections at a time."""
    return 2 * len(rules.stations) + SPARE_SOCKETS


def _request(connection: ServerConnection, http: HttpRequest) -> Request:
    tls = connection.transport.get_extra_info("ssl_object")
    return Request(
        http.path,
        _host(connection),
        offered=tuple(
            name.strip() for line in http.headers.get_all("Sec-WebSocket-Protocol") for name in line.split(",")
        ),
        authorization=_first(http.headers, "Authorization"),
        origin=_first(http.headers, "Origin"),
        encrypted=tls is not None,
        certificate=peer_certificate(tls),
    )


def _first(headers: Headers, name: str) -> str | None:
    """A header that may stand there once; of several the first is believed, and none of the others."""
    values = headers.get_all(name)
    return values[0] if values else None


def _host(connection: ServerConnection) -> str:
    match connection.remote_address:
        case [str(host), *_]:
            return host
        case _:
            return "unknown"
