"""Twins of what the stations room needs, and a site in memory whose stations speak raw frames."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from sitectl.base.clock import Clock, LoopClock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.virtual import run_virtual
from sitectl.config.settings import (
    Address,
    AllocationSettings,
    ApiSettings,
    AuthorizationSettings,
    OcppSettings,
    Settings,
    SiteSettings,
)
from sitectl.model.circuit import Circuit, topology
from sitectl.model.events import Event
from sitectl.model.ids import CircuitId, EvseId, StationId, TransactionId, UplinkId
from sitectl.model.station import EvsePlan, KnownStation, StationPlan
from sitectl.model.transaction import (
    IdTokenInfo,
    OpenTransaction,
    OutboxMessage,
    Payload,
    StartedTransaction,
    StoppedTransaction,
    TransactionStart,
    TransactionStop,
)
from sitectl.ocpp.versions import Version
from sitectl.quirks.sheet import StationSheet
from sitectl.security.tls import PeerCertificate
from sitectl.stations.handshake import Admitted, Shown
from sitectl.stations.ports import CertificateAuthority
from sitectl.stations.stations import Stations
from sitectl.wire.memory import MemoryTransport, pair
from sitectl.wire.outcomes import Lost
from tests.unit.stations.centrals import CentralsTwin

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
CP = StationId("CP01")
E = TypeVar("E", bound=Event)


class Inbox(list[Event]):
    """`hook` hears every event at once, as a site would."""

    hook: Callable[[Event], None] = staticmethod(lambda event: None)

    def post(self, event: Event) -> None:
        self.append(event)
        self.hook(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self if isinstance(event, kind)]


class JournalTwin(list[tuple[str, StationId | None, int | None, Mapping[str, Any]]]):
    def record(
        self,
        type: str,
        station: StationId | None = None,
        evse: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.append((type, station, evse, data or {}))

    def types(self) -> list[str]:
        return [entry[0] for entry in self]


class LedgerTwin:
    """Keeps what it is given; `full` is a disk that takes nothing. Idempotent by start key, as the real one."""

    def __init__(self) -> None:
        self.full = False
        self.starts: dict[str, tuple[TransactionStart, StartedTransaction, tuple[UplinkId, ...], OutboxMessage]] = {}
        self.stops: list[tuple[TransactionStop, OutboxMessage]] = []
        self.spared: list[tuple[UplinkId, ...]] = []
        self.patient: list[bool] = []
        """For each of `sampled`: the uplinks that do not get it."""
        self.sampled: list[tuple[int, int | None, float | None, datetime, OutboxMessage, bytes]] = []
        self.verdicts: dict[TransactionId, IdTokenInfo] = {}
        self.open: dict[TransactionId, OpenTransaction] = {}
        self.writes: list[str] = []

    def _commit(self, what: str) -> None:
        if self.full:
            raise EnvironmentFault("disk full")
        self.writes.append(what)

    async def start(
        self, start: TransactionStart, copies: Sequence[UplinkId], message: OutboxMessage, raw: bytes
    ) -> StartedTransaction:
        self._commit("start")
        key = f"{start.evse.station}|{start.start_key}"
        known = self.starts.get(key)
        if known is not None:
            id = known[1].transaction
            return StartedTransaction(
                id, known[1].station_transaction_id, start.evse, self.verdicts.get(id), repeated=True
            )
        number = 1000 + len(self.starts)
        closed = next((one.transaction for one in self.open.values() if one.evse == start.evse), None)
        if closed is not None:
            del self.open[closed]
        stored = StartedTransaction(TransactionId(f"tx{number}"), number, start.evse, None, closed=closed)
        self.starts[key] = (start, stored, tuple(copies), message)
        self.open[stored.transaction] = OpenTransaction(
            stored.transaction, start.evse, number, start.id_token, start.started, start.meter_start_wh
        )
        return stored

    async def stop(self, stop: TransactionStop, message: OutboxMessage, raw: bytes) -> StoppedTransaction:
        self._commit("stop")
        self.stops.append((stop, message))
        for one in list(self.open.values()):
            if one.station_transaction_id == stop.station_transaction_id:
                del self.open[one.transaction]
                return StoppedTransaction(one.transaction, one.evse)
        return StoppedTransaction(None, None)

    async def conclude(self, evse: EvseId, meant: TransactionId, why: str) -> TransactionId | None:
        self._commit("conclude")
        found = next(
            (one.transaction for one in self.open.values() if (one.evse, one.transaction) == (evse, meant)), None
        )
        if found is not None:
            del self.open[found]
        return found

    def samples(
        self,
        station: StationId,
        evse: int,
        station_transaction_id: int | None,
        register_wh: float | None,
        sampled: datetime,
        message: OutboxMessage,
        raw: bytes,
        without: Collection[UplinkId] = (),
        *,
        patient: bool = False,
    ) -> asyncio.Future[TransactionId | None]:
        future: asyncio.Future[TransactionId | None] = asyncio.get_running_loop().create_future()
        try:
            self._commit("samples")
        except EnvironmentFault as fault:
            future.set_exception(fault)
            return future
        self.sampled.append((evse, station_transaction_id, register_wh, sampled, message, raw))
        self.spared.append(tuple(without))
        self.patient.append(patient)
        future.set_result(
            next(
                (o.transaction for o in self.open.values() if o.station_transaction_id == station_transaction_id), None
            )
        )
        return future

    async def verdict(self, transaction: TransactionId, info: IdTokenInfo) -> None:
        self._commit("verdict")
        self.verdicts[transaction] = info

    async def open_transactions(self, station: StationId) -> Sequence[OpenTransaction]:
        return [one for one in self.open.values() if one.evse.station == station]


class StationBookTwin:
    def __init__(self, *known: KnownStation) -> None:
        self.remembered = {one.station: one for one in known}
        self.writes = 0

    async def known(self) -> Mapping[StationId, KnownStation]:
        return dict(self.remembered)

    async def remember(self, known: KnownStation) -> None:
        self.writes += 1
        self.remembered[known.station] = known


def station_plan(station: str = "CP01", *, evses: int = 1, profile: int = 0) -> StationPlan:
    grid = CircuitId("grid")
    id = StationId(station)
    return StationPlan(
        id, grid, 32.0, tuple(EvsePlan(EvseId(id, n + 1), grid, 32.0) for n in range(evses)), security_profile=profile
    )


def settings(
    *plans: StationPlan,
    authorization: AuthorizationSettings | None = None,
    ocpp: OcppSettings | None = None,
    passwords: Mapping[StationId, bytes] | None = None,
    sheets: Sequence[StationSheet] = (),
) -> Settings:
    grid = CircuitId("grid")
    circuits = {grid: Circuit(grid, None, 100.0, base_load_worst_a=10.0)}
    return Settings(
        SiteSettings("yard", "UTC", 230.0, Path("/nonexistent")),
        ocpp or OcppSettings(Address("127.0.0.1", 0), (ip_network("10.0.0.0/8"),)),
        topology(circuits, {plan.id: plan for plan in (plans or (station_plan(),))}),
        {},
        AllocationSettings(),
        authorization or AuthorizationSettings(),
        {},
        UplinkId("central"),
        ApiSettings(),
        passwords=passwords or {},
        station_sheets=tuple(sheets),
    )


class Yard:
    """A site of stations in memory."""

    def __init__(
        self,
        *plans: StationPlan,
        authorization: AuthorizationSettings | None = None,
        known: Sequence[KnownStation] = (),
        clock: Clock | None = None,
        store_samples_every_s: Callable[[StationId], float] = lambda station: 60.0,
        authority: CertificateAuthority | None = None,
        sheets: Sequence[StationSheet] = (),
    ) -> None:
        self.inbox = Inbox()
        self.journal = JournalTwin()
        self.ledger = LedgerTwin()
        self.centrals = CentralsTwin()
        self.store = StationBookTwin(*known)
        self.stations = Stations(
            settings(*plans, authorization=authorization, sheets=sheets),
            inbox=self.inbox,
            journal=self.journal,
            ledger=self.ledger,
            centrals=self.centrals,
            store=self.store,
            clock=clock or LoopClock(START),
            authority=authority,
            store_samples_every_s=store_samples_every_s,
        )
        self.connected: list[Wired] = []

    async def connect(
        self,
        station: str = "CP01",
        *,
        address: str = "10.0.0.7",
        shown: Shown | None = None,
        quarantined: bool = False,
        certificate: PeerCertificate | None = None,
    ) -> Wired:
        near, far = pair(near=f"{address}:40000", far="here:8887")
        admitted = Admitted(StationId(station), Version.V16, "ocpp1.6", shown or Shown(), quarantined, certificate)
        served = asyncio.get_running_loop().create_task(self.stations.server.accept(near, admitted, address))
        wired = Wired(far, near, served)
        self.connected.append(wired)
        await asyncio.sleep(0)
        return wired

    async def end(self) -> None:
        for wired in self.connected:
            wired.far.abort()
            wired.near.abort()
        await asyncio.gather(*(wired.served for wired in self.connected))
        await self.stations.stop()


class Wired:
    """The station's end of one connection. `answers` gives its answer to a call of ours; None leaves it open."""

    def __init__(self, far: MemoryTransport, near: MemoryTransport, served: asyncio.Task[Lost]) -> None:
        self.far = far
        self.near = near
        self.served = served
        self.calls: list[tuple[float, str, Payload]] = []
        self.received: list[list[Any]] = []
        self.answers: Callable[[str, Payload], Payload | None] = lambda action, payload: {"status": "Accepted"}
        self._ids = itertools.count(1)
        self._replies: dict[str, asyncio.Future[list[Any]]] = {}
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        while True:
            try:
                frame = json.loads(await self.far.recv())
            except Exception:
                return
            self.received.append(frame)
            if frame[0] == 2:
                self.calls.append((asyncio.get_running_loop().time(), frame[2], frame[3]))
                answer = self.answers(frame[2], frame[3])
                if answer is not None:
                    self.far.send(json.dumps([3, frame[1], answer]))
            else:
                waiting = self._replies.setdefault(frame[1], asyncio.get_running_loop().create_future())
                if not waiting.done():
                    waiting.set_result(frame)

    def send(self, action: str, payload: Payload, id: str | None = None) -> str:
        id = id or str(next(self._ids))
        self.far.send(json.dumps([2, id, action, payload]))
        return id

    async def frame(self, id: str, within_s: float = 60.0) -> list[Any]:
        future = self._replies.setdefault(id, asyncio.get_running_loop().create_future())
        async with asyncio.timeout(within_s):
            return await future

    async def call(self, action: str, payload: Payload, id: str | None = None) -> Payload:
        """Call and give the payload of the answer; a refusal fails the test."""
        frame = await self.frame(self.send(action, payload, id))
        assert frame[0] == 3, frame
        return dict(frame[2])

    async def silent(self, action: str, payload: Payload) -> bool:
        """Call and see whether nothing is answered."""
        try:
            await self.frame(self.send(action, payload))
        except TimeoutError:
            return True
        return False

    def called(self, action: str) -> list[Payload]:
        return [payload for _, name, payload in self.calls if name == action]


BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One", "firmwareVersion": "1.2"}


def start_payload(**more: Any) -> Payload:
    return {"connectorId": 1, "idTag": "TAG1", "meterStart": 100, "timestamp": "2026-01-01T12:00:00Z", **more}


def stop_payload(transaction: int, **more: Any) -> Payload:
    return {"transactionId": transaction, "meterStop": 900, "timestamp": "2026-01-01T12:30:00Z", **more}


def meter_payload(transaction: int | None, at: str, amps: float = 10.0, **more: Any) -> Payload:
    sampled = [
        {"value": str(amps), "measurand": "Current.Import", "unit": "A", "phase": f"L{n}", **more} for n in (1, 2, 3)
    ]
    sampled.append({"value": "500", "measurand": "Energy.Active.Import.Register", "unit": "Wh", **more})
    payload: Payload = {"connectorId": 1, "meterValue": [{"timestamp": at, "sampledValue": sampled}]}
    return payload if transaction is None else {**payload, "transactionId": transaction}


def in_yard(
    *plans: StationPlan, **more: Any
) -> Callable[[Callable[[Yard], Coroutine[Any, Any, None]]], Callable[[], None]]:
    """Run a test on virtual time with a yard, which is taken down afterwards."""

    def decorate(test: Callable[[Yard], Coroutine[Any, Any, None]]) -> Callable[[], None]:
        async def main() -> None:
            yard = Yard(*plans, **more)
            await yard.stations.load()
            try:
                await test(yard)
            finally:
                await yard.end()

        def run() -> None:
            run_virtual(main())

        run.__name__ = test.__name__
        run.__doc__ = test.__doc__
        return run

    return decorate
