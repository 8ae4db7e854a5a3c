"""Why an EVSE has the limit that it has, or had at a moment of the past."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Response

from sitectl.api import views
from sitectl.api.answers import as_json, in_time, look, moment, no_station
from sitectl.api.ports import Behind
from sitectl.model.ids import EvseId
from sitectl.model.snapshot import SiteSnapshot
from sitectl.site.incidents import NotCovered

REPLAY_S = 30.0
"""A thousand stations are decided again for two minutes and a half within this, beside everything else."""

At = Annotated[str | None, Query(description="as it was then (ISO 8601): in the last 15 min, or an incident")]


def add_why(app: FastAPI, behind: Behind) -> None:
    """The path."""

    @app.get("/v1/why/{id:path}", summary="The chain that set an EVSE's limit, now or at a moment of the past")
    async def why(id: str, at: At = None) -> Response:
        if at is not None:
            return await _then(behind, id, moment("at", at))
        state, decision = look(behind)
        seen = decision.snapshot
        evse = _evse(seen, id)
        return as_json(views.why_json(state.topology, seen, decision.allocation, evse, behind.overview.wall()))


async def _then(behind: Behind, id: str, at: datetime) -> Response:
    found = await in_time(behind.recordings.at(at.timestamp()), REPLAY_S)
    if isinstance(found, NotCovered):
        raise HTTPException(404, found.why)
    topology, when = found.basis.compiled.topology, datetime.fromtimestamp(found.wall, UTC)
    evse = _evse(found.snapshot, id)
    return as_json(views.why_json(topology, found.snapshot, found.allocation, evse, when, found.same))


def _evse(seen: SiteSnapshot, name: str) -> EvseId:
    evse = views.find_evse(seen, name)
    if evse is None:
        station = name.partition(":")[0]
        if station not in seen.stations:
            raise no_station(station, seen.stations)
        raise HTTPException(404, f"no EVSE {name!r} here; `sitectl stations {station}` shows those that it has")
    return evse
