"""What stands at each topic, as JSON, and which of it has changed since it was told last. Pure.

What would change with every look (ages, times to go) is left away or told as a moment: a topic is told when something
has happened. What the site did not touch since the last look is not even looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from operator import is_
from typing import Any

import orjson

from sitectl.api import views
from sitectl.base.units import format_utc
from sitectl.model.health import Problem
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId, UplinkId
from sitectl.model.signals import SignalView
from sitectl.model.station import ChargingState
from sitectl.model.storage import StoreHealth
from sitectl.model.uplink import UplinkView
from sitectl.mqtt.topics import Topics
from sitectl.site.cycle import Decision
from sitectl.state.site_state import SiteState

MOST_PROBLEMS = 100
"""At the topic of the site; `problem_count` counts all."""

Made = Callable[[], Mapping[str, Any]]
Source = tuple[str, tuple[object, ...], Made]
"""A topic, the objects that it is made of (none: look each time), and how."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The site at one moment."""

    name: str
    wall: datetime
    state: SiteState
    decision: Decision
    problems: Sequence[Problem]
    uplinks: Mapping[UplinkId, UplinkView]
    disk: StoreHealth
    signals: Sequence[SignalView] = ()


@dataclass(slots=True)
class Told:
    """What was told last at each topic: of what it was made, and the hash of its bytes."""

    made_of: dict[str, tuple[object, ...]] = field(default_factory=dict)
    hashes: dict[str, int] = field(default_factory=dict)

    def news(self, source: Source) -> bytes | None:
        """What to tell at a topic; None: nothing new."""
        topic, made_of, make = source
        before = self.made_of.get(topic)
        if before is not None and made_of and _same(before, made_of):
            return None
        self.made_of[topic] = made_of
        payload = orjson.dumps(make())
        if self.hashes.get(topic) == (hashed := hash(payload)):
            return None
        self.hashes[topic] = hashed
        return payload

    def gone(self, topics: set[str]) -> list[str]:
        """Those that are told and are not among these: nothing is told there from now on."""
        gone = [topic for topic in self.hashes if topic not in topics]
        for topic in gone:
            del self.hashes[topic]
            self.made_of.pop(topic, None)
        return gone

    def forget(self) -> None:
        """The broker may have lost everything: all is news."""
        self.made_of.clear()
        self.hashes.clear()


def _same(before: tuple[object, ...], now: tuple[object, ...]) -> bool:
    return len(before) == len(now) and all(map(is_, before, now))


def sources(seen: Seen, topics: Topics) -> Iterator[Source]:
    """Every topic of the site."""
    snapshot, allocation = seen.decision.snapshot, seen.decision.allocation
    yield topics.site, (), partial(_site, seen)
    for circuit in seen.state.topology.circuits:
        yield topics.circuit(circuit), (), partial(_circuit, seen, circuit)
    for meter in snapshot.meters:
        yield topics.meter(meter), (), partial(_meter, seen, meter)
    for uplink, central in seen.uplinks.items():
        yield topics.uplink(uplink), (), partial(_uplink, uplink, central)
    for id, station in snapshot.stations.items():
        evses = tuple(snapshot.evses[evse] for evse in station.evses if evse in snapshot.evses)
        yield topics.station(id), (station, *(view.obeys for view in evses)), partial(_station, seen, id)
        for view in evses:
            made_of = (view, station, allocation.offers.get(view.id), allocation.targets.get(view.id))
            yield topics.evse(view.id), made_of, partial(_evse, seen, view.id)


def _circuit(seen: Seen, id: CircuitId) -> dict[str, Any]:
    return _with_id(id, views.circuit(seen.state, seen.decision, id))


def _meter(seen: Seen, id: MeterId) -> dict[str, Any]:
    return _without(_with_id(id, views.meter(seen.decision.snapshot.meters[id])), "age_s")


def _uplink(id: UplinkId, view: UplinkView) -> dict[str, Any]:
    return _without(_with_id(id, views.uplink(view)), "oldest_s")


def _with_id(id: str, told: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema": views.SCHEMA, "id": id, **told}


def _without(told: dict[str, Any], key: str) -> dict[str, Any]:
    told.pop(key, None)
    return told


def _site(seen: Seen) -> dict[str, Any]:
    snapshot = seen.decision.snapshot
    charging = (view.charging_state is ChargingState.CHARGING for view in snapshot.evses.values())
    return {
        "schema": views.SCHEMA,
        "id": seen.name,
        "state": views.site_state(seen.decision, seen.uplinks, seen.disk, seen.signals),
        "problem_count": len(seen.problems),
        "problems": [views.problem(problem) for problem in seen.problems[:MOST_PROBLEMS]],
        "stations": len(snapshot.stations),
        "stations_online": sum(1 for station in snapshot.stations.values() if station.online),
        "evses_charging": sum(charging),
        "store": seen.disk.state.value,
    }


def _station(seen: Seen, id: StationId) -> dict[str, Any]:
    told = _with_id(id, views.station(seen.decision, seen.decision.snapshot.stations[id]))
    told["evses"] = [int(number) for number in told["evses"]]
    return told


def _evse(seen: Seen, id: EvseId) -> dict[str, Any]:
    snapshot = seen.decision.snapshot
    told = views.evse(seen.decision, snapshot.evses[id], snapshot.stations[id.station])
    if wish := told["wish"]:
        departs = seen.wall + timedelta(seconds=wish.pop("departs_in_s"))
        told["wish"] = {"departs": format_utc(departs.replace(second=0)), **_without(wish, "laxity_s")}
    return {"schema": views.SCHEMA, "station": id.station, "evse": id.evse, **told}
