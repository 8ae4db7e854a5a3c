"""What one may do to a station: take it, or one of its EVSEs, out of service and back, for the site itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Response

from sitectl.api import views
from sitectl.api.answers import MOST_EVSE, as_json, no_station
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.model.ids import EvseId, StationId

Who = Annotated[Peer, Depends(needs("technician"))]
Number = Annotated[int, Query(ge=0, le=MOST_EVSE, description="The EVSE; 0: the whole station.")]


def add_stations(app: FastAPI, behind: Behind) -> None:
    """The paths."""

    @app.post(
        "/v1/stations/{id}/availability",
        summary="Take a station or an EVSE out of service, or back into it",
    )
    async def availability(id: str, operative: bool, who: Who, evse: Number = 0) -> Response:
        station = StationId(id)
        plan = behind.site.state.topology.stations.get(station)
        if plan is None or not plan.installed:
            raise no_station(id, behind.site.state.topology.stations)
        if evse and EvseId(station, evse) not in [one.id for one in plan.evses]:
            raise HTTPException(404, f"{id} has no EVSE {evse}; `sitectl stations {id}` shows those that it has")
        status = await behind.orders.wish(EvseId(station, evse), operative, by=who.user)
        if status == "Rejected":
            raise HTTPException(409, f"{id} did not take it; `sitectl timeline {id}` shows what it said")
        answer = {"schema": views.SCHEMA, "station": id, "evse": evse, "operative": operative, "status": status}
        return as_json(answer)
