"""Trials on a car that charges: begin one, look how it goes."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Response

from sitectl.api import views
from sitectl.api.answers import MOST_EVSE, as_json, look, no_station
from sitectl.api.bases import evse_basis
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.base.units import format_utc
from sitectl.model.ids import EvseId, StationId
from sitectl.site.trials import Trial, TrialFailed, TrialKind

PATIENCE_S, LOOK_S = 3.0, 0.25

Number = Annotated[int, Query(ge=0, le=MOST_EVSE, description="The EVSE; 0: the one that charges, or the first.")]
After = Annotated[
    int | None, Query(ge=0, description="Answer when it has told more steps than this, is over, or after 3 s.")
]
Who = Annotated[Peer, Depends(needs("technician"))]


def add_trials(app: FastAPI, behind: Behind) -> None:
    """The paths; before those that take everything below a station for its name."""

    @app.post("/v1/stations/{id}/trials/{kind}", summary="Begin a probe, a limit_test or a phase_test with a car")
    async def begin(id: str, kind: TrialKind, who: Who, evse: Number = 0) -> Response:
        meant = _meant(behind, id, evse)
        try:
            trial = behind.trials.begin(kind, meant, who.user, _basis(behind, meant))
        except TrialFailed as failure:
            raise HTTPException(409, str(failure)) from failure
        return as_json(_told(meant, trial))

    @app.get("/v1/stations/{id}/trials", summary="How the newest trial of an EVSE goes, or went")
    async def newest(id: str, evse: Number = 0, after: After = None) -> Response:
        meant = _meant(behind, id, evse)
        trial = behind.trials.newest(meant)
        if trial is not None and after is not None:
            await _more_said(trial, after, behind.closing)
        return as_json(_told(meant, trial))


def _basis(behind: Behind, evse: EvseId) -> dict[str, str]:
    state, decision = look(behind)
    meters = behind.overview.effective_configuration()["settings"]["meters"]
    return evse_basis(decision.snapshot.evses[evse], decision.snapshot, state.topology, meters)


async def _more_said(trial: Trial, after: int, closing: asyncio.Event) -> None:
    """Wait until it has told more, or is over; not for ever."""
    for _ in range(int(PATIENCE_S / LOOK_S)):
        if len(trial.said) > after or not trial.running or closing.is_set():
            return
        await asyncio.sleep(LOOK_S)


def _meant(behind: Behind, id: str, number: int) -> EvseId:
    """The EVSE of a station; without a number the one that charges."""
    station = StationId(id)
    plan = behind.site.state.topology.stations.get(station)
    if plan is None or not plan.installed:
        raise no_station(id, behind.site.state.topology.stations)
    evses = [one.id for one in plan.evses]
    if number:
        if EvseId(station, number) not in evses:
            raise HTTPException(404, f"{id} has no EVSE {number}; `sitectl stations {id}` shows those that it has")
        return EvseId(station, number)
    held = behind.site.state.evses
    return next((evse for evse in evses if held[evse].transaction is not None), evses[0])


def _told(evse: EvseId, trial: Trial | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"schema": views.SCHEMA, "station": evse.station, "evse": evse.evse}
    if trial is None:
        return {**answer, "kind": None, "running": False, "said": [], "outcome": None, "failed": None}
    return {
        **answer,
        "kind": trial.kind.value,
        "began": format_utc(trial.began),
        "running": trial.running,
        "said": list(trial.said),
        "outcome": trial.outcome,
        "failed": trial.failed or None,
    }
