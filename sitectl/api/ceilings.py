"""Ceilings from outside: set one on a circuit, a station or an EVSE, for a while or until it is withdrawn."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from sitectl.api import views
from sitectl.api.answers import EvseNumber, as_json, in_time, no_station
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.base.units import format_utc
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.site.ceilings import Bounded, NotTaken, Stands, configured_a


class CeilingBody(BaseModel):
    """What is asked for. Numbers are judged where they are used, so that each refusal says what is taken."""

    model_config = ConfigDict(extra="forbid", strict=True)

    value: Annotated[float, Field(description="Ampere per phase; 0: nothing may charge.")]
    valid_s: Annotated[float | None, Field(description="For so long (s); absent: until it is withdrawn.")] = None


Who = Annotated[Peer, Depends(needs("technician"))]
Strict = Annotated[bool, Query(description="More than the configuration allows is refused, not cut to that.")]
_OF_EVSE = "/v1/stations/{id}/evses/{evse}/ceiling"
_OF_CIRCUIT = "/v1/circuits/{id}/ceiling"


def add_ceilings(app: FastAPI, behind: Behind) -> None:
    """The paths; before those that take everything below a station for its name."""

    @app.put(_OF_CIRCUIT, summary="Lower what a circuit may carry, for a while or until it is withdrawn")
    async def bound_circuit(id: str, body: CeilingBody, who: Who, strict: Strict = False) -> Response:
        return await _set(behind, Bounded(circuit=CircuitId(id)), body, who, strict)

    @app.delete(_OF_CIRCUIT, summary="Withdraw the ceiling that was set on a circuit")
    async def free_circuit(id: str, who: Who) -> Response:
        return await _clear(behind, Bounded(circuit=CircuitId(id)), who)

    @app.get(_OF_CIRCUIT, summary="All ceilings on a circuit, whoever set them")
    async def of_circuit(id: str) -> Response:
        return _listed(behind, Bounded(circuit=CircuitId(id)))

    @app.put(
        _OF_EVSE, summary="Lower what an EVSE (0: the whole station) may draw, for a while or until it is withdrawn"
    )
    async def bound_evse(id: str, evse: EvseNumber, body: CeilingBody, who: Who, strict: Strict = False) -> Response:
        return await _set(behind, Bounded(evse=EvseId(StationId(id), evse)), body, who, strict)

    @app.delete(_OF_EVSE, summary="Withdraw the ceiling that was set on an EVSE (0: the whole station)")
    async def free_evse(id: str, evse: EvseNumber, who: Who) -> Response:
        return await _clear(behind, Bounded(evse=EvseId(StationId(id), evse)), who)

    @app.get(_OF_EVSE, summary="All ceilings on an EVSE (0: the whole station), whoever set them")
    async def of_evse(id: str, evse: EvseNumber) -> Response:
        return _listed(behind, Bounded(evse=EvseId(StationId(id), evse)))


async def _set(behind: Behind, bounded: Bounded, body: CeilingBody, who: Peer, strict: bool) -> Response:
    most_a = configured_a(behind.site.state.topology, bounded)
    if strict and most_a is not None and body.value > most_a:
        raise HTTPException(422, f"{body.value:g} A: {bounded} is configured for {most_a:g} A at most; nothing changed")
    outcome = await behind.ceilings.set(bounded, body.value, body.valid_s, who.user)
    if isinstance(outcome, NotTaken):
        raise HTTPException(404 if outcome.unknown else 422, _with_cure(outcome))
    return as_json({"schema": views.SCHEMA, **_where(bounded), **_stands(outcome)})


def _with_cure(refused: NotTaken) -> str:
    return f"{refused.why}; `sitectl status` lists circuits and stations" if refused.unknown else refused.why


def _stands(stands: Stands) -> dict[str, Any]:
    return {
        "ceiling_a": round(stands.ceiling.ceiling_a, 3),
        "source": stands.ceiling.source,
        "until": None if stands.expires is None else format_utc(stands.expires),
        "kept": stands.kept,
        "notes": list(stands.notes),
    }


async def _clear(behind: Behind, bounded: Bounded, who: Peer) -> Response:
    there = await in_time(behind.ceilings.clear(bounded, who.user))
    return as_json({"schema": views.SCHEMA, **_where(bounded), "ceiling_a": None, "cleared": there})


def _where(bounded: Bounded) -> dict[str, Any]:
    if bounded.evse is None:
        return {"circuit": bounded.circuit}
    return {"station": bounded.evse.station, "evse": bounded.evse.evse}


def _listed(behind: Behind, bounded: Bounded) -> Response:
    topology = behind.site.state.topology
    if bounded.evse is not None and bounded.evse.station not in topology.stations:
        raise no_station(bounded.evse.station, topology.stations)
    if bounded.circuit is not None and bounded.circuit not in topology.circuits:
        names = ", ".join(topology.circuits)
        raise HTTPException(404, f"no circuit {bounded.circuit!r} here; there is {names}")
    found = views.ceilings(behind.site.state, behind.overview.wall(), behind.overview.monotonic(), bounded)
    return as_json({"schema": views.SCHEMA, **_where(bounded), "ceilings": found})
