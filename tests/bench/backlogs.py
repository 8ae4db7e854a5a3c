"""Ledgers with a backlog, made by the ledger's own code: what stations said while a central was away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson

from sitectl.base.units import format_utc
from sitectl.daemon.wiring import LEDGER_FILE
from sitectl.model.ids import EvseId, StationId, UplinkId
from sitectl.model.transaction import OutboxKind, OutboxMessage, TransactionStart, TransactionStop
from sitectl.ocpp.v16 import copies
from sitectl.store.executor import ThreadExecutor
from sitectl.store.opening import Store, open_store

CENTRAL = (UplinkId("central"),)
AT_ONCE = 1000
"""Messages in one commit."""

TOKENS = 50


@dataclass
class BuildersClock:
    """The time of the message that is being written."""

    now: datetime

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Charge:
    """A transaction: when it began, how many samples it has, one a minute, and whether it is over."""

    station: StationId
    evse: int
    began: datetime
    samples: int
    over: bool


def charges(stations: list[str], begins: datetime, days: int, a_day: int, minutes: int) -> Iterator[list[Charge]]:
    """The same number of charges a day at every station, spread evenly; those of all stations at a time."""
    gap = timedelta(days=1) / a_day
    for n in range(days * a_day):
        began = begins + gap * n
        yield [
            Charge(StationId(name), 1, began + timedelta(seconds=7 * place), minutes, over=True)
            for place, name in enumerate(stations)
        ]


async def build(folder: Path, rounds: Iterator[list[Charge]]) -> int:
    """Write the ledger of a site with these charges, one round after the other; how many messages wait then."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = BuildersClock(datetime(2020, 1, 1, tzinfo=UTC))
    path, words = folder / LEDGER_FILE, copies.forgotten_stop
    store = await open_store(path, clock, Random(1), lambda stop, version: words(stop), executor=ThreadExecutor)
    written = 0
    for charging in rounds:
        written += await _write(store, clock, charging)
    await store.close()
    return written


async def _write(store: Store, clock: BuildersClock, charging: list[Charge]) -> int:
    """Charges that go on at the same time, minute by minute."""
    clock.now = charging[0].began
    started = await asyncio.gather(*(store.ledger.start(*_start(one)) for one in charging))
    waiting: list[asyncio.Future[Any]] = []
    for minute in range(1, max(one.samples for one in charging) + 1):
        clock.now = charging[0].began + timedelta(minutes=minute)
        for one, begun in zip(charging, started, strict=True):
            if minute <= one.samples:
                waiting.append(_sample(store, one, begun.station_transaction_id, minute))
        if len(waiting) >= AT_ONCE:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)
    over = [(one, begun.station_transaction_id) for one, begun in zip(charging, started, strict=True) if one.over]
    await asyncio.gather(*(store.ledger.stop(*_stop(one, id)) for one, id in over))
    return len(charging) + sum(one.samples for one in charging) + len(over)


def _start(one: Charge) -> tuple[TransactionStart, tuple[UplinkId, ...], OutboxMessage, bytes]:
    stamp, tag = format_utc(one.began), f"TAG{one.began.toordinal() % TOKENS}"
    payload = {"connectorId": one.evse, "idTag": tag, "meterStart": 0, "timestamp": stamp}
    start = TransactionStart(EvseId(one.station, one.evse), tag, one.began, stamp, 0, None, "1")
    message = OutboxMessage("StartTransaction", payload, "1.6", OutboxKind.START)
    return start, CENTRAL, message, b'[2,"1","StartTransaction",%a]' % stamp


def _sample(store: Store, one: Charge, id: int, minute: int) -> asyncio.Future[Any]:
    sampled = one.began + timedelta(minutes=minute)
    stamp, wh = format_utc(sampled), 120 * minute
    values = [
        {"value": "16.0", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
        {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
    ]
    payload = {"connectorId": one.evse, "meterValue": [{"timestamp": stamp, "sampledValue": values}]}
    message = OutboxMessage("MeterValues", payload, "1.6", OutboxKind.METER, True)
    raw = b'[2,"%d","MeterValues",{"transactionId":%d,%b]' % (minute, id, orjson.dumps(payload)[1:])
    return store.ledger.samples(one.station, one.evse, id, float(wh), sampled, message, raw)


def _stop(one: Charge, id: int) -> tuple[TransactionStop, OutboxMessage, bytes]:
    stopped = one.began + timedelta(minutes=one.samples, seconds=30)
    stamp, wh = format_utc(stopped), 120 * one.samples
    stop = TransactionStop(one.station, id, stopped, stamp, wh, "Local", None, "9")
    payload = {"meterStop": wh, "timestamp": stamp, "reason": "Local"}
    message = OutboxMessage("StopTransaction", payload, "1.6", OutboxKind.STOP, True)
    return stop, message, b'[2,"9","StopTransaction",{"transactionId":%d,"timestamp":%a}]' % (id, stamp)
