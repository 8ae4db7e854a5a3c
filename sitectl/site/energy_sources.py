"""Where energy is read off the site's state: of an EVSE, and of a circuit's meter in one direction."""

from __future__ import annotations

from typing import NamedTuple

from sitectl.model.circuit import Circuit
from sitectl.model.energy import Counted, Note, Place, PlaceKind
from sitectl.model.ids import CircuitId, EvseId, StationId, TransactionId
from sitectl.model.metering import Freshness
from sitectl.model.station import ChargingState, EvsePlan
from sitectl.site.energy_counter import APART_S, Counter
from sitectl.state.evse import EvseState, RunningTransaction
from sitectl.state.site_state import SiteState
from sitectl.state.station import StationState


class Stop(NamedTuple):
    """A transaction that is over, what its register last showed, and how long ago (s)."""

    transaction: TransactionId
    register_wh: float | None
    age_s: float


def evse_of(place: Place) -> EvseId:
    """Which EVSE a place is."""
    return EvseId(StationId(place.name), place.evse)


def most_w(plan: EvsePlan | Circuit, voltage_v: float) -> float:
    """What may flow there at most, with all that a circuit's breaker bears."""
    a = plan.max_a if isinstance(plan, EvsePlan) else 1.5 * plan.rated_a
    return 3.0 * a * 1.15 * voltage_v


BRIDGE_S = 1200.0
"""After a restart of this process within so long what the ledger does not know of has not happened."""


class EvseSource:
    """One EVSE. While nothing about it changes, a look costs two comparisons.

    `kept`: how far it was counted before a restart, since `kept_at` (monotonic s). `ids`: the transactions seen.
    """

    def __init__(self, place: Place, counter: Counter, kept: Counted | None = None, kept_at: float = 0.0) -> None:
        self.place = place
        self.counter = counter
        self.ids: set[str] = set() if kept is None else {kept.transaction}
        self._id = evse_of(place)
        self._kept = kept
        self._bridges_until = kept_at + BRIDGE_S if kept is not None else float("-inf")
        self._seen: tuple[EvseState, StationState] | None = None
        self._resting = False
        self._running: TransactionId | None = None
        self._read_at = float("-inf")
        self._register_wh: float | None = None
        self._looked_at = float("-inf")

    @property
    def transaction(self) -> str:
        """The one that runs."""
        return self._running or ""

    def look(self, state: SiteState, now: float) -> Stop | None:
        """See the EVSE as it is; a transaction that ended since is given back, whose stop tells the rest."""
        evse, station = state.evses.get(self._id), state.stations.get(self._id.station)
        if evse is None or station is None:
            return None
        seen, self._seen = self._seen, (evse, station)
        if seen is not None and seen[0] is evse and seen[1] is station and self.counter.edge is None:
            self._looked_at = now
            return None
        self.refresh()
        self._looked_at = now
        over = self._over(evse.transaction, now)
        if evse.transaction is not None:
            self._resting = False
            self._charges(evse, evse.transaction, now)
        else:
            charging = evse.status is None or evse.status.charging_state is ChargingState.CHARGING
            self._resting = station.online and not charging
            if self._resting:
                self.counter.rests(now, sure=over is not None or self._bridges(now))
        return over

    def refresh(self) -> None:
        """Where nothing flows: until the last look nothing has."""
        if self._resting:
            self.counter.rests(self._looked_at, sure=True)

    def _bridges(self, now: float) -> bool:
        """Whether this is the first that is heard of it after a short restart."""
        until, self._bridges_until = self._bridges_until, float("-inf")
        return now <= until

    def _over(self, running: RunningTransaction | None, now: float) -> Stop | None:
        ended, at, register_wh = self._running, self.counter.at, self.counter.register_wh
        if ended is None or (running is not None and running.id == ended):
            return None
        self._running = None
        return Stop(ended, register_wh, now - (now if at is None else at))

    def _charges(self, evse: EvseState, running: RunningTransaction, now: float) -> None:
        if self._running is None:
            self._running = running.id
            self.ids.add(running.id)
            self._begins(evse, running, now)
        counter, reading, register_wh = self.counter, evse.reading, evse.draw.register_wh
        new = reading is not None and reading.at > self._read_at
        at = reading.at if reading is not None and new else now
        self._read_at = at if new else self._read_at
        if register_wh is not None and (new or register_wh != self._register_wh):
            self._register_wh = register_wh
            counter.register(register_wh, at)
        elif new and register_wh is None and reading is not None and reading.power_w is not None:
            counter.power(max(0.0, reading.power_w), at)

    def _begins(self, evse: EvseState, running: RunningTransaction, now: float) -> None:
        counter, kept, bridges = self.counter, self._kept, self._bridges(now)
        self._kept = None
        if running.resumed and kept is not None and kept.transaction == running.id:
            return  # its register goes on
        counter.register_wh = None
        away = counter.at is None or now - counter.at > APART_S
        if (running.resumed or away) and not bridges:
            counter.lose(Note.STATION)
            return
        if evse.draw.start_wh is not None:
            counter.register(evse.draw.start_wh, now if counter.at is None else counter.at)

    def why(self, state: SiteState) -> Note:
        """Why its quarter has no value, where the counter does not say it."""
        station = state.stations.get(self._id.station)
        reads_nothing = self.counter.register_wh is None and self.counter.power_w is None
        here = station is not None and station.online
        return Note.NO_REGISTER if here and self._running is not None and reads_nothing else Note.STATION


class MeterSource:
    """The meter of one circuit, in one direction."""

    transaction = ""

    def __init__(self, place: Place, counter: Counter) -> None:
        self.place = place
        self.counter = counter
        self._circuit = CircuitId(place.name)
        self._read_at = float("-inf")

    def refresh(self) -> None:
        """A meter tells itself what has flowed."""

    def look(self, state: SiteState, now: float) -> Stop | None:
        """See the meter as it is. One that is not believed is not counted by."""
        circuit = state.topology.circuits.get(self._circuit)
        meter = None if circuit is None or circuit.meter is None else state.meters.get(circuit.meter)
        if meter is None or meter.reading is None or meter.state(now) is Freshness.LOST:
            return None
        reading = meter.reading
        if reading.at <= self._read_at:
            return None
        self._read_at = reading.at
        drawn = self.place.kind is PlaceKind.IMPORT
        register_wh = reading.import_wh if drawn else reading.export_wh
        if register_wh is not None:
            self.counter.register(register_wh, reading.at)
        elif reading.power_w is not None and self.counter.register_wh is None:
            self.counter.power(max(0.0, reading.power_w if drawn else -reading.power_w), reading.at)
        return None

    def why(self, state: SiteState) -> Note:
        """Why its quarter has no value, where the counter does not say it."""
        circuit = state.topology.circuits.get(self._circuit)
        meter = None if circuit is None or circuit.meter is None else state.meters.get(circuit.meter)
        reads_nothing = self.counter.register_wh is None and self.counter.power_w is None
        return Note.NO_REGISTER if meter is not None and meter.reading is not None and reads_nothing else Note.METER
