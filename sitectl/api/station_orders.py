"""What one may order of a station: a reset, an unlocked plug, its configuration."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from sitectl.api import views
from sitectl.api.answers import EvseNumber, as_json, no_station
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.model.commands import ResetKind
from sitectl.model.ids import EvseId, StationId
from sitectl.stations.orders import NotOrdered, Ordered

Who = Annotated[Peer, Depends(needs("technician"))]
Force = Annotated[bool, Query(description="Also while a car charges there: its transaction ends.")]
Hard = Annotated[bool, Query(description="Hard: at once, whatever it does; else softly.")]


class ValueBody(BaseModel):
    """What a configuration key shall be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    value: Annotated[str, Field(max_length=500, description="As the station writes it.")]


def add_station_orders(app: FastAPI, behind: Behind) -> None:
    """The paths; before those that take everything below a station for its name."""

    @app.post("/v1/stations/{id}/reset", summary="Reset a station")
    async def reset(id: str, who: Who, hard: Hard = False, force: Force = False) -> Response:
        kind = ResetKind.IMMEDIATE if hard else ResetKind.ON_IDLE
        done = _done(behind, id, await behind.station_orders.reset(StationId(id), kind, who.user, force=force))
        return as_json({"schema": views.SCHEMA, "station": id, "kind": kind.value, "status": done.status})

    @app.post("/v1/stations/{id}/evses/{evse}/unlock", summary="Release the plug of an EVSE")
    async def unlock(id: str, evse: EvseNumber, who: Who, force: Force = False) -> Response:
        done = _done(behind, id, await behind.station_orders.unlock(EvseId(StationId(id), evse), who.user, force=force))
        return as_json({"schema": views.SCHEMA, "station": id, "evse": evse, "status": done.status})

    @app.get(
        "/v1/stations/{id}/configuration",
        summary="The configuration keys of a station, asked for now; of one that is away, as they were read before",
        dependencies=[Depends(needs("technician"))],
    )
    async def read(id: str, key: Annotated[list[str] | None, Query(description="Only these.")] = None) -> Response:
        found = await behind.station_orders.read(StationId(id), key or ())
        if isinstance(found, NotOrdered):
            raise _refusal(behind, id, found)
        keys = {name: {"value": value, "readonly": fixed} for name, (value, fixed) in sorted(found.values.items())}
        answer: dict[str, Any] = {"schema": views.SCHEMA, "station": id, "live": found.live, "keys": keys}
        return as_json({**answer, "unknown": list(found.unknown)})

    @app.put("/v1/stations/{id}/configuration/{key}", summary="Write one configuration key of a station")
    async def write(id: str, key: str, body: ValueBody, who: Who) -> Response:
        done = _done(behind, id, await behind.station_orders.write(StationId(id), key, body.value, who.user))
        answer = {"schema": views.SCHEMA, "station": id, "key": key, "value": body.value, "status": done.status}
        return as_json(answer)


def _done(behind: Behind, id: str, outcome: Ordered | NotOrdered) -> Ordered:
    if isinstance(outcome, NotOrdered):
        raise _refusal(behind, id, outcome)
    return outcome


def _refusal(behind: Behind, id: str, refused: NotOrdered) -> HTTPException:
    if refused.unknown and StationId(id) not in (known := behind.site.state.topology.stations):
        return no_station(id, known)
    return HTTPException(404 if refused.unknown else 422 if refused.invalid else 409, refused.why)
