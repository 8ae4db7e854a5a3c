"""Which room gets what of which other: everything is made here once, in one order, before anybody can connect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from sitectl.api.overview import SiteOverview
from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.gateway_clock import GatewayClock
from sitectl.base.tasks import Tasks
from sitectl.base.worker import ThreadWorker, Worker
from sitectl.config.load import Loaded
from sitectl.config.settings import Settings, UnknownStations
from sitectl.daemon.derived import new_meters, sharing_rules, shown, site_rules
from sitectl.daemon.drilling import cuts, looker
from sitectl.daemon.window import Window, window_of
from sitectl.model.events import Event, StoreChanged
from sitectl.model.ids import StationId
from sitectl.model.snapshot import SiteSnapshot
from sitectl.model.transaction import OutboxMessage, TransactionStop
from sitectl.ocpp.v16 import copies
from sitectl.routing.route import Route
from sitectl.security.seal import Seal
from sitectl.security.site_ca import SiteCa
from sitectl.security.vault import Vault
from sitectl.site.ceilings import ToldCeilings
from sitectl.site.commission_notes import CommissionNotes
from sitectl.site.departures import Departures
from sitectl.site.drills import Drills
from sitectl.site.incidents import Incidents
from sitectl.site.owner import Site
from sitectl.site.recorder import Recorder
from sitectl.site.restarts import Restarter
from sitectl.site.rises import RiseKeeper
from sitectl.site.rotations import RotationKeeper
from sitectl.site.rungs import RungKeeper
from sitectl.site.trial_runs import RUNS
from sitectl.site.trials import Trials
from sitectl.site.withheld import Withheld
from sitectl.state.site_state import initial_state
from sitectl.stations.listeners import Doors
from sitectl.stations.orders import StationOrders
from sitectl.stations.passwords import Passwords
from sitectl.stations.stations import Stations, zone_of
from sitectl.store import unclaimed
from sitectl.store.disk import make_folder
from sitectl.store.executor import Executor, ThreadExecutor
from sitectl.store.opening import Store, open_store
from sitectl.store.upkeep import RECORDINGS, Upkeep
from sitectl.uplinks.pauses import Pauses
from sitectl.uplinks.pool import UplinkPool
from sitectl.uplinks.ports import Rooms, Time
from sitectl.uplinks.uplink import MakeDialer

LEDGER_FILE = "ledger.db"
CREDENTIALS_FOLDER = "credentials"
SAMPLES_EVERY_S = 60.0
SAMPLES_WHERE_SHORT_EVERY_S = 900.0
PATIENCE_S = 3.0
"""So long a commit of meter values may wait for others, and with it the answer to a station that is in no hurry. A
hundred stations that sample once a minute write less than 1 GB a day so, and four times as much without."""


class Ear:
    """The site's ear, with the uplinks listening in: charging profiles of centrals follow transactions."""

    def __init__(self) -> None:
        self.site: Site | None = None
        self.pool: UplinkPool | None = None

    def post(self, event: Event) -> None:
        """Hand an event to the site, then to the uplinks."""
        assert self.site is not None
        self.site.post(event)
        if self.pool is not None:
            self.pool.hear(event)

    def seen(self) -> SiteSnapshot | None:
        """The newest picture of the site."""
        decision = self.site.decision if self.site is not None else None
        return None if decision is None else decision.snapshot


@dataclass(slots=True)
class Live:
    """The settings that hold now, for whoever asks anew each time."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Wired:
    """The rooms of one running site."""

    live: Live
    ear: Ear
    window: Window
    stations: Stations
    site: Site
    pool: UplinkPool
    overview: SiteOverview
    ceilings: ToldCeilings
    departures: Departures
    rises: RiseKeeper
    incidents: Incidents
    rungs: RungKeeper
    rotations: RotationKeeper
    trials: Trials
    restarter: Restarter
    orders: StationOrders
    notes: CommissionNotes
    seal: Seal
    withheld: Withheld
    drills: Drills
    pauses: Pauses
    passwords: Passwords
    secrets: Worker
    """What reads and writes the vault of credentials; stop it at the end."""


async def open_ledger(
    settings: Settings,
    clock: GatewayClock,
    random: Random,
    on_state: Callable[[bool, str], None],
    executor: Callable[[str], Executor] = ThreadExecutor,
) -> Store:
    """Open the store of a site; raises EnvironmentFault with what to do where that cannot be."""
    directory = settings.site.data_dir
    try:
        make_folder(directory)
    except OSError as error:
        why = error.strerror or str(error)
        raise EnvironmentFault(f"site.data_dir: {directory} cannot be made: {why}; name a writable one") from error
    return await open_store(
        directory / LEDGER_FILE,
        clock,
        random,
        _forgotten_stop,
        on_state=on_state,
        begin=clock.begin,
        executor=executor,
        patience_s=PATIENCE_S,
    )


def begin_upkeep(
    settings: Settings, store: Store, clock: GatewayClock, executor: Callable[[str], Executor] = ThreadExecutor
) -> Upkeep:
    """What goes on beside the ledger."""
    path = settings.site.data_dir / LEDGER_FILE
    return Upkeep(store, path, clock, settings.retention, lambda: clock.known, executor)


async def wire(
    loaded: Loaded,
    store: Store,
    upkeep: Upkeep,
    clock: GatewayClock,
    time: Time,
    random: Random,
    tasks: Tasks,
    ear: Ear,
    make_dialer: MakeDialer | None = None,
    secrets: Worker | None = None,
) -> Wired:
    """Make the rooms and tell the site what the disk remembers, before anybody can connect.

    `make_dialer` takes the place of sockets to the centrals, `secrets` that of the thread that works on keys.
    """
    live = Live(settings := loaded.settings)
    window = await window_of(store.queries, store.overlay, clock, lambda: live.settings.ocpp.commissioning_s)
    secrets = secrets or ThreadWorker("sitectl-secrets")
    vault = Vault(settings.site.data_dir / CREDENTIALS_FOLDER, secrets)
    await vault.open()
    centrals = _Centrals()
    stations = _stations(live, store, upkeep, ear, centrals, vault, secrets, clock, window)
    site = ear.site = _site(settings, store, stations, clock)
    pool = centrals.pool = _pool(
        settings, store, upkeep, stations, site, ear, vault, clock, time, random, tasks, make_dialer
    )
    site.remember(await store.limits.load())
    ear.pool = pool  # before it hears of the transactions that run
    await stations.load()
    if not clock.known:
        stations.recall(await store.rectifier.told())
    overview = _overview(loaded, live, store, upkeep, stations, pool, clock)
    ceilings, rises = _remembering(site, ear, store, clock)
    rungs, rotations, trials = _learning(site, ear, store, clock, tasks)
    departures = Departures(
        lambda: site.state, ear.post, store.overlay, clock, store.journal, lambda: zone_of(live.settings)
    )
    departures.resume()
    overview.also_look(site.findings)
    site.cycle()
    learned = (ceilings, departures, rises, _incidents(settings, store, clock), rungs, rotations, trials)
    restarter = Restarter(ear.post, stations.put, clock, store.journal)
    orders = StationOrders(stations.book, stations, pool.resets, store.journal)
    notes = CommissionNotes(store.overlay, clock, store.journal)
    doors = (Pauses(pool, store.overlay, clock, store.journal), _passwords(stations, store))
    proofs = (notes, Seal(vault, secrets), *_drills(site, ear, pool, stations, store, clock, tasks), *doors)
    return Wired(live, ear, window, stations, site, pool, overview, *learned, restarter, orders, *proofs, secrets)


def _passwords(stations: Stations, store: Store) -> Passwords:
    return Passwords(stations.book, stations, stations.server.pins, store.journal)


def _stations(
    live: Live,
    store: Store,
    upkeep: Upkeep,
    ear: Ear,
    centrals: _Centrals,
    vault: Vault,
    secrets: Worker,
    clock: GatewayClock,
    window: Window,
) -> Stations:
    settings = live.settings
    return Stations(
        settings,
        inbox=ear,
        journal=store.journal,
        ledger=store.ledger,
        centrals=centrals,
        store=store.stations,
        clock=clock,
        authority=SiteCa(settings.site.name, vault, clock, secrets, lambda: clock.known),
        commissioning=window,
        store_samples_every_s=_samples_every_s(live, store),
        gateway=clock,
        tap_of=upkeep.recorder.tap,
    )


def _drills(
    site: Site, ear: Ear, pool: UplinkPool, stations: Stations, store: Store, clock: Clock, tasks: Tasks
) -> tuple[Withheld, Drills]:
    """What can be taken away under supervision."""
    withheld = Withheld(ear)
    look, taking = looker(site, withheld, pool, clock), cuts(site, withheld, pool, stations)
    return withheld, Drills(look, taking, store.overlay, clock, tasks, store.journal)


def _learning(
    site: Site, ear: Ear, store: Store, clock: Clock, tasks: Tasks
) -> tuple[RungKeeper, RotationKeeper, Trials]:
    """What was learned of stations, known again, and how more is learned with a car."""
    rungs = RungKeeper(ear.post, store.overlay, clock, tasks)
    rotations = RotationKeeper(ear.post, store.overlay, clock, tasks, store.journal)
    rungs.resume(lambda: site.state)
    rotations.resume(lambda: site.state)
    trials = Trials(site, ear.post, store.overlay, clock, tasks, store.journal, RUNS)
    return rungs, rotations, trials


def _site(settings: Settings, store: Store, stations: Stations, clock: Clock) -> Site:
    site = Site(
        initial_state(settings.topology, site_rules(settings), clock.monotonic()),
        sharing_rules(settings),
        clock,
        stations.limits,
        store.limits,
        store.journal,
    )
    if not (disk := store.health()).state.writes:
        site.post(StoreChanged(clock.monotonic(), usable=False, why=disk.why))
    return site


def _remembering(site: Site, ear: Ear, store: Store, clock: Clock) -> tuple[ToldCeilings, RiseKeeper]:
    """What people have set and what was learned, in force again."""
    ceilings = ToldCeilings(lambda: site.state.topology, ear.post, store.overlay, clock, store.journal)
    rises = RiseKeeper(lambda: site.state, ear.post, store.overlay, clock)
    ceilings.resume()
    rises.resume()
    return ceilings, rises


def _incidents(settings: Settings, store: Store, clock: Clock) -> Incidents:
    folder = settings.site.data_dir / RECORDINGS
    return Incidents(Recorder(), folder, clock, store.journal, lambda: store.database.ample)


def _overview(
    loaded: Loaded, live: Live, store: Store, upkeep: Upkeep, stations: Stations, pool: UplinkPool, clock: GatewayClock
) -> SiteOverview:
    overview = SiteOverview(
        loaded.settings.site.name,
        shown(loaded),
        clock,
        store.journal,
        pool.views,
        store.health,
        stations.problems,
        lambda: clock.known,
    )
    overview.also_look(upkeep.findings)
    overview.also_look(lambda: unclaimed.findings(upkeep.backlog.messages, live.settings.uplinks))
    overview.also_look(pool.findings)
    overview.also_look(stations.server.findings)
    return overview


async def rewire(rooms: Wired, loaded: Loaded, doors: Doors) -> None:
    """Go on by another configuration. `doors`: its listeners, open already, so that nothing here can be refused.

    The fuses first: the site decides by the new tree before anybody is let in by the new list.
    """
    before, settings = rooms.live.settings, loaded.settings
    rooms.live.settings = settings
    rooms.site.reconfigure(
        settings.topology,
        site_rules(settings),
        sharing_rules(settings),
        keeps_strangers=settings.ocpp.unknown_stations is UnknownStations.QUARANTINE,
        new_meters=new_meters(before, settings),
    )
    rooms.ceilings.resume()
    online = rooms.stations.reconfigure(settings, doors)
    rooms.overview.reconfigure(settings.site.name, shown(loaded))
    route = Route(settings.default_uplink)
    await rooms.pool.reconfigure(settings.uplinks, route, online, settings.site.nominal_voltage_v)


def _pool(
    settings: Settings,
    store: Store,
    upkeep: Upkeep,
    stations: Stations,
    site: Site,
    ear: Ear,
    vault: Vault,
    clock: Clock,
    time: Time,
    random: Random,
    tasks: Tasks,
    make_dialer: MakeDialer | None,
) -> UplinkPool:
    return UplinkPool(
        settings.uplinks,
        Route(settings.default_uplink),
        Rooms(
            inbox=ear,
            site=site,
            journal=store.journal,
            door=stations,
            outbox=store.outbox,
            refusals=store.refusals,
            facts=stations.book,
            virtual=store.virtual,
            documents=store.documents,
            tokens=store.tokens,
            lists=store.lists,
            time=time,
            vault=vault,
            tasks=tasks,
            authorization=lambda: stations.authorization,
        ),
        clock,
        random,
        settings.site.nominal_voltage_v,
        make_dialer,
        tap_of=upkeep.recorder.tap,
    )


class _Centrals:
    """Stands in for the uplinks while the stations room is made; the two need each other."""

    pool: UplinkPool

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pool, name)


def _forgotten_stop(stop: TransactionStop, version: str) -> OutboxMessage:
    """Every station speaks 1.6 as yet, so every forgotten stop is worded in it."""
    return copies.forgotten_stop(stop)


def _samples_every_s(live: Live, store: Store) -> Callable[[StationId], float]:
    """At the interval of the central, at least a minute, where room is short at least a quarter of an hour."""

    def every_s(station: StationId) -> float:
        least_s = SAMPLES_EVERY_S if store.database.ample else SAMPLES_WHERE_SHORT_EVERY_S
        uplink = live.settings.default_uplink
        if uplink is None:
            return least_s
        asked = store.virtual.variables(uplink, station).get("MeterValueSampleInterval", "")
        return max(least_s, float(asked)) if asked.isdigit() else least_s

    return every_s
