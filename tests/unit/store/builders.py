"""A clock that is set by hand, and short ways to say what a station says."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.storage import StoreState
from sitectl.model.transaction import (
    ClockQuality,
    OutboxKind,
    OutboxMessage,
    StartedTransaction,
    StoppedTransaction,
    TransactionStart,
    TransactionStop,
)
from sitectl.store.database import Database
from sitectl.store.errors import StoreUnavailable
from sitectl.store.opening import Store

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CENTRAL = UplinkId("central")
CP1 = StationId("CP1")


@dataclass
class HandClock:
    """Time that moves when told."""

    at: float = 100.0
    now: datetime = NOON

    def monotonic(self) -> float:
        return self.at

    def wall(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.at += seconds
        self.now += timedelta(seconds=seconds)


def hold_at_this_size(connection: sqlite3.Connection) -> None:
    """A disk that is full, as SQLite sees it; until the connection is replaced."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")


def much(connection: sqlite3.Connection) -> None:
    """More than fits then."""
    connection.execute("CREATE TABLE IF NOT EXISTS heap (heap BLOB)")
    connection.execute("INSERT INTO heap VALUES (randomblob(1000000))")


async def fill(database: Database) -> None:
    """Let the store find its disk full."""
    await database.run(hold_at_this_size)
    with pytest.raises(StoreUnavailable, match="full"):
        await database.run(much)
    assert database.health().state is StoreState.FULL


def compose_stop(stop: TransactionStop, version: str) -> OutboxMessage:
    payload = {"made": "here", "meterStop": stop.meter_stop_wh, "at": stop.stopped_raw, "reason": stop.reason}
    return OutboxMessage("StopTransaction", payload, version, OutboxKind.STOP, True)


def word(trusted: bool) -> ClockQuality:
    return ClockQuality.STATION if trusted else ClockQuality.RECEIPT


@dataclass
class Says:
    """What stations say, a minute after the last thing unless told otherwise."""

    store: Store
    copies: list[UplinkId] = field(default_factory=lambda: [CENTRAL])
    minute: int = 0

    def moment(self, minute: int) -> datetime:
        return NOON + timedelta(minutes=minute)

    async def start(
        self,
        evse: int = 1,
        station: StationId = CP1,
        token: str = "TAG",
        minute: int | None = None,
        meter: int = 1000,
        raw: bytes = b"start frame",
        message_id: str = "1",
        trusted: bool = True,
    ) -> StartedTransaction:
        self.minute = self.minute + 1 if minute is None else minute
        started = self.moment(self.minute)
        start = TransactionStart(
            EvseId(station, evse),
            token,
            started,
            started.isoformat(),
            meter,
            None,
            message_id,
            word(trusted),
            True,
            not trusted,
        )
        message = OutboxMessage("StartTransaction", {"meterStart": meter}, "1.6", OutboxKind.START)
        return await self.store.ledger.start(start, self.copies, message, raw)

    async def samples(
        self,
        id: int | None,
        register: float | None = 1500.0,
        evse: int = 1,
        station: StationId = CP1,
        minute: int | None = None,
        raw: bytes | None = None,
        without: Collection[UplinkId] = (),
    ) -> TransactionId | None:
        self.minute = self.minute + 1 if minute is None else minute
        raw = raw or b'[2,"x","MeterValues",{"minute":%d}]' % self.minute
        message = OutboxMessage("MeterValues", {"wh": register}, "1.6", OutboxKind.METER, True)
        moment = self.moment(self.minute)
        return await self.store.ledger.samples(station, evse, id, register, moment, message, raw, without)

    async def stop(
        self,
        id: int | None,
        meter: int = 2000,
        station: StationId = CP1,
        token: str | None = None,
        minute: int | None = None,
        reason: str = "Local",
        raw: bytes = b"stop frame",
        trusted: bool = True,
        parent: str | None = None,
    ) -> StoppedTransaction:
        self.minute = self.minute + 1 if minute is None else minute
        stopped = self.moment(self.minute)
        stop = TransactionStop(
            station, id, stopped, stopped.isoformat(), meter, reason, token, "2", word(trusted), True, parent
        )
        message = OutboxMessage("StopTransaction", {"meterStop": meter}, "1.6", OutboxKind.STOP, True)
        return await self.store.ledger.stop(stop, message, raw)

    async def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return await self.store.database.query(lambda connection: connection.execute(statement, values).fetchall())
