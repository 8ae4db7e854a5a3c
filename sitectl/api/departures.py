"""When the car at an EVSE leaves, and what it needs until then."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from sitectl.api import views
from sitectl.api.answers import EvseNumber, as_json, in_time
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.base.units import format_utc
from sitectl.model.ids import EvseId, StationId
from sitectl.site.departures import NotSaid


class DepartureBody(BaseModel):
    """What is known of a departure. Numbers are judged where they are used, so that each refusal says what is taken."""

    model_config = ConfigDict(extra="forbid", strict=True)

    at: Annotated[str | None, Field(description="A time of day of the site (17:30), or a moment with its zone.")] = None
    in_s: Annotated[float | None, Field(description="Or in so many seconds from now.")] = None
    energy_kwh: Annotated[float | None, Field(description="What it needs, from the start of its transaction on.")] = (
        None
    )


Who = Annotated[Peer, Depends(needs("technician"))]
_PATH = "/v1/stations/{id}/evses/{evse}/departure"


def add_departures(app: FastAPI, behind: Behind) -> None:
    """The paths; before those that take everything below a station for its name."""

    @app.put(_PATH, summary="Say when the car at an EVSE leaves, and what it needs: it moves in the order of charging")
    async def leaves(id: str, evse: EvseNumber, body: DepartureBody, who: Who) -> Response:
        place = EvseId(StationId(id), evse)
        said = await behind.departures.set(place, body.at, body.in_s, body.energy_kwh, who.user)
        if isinstance(said, NotSaid):
            raise _refusal(said, id)
        energy_wh = said.wish.energy_wh
        return as_json(
            {
                "schema": views.SCHEMA,
                "station": id,
                "evse": evse,
                "departs": format_utc(said.departs),
                "energy_kwh": None if energy_wh is None else round(energy_wh / 1000.0, 3),
                "source": said.wish.source,
                "kept": said.kept,
            }
        )

    @app.delete(_PATH, summary="Withdraw what was said of a departure")
    async def stays(id: str, evse: EvseNumber, who: Who) -> Response:
        there = await in_time(behind.departures.clear(EvseId(StationId(id), evse), who.user))
        if isinstance(there, NotSaid):
            raise _refusal(there, id)
        return as_json({"schema": views.SCHEMA, "station": id, "evse": evse, "departs": None, "cleared": there})


def _refusal(refused: NotSaid, station: str) -> HTTPException:
    if refused.unknown:
        return HTTPException(404, f"{refused.why}; `sitectl stations` lists stations and their EVSEs")
    return HTTPException(422, refused.why)
