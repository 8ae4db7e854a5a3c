"""Gathers what the judgement of a commissioning rests on, from the rooms that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sitectl.api.answers import in_time, look
from sitectl.api.bases import evse_basis, meter_basis
from sitectl.api.ports import Behind
from sitectl.base.units import format_utc
from sitectl.evidence.facts import (
    CircuitFacts,
    Confirmation,
    EvseFacts,
    MeterFacts,
    SignalFacts,
    SiteFacts,
    StationFacts,
    UplinkFacts,
)
from sitectl.model.journal import Wanted
from sitectl.model.snapshot import EvseSnapshot
from sitectl.site.cycle import Decision
from sitectl.state.site_state import SiteState

MOST_EVENTS = 2000
DONE = ("Uploaded", "Installed", "Downloaded")
"""Status words of a file that has found its way (1.6: DiagnosticsStatus, FirmwareStatus)."""


async def site_facts(behind: Behind) -> SiteFacts:
    """Everything, as it is now. Raises EnvironmentFault where the disk does not answer."""
    state, decision = look(behind)
    shown = behind.overview.effective_configuration()
    settings, notes = shown["settings"], behind.notes
    until = behind.adoption.window()
    who = settings["authorization"]
    recorded, recorded_of = notes.newest_record()
    return SiteFacts(
        name=behind.overview.site_name,
        time_known=behind.overview.time_known(),
        timezone=settings["site"]["timezone"],
        warnings=tuple(shown["warnings"]),
        meters=_meters(behind, state, decision, settings["meters"]),
        circuits=_circuits(state, decision, shown["fallback_sum_a"]),
        stations=_stations(behind, state, decision, settings),
        knocking=tuple(id for id, seen in decision.snapshot.stations.items() if seen.quarantined and seen.online),
        window="" if until is None else format_utc(until),
        authorization=who["mode"],
        tokens=shown["tokens"],
        offline_unknown=who["offline_unknown"],
        uplinks={
            id: UplinkFacts(view.state.value, view.stations, view.dead, view.text)
            for id, view in behind.overview.uplinks().items()
        },
        signals=await _signals(behind),
        transferred=await _transferred(behind),
        recorded=recorded,
        recorded_of=recorded_of,
        confirmed={step: Confirmation(*said) for step, said in notes.confirmed().items()},
    )


def _meters(behind: Behind, state: SiteState, decision: Decision, settings: Mapping[str, Any]) -> dict[str, MeterFacts]:
    tests = behind.notes.meter_tests()
    found = {}
    for id, seen in decision.snapshot.meters.items():
        tested, at, of = tests.get(id, (None, "", None))
        mistrust = state.meters[id].mistrust
        physical = settings[id].get("connection") is not None
        basis = meter_basis(settings[id])
        found[str(id)] = MeterFacts(seen.state.value, tested, at, mistrust or "", physical, basis, of)
    return found


def _circuits(
    state: SiteState, decision: Decision, fallback_sum_a: Mapping[str, list[float]]
) -> dict[str, CircuitFacts]:
    found = {}
    for id, plan in state.topology.circuits.items():
        dead = decision.shares[id].if_dead
        found[str(id)] = CircuitFacts(
            rated_a=plan.rated_a,
            fallback_a=max(fallback_sum_a.get(id, [0.0])),
            base_load_worst_a=plan.base_load_worst_a,
            metered=plan.meter is not None,
            holds=dead is None or dead.holds,
            ratio=None if dead is None else dead.ratio,
            for_s=None if dead is None else dead.for_s,
            phase="" if dead is None or dead.phase is None else str(dead.phase),
        )
    return found


def _stations(
    behind: Behind, state: SiteState, decision: Decision, settings: Mapping[str, Any]
) -> dict[str, StationFacts]:
    found = {}
    for id, plan in state.topology.stations.items():
        if not plan.installed:
            continue
        seen = decision.snapshot.stations[id]
        credential = "open" if not plan.security_profile else "configured" if plan.password_file else "pinned"
        evses = {
            str(evse.id.evse): _evse(behind, state, decision, decision.snapshot.evses[evse.id], settings["meters"])
            for evse in plan.evses
            if evse.id in decision.snapshot.evses
        }
        expected = decision.snapshot.at < seen.reboot_until
        found[str(id)] = StationFacts(seen.seen, seen.online, credential if seen.seen else "", expected, evses)
    return found


def _evse(
    behind: Behind, state: SiteState, decision: Decision, view: EvseSnapshot, meters: Mapping[str, Any]
) -> EvseFacts:
    rotation = view.plan.rotation
    learned = "" if view.first_phase is None else f"L1 on {view.first_phase.name}"
    return EvseFacts(
        wiring="".join(phase.name for phase in rotation.phases) if rotation.known else learned,
        control=view.form.step.value,
        proven=view.obeys.value == "proven",
        by_choice=view.pinned,
        contradicted=view.wiring_contradicted,
        tests=behind.trials.kept(view.id),
        basis=evse_basis(view, decision.snapshot, state.topology, meters),
    )


async def _signals(behind: Behind) -> dict[str, SignalFacts]:
    views = behind.signals()
    if not views:
        return {}
    events = await in_time(behind.ledger.events(limit=MOST_EVENTS, wanted=Wanted(types=("signal",))))
    seen: dict[tuple[str, str], set[str]] = {}
    for event in events:
        key = str(event.data.get("signal")), str(event.data.get("input"))
        seen.setdefault(key, set()).add(str(event.data.get("contact")))
    return {
        view.name: SignalFacts(
            contact=view.contact.value if view.contact is not None else "unknown",
            seen=frozenset(seen.get((view.name, view.input), ())) & {"open", "closed"},
            why=view.why,
            input=view.input,
        )
        for view in views
    }


async def _transferred(behind: Behind) -> bool:
    wanted = Wanted(types=("station.diagnostics", "station.firmware"))
    events = await in_time(behind.ledger.events(limit=MOST_EVENTS, wanted=wanted))
    return any(event.data.get("status") in DONE for event in events)
