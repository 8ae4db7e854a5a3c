"""What stands on the site: stations with what they say of themselves and how they are wired, meters, uplinks."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI, Response

from sitectl.api import views
from sitectl.api.answers import as_json, in_time, look
from sitectl.api.ports import Behind
from sitectl.base.errors import EnvironmentFault
from sitectl.base.units import format_utc
from sitectl.model.ids import StationId
from sitectl.model.journal import Wanted
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot
from sitectl.state.site_state import SiteState
from sitectl.state.station import StationState

ASKED_MOST = 50
"""So many stations that were not here since the start are looked for in the journal."""


def add_inventory(app: FastAPI, behind: Behind) -> None:
    """Add the path."""

    @app.get("/v1/inventory", summary="Everything that stands on the site, with versions, wiring and when it was seen")
    async def inventory() -> Response:
        state, decision = look(behind)
        seen = decision.snapshot
        earlier = await _earlier(behind, state)
        shown = views.stations(decision)
        stations = {
            id: {
                "vendor": one["vendor"],
                "model": one["model"],
                "serial": state.stations[StationId(id)].identity.serial or None,
                "firmware": one["firmware"],
                "ocpp": one["ocpp"],
                "address": state.stations[StationId(id)].address or None,
                "quarantined": one["quarantined"],
                "obeys": one["obeys"],
                "online": one["online"],
                "last_seen": _last_seen(behind, state.stations[StationId(id)], seen.at, earlier),
                **_plan(state, seen, StationId(id)),
            }
            for id, one in shown.items()
        }
        return as_json(
            {
                "schema": views.SCHEMA,
                "gateway": gateway(behind.overview.site_name),
                "stations": stations,
                "meters": _meters(behind, views.meters(decision)),
                "uplinks": _uplinks(behind),
            }
        )


def gateway(site: str) -> dict[str, Any]:
    """The box and what runs on it."""
    try:
        number = version("sitectl")
    except PackageNotFoundError:
        number = "unknown"
    return {
        "site": site,
        "host": platform.node(),
        "machine": platform.machine(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "sitectl": number,
    }


def _plan(state: SiteState, seen: SiteSnapshot, id: StationId) -> dict[str, Any]:
    """Where it hangs, and how each EVSE is wired and limited."""
    plan = state.topology.stations.get(id)
    evses = {evse.evse: view for evse, view in seen.evses.items() if evse.station == id}
    return {
        "circuit": None if plan is None else plan.circuit,
        "max_a": None if plan is None else plan.max_a,
        "evses": {str(number): _evse(view) for number, view in sorted(evses.items())},
    }


def _evse(view: EvseSnapshot) -> dict[str, Any]:
    plan = view.plan
    return {
        "max_a": plan.max_a,
        "min_a": plan.min_a,
        "max_w": plan.max_w,
        "phases": "".join(f"L{phase + 1}" for phase in plan.rotation.phases) if plan.rotation.known else "unknown",
        "learned_l1": None if view.first_phase is None else f"L{view.first_phase + 1}",
        "fallback_a": plan.fallback_a,
        "fallback_installed_a": view.fallback_installed_a,
        "obeys": view.obeys.value,
    }


def _last_seen(behind: Behind, station: StationState, now: float, earlier: Mapping[StationId, datetime]) -> str | None:
    if station.online:
        return format_utc(behind.overview.wall())
    if station.offline_since is not None:
        return format_utc(behind.overview.wall() - timedelta(seconds=now - station.offline_since))
    moment = earlier.get(station.id)
    return None if moment is None else format_utc(moment)


async def _earlier(behind: Behind, state: SiteState) -> Mapping[StationId, datetime]:
    """The newest event of stations that were not here since the start."""
    away = [id for id, one in state.stations.items() if not one.online and one.offline_since is None]
    found: dict[StationId, datetime] = {}
    with contextlib.suppress(EnvironmentFault):  # a disk that fails is told elsewhere
        for id in away[:ASKED_MOST]:
            for event in await in_time(behind.ledger.events(limit=1, wanted=Wanted(id))):
                found[id] = event.time
    return found


def _meters(behind: Behind, shown: Mapping[str, Any]) -> dict[str, Any]:
    settings = behind.overview.effective_configuration()["settings"].get("meters") or {}
    keys = ("sheet", "connection", "unit", "interval_s", "substitute", "sum", "minus", "on_lost")
    return {
        id: {key: (settings.get(id) or {}).get(key) for key in keys} | {"state": one["state"]}
        for id, one in shown.items()
    }


def _uplinks(behind: Behind) -> dict[str, Any]:
    settings = behind.overview.effective_configuration()["settings"].get("uplinks") or {}
    return {
        id: {
            "url": (settings.get(id) or {}).get("url"),
            "ocpp": (settings.get(id) or {}).get("ocpp"),
            "state": views.uplink(view)["state"],
            "stations": view.stations,
            "backlog": view.backlog,
            "oldest_s": view.oldest_s,
        }
        for id, view in behind.overview.uplinks().items()
    }
