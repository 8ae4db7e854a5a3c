"""A whole site on virtual time around the real `Site` owner: stations that obey OCPP, cars, a meter, a disk, troubles.

The stations keep profiles as the simulator's do (duration and start honoured by a clock of their own that is wrong),
cars react and ramp as the simulator's do, limits travel through the real outbound queues and the real encoder. What
may get lost, late or broken is drawn from one seed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.model import events
from sitectl.model.commands import Command
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.metering import EvseReading
from sitectl.model.station import (
    ChargingState,
    ConnectorStatus,
    EvsePlan,
    EvseStatus,
    ProfileStorage,
    StationIdentity,
    StationPlan,
)
from sitectl.ocpp.v16 import encode
from sitectl.simulator.profiles import Profile, ProfileStore
from sitectl.simulator.vehicle import Vehicle, VehicleSpec
from sitectl.stations.outbound import Handout, OutboundQueue
from sitectl.wire.outcomes import Answer, CallOutcome, Gone, TimedOut

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
READING_S = 10.0


@dataclass(frozen=True)
class Troubles:
    """How unkind the world is. Chances are per call; times in seconds."""

    answer_lost: float = 0.0
    answer_late: float = 0.0
    request_lost: float = 0.0
    transport_s: tuple[float, float] = (0.05, 0.8)
    reading_age_s: float = 1.5
    disk_s: tuple[float, float] = (0.002, 0.02)
    disk_slow: float = 0.0
    disk_fails: bool = False
    drops: bool = False
    meter_gaps: bool = False
    kills: bool = False
    noise_a: float = 0.15
    slow_readings: float = 0.0
    unnamed_phases: float = 0.0
    disobedient: int = 0
    deaf: bool = False
    """They ignore only what is bound to a transaction."""


class Speech:
    """OCPP 1.6 as the stations room speaks it."""

    def encode(self, command: Command) -> tuple[str, dict[str, Any]]:
        return encode.call(command)

    def status(self, action: str, payload: dict[str, Any]) -> str:
        return str(payload["status"])


@dataclass
class Running:
    """A transaction as the station knows it; `told`: its start was answered, so that it knows its id."""

    id: int
    started: datetime
    vehicle: Vehicle
    told: bool = False


@dataclass
class Bay:
    """One EVSE of a station. `asleep`: its car takes nothing, whatever is offered."""

    plan: EvsePlan
    asleep: bool = False
    running: Running | None = None
    drawn: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def grid_a(self) -> PhaseCurrents:
        return self.plan.rotation.to_grid(PhaseCurrents(*self.drawn))


class Connection:
    """One connection of a station; also the line of its outbound queue."""

    def __init__(self, station: ModelStation) -> None:
        self.station = station
        self.heard_at = 0.0
        self.gone = asyncio.Event()

    async def call(self, action: str, payload: dict[str, Any], timeout_s: float) -> CallOutcome:
        """Deliver a call, unless something gets lost on the way."""
        random, troubles = self.station.random, self.station.troubles
        if not await self._wait(random.uniform(*troubles.transport_s)):
            return Gone("the connection ended", sent=True)
        if random.random() < troubles.request_lost:
            return TimedOut() if await self._wait(timeout_s) else Gone("the connection ended", sent=True)
        status = self.station.take(action, payload)
        late = random.random()
        pause_s = random.uniform(*troubles.transport_s)
        if late < troubles.answer_lost:
            pause_s = timeout_s
        elif late < troubles.answer_lost + troubles.answer_late:
            pause_s = random.uniform(2.0, 25.0)
        if not await self._wait(pause_s):
            return Gone("the connection ended", sent=True)
        return TimedOut() if pause_s >= timeout_s else Answer({"status": status})

    def ask(self, action: str, payload: dict[str, Any], timeout_s: float) -> asyncio.Future[CallOutcome]:
        """The same, as the queue wants it."""
        return asyncio.ensure_future(self.call(action, payload, timeout_s))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.gone.set()

    async def _wait(self, seconds: float) -> bool:
        """Let time pass; False when the connection ended meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        except TimeoutError:
            return True
        return False


class ModelStation:
    """A station that obeys OCPP 1.6, with a clock that is wrong. `hear` is where its events go while it is online."""

    def __init__(
        self, plan: StationPlan, random: Random, troubles: Troubles, clock: LoopClock, starts_pass_us: bool
    ) -> None:
        self.plan = plan
        self.random = random
        self.troubles = troubles
        self.clock = clock
        self.starts_pass_us = starts_pass_us
        self.reading_s = random.choices((READING_S, 60.0), (9, troubles.slow_readings))[0]
        self.names_phases = random.random() >= troubles.unnamed_phases
        self.known_skew_s = random.choice((None, None, random.uniform(-3000.0, 3000.0)))
        error_s = random.uniform(-55.0, 55.0) if self.known_skew_s is None else random.uniform(-4.0, 4.0)
        self.clock_error_s = (self.known_skew_s or 0.0) + error_s
        self.profiles = ProfileStore()
        self.rebooting = False
        self.disobeys = False
        self.bays = {evse.id.evse: Bay(evse) for evse in plan.evses}
        self.connection: Connection | None = None
        self.hear: Callable[[Any], None] | None = None
        self.outbox: deque[Callable[[float], list[Any]]] = deque()
        self.queue: OutboundQueue | None = None

    # --- its own clock and limits ---

    def own_clock(self) -> datetime:
        return self.clock.wall() + timedelta(seconds=self.clock_error_s)

    def lawful_a(self, number: int) -> float:
        """What this EVSE may draw by what the station was told."""
        bay = self.bays[number]
        if bay.running is None or self.rebooting:
            return 0.0
        limit_a = self.profiles.limit_a(number, self.own_clock(), bay.running.started)
        return bay.plan.max_a if limit_a is None else min(limit_a, bay.plan.max_a)

    def unbound(self) -> bool:
        """Whether it lost its fallback in a reboot and its connection before it was told again: others cannot help."""
        return self.connection is None and any(self.lawful_a(n) >= bay.plan.max_a for n, bay in self.bays.items())

    def take(self, action: str, payload: dict[str, Any]) -> str:
        """SetChargingProfile, RemoteStopTransaction, ClearChargingProfile."""
        if action == "RemoteStopTransaction":
            return self.stop(payload["transactionId"])
        if action == "ClearChargingProfile":
            return "Accepted" if self.profiles.clear(payload["id"], None, None, None) else "Unknown"
        profile = Profile.read(payload["csChargingProfiles"])
        if profile.purpose == "TxProfile":
            running = self.bays[payload["connectorId"]].running
            if running is None or not running.told or running.id != profile.transaction_id:
                return "Rejected"
        self.profiles.install(payload["connectorId"], profile, self.own_clock())
        return "Accepted"

    def stop(self, id: int) -> str:
        """RemoteStopTransaction: obeyed by one that obeys nothing else, too."""
        number = next((n for n, bay in self.bays.items() if bay.running is not None and bay.running.id == id), None)
        if number is None:
            return "Rejected"
        self.end(number)
        return "Accepted"

    # --- its connection ---

    def connect(self, queue: OutboundQueue, hear: Callable[[Any], None], booted_once: bool) -> None:
        """A new connection; what could not be told before is told now."""
        now = self.clock.monotonic()
        self.connection, self.queue, self.hear = Connection(self), queue, hear
        queue.connected(self.connection, Speech(), booted_once=booted_once)
        hear(events.StationConnected(self.plan.id, now, "1.6", "10.0.0.1"))
        if self.rebooting or not booted_once:
            self.rebooting = False
            hear(events.StationBooted(self.plan.id, now, StationIdentity("Model", "M1", "1.0")))
            queue.booted()
        hear(events.StartControlLearned(self.plan.id, now, self.starts_pass_us))
        if self.known_skew_s is not None:
            hear(events.ClockSkewLearned(self.plan.id, now, self.known_skew_s))
        self.flush()

    def disconnect(self, why: str = "lost") -> None:
        if self.connection is None or self.queue is None:
            return
        connection, queue, hear = self.connection, self.queue, self.hear
        self.connection = self.queue = self.hear = None
        connection.gone.set()
        queue.disconnected(connection, why)
        if hear is not None:
            hear(events.StationDisconnected(self.plan.id, self.clock.monotonic(), why))

    def reboot(self) -> None:
        """Nothing is drawn until it is back; what it kept in RAM is lost then, transactions are not."""
        self.rebooting = True
        if self.plan.profile_storage is ProfileStorage.RAM:
            self.profiles = ProfileStore()
        self.disconnect("reboot")

    def tell(self, message: Callable[[float], list[Any]]) -> None:
        """Something that must arrive, sooner or later, in order. The message makes its events on arrival."""
        self.outbox.append(message)
        if self.connection is not None:
            delay_s = self.random.uniform(0.05, 0.5)
            asyncio.get_running_loop().call_later(delay_s, self.flush)

    def flush(self) -> None:
        while self.hear is not None and self.outbox:
            hear = self.hear
            for event in self.outbox.popleft()(self.clock.monotonic()):
                hear(event)

    # --- its transactions ---

    def begin(self, number: int, spec: VehicleSpec, id: int) -> None:
        """The contactor closes; the start is told now or when it is online again."""
        bay, evse = self.bays[number], EvseId(self.plan.id, number)
        running = bay.running = Running(id, self.own_clock(), Vehicle(spec))

        def start(now: float) -> list[Any]:
            running.told = True
            return [events.TransactionStarted(evse, TransactionId(f"t{id}"), now, id)]

        def expected(now: float) -> list[Any]:
            asyncio.get_running_loop().call_later(self.random.uniform(0.05, 3.0), lambda: self.tell(start))
            return [events.StartExpected(evse, now, now + 120.0)]

        self.tell(expected)

    def end(self, number: int) -> None:
        bay, evse = self.bays[number], EvseId(self.plan.id, number)
        running, bay.running, bay.drawn = bay.running, None, (0.0, 0.0, 0.0)
        self.profiles.end_transaction(number)
        if running is not None:
            id = running.id
            self.tell(lambda now: [events.TransactionEnded(evse, TransactionId(f"t{id}"), now)])

    def status(self, number: int, charging: ChargingState | None, preparing: bool = False) -> None:
        if self.hear is not None:
            connector = ConnectorStatus.AVAILABLE if charging is None and not preparing else ConnectorStatus.OCCUPIED
            status = EvseStatus(connector, charging, preparing)
            self.hear(events.EvseStatusChanged(EvseId(self.plan.id, number), self.clock.monotonic(), status))

    def report(self, number: int) -> None:
        """MeterValues, on their way for a moment."""
        bay = self.bays[number]
        if self.connection is None or bay.running is None:
            return
        drawn, delay_s = PhaseCurrents(*bay.drawn), self.random.uniform(0.0, self.troubles.reading_age_s)
        running = bay.running

        def arrive() -> None:
            if self.hear is not None and bay.running is running:
                at, named = self.clock.monotonic(), 3 if self.names_phases else 0
                shown = drawn if named else PhaseCurrents(*[max(drawn)] * 3)
                self.hear(events.EvseMetered(EvseReading(EvseId(self.plan.id, number), at, shown, named)))

        asyncio.get_running_loop().call_later(delay_s, arrive)

    def _obeyed_a(self, number: int) -> float:
        """What it lets the car draw."""
        if not self.disobeys or self.rebooting:
            return self.lawful_a(number)
        max_a = self.bays[number].plan.max_a
        told_a = self.profiles.limit_a(number, self.own_clock(), None) if self.troubles.deaf else None
        return max_a if told_a is None else min(told_a, max_a)

    def step(self, dt_s: float) -> None:
        """Let the cars follow."""
        for number, bay in self.bays.items():
            if bay.running is not None:
                wired = len(bay.plan.rotation.phases)
                limit_a = self._obeyed_a(number)
                bay.drawn = bay.running.vehicle.step(dt_s, 0.0 if bay.asleep else limit_a, wired)


@dataclass
class Doors:
    """The outbound queues of one life of the process; the queues end with it."""

    clock: LoopClock
    tasks: Tasks = field(default_factory=Tasks)
    queues: dict[StationId, OutboundQueue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.handout = Handout()

    def queue(self, station: StationId) -> OutboundQueue:
        if station not in self.queues:
            self.queues[station] = OutboundQueue(station, self.clock, self.handout, self.tasks)
        return self.queues[station]
