"""JSON of each answer, built from frozen values. Keys are fixed; absent numbers are null, never 0."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sitectl.allocator.why import why
from sitectl.base.units import format_utc
from sitectl.model.circuit import Topology
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.health import Problem
from sitectl.model.ids import CircuitId, EvseId, StationId, UplinkId
from sitectl.model.journal import JournalEntry
from sitectl.model.ladder import LadderStep
from sitectl.model.limits import Allocation, Ceiling, IfDead
from sitectl.model.metering import Freshness
from sitectl.model.signals import Contact, SignalView
from sitectl.model.snapshot import EvseSnapshot, MeterSnapshot, SiteSnapshot, StationSnapshot
from sitectl.model.station import Obeys
from sitectl.model.storage import StoreHealth, StoreState
from sitectl.model.transaction import DeadLetter, TransactionTotals, TransactionView
from sitectl.model.uplink import UplinkState, UplinkView
from sitectl.site.ceilings import Bounded
from sitectl.site.cycle import Decision
from sitectl.site.cycle_times import CycleTimes
from sitectl.site.owner import INTERVAL_S
from sitectl.site.writes import Written
from sitectl.state.site_state import SiteState

SCHEMA = 1
_NUMBERED = re.compile(r"(.+)[:/](\d{1,6})", re.ASCII)
Json = dict[str, Any]


def status(
    name: str,
    wall: datetime,
    state: SiteState,
    decision: Decision,
    times: CycleTimes,
    problems: Sequence[Problem],
    uplinks: Mapping[UplinkId, UplinkView],
    totals: TransactionTotals | None,
    disk: StoreHealth,
    signals: Sequence[SignalView] = (),
) -> Json:
    """Everything at one look. `totals` None: the disk does not tell them."""
    return {
        "schema": SCHEMA,
        "site": name,
        "time": format_utc(wall),
        "state": site_state(decision, uplinks, disk, signals),
        "problems": [problem(p) for p in problems],
        "cycle": {
            "count": times.count,
            "interval_s": INTERVAL_S,
            "ms_p50": _rounded(times.percentile(0.50), 2),
            "ms_p99": _rounded(times.percentile(0.99), 2),
        },
        "circuits": {id: circuit(state, decision, id) for id in state.topology.circuits},
        "ceilings": ceilings(state, wall, decision.snapshot.at),
        "meters": meters(decision),
        "stations": stations(decision),
        "uplinks": {id: uplink(view) for id, view in uplinks.items()},
        "transactions": {key: None if totals is None else getattr(totals, key) for key in ("open", "unsent", "dead")},
        "store": store(disk),
    }


def site_state(
    decision: Decision, uplinks: Mapping[UplinkId, UplinkView], disk: StoreHealth, signals: Sequence[SignalView] = ()
) -> str:
    """`failsafe` while a circuit is shared without its meter; `degraded` while anything is away or disobedient."""
    seen = decision.snapshot
    if any(c.meter is Freshness.LOST for c in seen.circuits.values()):
        return "failsafe"
    away = (
        any(m.state in (Freshness.STALE, Freshness.LOST) for m in seen.meters.values()),
        any(signal.contact is Contact.LOST for signal in signals),
        any(u.state is not UplinkState.ONLINE for u in uplinks.values()),
        any(not s.online for s in seen.stations.values() if not s.quarantined),
        any(_disobeys(e) for e in seen.evses.values()),
        decision.violations or not seen.raises_allowed or disk.state is not StoreState.OK,
    )
    return "degraded" if any(away) else "ok"


def _disobeys(view: EvseSnapshot) -> bool:
    """Whether it does not do as it is told; what the configuration expects of nobody is no fault."""
    expected = view.pinned and view.form.step is LadderStep.NONE
    return view.obeys in (Obeys.IGNORES, Obeys.UNCONTROLLED) and not expected


def store(disk: StoreHealth) -> Json:
    """The disk under the ledger; sizes in megabytes."""
    use = disk.disk
    return {
        "state": disk.state.value,
        "why": disk.why or None,
        "free_mb": None if use is None else _megabytes(use.free),
        "ledger_mb": None if use is None else _megabytes(use.file),
        "log_mb": None if use is None else _megabytes(use.wal),
        "reserve": None if use is None else use.reserve,
        "waiting": disk.waiting,
        "commit_s": _rounded(disk.slow_s, 3),
        "left_out": disk.left_out,
    }


def _megabytes(count: int) -> float:
    return round(count / 2**20, 1)


def problem(found: Problem) -> Json:
    """One problem."""
    return {"what": found.what, "where": found.where, "since": format_utc(found.since), "do": found.do}


def circuit(state: SiteState, decision: Decision, id: CircuitId) -> Json:
    """One circuit, per phase."""
    seen = decision.snapshot.circuits[id]
    share = decision.shares[id]
    return {
        "rated_a": state.topology.circuits[id].rated_a,
        "ceiling_a": _phases(share.ceiling_a),
        "measured_a": _phases(seen.measured_a),
        "base_load_a": _phases(seen.base_load_a),
        "reserved_a": _phases(share.reserved_a),
        "allocated_a": _phases(share.allocated_a),
        "meter": seen.meter.value if seen.meter is not None else None,
        "if_dead": _if_dead(share.if_dead),
        "trip": round(seen.trip, 4),
    }


def _if_dead(dead: IfDead | None) -> Json | None:
    if dead is None:
        return None
    return {
        "ratio": dead.ratio,
        "for_s": dead.for_s,
        "phase": dead.phase,
        "holds": dead.holds,
        "text": dead.text,
        "base_a": dead.base_a,
        "learned": dead.learned,
    }


def ceilings(state: SiteState, wall: datetime, now: float, bounded: Bounded | None = None) -> list[Json]:
    """What others ask for beside the configuration, with its owner: all, or those on one thing."""
    return [
        _ceiling(ceiling, wall - timedelta(seconds=now))
        for ceiling in state.ceilings.values()
        if (ceiling.expires_at is None or ceiling.expires_at > now)
        and (bounded is None or (ceiling.circuit, ceiling.evse) == (bounded.circuit, bounded.evse))
    ]


def _ceiling(ceiling: Ceiling, began: datetime) -> Json:
    """`began`: when the monotonic clock showed 0."""
    until = None if ceiling.expires_at is None else format_utc(began + timedelta(seconds=ceiling.expires_at))
    station, number = (None, None) if ceiling.evse is None else ceiling.evse
    return {
        "source": ceiling.source,
        "circuit": ceiling.circuit,
        "station": station,
        "evse": number,
        "ceiling_a": _rounded(ceiling.ceiling_a, 1),
        "until": until,
        "text": ceiling.text or None,
    }


def meters(decision: Decision) -> Json:
    """All meters."""
    return {id: meter(seen) for id, seen in decision.snapshot.meters.items()}


def meter(seen: MeterSnapshot) -> Json:
    """One meter."""
    return {
        "state": seen.state.value,
        "age_s": _rounded(seen.age_s, 1),
        "current_a": _phases(seen.current_a),
        "power_w": _rounded(seen.power_w, 0),
    }


def stations(decision: Decision) -> Json:
    """All stations, quarantined ones too."""
    return {id: station(decision, seen) for id, seen in decision.snapshot.stations.items()}


def station(decision: Decision, seen: StationSnapshot) -> Json:
    """One station with its EVSEs; their keys are strings."""
    evses = [decision.snapshot.evses[id] for id in seen.evses if id in decision.snapshot.evses]
    return {
        "online": seen.online,
        "ocpp": seen.ocpp,
        "vendor": seen.identity.vendor or None,
        "model": seen.identity.model or None,
        "firmware": seen.identity.firmware or None,
        "quarantined": seen.quarantined,
        "obeys": _obeys(evses).value,
        "evses": {str(view.id.evse): evse(decision, view, seen) for view in evses},
    }


def written(profiles: Written, *, in_ram: bool) -> Json:
    """The charging profiles written into a station in the last day, of those that its memory bears."""
    return {
        "transaction": profiles.transaction,
        "transaction_most": None if in_ram else profiles.transaction_most,
        "persistent": profiles.persistent,
        "persistent_most": None if in_ram else profiles.persistent_most,
    }


def _obeys(evses: Sequence[EvseSnapshot]) -> Obeys:
    """A station is as good as its worst EVSE."""
    found = {view.obeys for view in evses}
    for worst in (Obeys.IGNORES, Obeys.UNCONTROLLED, Obeys.UNKNOWN, Obeys.PROVEN):
        if worst in found:
            return worst
    return Obeys.UNKNOWN


def evse(decision: Decision, view: EvseSnapshot, seen: StationSnapshot) -> Json:
    """One EVSE."""
    limit_a = limit(view)
    return {
        "connector_status": view.connector_status.value if view.connector_status else None,
        "charging_state": view.charging_state.value if view.charging_state else None,
        "limit_a": limit_a,
        "limit_w": None if limit_a is None else view.plan.limit_w(limit_a),
        "acknowledged_a": _rounded(view.acknowledged_a, 1),
        "measured_a": _phases(view.shown_a),
        "fallback_a": view.plan.fallback_a,
        "counts_a": _rounded(view.counts_a, 1),
        "reason": _reason(decision, view, seen, limit_a),
        "control": {
            "step": view.form.step.value,
            "form": str(view.form),
            "verdict": view.form_verdict.value if view.form_verdict else None,
        },
        "learned_l1": None if view.first_phase is None else view.first_phase.name,
        "transaction": view.transaction,
        "wish": _wish(decision.snapshot, view),
    }


def _wish(seen: SiteSnapshot, view: EvseSnapshot) -> Json | None:
    """When its car leaves and what it comes to: `class` 0 goes first, 2 like the rest; null: it counts for nothing."""
    wish, urgency = view.wish, seen.urgency.get(view.id)
    if wish is None:
        return None
    return {
        "departs_in_s": round(wish.departs_at - seen.at),
        "energy_kwh": None if wish.energy_wh is None else round(wish.energy_wh / 1000.0, 3),
        "taken_kwh": None if view.taken_wh is None else round(view.taken_wh / 1000.0, 3),
        "source": wish.source,
        "laxity_s": None if urgency is None else round(urgency.laxity_s),
        "class": None if urgency is None else urgency.rank,
    }


def limit(view: EvseSnapshot) -> float | None:
    """The offer that holds now; without one the fallback that its station accepted (idle, it may start with that).

    None: it was never told anything, so nothing but its own setting bounds it.
    """
    return _rounded(view.offered_a if view.offered_a is not None else view.fallback_installed_a, 1)


def _reason(decision: Decision, view: EvseSnapshot, seen: StationSnapshot, limit_a: float | None) -> str:
    if not view.online:
        return "offline: counted at what it may still draw" if seen.seen else "never seen: counted at its maximum"
    if view.obeys is Obeys.IGNORES:
        return "ignores limits: counted at the most it was seen to draw"
    if view.form.step is LadderStep.NONE:
        return "obeys nothing: counted at its maximum"
    if view.obeys is Obeys.UNCONTROLLED:
        return "refuses limits: counted at what it may draw"
    if not view.wants and view.fallback_installed_a is None:
        return "has not accepted its fallback yet: counted at its maximum"
    if not view.wants:
        return "idle: it may start with its fallback"
    return _share_reason(decision, view, limit_a)


def _share_reason(decision: Decision, view: EvseSnapshot, limit_a: float | None) -> str:
    offer = decision.allocation.offers.get(view.id)
    target = decision.allocation.targets.get(view.id)
    if not view.controllable or (offer is None and target is None):
        return "waits to be told its limit"
    if offer is not None and offer.limit_a == limit_a:
        return offer.reason
    if target is None:
        return offer.reason if offer is not None else ""
    if limit_a is None or target.limit_a > limit_a:
        return f"rises to {target.limit_a:g} A when its hold time is over and the current is free ({target.reason})"
    return target.reason


def why_json(
    topology: Topology, seen: SiteSnapshot, allocation: Allocation, id: EvseId, wall: datetime, same: bool = True
) -> Json:
    """The chain that set an EVSE's limit. `same` False: decided again by another version, and otherwise."""
    differs = {} if same else {"differs": "this version of sitectl decides otherwise than the one that recorded this"}
    return {
        "schema": SCHEMA,
        "station": id.station,
        "evse": id.evse,
        "time": format_utc(wall),
        "limit_a": limit(seen.evses[id]),
        **differs,
        "chain": why(topology, seen, allocation, id),
    }


def uplink(view: UplinkView) -> Json:
    """One central CSMS."""
    return {
        "state": view.state.value,
        "stations": view.stations,
        "backlog": view.backlog,
        "oldest_s": _rounded(view.oldest_s, 1),
        "dead": view.dead,
    }


def transaction(view: TransactionView, *, letters: bool = False) -> Json:
    """One transaction; with `letters`, why messages of it are dead."""
    told = {"dead_letters": [dead_letter(letter) for letter in view.dead_letters]} if letters else {}
    return {
        "id": view.id,
        "station": view.station,
        "evse": view.evse,
        "station_id": view.station_id,
        "id_token": view.id_token,
        "started": format_utc(view.started),
        "stopped": format_utc(view.stopped) if view.stopped is not None else None,
        "meter_start_wh": view.meter_start_wh,
        "meter_stop_wh": view.meter_stop_wh,
        "reason": view.reason,
        "synthetic": view.synthetic,
        "stopped_by": view.stopped_by,
        "clock": {"started": view.started_clock, "stopped": view.stopped_clock},
        "uplinks": {
            id: {"id": copy.id, "state": copy.state.value, "verdict": copy.verdict, "unsent": copy.unsent}
            for id, copy in view.uplinks.items()
        },
        **told,
    }


def dead_letter(letter: DeadLetter) -> Json:
    """A message that a central refused for good."""
    return {
        "uplink": letter.uplink,
        "action": letter.action,
        "payload": letter.payload,
        "created": format_utc(letter.created),
        "given_up": format_utc(letter.given_up) if letter.given_up is not None else None,
        "attempts": letter.attempts,
        "why": letter.why,
    }


def event(entry: JournalEntry) -> Json:
    """One line of the journal."""
    return {
        "schema": SCHEMA,
        "seq": entry.seq,
        "time": format_utc(entry.time),
        "type": entry.type,
        "station": entry.station,
        "evse": entry.evse,
        "data": entry.data,
    }


def find_evse(seen: SiteSnapshot, name: str) -> EvseId | None:
    """`CP01`, `CP01:2` or `CP01/2` -> an EVSE of the plan; without a number the first of the station."""
    if (numbered := _NUMBERED.fullmatch(name)) is not None:
        id = EvseId(StationId(numbered[1]), int(numbered[2]))
        return id if id in seen.evses else None
    return next((id for id in seen.evses if id.station == name), None)


def _phases(currents: PhaseCurrents | None) -> list[float] | None:
    return None if currents is None else [round(a, 1) for a in currents]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
