"""One run of the process: open, wire, serve, stop in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import uvloop

from sitectl.api.app import make_app
from sitectl.api.ports import Behind
from sitectl.api.roles import Roles
from sitectl.api.server import ApiServer
from sitectl.base import logging as logs
from sitectl.base.clock import SystemClock
from sitectl.base.errors import ConfigurationError, SitectlError
from sitectl.base.gateway_clock import GatewayClock
from sitectl.base.memory import keep_small, look_over_seldom, settle_down, share_one_heap
from sitectl.base.systemd import Notifier, inherited
from sitectl.base.tasks import Tasks, spawn
from sitectl.config.adopted import Adopted, load_with
from sitectl.config.load import Broken, Loaded
from sitectl.config.report import print_issues
from sitectl.config.settings import Settings
from sitectl.daemon import last_good
from sitectl.daemon.adoption import Adoption, adopted_of
from sitectl.daemon.appetite import Appetite
from sitectl.daemon.field import Field
from sitectl.daemon.healing import begin_healing
from sitectl.daemon.keeping import energy_keeper, history_of
from sitectl.daemon.pulse import Pulse
from sitectl.daemon.reload import Reload, in_short
from sitectl.daemon.supervised import Supervised
from sitectl.daemon.tellers import Tellers
from sitectl.daemon.timekeeping import Timekeeper
from sitectl.daemon.wiring import Ear, Wired, begin_upkeep, open_ledger, wire
from sitectl.model.events import StoreChanged
from sitectl.site.healer import Healer
from sitectl.stations.listeners import LISTENERS
from sitectl.store.opening import Store
from sitectl.store.upkeep import Upkeep

log = logging.getLogger(__name__)

EXIT_WELL, EXIT_FAILED, EXIT_CONFIGURATION = 0, 1, 2

API_ENDS_S = 1.0
GOODBYES_S = 4.0
UPKEEP_ENDS_S = 0.5
STORE_CLOSES_S = 3.5
STOP_S = 9.5
"""A stop takes 10 s at most: open streams get 1 s, peers 4 s, the disk 4 s; then the process ends as it stands."""


def run(config: Path, socket: Path | None = None, verbose: bool = False, or_last_good: bool = False) -> int:
    """Run a site until SIGTERM or SIGINT; returns the exit status."""
    share_one_heap()

    def read(adopted: Adopted, file: Path = config) -> Loaded | Broken:
        found = load_with(file, adopted)
        return found if socket is None or isinstance(found, Broken) else _listening_at(found, socket)

    loaded, stand_in = read({}), None
    print_issues(loaded, sys.stderr)
    if isinstance(loaded, Broken) and or_last_good and (copy := last_good.kept(config)) is not None:
        print(f"sitectl: serving by the last configuration that did, {copy}", file=sys.stderr)
        stand_in = last_good.StandIn(config, in_short(loaded), partial(read, file=copy))
        loaded = read({}, copy)
        print_issues(loaded, sys.stderr)
    if isinstance(loaded, Broken):
        return EXIT_CONFIGURATION
    logs.configure("DEBUG" if verbose else "INFO", wire=verbose)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            daemon = Daemon(loaded, read, last_resort=_leave_at_once, stand_in=stand_in)
            del loaded  # the daemon lets go of it, too, once the rooms have what they need: megabytes on a large site
            runner.run(daemon.run())
    except ConfigurationError as error:
        print(f"sitectl: {error}", file=sys.stderr)
        return EXIT_CONFIGURATION
    except SitectlError as error:
        print(f"sitectl: {error}", file=sys.stderr)
        return EXIT_FAILED
    except Exception as error:
        log.critical("the site cannot go on", exc_info=error)
        return EXIT_FAILED
    return EXIT_WELL


def _listening_at(loaded: Loaded, socket: Path) -> Loaded:
    settings = loaded.settings
    return replace(loaded, settings=replace(settings, api=replace(settings.api, socket=socket)))


class Daemon:
    """One running site. `read` reads its configuration again, with what was adopted, when SIGHUP asks for it."""

    def __init__(
        self,
        loaded: Loaded,
        read: Callable[[Adopted], Loaded | Broken],
        clock: GatewayClock | None = None,
        random: Random | None = None,
        last_resort: Callable[[], None] = lambda: None,
        stand_in: last_good.StandIn | None = None,
    ) -> None:
        self._loaded: Loaded | None = loaded
        self._read = read
        self._config = loaded.file if stand_in is None else stand_in.wanted
        self._stand_in = stand_in
        self._unkept: Loaded | None = loaded
        self._settings: Settings = loaded.settings
        self._clock = clock or GatewayClock(SystemClock())
        self._random = random or Random()
        self._last_resort = last_resort
        self._supervised = Supervised(self._clock, self._random)
        self._keep = self._supervised.keep
        self._tasks = Tasks()
        self._ear = Ear()
        self._store: Store
        self._upkeep: Upkeep
        self._rooms: Wired
        self._time: Timekeeper
        self._reload: Reload | None = None
        self._field: Field
        self._tellers: Tellers
        self._tell: Callable[[asyncio.TaskGroup, Settings], None]
        self._healer: Healer
        self._roles = Roles(self._settings.api.groups)
        self._group: asyncio.TaskGroup
        self._stopping = asyncio.Event()
        self._notifier = Notifier.from_environment()

    async def run(self) -> None:
        """Open, serve, stop. Raises SitectlError for what the environment refuses, before anything is served."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._read_again)
        try:
            async with self.opened() as rooms:
                rooms.site.on_cycle = Pulse(rooms, self._notifier, self._stopping).beat
                try:
                    await self._serve(self._reloading(self._store))
                finally:
                    await self._say_goodbye()
        finally:
            log.info("stopped")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Wired]:
        """The rooms on their ledger as they are before anybody can connect; at the end the ledger is closed."""
        store = self._store = await open_ledger(self._settings, self._clock, self._random, self._store_changed)
        upkeep = self._upkeep = begin_upkeep(self._settings, store, self._clock)
        try:
            time = self._time = Timekeeper(self._clock, store)
            self._rooms = await wire(
                await self._with_adopted(store), store, upkeep, self._clock, time, self._random, self._tasks, self._ear
            )
            self._loaded = None
            self._rooms.overview.also(time.problems)
            self._field = Field(
                self._rooms.withheld,
                store.journal,
                self._clock,
                self._keep,
                self._ear.seen,
                store.overlay,
                self._tasks,
            )
            self._rooms.overview.also_look(self._field.findings)
            self._rooms.overview.signals = self._field.signals
            self._tellers = Tellers(store.database, self._clock, self._random, self._keep)
            self._rooms.overview.also_look(self._tellers.findings)
            self._rooms.overview.also_look(self._supervised.findings)
            self._rooms.overview.also_look(Appetite().findings)
            self._healer = await begin_healing(self._rooms, store, self._field, self._clock, self._tasks)
            try:
                yield self._rooms
            finally:
                self._rooms.secrets.stop()
        finally:
            await self._close_store(store, upkeep)

    async def _with_adopted(self, store: Store) -> Loaded:
        """The configuration with what stands in the overlay, which could not be read before the configuration was."""
        loaded, adopted = self._loaded, adopted_of(store.overlay)
        assert loaded is not None
        if adopted:
            read = self._read if self._stand_in is None else self._stand_in.read
            found = await asyncio.to_thread(read, adopted)
            if isinstance(found, Loaded):  # else it changed under us just now: what we have is what was checked
                print_issues(found, sys.stderr)
                self._settings, loaded = found.settings, found
        return loaded

    async def _close_store(self, store: Store, upkeep: Upkeep) -> None:
        try:
            async with asyncio.timeout(UPKEEP_ENDS_S):
                await upkeep.close()
        except TimeoutError:
            log.warning("what was heard last on the wires was not recorded within %.1f s", UPKEEP_ENDS_S)
        await store.close(STORE_CLOSES_S)

    async def _say_goodbye(self) -> None:
        """To all peers at once; none of them can hold up the stop."""
        self._notifier.stopping()
        asyncio.get_running_loop().call_later(STOP_S - API_ENDS_S, self._last_resort)
        try:
            async with asyncio.timeout(GOODBYES_S):
                await asyncio.gather(self._rooms.stations.stop(), self._tasks.cancel_all())
        except TimeoutError:
            log.warning("not every peer said goodbye within %.0f s", GOODBYES_S)

    def _store_changed(self, usable: bool, why: str) -> None:
        if self._ear.site is not None:
            self._ear.post(StoreChanged(self._clock.monotonic(), usable, why))

    # --- serving ---

    async def _serve(self, reload: Reload) -> None:
        """Serve until asked to stop. Raises when the site itself fails; the other rooms are started again."""
        behind = self._behind(reload)
        app = make_app(behind)
        self._tell = lambda group, settings: self._tellers.take(group, settings, behind, app)
        api = ApiServer(app, self._settings.api.socket, behind.closing, self._roles.viewers)
        api.open()
        energy = energy_keeper(self._rooms.site, self._store, self._time, self._clock)
        try:
            given = inherited()
            self._let_go()  # of one at an address that no longer holds, too, before its place is taken
            await self._rooms.stations.start(given)
            async with asyncio.TaskGroup() as group:
                site = spawn(group, self._rooms.site.run(), "site")
                self._group = group
                self._field.take(group, self._settings)
                self._tell(group, self._settings)
                others = [
                    self._keep(group, "uplinks", self._rooms.pool.run),
                    self._keep(group, "upkeep", self._upkeep.run),
                    self._keep(group, "rises", self._rooms.rises.run),
                    self._keep(group, "energy", energy.run),
                    self._keep(group, "departures", self._rooms.departures.run),
                    self._keep(group, "incidents", self._rooms.incidents.run),
                    self._keep(group, "healing", self._healer.run),
                    spawn(group, reload.run(), "reload"),
                    self._keep(group, "memory", partial(keep_small, self._rooms.site.calm)),
                    self._keep(group, "clock", partial(self._time.run, self._rooms, self._rooms.pool.wake)),
                ]
                face = self._keep(group, "api", api.serve)
                self._say_ready()
                await self._stopping.wait()
                log.info("stopping")
                api.stop()
                await asyncio.wait([face], timeout=API_ENDS_S)
                self._field.stop()
                self._tellers.stop()
                for task in (site, *others, face):
                    task.cancel()
        finally:
            api.close()

    def _behind(self, reload: Reload) -> Behind:
        return Behind(
            site=self._rooms.site,
            ledger=self._store.queries,
            dead_letters=self._store.dead_letters,
            timeline=self._upkeep.timeline,
            overview=self._rooms.overview,
            orders=self._rooms.pool.availability,
            ceilings=self._rooms.ceilings,
            trials=self._rooms.trials,
            departures=self._rooms.departures,
            recordings=self._rooms.incidents,
            station_orders=self._rooms.orders,
            healing=self._healer,
            attempts=self._store.attempts,
            adoption=self._adoption(reload),
            notes=self._rooms.notes,
            seal=self._rooms.seal,
            drills=self._rooms.drills,
            centrals=self._rooms.pool,
            pauses=self._rooms.pauses,
            passwords=self._rooms.passwords,
            roles=self._roles,
            buses=lambda: self._field.buses,
            signals=self._field.signals,
            alerts=lambda: self._tellers.alerts,
            knowledge=self._rooms.stations.book.knowledge,
            history=history_of(self._store, self._upkeep, self._rooms.overview, lambda: self._settings),
        )

    def _reloading(self, store: Store) -> Reload:
        def read() -> Loaded | Broken:
            return self._read(adopted_of(store.overlay))

        reload = Reload(read, self._rooms, store.journal, self._notifier, self._clock, self._changed)
        if self._stand_in is not None:
            reload.stands_in(self._stand_in.why)
        self._rooms.overview.also(reload.problems)
        self._reload = reload
        return reload

    def _adoption(self, reload: Reload) -> Adoption:
        return Adoption(
            self._config,
            self._store.overlay,
            self._rooms.window,
            self._clock,
            self._store.journal,
            reload.take_up,
            lambda: self._rooms.site.state.topology.stations,
        )

    def _read_again(self) -> None:
        """SIGHUP. While we are still starting, what was read is new enough."""
        if self._reload is not None:
            self._reload.ask()

    def _changed(self, loaded: Loaded) -> None:
        """Another configuration holds."""
        settings = self._settings = loaded.settings
        self._serves_by(loaded)
        self._upkeep.reconfigure(settings.retention)
        self._roles.reconfigure(settings.api.groups)
        self._field.take(self._group, settings)
        self._tell(self._group, settings)

    def _serves_by(self, loaded: Loaded) -> None:
        """Let the service manager hold the listeners for the next start, and keep the configuration for it."""
        self._let_go()
        for name, file in self._rooms.stations.server.sockets:
            self._notifier.keep(name, file)
        self._tasks.spawn(last_good.keep_if_possible(loaded), "last good configuration")

    def _let_go(self) -> None:
        for name in LISTENERS:
            self._notifier.let_go(name)

    def _say_ready(self) -> None:
        settle_down()
        look_over_seldom()
        where = " ".join(
            f"{kind}={f'[{host}]' if ':' in host else host}:{port}"
            for kind, (host, port) in zip(LISTENERS, self._rooms.stations.server.addresses, strict=False)
        )
        print(f"sitectl ready {where} api={self._settings.api.socket}", file=sys.stderr, flush=True)
        self._store.journal.record("site.started", data={"name": self._settings.site.name})
        self._notifier.ready(f"{self._settings.site.name}: serving on {where}")
        assert self._unkept is not None
        self._serves_by(self._unkept)
        self._unkept = None


def _leave_at_once() -> None:
    """Something holds up the stop; the ledger is durable, so nothing is lost by leaving."""
    log.critical("the stop takes longer than %.1f s: leaving at once", STOP_S)
    logging.shutdown()
    os._exit(EXIT_FAILED)
