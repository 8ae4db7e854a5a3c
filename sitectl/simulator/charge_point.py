"""A charging station without its wire: connectors, register, transactions, the queue of what must reach the central.

The ledger keeps every transaction as the station itself saw it; it is one of the three that a demo compares at its
end. Queue and ledger survive reboots, as OCPP 1.6 asks for. Times are aware UTC, handed in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from sitectl.base.units import format_utc
from sitectl.simulator.electrical import ZERO, Phases
from sitectl.simulator.keys import Configuration
from sitectl.simulator.link import Payload
from sitectl.simulator.misbehaviour import WELL_BEHAVED, Misbehaviour
from sitectl.simulator.profiles import Profile, ProfileStore
from sitectl.simulator.vehicle import NOMINAL_V, Vehicle, VehicleSpec

MIN_A = 6.0  # IEC 61851-1: the least that a control pilot can offer
IDLE_CAR_S = 8.0  # a car that draws nothing for so long has suspended the charge itself
QUEUED_SAMPLES = 500  # samples kept while the central is away; the oldest go first, Start and Stop never


@dataclass(frozen=True)
class ConnectorSpec:
    """`wiring` names the grid phases that the connector's own L1, L2, L3 are wired to."""

    max_a: float = 32.0
    wiring: str = "L1L2L3"


@dataclass(frozen=True)
class StationSpec:
    id: str
    connectors: tuple[ConnectorSpec, ...] = (ConnectorSpec(),)
    vendor: str = "Simulated"
    model: str = "AC-32"
    firmware: str = "1.0.0"
    password: str | None = None
    boots_on_reconnect: bool = True
    misbehaviour: Misbehaviour = WELL_BEHAVED


@dataclass
class Transaction:
    """One line of the station's own ledger. `energy_wh` is the truth, the register readings are rounded."""

    connector: int
    id_tag: str
    started: datetime
    meter_start_wh: int
    id: int | None = None
    stopped: datetime | None = None
    meter_stop_wh: int | None = None
    reason: str | None = None
    energy_wh: float = 0.0
    energy_allowed: bool = True


@dataclass
class TransactionMessage:
    """A message that is sent until it is answered. Its payload is the same at every attempt."""

    action: str
    transaction: Transaction
    payload: Payload
    attempts: int = 0

    def render(self) -> Payload:
        """The payload with the transaction's id, known once StartTransaction was answered; frozen by first use."""
        if self.action != "StartTransaction":
            self.payload.setdefault("transactionId", -1 if self.transaction.id is None else self.transaction.id)
        return self.payload


@dataclass
class StartRequest:
    """Somebody wants to charge. `authorized`: no further question needed; `until`: how long it waits for a car."""

    id_tag: str
    authorized: bool = False
    until: datetime | None = None
    profile: Profile | None = None
    retry_at: float = 0.0


@dataclass
class Connector:
    number: int
    spec: ConnectorSpec
    vehicle: Vehicle | None = None
    request: StartRequest | None = None
    transaction: Transaction | None = None
    register_wh: float = 0.0
    drawn: Phases = ZERO
    offered_a: float = 0.0
    operative: bool = True
    reservation: tuple[int, str, datetime] | None = None
    finished: bool = False
    undrawn_s: float = 0.0
    sampled: datetime | None = None

    def status(self) -> str:
        if self.transaction is not None:
            if self.offered_a < MIN_A:
                return "SuspendedEVSE"
            return "SuspendedEV" if self.undrawn_s > IDLE_CAR_S else "Charging"
        if not self.operative:
            return "Unavailable"
        if self.vehicle is not None:
            return "Finishing" if self.finished else "Preparing"
        return "Reserved" if self.reservation is not None else "Available"


@dataclass
class LocalList:
    version: int = 0
    tags: dict[str, str] = field(default_factory=dict)


class ChargePoint:
    """Everything of a station that does not wait."""

    def __init__(self, spec: StationSpec, register_wh: float = 0.0) -> None:
        self.spec = spec
        self.password = spec.password
        """What it shows; the central changes it by AuthorizationKey."""
        self.misbehaviour = spec.misbehaviour
        self.configuration = Configuration({"NumberOfConnectors": str(len(spec.connectors))})
        self.profiles = ProfileStore()
        self.connectors = {n: Connector(n, c, register_wh=register_wh) for n, c in enumerate(spec.connectors, start=1)}
        self.ledger: list[Transaction] = []
        self.queue: deque[TransactionMessage] = deque()
        self.cache: dict[str, str] = {}
        self.local_list = LocalList()
        self.tx_profiles_received = 0

    def plug(self, number: int, vehicle: VehicleSpec, id_tag: str | None) -> None:
        """A car arrives at a free connector; its driver shows `id_tag`, or waits to be started from afar."""
        connector = self.connectors[number]
        if connector.vehicle is not None:
            raise ValueError(f"{self.spec.id}/{number} is taken")
        connector.vehicle, connector.finished = Vehicle(vehicle), False
        if id_tag is not None:
            connector.request = StartRequest(id_tag)

    def unplug(self, number: int, now: datetime) -> None:
        """The driver ends the transaction and leaves."""
        connector = self.connectors[number]
        self.stop(connector, "Local", now, with_tag=True)
        connector.vehicle, connector.request, connector.finished = None, None, False

    def ready_to_start(self, connector: Connector, now: datetime) -> bool:
        """Whether a start is wanted and nothing but permission is missing; a request without a car lapses."""
        request = connector.request
        if request is not None and request.until is not None and connector.vehicle is None and now >= request.until:
            connector.request = request = None
        if connector.reservation is not None and now >= connector.reservation[2]:
            connector.reservation = None
        free = connector.vehicle is not None and connector.transaction is None and connector.operative
        reserved_for = connector.reservation[1] if connector.reservation is not None else None
        return free and request is not None and reserved_for in (None, request.id_tag)

    def locally_authorized(self, id_tag: str, online: bool) -> bool:
        """Whether the station may start without asking, by its configuration keys."""
        known = self.configuration.flag("LocalAuthListEnabled") and self.local_list.tags.get(id_tag) == "Accepted"
        known = known or (self.configuration.flag("AuthorizationCacheEnabled") and self.cache.get(id_tag) == "Accepted")
        if online:
            return known and self.configuration.flag("LocalPreAuthorize")
        if known and self.configuration.flag("LocalAuthorizeOffline"):
            return True
        return self.configuration.flag("AllowOfflineTxForUnknownId")

    def remember(self, id_tag: str, info: Payload) -> bool:
        """Keep a verdict of the central; True when it is Accepted."""
        status = str(info.get("status"))
        if self.configuration.flag("AuthorizationCacheEnabled"):
            self.cache[id_tag] = status
        return status == "Accepted"

    def start(self, connector: Connector, now: datetime) -> Transaction:
        """Begin the transaction that the connector's request asks for."""
        if connector.request is None:
            raise ValueError(f"nobody asked to charge at {self.spec.id}/{connector.number}")
        request, connector.request = connector.request, None
        now = now.replace(microsecond=0)  # as it will be written
        transaction = Transaction(connector.number, request.id_tag, now, round(connector.register_wh))
        payload: Payload = {
            "connectorId": connector.number,
            "idTag": request.id_tag,
            "meterStart": transaction.meter_start_wh,
            "timestamp": format_utc(now),
        }
        if connector.reservation is not None:
            payload["reservationId"], connector.reservation = connector.reservation[0], None
        connector.transaction, connector.sampled, connector.undrawn_s = transaction, now, 0.0
        if request.profile is not None:
            self.profiles.install(connector.number, request.profile, now)
        self.ledger.append(transaction)
        self.queue.append(TransactionMessage("StartTransaction", transaction, payload))
        return transaction

    def started(self, transaction: Transaction, answer: Payload, now: datetime) -> None:
        """StartTransaction was answered: the id is known, and whether the tag may go on (errata 3.17)."""
        transaction.id = int(answer.get("transactionId", -1))
        if not self.remember(transaction.id_tag, answer.get("idTagInfo", {})) and transaction.stopped is None:
            transaction.energy_allowed = False
            if self.configuration.flag("StopTransactionOnInvalidId"):
                self.stop(self.connectors[transaction.connector], "DeAuthorized", now)

    def stop(self, connector: Connector, reason: str, now: datetime, *, with_tag: bool = False) -> None:
        """End the connector's transaction, if it has one; the contactor opens at once."""
        transaction = connector.transaction
        if transaction is None:
            return
        now = max(now.replace(microsecond=0), transaction.started)
        transaction.stopped, transaction.reason = now, reason
        transaction.meter_stop_wh = max(round(connector.register_wh), transaction.meter_start_wh)
        payload: Payload = {"meterStop": transaction.meter_stop_wh, "timestamp": format_utc(now), "reason": reason}
        if with_tag:
            payload["idTag"] = transaction.id_tag
        if measurands := self.configuration.measurands("StopTxnSampledData"):
            payload["transactionData"] = [self.sample(connector, measurands, "Transaction.End", now)]
        self.queue.append(TransactionMessage("StopTransaction", transaction, payload))
        connector.transaction, connector.finished, connector.drawn, connector.offered_a = None, True, ZERO, 0.0
        self.profiles.end_transaction(connector.number)
        if connector.vehicle is not None:
            connector.vehicle.disconnect()

    def limit_a(self, connector: Connector, now: datetime) -> float:
        """What the connector may offer now: its own fuse, and what the profiles in force say."""
        transaction = connector.transaction
        sharing = sum(other.transaction is not None for other in self.connectors.values()) or 1
        limit = self.profiles.limit_a(connector.number, now, transaction.started if transaction else None, sharing)
        return connector.spec.max_a if limit is None else min(connector.spec.max_a, limit)

    def step(self, dt_s: float, now: datetime) -> None:
        """Advance cars and registers by `dt_s`, and queue the samples that are due."""
        for connector in self.connectors.values():
            self._charge(connector, dt_s, now)
            if connector.transaction is not None:
                self._sample_when_due(connector, connector.transaction, now)

    def sample(self, connector: Connector, measurands: list[str], context: str, now: datetime) -> Payload:
        """One element of meterValue, with phases as the station itself names them."""
        values: list[Payload] = []
        for measurand in measurands:
            for phase, unit, value in _readings(connector, measurand):
                labels = {"context": context, "measurand": measurand, "unit": unit}
                values.append({"value": value, **labels, **({"phase": phase} if phase else {})})
        return {"timestamp": format_utc(now), "sampledValue": values}

    def _charge(self, connector: Connector, dt_s: float, now: datetime) -> None:
        transaction, vehicle = connector.transaction, connector.vehicle
        if transaction is None or vehicle is None:
            connector.drawn, connector.offered_a = ZERO, 0.0
            return
        limit_a = connector.spec.max_a if self.misbehaviour.ignore_limits else self.limit_a(connector, now)
        if limit_a <= 0.0 and self.misbehaviour.says("limit.zero", "ends"):
            self.stop(connector, "Other", now)
            return
        connector.offered_a = limit_a if transaction.energy_allowed and limit_a >= MIN_A else 0.0
        wired = connector.spec.wiring.count("L")
        currents = vehicle.step(dt_s, connector.offered_a, wired)
        energy_wh = sum(currents) * NOMINAL_V * dt_s / 3600
        connector.drawn = currents
        connector.register_wh += energy_wh
        transaction.energy_wh += energy_wh
        connector.undrawn_s = 0.0 if max(currents) > 0 else connector.undrawn_s + dt_s

    def _sample_when_due(self, connector: Connector, transaction: Transaction, now: datetime) -> None:
        last, connector.sampled = connector.sampled or now, now
        for interval_key, list_key, context, anchor in (
            ("ClockAlignedDataInterval", "MeterValuesAlignedData", "Sample.Clock", 0.0),
            ("MeterValueSampleInterval", "MeterValuesSampledData", "Sample.Periodic", transaction.started.timestamp()),
        ):
            interval = self.configuration.number(interval_key)
            crossed = interval and (now.timestamp() - anchor) // interval > (last.timestamp() - anchor) // interval
            if crossed and (measurands := self.configuration.measurands(list_key)):
                self.queue_sample(connector, transaction, self.sample(connector, measurands, context, now))

    def queue_sample(self, connector: Connector, transaction: Transaction, sample: Payload) -> None:
        """Queue a sample of a transaction; of too many the oldest is dropped."""
        waiting = [message for message in self.queue if message.action == "MeterValues" and not message.attempts]
        if len(waiting) >= QUEUED_SAMPLES:
            self.queue.remove(waiting[0])
        payload: Payload = {"connectorId": connector.number, "meterValue": [sample]}
        self.queue.append(TransactionMessage("MeterValues", transaction, payload))


def _readings(connector: Connector, measurand: str) -> list[tuple[str | None, str, str]]:
    """(phase, unit, value) of one measurand."""
    wired = connector.spec.wiring.count("L")
    if measurand == "Current.Import":
        return [(f"L{n + 1}", "A", f"{connector.drawn[n]:.2f}") for n in range(wired)]
    if measurand == "Voltage":
        return [(f"L{n + 1}-N", "V", f"{NOMINAL_V:.1f}") for n in range(wired)]
    if measurand == "Energy.Active.Import.Register":
        return [(None, "Wh", f"{connector.register_wh:.0f}")]
    if measurand == "Power.Active.Import":
        return [(None, "W", f"{sum(connector.drawn) * NOMINAL_V:.0f}")]
    if measurand == "Current.Offered":
        return [(None, "A", f"{connector.offered_a:.1f}")]
    return [(None, "Percent", f"{connector.vehicle.soc * 100:.0f}")] if connector.vehicle is not None else []
