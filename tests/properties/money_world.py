"""The real rooms, wired as the daemon wires them, on virtual time and one thread, between simulated stations and a
simulated central. The gateway may be killed at any step of the loop and before or after any commit; what a kill leaves
is the file as it was then, copied, as a power cut would leave it behind a disk that syncs.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from ruamel.yaml import YAML

from sitectl.base.clock import LoopClock
from sitectl.base.gateway_clock import GatewayClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import VirtualLoop
from sitectl.base.worker import InlineWorker
from sitectl.config.load import Loaded, load
from sitectl.daemon.timekeeping import Timekeeper
from sitectl.daemon.wiring import PATIENCE_S, Ear, Wired, wire
from sitectl.model.ids import StationId
from sitectl.model.storage import StoreState
from sitectl.ocpp.v16 import copies
from sitectl.ocpp.versions import Version
from sitectl.stations.handshake import Admitted, Shown
from sitectl.store.opening import Store, open_store
from sitectl.store.upkeep import Upkeep
from sitectl.store.writer import Fault
from sitectl.wire.memory import MemoryTransport, pair
from tests.properties.money_central import Central
from tests.properties.money_station import Station, Told

T = TypeVar("T")
EPOCH = datetime(2026, 11, 20, 6, tzinfo=UTC)
IDS = ("CP01", "CP02", "CP03")
TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")
ENDS_WITHIN_S = 3600.0


class CountingLoop(VirtualLoop):
    """A virtual loop that can be stopped short at any of its steps, which are where awaits hand over."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.on_step: Callable[[], None] = lambda: None

    def _run_once(self) -> None:
        self.steps += 1
        self.on_step()
        super()._run_once()  # type: ignore[misc]


class MachineClock(LoopClock):
    """The gateway's own clock, which somebody may set."""

    def __init__(self) -> None:
        super().__init__(EPOCH)
        self.offset = timedelta()

    def wall(self) -> datetime:
        return super().wall() + self.offset


class MortalExecutor:
    """Runs at once in the loop's thread, until its gateway is dead."""

    def __init__(self, name: str, gateway: Gateway) -> None:
        self._writes = name == "sitectl-store"
        self._records = name == "sitectl-recorder"
        self._gateway = gateway

    def submit(self, call: Callable[[], T], done: Callable[[T], None]) -> None:
        gateway = self._gateway
        if gateway.dead and not self._records:  # recordings are no money, and whoever closes them waits for them
            return
        if self._writes and gateway.counts():
            gateway.commits += 1
            if gateway.commits == gateway.dies_before:
                gateway.die()
                return
        if self._writes and gateway.counts() and gateway.world.full:
            done(Fault(StoreState.FULL, "the disk is full"))  # type: ignore[arg-type]
            return
        result = call()
        if self._writes and gateway.commits == gateway.dies_after:
            gateway.die()
            return
        done(result)

    def stop(self) -> None:
        """Nothing runs."""


class Gateway:
    """One life of the daemon, from opening the file to its death."""

    def __init__(self, world: World, path: Path) -> None:
        self.world = world
        self.path = path
        self.dead = False
        self.died = asyncio.Event()
        self.commits = 0
        self.dies_before: int | None = None
        self.dies_after: int | None = None
        self.wires: list[MemoryTransport] = []
        self.store: Store
        self.upkeep: Upkeep | None = None
        self.rooms: Wired
        self._open = False

    def counts(self) -> bool:
        """Whether a write counts: those of opening the file do not."""
        return self._open

    async def begin(self) -> None:
        world = self.world
        clock, ear, random = GatewayClock(world.machine, True), Ear(), Random(world.lives)
        self.store = await open_store(
            self.path,
            clock,
            random,
            lambda stop, version: copies.forgotten_stop(stop),
            executor=lambda name: MortalExecutor(name, self),
            begin=clock.begin,
            ballast_bytes=0,
            patience_s=PATIENCE_S,
        )
        time = Timekeeper(clock, self.store)
        tasks = Tasks()
        upkeep = self.upkeep = Upkeep(
            self.store,
            self.path,
            clock,
            world.loaded.settings.retention,
            executor=lambda name: MortalExecutor(name, self),
        )
        self.rooms = await wire(
            world.loaded,
            self.store,
            upkeep,
            clock,
            time,
            random,
            tasks,
            ear,
            make_dialer=world.central.dialer,
            secrets=InlineWorker(),
        )
        for name, work in (
            ("site", self.rooms.site.run()),
            ("uplinks", self.rooms.pool.run()),
            ("upkeep", upkeep.run()),
            ("clock", time.run(self.rooms, self.rooms.pool.wake)),
        ):
            tasks.spawn(work, name)
        self._tasks = tasks
        self._open = True

    def admit(self, station: str) -> MemoryTransport:
        """A station connects."""
        near, far = pair(station, "gateway")
        self.wires.append(near)
        admitted = Admitted(StationId(station), Version.V16, "ocpp1.6", Shown(f"address:{station}"))
        self._tasks.spawn(self.rooms.stations.server.accept(near, admitted, station), f"accept {station}")
        return far

    def die(self) -> None:
        """As by SIGKILL or a power cut: nothing that it does from now on has any effect."""
        if self.dead:
            return
        self.dead = True
        self.died.set()
        self.world.died(self)

    async def bury(self) -> None:
        """End what is left of it in this process."""
        while left := asyncio.all_tasks() - self.world.own_tasks():
            for task in left:
                task.cancel()
            await asyncio.wait(left)
        if self.upkeep is not None:  # what it was recording is closed, for this process lives on
            await self.upkeep.recorder.close()


class World:
    """Stations, central and gateway; `random` decides nothing here, whoever drives the world does."""

    def __init__(self, loop: CountingLoop, folder: Path, *, deduplicates: bool) -> None:
        self.loop = loop
        self.folder = folder
        self.clock = LoopClock(EPOCH)
        self.machine = MachineClock()
        self.central = Central(self.clock, deduplicates=deduplicates)
        self.stations = {id: Station(id, self.now, self._heard) for id in IDS}
        self.wires_up = dict.fromkeys(IDS, True)
        self.violations: list[str] = []
        self.over = False
        self.full = False
        self.clock_was_wrong = False
        self.lives = 0
        self.kills = 0
        self.gateway: Gateway
        self.loaded = self._load()
        self._own: set[asyncio.Task[Any]] = set()
        self._driver: asyncio.Task[Any] | None = None
        self._reviving = asyncio.Lock()
        self._peek: sqlite3.Connection | None = None
        self._dead: list[Gateway] = []

    def _load(self) -> Loaded:
        document = {
            "site": {"name": "money", "data_dir": "data"},
            "ocpp": {"listen": "127.0.0.1:0", "security_profile": 0},
            "circuits": {"grid": {"rated_a": 200, "base_load_worst_a": 10}},
            "stations": {
                id: {"circuit": "grid", "max_a": 32, "evses": {1: {"max_a": 32}, 2: {"max_a": 32}}} for id in IDS
            },
            "authorization": {"offline_unknown": "accept"},
            "uplinks": {"central": {"url": "ws://central", "replay_per_s": 500}},
            "api": {"socket": "x.sock"},
        }
        with (self.folder / "site.yaml").open("w") as file:
            YAML().dump(document, file)
        loaded = load(self.folder / "site.yaml")
        assert isinstance(loaded, Loaded), loaded
        return loaded

    def now(self) -> datetime:
        """The true time, also between two runs of the loop."""
        return EPOCH + timedelta(seconds=self.loop.time())

    # --- life ---

    async def begin(self) -> None:
        """The gateway starts for the first time; stations connect whenever they can."""
        await self._start(self.folder / "life-0")
        for station in self.stations.values():
            self._keep(self._connect_for_ever(station))
        self._keep(self._restart_for_ever())

    async def _start(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.lives += 1
        self.gateway = gateway = Gateway(self, folder / "ledger.db")
        beginning, death = asyncio.ensure_future(gateway.begin()), asyncio.ensure_future(gateway.died.wait())
        await asyncio.wait([beginning, death], return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        if not beginning.done():
            return  # killed before it served: it waits for what never comes, and is buried
        beginning.result()
        if self._peek is not None:
            self._peek.close()
        self._peek = sqlite3.connect(f"file:{self.gateway.path}?mode=ro", uri=True)

    def died(self, gateway: Gateway) -> None:
        """What is on disk now is what the next life finds."""
        self.kills += 1
        folder = self.folder / f"life-{self.kills}"
        folder.mkdir()
        for suffix in ("", "-wal"):
            source = Path(f"{gateway.path}{suffix}")
            if source.exists():
                shutil.copy(source, folder / source.name)
        for end in gateway.wires:
            end.abort()
        self.central.reachable, reachable = False, self.central.reachable
        for link in [*self.central.links.values()]:
            link.abort()
        self.central.links.clear()
        self.central.reachable = reachable
        self._dead.append(gateway)

    async def revive(self) -> None:
        """Start the gateway again, if it has died."""
        async with self._reviving:
            while self.gateway.dead:
                await self.gateway.bury()
                await self._start(self.folder / f"life-{self.kills}")

    async def kill(self) -> None:
        """Now, and start again."""
        self.gateway.die()
        await self.revive()

    async def end(self) -> None:
        """Take the world down; what does not go down is a failure, not a test that never ends."""
        self.over = True
        async with asyncio.timeout(ENDS_WITHIN_S):
            self.gateway.die()
            await self.gateway.bury()
            own = self.own_tasks() - {asyncio.current_task()}
            for task in own:
                task.cancel()
            await asyncio.gather(*own, return_exceptions=True)
        if self._peek is not None:
            self._peek.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something as whoever drives the world: a death of the gateway does not end it."""
        self._driver = self.loop.create_task(work)
        return self.loop.run_until_complete(self._driver)

    def own_tasks(self) -> set[asyncio.Task[Any]]:
        """Those of the stations, the central and whoever drives the world."""
        drivers = {task for task in (asyncio.current_task(), self._driver) if task is not None}
        return {*self._own, *self.central.tasks, *self._speaking(), *drivers}

    def _speaking(self) -> set[asyncio.Task[Any]]:
        return {task for task in asyncio.all_tasks() if "Station._speak" in repr(task.get_coro())}

    def _keep(self, work: Any) -> None:
        self._own.add(asyncio.ensure_future(work))

    async def _connect_for_ever(self, station: Station) -> None:
        while True:
            if self.wires_up[station.id] and not self.gateway.dead and self.gateway.counts():
                await station.converse(self.gateway.admit(station.id))
            await asyncio.sleep(1.0)

    async def _restart_for_ever(self) -> None:
        """What a service manager does."""
        while True:
            await asyncio.sleep(1.0)
            if self.gateway.dead and not self.over:
                await self.revive()

    # --- what is seen at once ---

    def _heard(self, station: Station, frame: list[Any], told: Told | None) -> None:
        if frame[0] == 4 and told is not None:
            self.violations.append(f"16: {station.id} got {frame} for {told.action}")
        if frame[0] == 3 and told is not None:
            self._check_reply(station, frame[2], told)
        if frame[0] == 2 and frame[2] == "RemoteStopTransaction":
            ours = "SELECT 1 FROM transactions WHERE station = ? AND station_transaction_id = ?"
            if not self._rows(ours, station.id, frame[3]["transactionId"]):  # it may not have heard of that yet
                self.violations.append(f"7: {station.id} was asked to stop {frame[3]}, which is none of its own")

    def _check_reply(self, station: Station, answer: dict[str, Any], told: Told) -> None:
        """A reply has come: what it acknowledges is in the file that a power cut would leave."""
        assert self._peek is not None
        if told.action == "StartTransaction":
            self._check_id(station, answer, told)
            stored = self._rows(
                "SELECT 1 FROM transactions WHERE station = ? AND station_transaction_id = ? AND meter_start_wh = ?",
                station.id,
                answer.get("transactionId"),
                told.payload["meterStart"],
            )
        elif told.action == "StopTransaction":
            stored = self._rows(
                "SELECT 1 FROM transactions WHERE station = ? AND meter_stop_wh = ? AND state = 'stopped' UNION ALL"
                " SELECT 1 FROM anomalies WHERE station = ? AND payload LIKE ?",
                station.id,
                told.payload["meterStop"],
                station.id,
                f'%"meterStop":{told.payload["meterStop"]}%',
            )
        else:
            return
        if not stored:
            self.violations.append(f"1: {station.id}: {told.action} {told.payload} was answered before it was stored")

    def _check_id(self, station: Station, answer: dict[str, Any], told: Told) -> None:
        id = answer.get("transactionId")
        if not isinstance(id, int) or not 1 <= id < 2**31:
            self.violations.append(f"2: {station.id} got the id {id!r}")
        if told.transaction.id not in (None, id):
            self.violations.append(f"4: {station.id}: one start, two ids: {told.transaction.id} and {id}")
        if any(one.id == id for one in station.ledger if one is not told.transaction):
            self.violations.append(f"2: {station.id} got the id {id} twice")

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        assert self._peek is not None
        return self._peek.execute(statement, values).fetchall()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the file says, as a reader of its own sees it."""
        return self._rows(statement, *values)

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is money, to compare two moments."""
        return {
            table: sorted(self._rows(f"SELECT * FROM {table}"), key=repr)
            for table in ("transactions", "transaction_uplinks", "outbox", "raw_frames", "anomalies")
        }

    def idle(self) -> bool:
        """Whether nothing waits anywhere."""
        queues = any(station.queue for station in self.stations.values())
        return not queues and not self._rows("SELECT 1 FROM outbox WHERE state <> 'dead' LIMIT 1")
