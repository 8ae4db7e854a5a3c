"""A charging station of one connector on an implementation of OCPP other than ours; it obeys at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import ClientConnection, connect


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Drawn:
    """A transaction as its station knows it."""

    id: int
    started: str
    start_wh: int
    stop_wh: int | None = None


@dataclass
class Car:
    """What is plugged in."""

    wish_a: float = 32.0
    tx_profile_a: float | None = None
    told: list[tuple[float, float]] = field(default_factory=list)
    """When (loop time) it was told which limit."""


class Charger(ChargePoint):
    """A charging station of one connector on the independent library; it obeys at once."""

    def __init__(self, id: str, socket: ClientConnection) -> None:
        super().__init__(id, socket, response_timeout=15)
        self.car = Car()
        self.fallback_a: float | None = None
        self.configuration: dict[str, str] = {}
        self.transaction: Drawn | None = None
        self.ledger: list[Drawn] = []
        self.register_wh = 1000.0
        self.slowest_s = 0.0

    # --- what it is told ---

    @on("SetChargingProfile")
    def _profile(self, cs_charging_profiles: Mapping[str, Any], **_: Any) -> Any:
        schedule = cs_charging_profiles["charging_schedule"]
        limit = float(schedule["charging_schedule_period"][0]["limit"])
        if cs_charging_profiles["charging_profile_purpose"] == "TxDefaultProfile":
            self.fallback_a = limit
        else:
            self.car.tx_profile_a = limit
            self.car.told.append((asyncio.get_running_loop().time(), limit))
        return call_result.SetChargingProfile("Accepted")

    @on("ClearChargingProfile")
    def _clear(self, **_: Any) -> Any:
        return call_result.ClearChargingProfile("Accepted")

    @on("ChangeConfiguration")
    def _change(self, key: str, value: str) -> Any:
        self.configuration[key] = value
        return call_result.ChangeConfiguration("Accepted")

    @on("GetConfiguration")
    def _get(self, key: list[str] | None = None) -> Any:
        known = {k: {"key": k, "readonly": False, "value": v} for k, v in self.configuration.items()}
        asked = key if key is not None else list(known)
        unknown = [k for k in asked if k not in known]
        return call_result.GetConfiguration([known[k] for k in asked if k in known], unknown)

    @on("TriggerMessage")
    def _trigger(self, **_: Any) -> Any:
        return call_result.TriggerMessage("Accepted")

    @on("Reset")
    def _reset(self, **_: Any) -> Any:
        return call_result.Reset("Rejected")

    # --- what it says ---

    @property
    def limit_a(self) -> float:
        """What it may draw by what it was told."""
        told = self.car.tx_profile_a
        return told if told is not None else self.fallback_a if self.fallback_a is not None else 32.0

    @property
    def draws_a(self) -> float:
        return min(self.limit_a, self.car.wish_a) if self.transaction is not None else 0.0

    async def say(self, request: Any) -> Any:
        """Call the daemon, and note how long the answer took."""
        began = asyncio.get_running_loop().time()
        answer = await self.call(request, suppress=False)
        self.slowest_s = max(self.slowest_s, asyncio.get_running_loop().time() - began)
        return answer

    async def boot(self) -> Any:
        answer = await self.say(call.BootNotification("AC-22", "Acme", firmware_version="1.2"))
        await self.status("Available")
        return answer

    async def status(self, status: str) -> None:
        await self.say(call.StatusNotification(1, "NoError", status, timestamp=now()))

    async def begin(self, id_tag: str = "TAG") -> Drawn:
        await self.status("Preparing")
        started, start_wh = now(), int(self.register_wh)
        answer = await self.say(call.StartTransaction(1, id_tag, start_wh, started))
        self.car.tx_profile_a = None
        self.transaction = Drawn(answer.transaction_id, started, start_wh)
        self.ledger.append(self.transaction)
        await self.status("Charging")
        return self.transaction

    async def sample(self) -> None:
        """What its meter shows now."""
        assert self.transaction is not None
        values = [
            {"value": f"{self.draws_a:.1f}", "measurand": "Current.Import", "phase": phase, "unit": "A"}
            for phase in ("L1", "L2", "L3")
        ]
        values.append({"value": str(int(self.register_wh)), "measurand": "Energy.Active.Import.Register", "unit": "Wh"})
        sampled = [{"timestamp": now(), "sampledValue": values}]
        await self.say(call.MeterValues(1, sampled, transaction_id=self.transaction.id))

    async def end(self) -> None:
        assert self.transaction is not None
        running, self.transaction = self.transaction, None
        stop_wh = int(self.register_wh)
        await self.say(call.StopTransaction(stop_wh, now(), running.id, "EVDisconnected"))
        running.stop_wh = stop_wh
        await self.status("Available")

    async def charge_on(self, every_s: float = 0.5) -> None:
        """Draw, sample and beat until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            self.register_wh += self.draws_a * 690 * every_s / 3600
            await self.sample()
            await self.say(call.Heartbeat())


S = TypeVar("S", bound=Charger)


@asynccontextmanager
async def charger(port: int, id: str, *, booted: bool = True, **options: Any) -> AsyncIterator[Charger]:
    """A connected station."""
    async with connected(port, id, Charger, booted=booted, **options) as station:
        yield station


@asynccontextmanager
async def connected(port: int, id: str, kind: type[S], *, booted: bool = True, **options: Any) -> AsyncIterator[S]:
    """A connected station of this kind."""
    async with connect(f"ws://127.0.0.1:{port}/ocpp/{id}", subprotocols=["ocpp1.6"], **options) as socket:  # type: ignore[list-item]
        station = kind(id, socket)
        listening = asyncio.create_task(station.start())
        try:
            if booted:
                assert (await station.boot()).status == "Accepted"
            yield station
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
