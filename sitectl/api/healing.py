"""Healing for people: how it stands, what it did or would have done, by which rules; its mode, and whom it leaves
alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from sitectl.api import healing_views, views
from sitectl.api.answers import as_json, in_time, moment, no_station
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.model.health import HealingMode
from sitectl.model.ids import StationId

SAVED_WITHIN = timedelta(days=1)
"""What was charged so soon after healing had helped is what a person who comes the next day would have lost."""

LONGEST_PAUSE_S = 366 * 86_400.0
Who = Annotated[Peer, Depends(needs("technician"))]


class ModeBody(BaseModel):
    """What healing shall do."""

    model_config = ConfigDict(extra="forbid", strict=True)

    mode: Annotated[Literal["observe", "act", "off"] | None, Field(description="null: as configured.")]


class PauseBody(BaseModel):
    """Why healing shall leave a station alone, and for how long."""

    model_config = ConfigDict(extra="forbid", strict=True)

    why: Annotated[str, Field(max_length=200)] = ""
    for_s: Annotated[
        float | None, Field(gt=0, le=LONGEST_PAUSE_S, allow_inf_nan=False, description="null: until it is resumed.")
    ] = None


def add_healing(app: FastAPI, behind: Behind) -> None:
    """The paths; before those that take everything below a station for its name."""
    healer = behind.healing

    @app.get("/v1/healing", summary="How healing stands: what is wrong, what is being done, what comes next")
    async def standing() -> Response:
        return as_json({"schema": views.SCHEMA, **_standing(behind)})

    @app.put("/v1/healing/mode", summary="Let healing observe, act, or rest")
    async def mode(body: ModeBody, who: Who) -> Response:
        await in_time(healer.set_mode(None if body.mode is None else HealingMode(body.mode), who.user))
        return as_json({"schema": views.SCHEMA, **_mode(behind)})

    @app.get("/v1/healing/rules", summary="The rules of healing")
    async def rules() -> Response:
        return as_json({"schema": views.SCHEMA, **healing_views.rules(healer.rules)})

    @app.get("/v1/healing/history", summary="What healing did, or would have done, and how well that works")
    async def history(
        since: Annotated[str | None, Query(description="ISO 8601.")] = None,
        station: Annotated[str | None, Query(description="Only of this station.")] = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Response:
        begin = None if since is None else moment("since", since)
        found = await in_time(behind.attempts.history(begin, None if station is None else StationId(station), limit))
        count, wh = await in_time(behind.attempts.saved(found, SAVED_WITHIN))
        saved = {"transactions": count, "energy_kwh": round(wh / 1000.0, 3), "within_h": 24}
        figures = {**healing_views.statistics(found), "saved": saved}
        listed = [healing_views.stored(one) for one in found]
        return as_json({"schema": views.SCHEMA, **_mode(behind), "statistics": figures, "attempts": listed})

    @app.put("/v1/stations/{id}/healing/pause", summary="Let healing leave a station alone")
    async def pause(id: str, body: PauseBody, who: Who) -> Response:
        await in_time(healer.pause(_listed(behind, id), who.user, body.why, body.for_s))
        return as_json({"schema": views.SCHEMA, "station": id, "paused": True, "by": who.user, "why": body.why})

    @app.delete("/v1/stations/{id}/healing/pause", summary="Heal a station again; a tamper alarm counts as looked at")
    async def resume(id: str, who: Who) -> Response:
        was = await in_time(healer.resume(_listed(behind, id), who.user))
        return as_json({"schema": views.SCHEMA, "station": id, "paused": False, "was_paused": was})


def _listed(behind: Behind, id: str) -> StationId:
    station = StationId(id)
    if station not in behind.site.state.topology.stations:
        raise no_station(id, behind.site.state.topology.stations)
    return station


def _mode(behind: Behind) -> dict[str, Any]:
    healer = behind.healing
    return {"mode": healer.mode.value, "mode_source": healer.mode_source or "configuration"}


def _standing(behind: Behind) -> dict[str, Any]:
    healer, now = behind.healing, behind.overview.monotonic()
    cases = [
        healing_views.case(case, now)
        for memory in healer.memory.stations.values()
        for case in memory.cases
        if case.opened and case.closed_at is None
    ]
    paused = [
        {"station": station, "by": one.by, "why": one.why or None} for station, one in sorted(healer.paused().items())
    ]
    return {**_mode(behind), "cases": cases, "paused": paused}
