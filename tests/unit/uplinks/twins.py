"""Twins of what the uplinks room needs, on virtual time: a site in memory around a pool of virtual stations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from sitectl.base.clock import Clock, LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.units import format_utc
from sitectl.base.virtual import run_virtual
from sitectl.base.worker import InlineWorker
from sitectl.config.settings import AuthorizationSettings, UplinkSettings
from sitectl.model.commands import Answered, Command, NotSent, Outcome, Urgency
from sitectl.model.events import Event, TransactionEnded, TransactionStarted
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.limits import StandingLimit, StandingLimits
from sitectl.model.metering import EvseReading
from sitectl.model.transaction import IdTokenInfo, Payload, StartedTransaction
from sitectl.model.uplink import Right
from sitectl.ocpp.v16 import copies, decode
from sitectl.routing.route import Route
from sitectl.security.vault import Vault
from sitectl.store.executor import InlineExecutor, ThreadExecutor
from sitectl.store.opening import Store, open_store
from sitectl.uplinks.link import Link
from sitectl.uplinks.pool import UplinkPool
from sitectl.uplinks.ports import Rooms
from tests.unit.uplinks.central import CP, Central
from tests.unit.uplinks.full_disk import filled
from tests.unit.uplinks.vault import VaultTwin

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
CENTRAL = UplinkId("central")
BOOT = {"chargePointVendor": "ACME", "chargePointModel": "One", "firmwareVersion": "1.0"}
E = TypeVar("E", bound=Event)


def on_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on a fresh virtual loop; for tests without fixtures."""

    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


# --- the other rooms -------------------------------------------------------------------------------------------------


class Inbox(list[Event]):
    def post(self, event: Event) -> None:
        self.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self if isinstance(event, kind)]


class Limits:
    """What the site gives: to every EVSE 32 A and all that the post has, and to those in `told` what stands there."""

    def __init__(self, facts: Facts) -> None:
        self.told: dict[EvseId, float] = {}
        self.most_a = 32.0
        self.obedient = True
        self._facts = facts

    def standing(self, station: StationId, asking: str) -> StandingLimits | None:
        evses = {}
        for number in self._facts.evses(station):
            evse = EvseId(station, number)
            evses[evse] = StandingLimit(self.told.get(evse), self.most_a, obedient=self.obedient)
        return StandingLimits(self.most_a, evses)


class Door:
    """The door to the stations: keeps what went through, and answers as told; offline: NotSent."""

    def __init__(self, facts: Facts) -> None:
        self.commands: list[tuple[Command, Urgency]] = []
        self.by: list[str] = []
        self.outcome: Callable[[Command], Outcome] = lambda command: Answered("Accepted", {"status": "Accepted"})
        self.delay_s = 0.02
        self._facts = facts

    async def execute(
        self, station: StationId, command: Command, urgency: Urgency, by: str = "", guard: Any = None
    ) -> Outcome:
        await asyncio.sleep(self.delay_s)
        if not self._facts.online(station):
            return NotSent("the station is offline")
        if guard is not None and (why := guard()):
            return NotSent(why)
        self.commands.append((command, urgency))
        self.by.append(by)
        return self.outcome(command)

    def of(self, kind: type[Any]) -> list[Any]:
        return [command for command, _ in self.commands if isinstance(command, kind)]


@dataclass
class Seen:
    """What is known of one station."""

    is_online: bool = False
    connected: int = 0
    boot: Payload | None = None
    evses: tuple[int, ...] = (1, 2)


class Facts:
    """What the stations room knows."""

    def __init__(self) -> None:
        self.seen: dict[StationId, Seen] = {}
        self.reported: dict[StationId, dict[int, Payload]] = {}
        self.keys: dict[str, tuple[str, bool]] = {"VendorKey": ("7", False), "LocalPreAuthorize": ("false", False)}
        self.readings: dict[EvseId, EvseReading] = {}
        self.transactions: dict[EvseId, tuple[TransactionId, int]] = {}

    def of(self, station: StationId) -> Seen:
        return self.seen.setdefault(station, Seen())

    def online(self, station: StationId) -> bool:
        return self.of(station).is_online

    def connections(self, station: StationId) -> int:
        return self.of(station).connected

    def boot(self, station: StationId) -> Payload | None:
        return self.of(station).boot

    def evses(self, station: StationId) -> Sequence[int]:
        return self.of(station).evses

    def statuses(self, station: StationId) -> dict[int, Payload]:
        return self.reported.get(station, {})

    def configuration(self, station: StationId) -> dict[str, tuple[str, bool]]:
        return self.keys

    def learn(self, station: StationId, values: Mapping[str, tuple[str, bool]]) -> None:
        self.keys = {**self.keys, **values}

    def reading(self, evse: EvseId) -> EvseReading | None:
        return self.readings.get(evse)

    def running(self, evse: EvseId) -> bool:
        return evse in self.transactions

    def running_ids(self, station: StationId) -> list[int]:
        return [number for evse, (_, number) in self.transactions.items() if evse.station == station]

    def running_transaction(self, station: StationId, transaction: TransactionId) -> int | None:
        for evse, (id, number) in self.transactions.items():
            if evse.station == station and id == transaction:
                return number
        return None


# --- the site --------------------------------------------------------------------------------------------------------


class TimeTwin:
    """A gateway that knows the time, or not."""

    def __init__(self) -> None:
        self.known = True
        self.told: list[datetime] = []

    def heard(self, moment: datetime) -> None:
        self.told.append(moment)


class World:
    """A pool of virtual stations between twins and a real store on the loop's thread."""

    def __init__(
        self,
        path: Path | None = None,
        clock: Clock | None = None,
        *,
        rights: frozenset[Right] = frozenset(Right),
        replay_per_s: float = 1000.0,
        uplink: UplinkSettings | None = None,
        authorization: AuthorizationSettings | None = None,
    ) -> None:
        """With `uplink` it dials real sockets and has a store on threads; then give the clock of the machine too."""
        self.clock = clock or LoopClock(START)
        self.central = Central(self.clock)
        self.facts = Facts()
        self.inbox = Inbox()
        self.door = Door(self.facts)
        self.limits = Limits(self.facts)
        self.tasks = Tasks()
        self.vault = VaultTwin() if path is None else Vault(path.parent / "credentials", InlineWorker())
        self.time = TimeTwin()
        self.settings = uplink or UplinkSettings(CENTRAL, "ws://central", rights=rights, replay_per_s=replay_per_s)
        self.authorization = authorization or AuthorizationSettings()
        self._real = uplink is not None
        self.pool: UplinkPool
        self.store: Store
        self._path = path
        self._random = Random(1)
        self.stamps: list[str] = []
        """The time stamp of every message of a transaction, in the order of the commits; no two are the same."""
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> World:
        await self.open()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()
        await self.central.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        left = (await asyncio.wait(left, timeout=10))[1] if left and self._real else left  # the other end hears of it
        assert not left, f"a task was leaked: {left}"

    async def open(self) -> None:
        await self.vault.open()
        executor = ThreadExecutor if self._real else lambda name: InlineExecutor()
        self.store = await open_store(
            self._path, self.clock, self._random, lambda stop, version: copies.forgotten_stop(stop), executor=executor
        )
        rooms = Rooms(
            inbox=self.inbox,
            site=self.limits,
            journal=self.store.journal,
            door=self.door,
            outbox=self.store.outbox,
            refusals=self.store.refusals,
            facts=self.facts,
            virtual=self.store.virtual,
            documents=self.store.documents,
            tokens=self.store.tokens,
            lists=self.store.lists,
            authorization=lambda: self.authorization,
            time=self.time,
            vault=self.vault,
            tasks=self.tasks,
        )
        self.pool = UplinkPool(
            {CENTRAL: self.settings},
            Route(CENTRAL),
            rooms,
            self.clock,
            self._random,
            make_dialer=None if self._real else self.central.dialer,
        )
        self._running = asyncio.get_running_loop().create_task(self.pool.run())

    async def close(self) -> None:
        """Stop, as the daemon does; the store's file stays."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        await self.tasks.cancel_all()
        await self.store.close()

    async def restart(self) -> None:
        """Everything in memory is lost, and every station with it; the central sees its connections end."""
        await self.close()
        for seen in self.facts.seen.values():
            seen.is_online = False
        self.facts.reported.clear()
        await self.open()

    def link(self, station: StationId = CP) -> Link:
        return self.pool._uplinks[CENTRAL].links[station]

    @property
    def view(self) -> Any:
        return self.pool.views()[CENTRAL]

    def cached(self, token: str) -> IdTokenInfo | None:
        """What the central's cache says of a token."""
        return self.store.tokens.get(CENTRAL, token, timedelta(days=14))

    # --- what stations do ---

    def arrives(self, station: StationId = CP) -> None:
        seen = self.facts.of(station)
        seen.is_online, seen.connected = True, seen.connected + 1
        self.pool.station_online(station, seen.boot)

    def boots(self, boot: Payload | None = None, station: StationId = CP) -> None:
        self.facts.of(station).boot = boot or BOOT
        self.pool.station_online(station, boot or BOOT)

    def leaves(self, station: StationId = CP) -> None:
        self.facts.of(station).is_online = False
        self.pool.station_offline(station)

    def reports(self, connector: int, status: str, station: StationId = CP, **more: Any) -> None:
        stamp = format_utc(self.clock.wall())
        payload = {"connectorId": connector, "errorCode": "NoError", "status": status, "timestamp": stamp, **more}
        self.facts.reported.setdefault(station, {})[connector] = payload
        self.pool.status(station, connector, payload)

    async def settles(self, station: StationId = CP) -> None:
        """A station arrives, boots, and is up at the central."""
        self.arrives(station)
        self.boots(station=station)
        await asyncio.sleep(5.0)

    def hears(self, event: Event) -> None:
        self.inbox.post(event)
        self.pool.hear(event)

    # --- transactions ---

    def _stamp(self) -> str:
        self.stamps.append(format_utc(START - timedelta(days=1) + timedelta(seconds=len(self.stamps))))
        return self.stamps[-1]

    async def starts(self, evse: int = 1, token: str = "TAG12345", meter: int = 100, station: StationId = CP,
                     wait: bool = True, reservation: int | None = None) -> StartedTransaction:  # fmt: skip
        """`reservation`: as the station says it."""
        payload = {"connectorId": evse, "idTag": token, "timestamp": self._stamp(), "meterStart": meter}
        told = decode.start_transaction(payload, station, self.clock.wall(), "1").value
        listed = self.authorization.tokens.get(token)
        parent = self.pool.remembered(station, token).parent if listed is None else listed.parent
        claimed = self.pool.claimed(told.evse, token, parent, self.clock.wall(), reservation)
        message = copies.start(payload, None, claimed)
        stored = await self.store.ledger.start(told, self.pool.copies(station, token), message, b"raw")
        self.facts.transactions[stored.evse] = (stored.transaction, stored.station_transaction_id)
        self.pool.outbox_grew(station)
        number = stored.station_transaction_id
        self.hears(TransactionStarted(stored.evse, stored.transaction, self.clock.monotonic(), number, token))
        if wait:
            await asyncio.sleep(2.0)
        return stored

    def hears_again(self, stored: StartedTransaction, token: str) -> None:
        """After a restart: what the ledger says that runs."""
        began = TransactionStarted(
            stored.evse, stored.transaction, self.clock.monotonic(), stored.station_transaction_id, token, resumed=True
        )
        self.hears(began)

    async def samples(self, stored: StartedTransaction, wh: float) -> None:
        value = {"timestamp": self._stamp(), "sampledValue": [{"value": str(wh)}]}
        payload = {
            "connectorId": stored.evse.evse,
            "transactionId": stored.station_transaction_id,
            "meterValue": [value],
        }
        await self.store.ledger.samples(
            stored.evse.station, stored.evse.evse, stored.station_transaction_id, wh, START,
            copies.meter_values(payload), json.dumps(payload).encode(),
        )  # fmt: skip
        self.pool.outbox_grew(stored.evse.station)

    async def stops(self, stored: StartedTransaction, meter: int = 900, reason: str = "Local") -> None:
        payload = {
            "transactionId": stored.station_transaction_id,
            "timestamp": self._stamp(),
            "meterStop": meter,
            "reason": reason,
        }
        told = decode.stop_transaction(payload, stored.evse.station, self.clock.wall(), "2").value
        await self.store.ledger.stop(told, copies.stop(payload), b"raw")
        self.facts.transactions.pop(stored.evse, None)
        self.pool.outbox_grew(stored.evse.station)
        self.hears(TransactionEnded(stored.evse, stored.transaction, self.clock.monotonic()))

    async def rows(self, statement: str, *values: object) -> list[Any]:
        return await self.store.database.query(lambda connection: connection.execute(statement, values).fetchall())

    async def outbox(self) -> list[tuple[str, str]]:
        """Action and state of every row that has not left."""
        return await self.rows("SELECT action, state FROM outbox ORDER BY seq")

    def fill_disk(self) -> Callable[[], None]:
        """Every write fails until the result is called; the journal keeps what happens meanwhile."""
        return filled(self.store)
