"""What the numbers of one station and its EVSEs must be among themselves."""

from __future__ import annotations

from sitectl.config.draft import Draft, EvseDraft, evses_of
from sitectl.config.models_station import Station
from sitectl.model.circuit import Wiring
from sitectl.model.electrical import ALL_PHASES, Phase

_LEAST_A = 6.0
"""The lowest current a control pilot can signal (IEC 61851-1, annex A)."""


def check(draft: Draft) -> None:
    """Report minima above maxima, fallbacks outside both, unsaid phases, and stations larger than their circuit."""
    for name, station in draft.config.stations.items():
        _check_watts(draft, name, station)
        for evse in evses_of(name, station, draft.config.site.nominal_voltage_v):
            _check_minimum(draft, evse)
            _check_fallback(draft, evse)
            if station.installed:
                _check_phases(draft, evse)
            _check_lines(draft, evse)
            if station.switches_phases:
                _check_switching(draft, evse, station)
        _check_control(draft, name, station)
        if station.installed:
            _check_rating(draft, name, station)


def _check_control(draft: Draft, name: str, station: Station) -> None:
    """Profiles on connector 0 bind all EVSEs alike, and without profiles no fallback binds any."""
    path = ("stations", name)
    if station.control in ("tx_default_station", "charge_point_max") and len(station.evses or {}) > 1:
        message = f"{station.control} binds all EVSEs of a station alike, and this one has {len(station.evses or {})}"
        draft.findings.error((*path, "control"), message, "write auto, tx_profile or tx_default")
    if station.control in ("start_stop", "none"):
        for evse in evses_of(name, station, draft.config.site.nominal_voltage_v):
            if evse.is_written("fallback_a"):
                message = f"no fallback binds it with control: {station.control}; it is counted at {evse.max_a:g} A"
                draft.findings.warn(evse.path_of("fallback_a"), message, "leave it out")


def _check_watts(draft: Draft, name: str, station: Station) -> None:
    """Watts are for DC stations, which are on three phases."""
    path = ("stations", name)
    if station.kind == "ac":
        for key in ("max_w", "min_w"):
            if getattr(station, key) is not None:
                draft.findings.error((*path, key), "only for stations of kind dc", "write max_a and min_a for AC")
        return
    if draft.wiring is Wiring.SPLIT:
        draft.findings.error(
            (*path, "kind"), "a DC station draws on three phases, a split phase has two legs", "write ac"
        )
    if station.max_w is not None and station.min_w is not None and station.min_w > station.max_w:
        message = f"{station.min_w:g} W is above max_w, {station.max_w:g} W"
        draft.findings.error((*path, "min_w"), message, f"write at most {station.max_w:g}")
    for evse in evses_of(name, station):
        if evse.rotation.known and len(evse.rotation.phases) != len(ALL_PHASES):
            draft.findings.error(evse.path_of("phases"), "a DC station draws on three phases", "write L1L2L3")


def _check_minimum(draft: Draft, evse: EvseDraft) -> None:
    if evse.min_w is not None:
        if evse.min_a > evse.max_a and (evse.max_w is None or evse.min_w <= evse.max_w):
            message = f"{evse.max_a:g} A do not carry min_w, {evse.min_w:g} W, which draws {evse.min_a:g} A"
            draft.findings.error(evse.path_of("max_a"), message, f"write at least {evse.min_a:g}")
    elif evse.min_a > evse.max_a:
        min_stands_deeper = "min_a" in evse.own or "max_a" not in evse.own
        if evse.is_written("min_a") and min_stands_deeper:
            message, cure = f"{evse.min_a:g} A is above max_a, {evse.max_a:g} A", f"write at most {evse.max_a:g}"
            draft.findings.error(evse.path_of("min_a"), message, cure)
        else:
            message, cure = f"{evse.max_a:g} A is below min_a, {evse.min_a:g} A", f"write at least {evse.min_a:g}"
            draft.findings.error(evse.path_of("max_a"), message, cure)
    elif evse.min_a < _LEAST_A and evse.is_written("min_a"):
        message = f"{evse.min_a:g} A is less than a vehicle can be told to charge with"
        draft.findings.warn(evse.path_of("min_a"), message, f"write {_LEAST_A:g} or more")


def _check_fallback(draft: Draft, evse: EvseDraft) -> None:
    fallback_a = evse.fallback_a
    if fallback_a is None or evse.min_a > evse.max_a:
        return
    path = evse.path_of("fallback_a")
    bounds = f"write 0, {evse.min_a:g} to {evse.max_a:g}, or auto"
    if fallback_a > evse.max_a:
        draft.findings.error(path, f"{fallback_a:g} A is above max_a, {evse.max_a:g} A", bounds)
    elif 0 < fallback_a < evse.min_a:
        message = f"{fallback_a:g} A is below min_a, {evse.min_a:g} A: nothing can charge with it"
        draft.findings.error(path, message, bounds)


def _check_phases(draft: Draft, evse: EvseDraft) -> None:
    places = (("stations", evse.station, "phases"), (*evse.path, "phases"))
    if evse.phases is None and not any(draft.findings.has_errors_in(*path) for path in places):
        cure = "write where its L1, L2, L3 are wired, such as phases: L1L2L3, or phases: unknown"
        draft.findings.warn(evse.path, "phases not said: counted on all three phases", cure, at_key=True)


def _check_lines(draft: Draft, evse: EvseDraft) -> None:
    """Whether such phases are there, and can be a way out and back."""
    wiring, phases = draft.wiring, evse.rotation.phases
    path = evse.path_of("phases")
    if evse.phases is None or not evse.rotation.known or draft.findings.has_errors_in(*path):
        return
    if wiring.is_triangle and len(phases) == 1:
        message = f"{evse.phases} alone is between a line and neutral, and wiring {wiring} has none"
        draft.findings.error(path, message, "write the two lines that it is connected to, such as L1L2")
    elif wiring is Wiring.SPLIT and Phase.L3 in phases:
        cure = "write L1L2 for 240 V, L1 or L2 for 120 V"
        draft.findings.error(path, f"{evse.phases} has an L3, and a split phase has two legs", cure)


def _check_switching(draft: Draft, evse: EvseDraft, station: Station) -> None:
    """Only an AC station on three known phases with neutral has one to go back to, and only by a profile."""
    path = ("stations", evse.station, "switches_phases")
    if draft.wiring is not Wiring.WYE or station.kind == "dc" or station.control in ("start_stop", "none"):
        draft.findings.error(path, "only for AC on three phases with neutral, by charging profiles", "remove it")
    elif not evse.rotation.known or len(evse.rotation.phases) != len(ALL_PHASES):
        draft.findings.error(
            path, "it must be known how its three phases are wired", "write phases: L1L2L3 or as it is"
        )
    elif evse.fallback_a:
        message = f"it would fall back to {evse.fallback_a:g} A on three phases while it charges by one"
        draft.findings.error(evse.path_of("fallback_a"), message, "write 0, or leave it away")


def _check_rating(draft: Draft, name: str, station: Station) -> None:
    """A station above its circuit's rating works (its limits keep the fuse), but only while it obeys."""
    seen: set[str] = set()
    here: str | None = station.circuit
    while here is not None and here not in seen:
        seen.add(here)
        circuit = draft.config.circuits.get(here)
        if circuit is None:
            return
        if station.max_a > circuit.rated_a:
            message = f"{station.max_a:g} A is above the rating of circuit {here}, {circuit.rated_a:g} A"
            draft.findings.warn(("stations", name, "max_a"), message, "check both, and the station's own fuse")
            return
        here = circuit.parent
