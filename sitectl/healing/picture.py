"""Makes the pictures of all stations from the site's snapshot and the facts of the station rooms.

What has not changed is the same object as before, so that `heal` passes over it. Readings change all the time; of them
only what they mean is kept (something is drawn, or nothing since when). What the site's meters say of one EVSE is asked
only of those where it matters, every ten seconds, and believed when it has been the same for a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sitectl.healing.metered import Meters, metered
from sitectl.healing.view import NO_FACTS, EvseHealth, StationFacts, StationHealth
from sitectl.model.circuit import Topology
from sitectl.model.ids import EvseId, StationId
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot, StationSnapshot
from sitectl.model.station import Obeys

DRAWS_A = 1.0
"""Above this a car takes part; what its electronics draw is less (`PHASE_IN_USE_A` of the site's state)."""
READING_S = 180.0
"""A reading older than this says nothing: stations send at least every minute while a transaction runs."""
READ_STEP_S = 30.0
METER_EVERY_S = 10.0
METER_HOLDS_S = 60.0


@dataclass(frozen=True, slots=True)
class _Evse:
    """What one picture was made of. `said`, `said_since`: what the meters say, before it is believed."""

    of: EvseSnapshot
    picture: EvseHealth
    said: bool | None = None
    said_since: float = 0.0


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of one moment, and what they were made of; hand it to the next `pictures`."""

    stations: Mapping[StationId, StationHealth] = field(default_factory=dict)
    metered_at: float = float("-inf")
    _evses: Mapping[EvseId, _Evse] = field(default_factory=dict)
    _stations: Mapping[StationId, StationSnapshot] = field(default_factory=dict)


NOTHING_SEEN = Pictures()


def pictures(
    before: Pictures, snapshot: SiteSnapshot, topology: Topology, facts: Mapping[StationId, StationFacts]
) -> Pictures:
    """See every listed station anew, those in quarantine not: they are nobody's yet.

    `facts`: as the station rooms have them; the same object as long as nothing of it changed.
    """
    asks = snapshot.at - before.metered_at >= METER_EVERY_S
    meters = Meters(snapshot, topology) if asks else None
    evses: dict[EvseId, _Evse] = {}
    seen: dict[StationId, StationHealth] = {}
    stations: dict[StationId, StationSnapshot] = {}
    for id, station in snapshot.stations.items():
        if station.quarantined:
            continue
        last, mine, changed = before.stations.get(id), facts.get(id, NO_FACTS), False
        for number in station.evses:
            was = before._evses.get(number)
            now = _evse(was, snapshot.evses[number], station, snapshot.at, meters)
            evses[number] = now
            changed |= was is None or was.picture is not now.picture
        stations[id] = station
        if last is None or changed or before._stations.get(id) is not station or last.facts is not mine:
            anew = _station(station, tuple(evses[number].picture for number in station.evses), mine)
            last = last if last == anew else anew
        seen[id] = last
    return Pictures(seen, snapshot.at if asks else before.metered_at, evses, stations)


def _station(station: StationSnapshot, evses: tuple[EvseHealth, ...], facts: StationFacts) -> StationHealth:
    return StationHealth(
        id=station.id,
        evses=evses,
        identity=station.identity,
        online=station.online,
        online_since=station.connected_at if station.online else None,
        offline_since=station.offline_since,
        away_until=station.reboot_until,
        starts_pass_us=station.starts_pass_us,
        facts=facts,
    )


def _evse(was: _Evse | None, evse: EvseSnapshot, station: StationSnapshot, at: float, meters: Meters | None) -> _Evse:
    said, said_since, believed = _metered(was, evse, station, at, meters)
    if was is not None and was.of is evse and was.picture.metered is believed and not _lapses(was.picture, evse, at):
        if was.said is said:
            return was
        return _Evse(evse, was.picture, said, said_since)
    picture = _seen(None if was is None else was.picture, evse, at, believed)
    if was is not None and picture == was.picture:
        picture = was.picture
    return _Evse(evse, picture, said, said_since)


def _lapses(picture: EvseHealth, evse: EvseSnapshot, at: float) -> bool:
    """Whether its newest reading has become too old since."""
    return picture.draws is not None and (evse.measured_at is None or at - evse.measured_at > READING_S)


def _seen(before: EvseHealth | None, evse: EvseSnapshot, at: float, believed: bool | None) -> EvseHealth:
    same = before is not None and (before.connector_status, before.charging_state, before.preparing) == (
        evse.connector_status,
        evse.charging_state,
        evse.preparing,
    )
    read_a = None if evse.measured_a is None or evse.measured_at is None else max(evse.measured_a)
    none_since = None if before is None else before.no_power_since
    if read_a is not None:
        none_since = None if read_a > DRAWS_A else (evse.measured_at if none_since is None else none_since)
    fresh = evse.measured_at is not None and at - evse.measured_at <= READING_S
    may_a = evse.fallback_installed_a if evse.offered_a is None else evse.offered_a
    offered_since = evse.transaction_since if evse.offered_a is None or evse.state_since is None else evse.state_since
    return EvseHealth(
        id=evse.id,
        connector_status=evse.connector_status,
        charging_state=evse.charging_state,
        preparing=evse.preparing,
        status_since=before.status_since if same and before is not None else at,
        transaction=evse.transaction,
        transaction_since=evse.transaction_since,
        offered_since=offered_since if evse.transaction is not None and may_a else None,
        draws=read_a > DRAWS_A if read_a is not None and fresh else None,
        no_power_since=none_since,
        metered=believed,
        read_at=None if evse.measured_at is None else evse.measured_at // READ_STEP_S * READ_STEP_S,
        taken_wh=None if evse.taken_wh is None else evse.taken_wh // 100.0 * 100.0,
        sleeps=evse.sleeps,
        ignores_limit=evse.obeys is Obeys.IGNORES,
    )


def _metered(
    was: _Evse | None, evse: EvseSnapshot, station: StationSnapshot, at: float, meters: Meters | None
) -> tuple[bool | None, float, bool | None]:
    """What the meters say, since when, and what of it is believed."""
    if was is None:
        return None, at, None
    if was.picture.draws or (evse.transaction is None and station.online):
        return None, at, None  # nobody asks: it surely charges, or surely nobody does
    if meters is None:
        return was.said, was.said_since, was.picture.metered
    said = metered(evse.id, meters)
    since = was.said_since if was.said is said else at
    return said, since, said if at - since >= METER_HOLDS_S else None
