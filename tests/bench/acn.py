"""acnportal's own algorithms on our instances, for `real_days`.

Its sites know one current a station and complex phasors; a car on several phases is a station of its own here, at a
voltage of 230 V times its phases, that loads one row for each of them, all at the same angle. So its network has the
very rows of ours, and its energies are the same.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from types import ModuleType, SimpleNamespace
from typing import Any

from sitectl.model.circuit import Topology
from tests.bench.offline import SLOT_S, rows_of
from tests.onehertz.cars import NOMINAL_V
from tests.onehertz.days import Visit


@dataclass(frozen=True)
class AcnDay:
    """What came of a day under one of its algorithms."""

    kwh: float
    jain: float
    seconds: float


def run(site: Topology, visits: Sequence[Visit], *, typed: bool = False) -> dict[str, AcnDay] | None:
    """FCFS, EDF and LLF of acnportal on this day; None where it is not installed."""
    _lend_versions()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from acnportal import algorithms
    except ImportError:
        return None
    sorts = {
        "FCFS": algorithms.first_come_first_served,
        "EDF": algorithms.earliest_deadline_first,
        "LLF": algorithms.least_laxity_first,
    }
    found = {}
    for name, sort in sorts.items():
        begun = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kwh, jain = _simulated(site, visits, algorithms.SortedSchedulingAlgo(sort), typed)
        found[name] = AcnDay(kwh, jain, time.process_time() - begun)
    return found


def _lend_versions() -> None:
    """It asks a module for versions that newer setuptools no longer bring."""
    if "pkg_resources" not in sys.modules:
        lent: Any = ModuleType("pkg_resources")
        lent.require = lambda name: [SimpleNamespace(version=version(name))]
        lent.get_distribution = lambda name: SimpleNamespace(version=version(name))
        sys.modules["pkg_resources"] = lent


def _simulated(site: Topology, visits: Sequence[Visit], algorithm: Any, typed: bool) -> tuple[float, float]:
    from acnportal import acnsim
    from acnportal.acnsim.models import EV, Battery, FiniteRatesEVSE

    network = acnsim.ChargingNetwork()
    loads: dict[tuple[str, int], list[str]] = {}
    plugs, slots = [], SLOT_S / 60.0
    first = int(min(visit.arrives_s for visit in visits) // SLOT_S)
    for number, visit in enumerate(visits):
        name, voltage = f"V{number}", NOMINAL_V * visit.phases
        rates = [0, *range(6, int(visit.max_a) + 1)]
        network.register_evse(FiniteRatesEVSE(name, rates), voltage, 0)
        for circuit, phase in rows_of(site, visit):
            loads.setdefault((circuit, phase), []).append(name)
        arrives, departs = int(visit.arrives_s // SLOT_S) - first, int(visit.departs_s // SLOT_S) - first
        says = max(arrives + 1, int(visit.says_s // SLOT_S) - first)
        battery = Battery(visit.asks_wh / 1000.0, 0, visit.max_a * voltage / 1000.0)
        ev = EV(
            arrives,
            max(arrives + 1, departs),
            visit.asks_wh / 1000.0,
            name,
            name,
            battery,
            estimated_departure=says if typed else None,
        )
        plugs.append(acnsim.PluginEvent(arrives, ev))
    for (circuit, phase), names in loads.items():
        row = acnsim.Current(names)
        network.add_constraint(row, site.circuits[circuit].rated_a, name=f"{circuit} {phase}")
    events = acnsim.EventQueue(plugs)
    simulation = acnsim.Simulator(network, algorithm, events, datetime(2019, 5, 1), period=slots, verbose=False)
    simulation.run()
    served = [(ev.energy_delivered, ev.requested_energy) for ev in simulation.ev_history.values()]
    shares = [min(1.0, got / (visit.wants_wh / 1000.0)) for (got, _), visit in zip(served, visits, strict=False)]
    squares = sum(share * share for share in shares)
    return sum(got for got, _ in served), sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0
