"""A small site that stands still, and the rooms behind the interface as plain values."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sitectl.allocator.rules import SharingRules
from sitectl.api.ports import Behind
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.base.worker import InlineWorker
from sitectl.config.load import Loaded, load
from sitectl.daemon.adoption import Adoption
from sitectl.daemon.drilling import MeterCut
from sitectl.daemon.window import Window
from sitectl.model import events
from sitectl.model.commands import ResetKind
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.health import Problem
from sitectl.model.ids import EvseId, MeterId, StationId, TransactionId, UplinkId
from sitectl.model.journal import EVERYTHING, JournalEntry, Message, TimelinePage, Wanted
from sitectl.model.knowledge import StationKnowledge
from sitectl.model.limits import StoredLimit
from sitectl.model.metering import EvseReading, MeterReading
from sitectl.model.station import ChargingState, ConnectorStatus, EvseStatus, StationIdentity
from sitectl.model.storage import StoreHealth
from sitectl.model.transaction import (
    DeadLetter,
    DeliveryState,
    NotRequeued,
    Requeued,
    TransactionTotals,
    TransactionView,
    UplinkCopy,
)
from sitectl.model.uplink import UplinkState, UplinkView
from sitectl.security.seal import Seal
from sitectl.security.vault import Vault
from sitectl.site.ceilings import ToldCeilings
from sitectl.site.commission_notes import CommissionNotes
from sitectl.site.departures import Departures
from sitectl.site.drills import DrillKind, Drills, Look
from sitectl.site.incidents import Incidents
from sitectl.site.memory import MemoryOverlay
from sitectl.site.owner import Site
from sitectl.site.recorder import Recorder
from sitectl.site.trial_runs import RUNS
from sitectl.site.trials import Trials
from sitectl.site.withheld import Withheld
from sitectl.state.site_state import SiteRules, initial_state
from sitectl.stations.orders import Configuration, NotOrdered, Ordered
from sitectl.uplinks.pauses import Pauses
from tests.unit.api.quiet_central import Centrals, Passwords

BERLIN = ZoneInfo("Europe/Berlin")
WALL = datetime(2026, 11, 20, 6, 11, tzinfo=UTC)
CP01, CP02, POST = StationId("CP01"), StationId("CP02"), StationId("POST")
MAIN, CENTRAL = MeterId("main"), UplinkId("central")
YAML = """
site: {name: depot-north, data_dir: data}
ocpp: {listen: "127.0.0.1:0", security_profile: 0}
circuits:
  grid: {rated_a: 100, meter: main, base_load_worst_a: 40}
  garage: {parent: grid, rated_a: 40}
meters: {main: {sheet: eastron-sdm630, connection: "tcp://127.0.0.1:5020"}}
stations:
  CP01: {circuit: garage, max_a: 32, phases: L1L2L3}
  CP02: {circuit: grid, max_a: 16, phases: L2}
  POST: {circuit: grid, max_a: 32, evses: {1: {max_a: 32, phases: L1L2L3}, 2: {max_a: 32, phases: L2L3L1}}}
authorization: {mode: free}
api: {socket: sitectl.sock}
"""


class StillClock:
    """Time passes when a test says so."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at

    def wall(self) -> datetime:
        return WALL


class MovingClock(StillClock):
    """Its wall clock goes with it."""

    def __init__(self, clock: StillClock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.at

    def wall(self) -> datetime:
        return WALL + timedelta(seconds=self._clock.at - 1000.0)


class Disk:
    """Meets the actuator, the limit store and the journal: takes everything, keeps the offers."""

    def __init__(self) -> None:
        self.offers: list[Any] = []

    def offer(self, command: Any) -> None:
        self.offers.append(command.offer)

    def install_fallback(self, command: Any) -> None:
        self.offers.append(command.offer)

    def save(self, limits: Sequence[StoredLimit], done: Any) -> None:
        done(True)

    async def load(self) -> Sequence[StoredLimit]:
        return []

    def record(self, *_: Any, **__: Any) -> None:
        pass


class QuietSite:
    """The site's owner without wires: what a test posts is all that happens."""

    ward: Any
    """The healing that was built around it."""

    def __init__(self, directory: Path) -> None:
        path = directory / "site.yaml"
        path.write_text(YAML)
        loaded = load(path)
        assert isinstance(loaded, Loaded), loaded
        self.loaded = loaded
        self.clock = StillClock()
        self.disk = Disk()
        self.known: dict[StationId, StationKnowledge] = {}
        rules = SiteRules(meter_intervals_s={MAIN: 1.0})
        state = initial_state(loaded.settings.topology, rules, self.clock.at)
        self.site = Site(state, SharingRules(), self.clock, self.disk, self.disk, self.disk)
        self.incidents = Incidents(Recorder(), directory / "recordings", MovingClock(self.clock), self.disk)
        self.site.on_cycle = self.incidents.see

    def meter(self, *amperes: float) -> None:
        reading = MeterReading(MAIN, self.clock.at, PhaseCurrents(*amperes), power_w=230.0 * sum(amperes))
        self.site.post(events.MeterRead(reading))

    def connect(self, station: StationId) -> None:
        at = self.clock.at
        self.site.post(events.StationConnected(station, at, "1.6", "10.20.0.7"))
        self.site.post(events.StationBooted(station, at, StationIdentity("Acme", "AC-22", "1.2")))
        self.site.post(events.StartControlLearned(station, at, True))

    def answer_all(self) -> None:
        """Every station accepts what it was told so far."""
        for offer in self.disk.offers:
            self.site.post(events.LimitAcknowledged(offer.evse, offer.seq, offer.kind, self.clock.at))
        self.disk.offers.clear()

    def charge(self, evse: EvseId, amperes: float) -> None:
        at = self.clock.at
        occupied = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.CHARGING)
        self.site.post(events.TransactionStarted(evse, TransactionId(f"tx-{evse.station}"), at, 7))
        self.site.post(events.EvseStatusChanged(evse, at, occupied))
        self.site.post(events.EvseMetered(EvseReading(evse, at, PhaseCurrents(amperes, amperes, amperes))))

    def pass_s(self, seconds: float, *amperes: float) -> None:
        """Let time pass, a cycle and a meter reading a second."""
        for _ in range(int(seconds)):
            self.clock.at += 1.0
            if amperes:
                self.meter(*amperes)
            self.site.cycle()
            self.answer_all()

    def all_well(self) -> None:
        """Everybody is connected and has accepted its fallback; the meter has settled."""
        self.meter(1.0, 2.0, 3.0)
        for station in (CP01, CP02, POST):
            self.connect(station)
        self.pass_s(3, 1.0, 2.0, 3.0)


class Ledger:
    """Answers as the ledger would, from lists; `broken` stands for a disk that fails."""

    def __init__(self) -> None:
        self.journal: list[JournalEntry] = []
        self.asked: dict[str, Any] = {}
        self.pages = 0
        self.broken = False
        self.hangs = False
        self.bug: Exception | None = None
        self.wanted = EVERYTHING
        self.happened: list[JournalEntry | Message] = []

    def note(self, type: str, station: StationId | None = None, evse: int | None = None, **data: Any) -> None:
        self.journal.append(JournalEntry(len(self.journal) + 1, WALL, type, station, evse, data))

    def _check(self) -> None:
        if self.broken:
            raise EnvironmentFault("ledger.db: disk I/O error")
        if self.bug is not None:
            raise self.bug

    async def transactions(self, **asked: Any) -> Sequence[TransactionView]:
        self._check()
        self.asked = asked
        return [transaction()]

    async def totals(self) -> TransactionTotals:
        self._check()
        if self.hangs:
            await asyncio.Event().wait()
        return TransactionTotals(open=3, unsent=2, dead=1)

    async def events(
        self,
        since: datetime | None = None,
        limit: int = 1000,
        after_seq: int | None = None,
        wanted: Wanted = EVERYTHING,
    ) -> Sequence[JournalEntry]:
        self._check()
        self.pages += 1
        self.wanted = wanted
        found = [e for e in self.journal if e.seq > (after_seq or 0) and (since is None or e.time >= since)]
        found = [e for e in found if wanted.station in (None, e.station)]
        return found[-limit:] if after_seq is None else found[:limit]

    async def newest_event(self) -> int:
        self._check()
        return len(self.journal)

    async def of(self, station: StationId, since: datetime, search: str = "", limit: int = 1000) -> TimelinePage:
        self._check()
        self.asked = {"station": station, "since": since, "search": search, "limit": limit}
        return TimelinePage(self.happened, more=True)

    async def requeue(self, name: str) -> Requeued | NotRequeued:
        self._check()
        if name == "t1":
            return Requeued(TransactionId("t1"), {CENTRAL: 2})
        return NotRequeued(f"no transaction {name!r} here", unknown=name != "t")


class Overview:
    """What is put together from several rooms."""

    site_name = "depot-north"

    def __init__(self, quiet: QuietSite) -> None:
        self._quiet = quiet
        self.found: list[Problem] = []
        self.disk = StoreHealth()
        self.centrals: dict[UplinkId, UplinkView] = {CENTRAL: UplinkView(UplinkState.ONLINE, 3)}

    def wall(self) -> datetime:
        return WALL

    def monotonic(self) -> float:
        return self._quiet.clock.at

    def problems(self) -> Sequence[Problem]:
        return self.found

    def uplinks(self) -> Mapping[UplinkId, UplinkView]:
        return self.centrals

    def store(self) -> StoreHealth:
        return self.disk

    def effective_configuration(self) -> Mapping[str, Any]:
        loaded = self._quiet.loaded
        return {
            "settings": loaded.effective,
            "origins": loaded.origins,
            "warnings": [],
            "fallback_sum_a": {id: list(sums) for id, sums in loaded.fallback_sum_a.items()},
            "tokens": 0,
        }

    def time_known(self) -> bool:
        return True


class Orders:
    """Takes every wish of a station but that for POST."""

    async def wish(self, evse: EvseId, operative: bool, *, by: str = "") -> str:
        assert by
        if evse.station == POST:
            return "Rejected"
        return "Accepted" if operative else "Scheduled"


class StationOrders:
    """Takes every order of CP01; a car charges at CP02; POST is away."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def _done(self, station: StationId, *asked: Any, force: bool = True) -> Ordered | NotOrdered:
        if station not in (CP01, CP02, POST):
            return NotOrdered(f"no station {station!r} here", unknown=True)
        if station == POST:
            return NotOrdered("POST is offline")
        if station == CP02 and not force:
            return NotOrdered("a car charges there")
        self.asked.append((station, *asked))
        return Ordered("Accepted")

    async def reset(self, station: StationId, kind: ResetKind, by: str, *, force: bool = False) -> Ordered | NotOrdered:
        return self._done(station, kind, by, force=force)

    async def unlock(self, evse: EvseId, by: str, *, force: bool = False) -> Ordered | NotOrdered:
        return self._done(evse.station, evse.evse, by, force=force)

    async def read(self, station: StationId, keys: Sequence[str] = ()) -> Configuration | NotOrdered:
        done = self._done(station, keys)
        return done if isinstance(done, NotOrdered) else Configuration({"A": ("1", False), "B": ("2", True)}, ["C"])

    async def write(self, station: StationId, key: str, value: str, by: str) -> Ordered | NotOrdered:
        if key == "AuthorizationKey":
            return NotOrdered("a secret", invalid=True)
        return self._done(station, key, value, by)


async def taken_up() -> str:
    """The daemon reads the configuration again, and takes it."""
    return ""


def behind(quiet: QuietSite, ledger: Ledger, overview: Overview) -> Behind:
    overlay, site = MemoryOverlay(lambda: WALL), quiet.site
    ceilings = ToldCeilings(lambda: site.state.topology, site.post, overlay, quiet.clock, quiet.disk)
    trials = Trials(site, site.post, overlay, quiet.clock, Tasks(), quiet.disk, RUNS)
    departures = Departures(lambda: site.state, site.post, overlay, quiet.clock, quiet.disk, lambda: BERLIN)
    window = Window(overlay, quiet.clock, WALL, WALL, lambda: 0.0)
    adoption = Adoption(
        quiet.loaded.file, overlay, window, quiet.clock, quiet.disk, taken_up, lambda: site.state.topology.stations
    )
    withheld = Withheld(site)
    drills = Drills(
        lambda: Look(quiet.clock.at, site.decision, {}, {}, {}),  # type: ignore[arg-type]
        {DrillKind.METER: MeterCut(site, withheld)},
        overlay,
        quiet.clock,
        Tasks(),
        quiet.disk,
    )
    from tests.unit.site.healing_ward import Ward  # which is built around a quiet site

    ward = quiet.ward = Ward(quiet.loaded.file.parent, quiet=quiet)
    centrals = Centrals()
    vault = Vault(quiet.loaded.file.parent / "credentials", InlineWorker())
    return Behind(
        site=site,
        ledger=ledger,
        dead_letters=ledger,
        timeline=ledger,
        overview=overview,
        orders=Orders(),
        ceilings=ceilings,
        trials=trials,
        departures=departures,
        recordings=quiet.incidents,
        station_orders=StationOrders(),
        healing=ward.healer,
        attempts=ward.shelf,
        adoption=adoption,
        notes=CommissionNotes(overlay, quiet.clock, quiet.disk),
        seal=Seal(vault, InlineWorker()),
        drills=drills,
        knowledge=quiet.known.get,
        centrals=centrals,
        pauses=Pauses(centrals, overlay, quiet.clock, quiet.disk),
        passwords=Passwords(),
    )


def transaction() -> TransactionView:
    copy = UplinkCopy("4711", DeliveryState.ACKED, "Accepted", 0)
    letter = DeadLetter(CENTRAL, "StopTransaction", {"meterStop": 7}, WALL, WALL, 3, "InternalError: no")
    return TransactionView(
        TransactionId("t1"), CP01, 1, "2000001234", "TAG", WALL, None, 0, None, None, False, {CENTRAL: copy}, [letter]
    )
