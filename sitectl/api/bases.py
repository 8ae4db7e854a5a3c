"""What each thing that is tested is, and how it is configured, at this moment: tests and confirmations rest on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sitectl.model.circuit import Topology
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot

NO_MATTER = ("interval_s", "on_lost", "substitute")
"""Keys of a meter that change nothing of what it reads."""


def meter_basis(configured: Mapping[str, Any]) -> dict[str, str]:
    """A meter, as its configuration has it."""
    return {key: str(value) for key, value in configured.items() if key not in NO_MATTER and value is not None}


def evse_basis(
    view: EvseSnapshot, seen: SiteSnapshot, topology: Topology, meters: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """An EVSE: its device, its firmware, how it is controlled, where it is wired, and by which meter that shows."""
    device, rotation = seen.stations[view.id.station].identity, view.plan.rotation
    meter = _meter_above(topology, view.plan.circuit)
    of_meter = "" if meter is None else ", ".join(f"{k} {v}" for k, v in meter_basis(meters.get(meter, {})).items())
    return {
        "vendor": device.vendor,
        "model": device.model,
        "serial": device.serial,
        "firmware": device.firmware,
        "control": view.form.step.value,
        "phases": "".join(phase.name for phase in rotation.phases) if rotation.known else "",
        "circuit": view.plan.circuit,
        "meter": "" if meter is None else f"{meter} ({of_meter})",
    }


def _meter_above(topology: Topology, circuit: CircuitId) -> MeterId | None:
    at: CircuitId | None = circuit
    while at is not None:
        plan = topology.circuits[at]
        if plan.meter is not None:
            return plan.meter
        at = plan.parent
    return None
