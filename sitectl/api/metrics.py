"""`/metrics`: the site in numbers, for Prometheus and what reads the like.

The number of series is bounded by the configuration: labels are names from there, phases and fixed words, never a text
that a station or a central says. Strangers are counted and not named. `packaging/grafana` and `packaging/prometheus`
have a dashboard and alert rules on these names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Query, Response

from sitectl.api import views
from sitectl.api.answers import in_time
from sitectl.api.exposition import OPENMETRICS, PROMETHEUS, Family, end, is_openmetrics, lines, written
from sitectl.api.ports import Behind
from sitectl.base.errors import EnvironmentFault
from sitectl.fieldbus.units import Counts
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import EvseSnapshot
from sitectl.model.station import ChargingState
from sitectl.model.storage import StoreState
from sitectl.model.transaction import TransactionTotals
from sitectl.model.uplink import UplinkState
from sitectl.site.cycle import Decision

TOTALS_S = 1.0
CHUNK = 100
"""So many EVSEs, or lines, are written before others get their turn."""
PHASES = ("L1", "L2", "L3")
STATES = ("ok", "degraded", "failsafe")

Evses = Annotated[bool, Query(description="false: leave away the series of single stations and EVSEs.")]
Accept = Annotated[str, Header()]


def add_metrics(app: FastAPI, behind: Behind) -> None:
    """The path."""

    @app.get("/metrics", summary="The site in numbers, as OpenMetrics or the older text of Prometheus")
    async def metrics(accept: Accept = "", evses: Evses = True) -> Response:
        decision = behind.site.decision
        if decision is None:
            raise HTTPException(503, "the first control cycle has not run yet; ask again in a second")
        totals: TransactionTotals | None = None
        with contextlib.suppress(EnvironmentFault):  # a disk that fails is one of the things that are told
            totals = await in_time(behind.ledger.totals(), TOTALS_S)
        families = [*of_process(), *of_site(behind, decision, totals), *of_circuits(behind, decision)]
        families += [*of_meters(behind, decision), *of_others(behind)]
        if evses:
            families += await of_stations(decision)
        openmetrics = is_openmetrics(accept)
        return Response(await _written(families, openmetrics), media_type=OPENMETRICS if openmetrics else PROMETHEUS)


async def _written(families: list[Family], openmetrics: bool) -> str:
    parts: list[str] = []
    for family in families:
        for line in lines(family, openmetrics=openmetrics):
            parts.append(line)
            if len(parts) % (10 * CHUNK) == 0:
                await asyncio.sleep(0)
    return "".join(parts) + end(openmetrics=openmetrics)


def of_process() -> Iterator[Family]:
    """The daemon itself."""
    build = Family("sitectl_build", "info", "The version that runs.")
    build.add(1, version=_version())
    yield build
    times = os.times()
    cpu = Family("sitectl_process_cpu_seconds", "counter", "CPU time that the daemon has used.", "seconds")
    cpu.add(times.user + times.system)
    yield cpu
    memory = Family("sitectl_process_resident_memory_bytes", "gauge", "Memory that the daemon uses.", "bytes")
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        memory.add(pages * os.sysconf("SC_PAGE_SIZE"))
    yield memory


def of_site(behind: Behind, decision: Decision, totals: TransactionTotals | None) -> Iterator[Family]:
    """The site as a whole, its ledger, and counts of stations and EVSEs."""
    overview, times, snapshot = behind.overview, behind.site.times, decision.snapshot
    state = Family("sitectl_state", "stateset", "How the site stands.")
    now = views.site_state(decision, overview.uplinks(), overview.store(), behind.signals())
    state.states(now, STATES, "sitectl_state")
    yield state
    yield _one("sitectl_problems", "Problems that stand; `sitectl status` lists them.", len(overview.problems()))
    cycles = Family("sitectl_cycles", "counter", "Control cycles since the start.")
    cycles.add(times.count)
    yield cycles
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        took_ms = times.percentile(share)
        words = f"How long control cycles take, {name} of the last ten minutes."
        took_s = None if took_ms is None else took_ms / 1000.0
        yield _one(f"sitectl_cycle_{name}_seconds", words, took_s, "seconds")
    stations = Family("sitectl_stations", "gauge", "Stations by how they stand.")
    words_of = ("online", "offline", "never_seen", "quarantined")
    counted = Counter(
        "quarantined" if s.quarantined else "online" if s.online else "offline" if s.seen else "never_seen"
        for s in snapshot.stations.values()
    )
    for word in words_of:
        stations.add(counted[word], state=word)
    yield stations
    evses = Family("sitectl_evses", "gauge", "EVSEs by their charging state; none: no vehicle is known there.")
    charging = Counter(v.charging_state.value if v.charging_state else "none" for v in snapshot.evses.values())
    for word in (*(state.value for state in ChargingState), "none"):
        evses.add(charging[word], state=word)
    yield evses
    transactions = Family("sitectl_transactions", "gauge", "Transactions that run, and messages not sent or given up.")
    for key in ("open", "unsent", "dead"):
        transactions.add(None if totals is None else getattr(totals, key), state=key)
    yield transactions
    yield from _of_store(behind)


def _of_store(behind: Behind) -> Iterator[Family]:
    disk = behind.overview.store()
    state = Family("sitectl_store_state", "stateset", "How the disk under the ledger stands.")
    state.states(disk.state.value, (one.value for one in StoreState), "sitectl_store_state")
    yield state
    use = disk.disk
    sizes = (("free", "Free space on its file system."), ("ledger", "The ledger."), ("log", "The ledger's log."))
    for (name, words), size in zip(sizes, (use.free, use.file, use.wal) if use else (None,) * 3, strict=True):
        yield _one(f"sitectl_store_{name}_bytes", words, size, "bytes")
    yield _one("sitectl_store_commit_seconds", "How long a commit takes.", disk.slow_s, "seconds")
    yield _one("sitectl_store_waiting", "Writes that wait for the disk.", disk.waiting)


def of_circuits(behind: Behind, decision: Decision) -> Iterator[Family]:
    """Circuits, per phase."""
    rated = _amperes("sitectl_circuit_rated_amperes", "The rating of a circuit, per phase.")
    trip = Family("sitectl_circuit_trip_ratio", "gauge", "Trip time that its breaker has used up, of 1.", "ratio")
    ratio = Family("sitectl_circuit_if_dead_ratio", "gauge", "At worst of its rating, if the daemon died now.", "ratio")
    holds = Family("sitectl_circuit_if_dead_holds", "gauge", "Whether its fuse would hold if the daemon died now.")
    by_phase = {
        "ceiling": _amperes("sitectl_circuit_ceiling_amperes", "What may flow, with all bounds."),
        "measured": _amperes("sitectl_circuit_measured_amperes", "What its meter shows."),
        "base_load": _amperes("sitectl_circuit_base_load_amperes", "What is not stations, as it is reckoned with."),
        "reserved": _amperes("sitectl_circuit_reserved_amperes", "Kept for stations that are not controlled now."),
        "allocated": _amperes("sitectl_circuit_allocated_amperes", "Shared among the EVSEs that charge."),
    }
    for id, circuit in behind.site.state.topology.circuits.items():
        seen, share = decision.snapshot.circuits[id], decision.shares[id]
        rated.add(circuit.rated_a, circuit=id)
        trip.add(seen.trip, circuit=id)
        if share.if_dead is not None:
            ratio.add(share.if_dead.ratio, circuit=id)
            holds.add(share.if_dead.holds, circuit=id)
        found = (share.ceiling_a, seen.measured_a, seen.base_load_a, share.reserved_a, share.allocated_a)
        for family, currents in zip(by_phase.values(), found, strict=True):
            _add_phases(family, currents, circuit=id)
    yield from (rated, *by_phase.values(), trip, ratio, holds)


def of_meters(behind: Behind, decision: Decision) -> Iterator[Family]:
    """Meters, and how well devices on the field buses answer."""
    state = Family("sitectl_meter_state", "stateset", "How fresh the readings of a meter are.")
    age = Family("sitectl_meter_age_seconds", "gauge", "Age of its newest reading.", "seconds")
    power = Family("sitectl_meter_power_watts", "gauge", "Power, import positive.", "watts")
    for id, meter in decision.snapshot.meters.items():
        state.states(meter.state.value, (one.value for one in Freshness), "sitectl_meter_state", meter=id)
        age.add(meter.age_s, meter=id)
        power.add(meter.power_w, meter=id)
    yield from (state, age, power)
    requests = Family("sitectl_bus_requests", "counter", "Requests to devices on field buses, by how they ended.")
    for connection, bus in behind.buses().all.items():
        for unit, counts in bus.counts.items():
            for outcome in _OUTCOMES:
                requests.add(getattr(counts, outcome), bus=connection.endpoint, unit=str(unit), outcome=outcome)
    yield requests


_OUTCOMES = tuple(field.name for field in fields(Counts) if field.name not in ("asked", "stray_bytes"))


def of_others(behind: Behind) -> Iterator[Family]:
    """Centrals, and the receivers of alerts."""
    state = Family("sitectl_uplink_state", "stateset", "How the connection to a central stands.")
    backlog = Family("sitectl_uplink_backlog", "gauge", "Messages that wait for it.")
    oldest = Family("sitectl_uplink_oldest_seconds", "gauge", "Since when the oldest waits.", "seconds")
    dead = Family("sitectl_uplink_dead", "gauge", "Messages that it has refused for good.")
    for id, view in behind.overview.uplinks().items():
        state.states(view.state.value, (one.value for one in UplinkState), "sitectl_uplink_state", uplink=id)
        backlog.add(view.backlog, uplink=id)
        oldest.add(view.oldest_s or 0.0, uplink=id)
        dead.add(view.dead, uplink=id)
    yield from (state, backlog, oldest, dead)
    waiting = Family("sitectl_alerts_waiting", "gauge", "Notices that wait for a receiver of alerts.")
    failing = Family("sitectl_alerts_failing", "gauge", "Whether nothing gets out to a receiver of alerts.")
    desk = behind.alerts()
    for channel in desk.views() if desk is not None else ():
        waiting.add(channel.waiting, receiver=channel.name)
        failing.add(channel.failing is not None, receiver=channel.name)
    yield from (waiting, failing)


@dataclass(frozen=True, slots=True)
class _OfEvse:
    """One number of each EVSE."""

    family: Family
    value: Callable[[EvseSnapshot], float | None]


async def of_stations(decision: Decision) -> list[Family]:
    """Single stations and EVSEs."""
    online = Family("sitectl_station_online", "gauge", "Whether a station is connected.")
    measured = _amperes("sitectl_evse_measured_amperes", "What it draws, by its own word, on phases of the grid.")
    each = (
        _OfEvse(_amperes("sitectl_evse_limit_amperes", "The limit that holds, per phase."), views.limit),
        _OfEvse(_amperes("sitectl_evse_counts_amperes", "What it counts for, per phase."), lambda view: view.counts_a),
        _OfEvse(Family("sitectl_evse_transaction", "gauge", "Whether a transaction runs."), lambda view: view.wants),
    )
    for station in decision.snapshot.stations.values():
        if not station.quarantined:
            online.add(station.online, station=station.id)
    for count, (id, view) in enumerate(decision.snapshot.evses.items(), start=1):
        labels, *by_phase = _of_evse(id)
        for one in each:
            one.family.add_written(one.value(view), labels)
        if (measured_a := view.shown_a) is not None:
            for phase, a in zip(by_phase, measured_a, strict=True):
                measured.add_written(round(a, 2), phase)
        if count % CHUNK == 0:
            await asyncio.sleep(0)
    return [online, *(one.family for one in each), measured]


@lru_cache(maxsize=16_384)
def _of_evse(id: EvseId) -> tuple[str, ...]:
    """The labels of an EVSE, then those of its phases: written once, for they take most of the time."""
    labels = {"station": id.station, "evse": str(id.evse)}
    return (written(labels), *(written({**labels, "phase": phase}) for phase in PHASES))


def _one(name: str, words: str, value: float | None, unit: str = "") -> Family:
    family = Family(name, "gauge", words, unit)
    family.add(value)
    return family


def _amperes(name: str, words: str) -> Family:
    return Family(name, "gauge", words, "amperes")


def _add_phases(family: Family, currents: PhaseCurrents | None, **labels: str) -> None:
    if currents is not None:
        for phase, a in zip(PHASES, currents, strict=True):
            family.add(round(a, 2), **labels, phase=phase)


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # reads files, and is needed once

    try:
        return version("sitectl")
    except PackageNotFoundError:
        return "unknown"
