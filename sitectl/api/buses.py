"""Signals as they stand, and the field buses that the daemon owns: how well each device answers, and single reads.

What looks at a meter for a person (reads it, watches it, scans for it) runs with that person. It cannot open a line
that the daemon owns, so it reads through here. Devices of the configuration may be read by everybody, others by
technicians.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response

from sitectl.api import views
from sitectl.api.answers import as_json
from sitectl.api.ports import Behind
from sitectl.api.roles import needs
from sitectl.base.units import format_utc
from sitectl.fieldbus.bus import ReadFailed
from sitectl.fieldbus.queued import QueuedBus
from sitectl.model.signals import SignalView

Unit = Annotated[int, Query(ge=0, le=255)]
Function = Annotated[int, Query(ge=1, le=4, description="1 coils, 2 discrete inputs, 3 holding, 4 input registers.")]
Address = Annotated[int, Query(ge=0, le=65535, description="From 0, as on the wire.")]
Count = Annotated[int, Query(ge=1, le=125)]


def add_buses(app: FastAPI, behind: Behind) -> None:
    """The paths."""
    turns: dict[str, asyncio.Lock] = {}
    """One read at a time on each bus: whoever asks here, a meter that guards a fuse waits for one other at most."""

    @app.get("/v1/buses", summary="The field buses, with how often each device answered, and how not")
    async def buses() -> Response:
        found = {
            connection.endpoint: {"connection": str(connection), "units": _units(bus)}
            for connection, bus in behind.buses().all.items()
        }
        return as_json({"schema": views.SCHEMA, "buses": found})

    @app.get("/v1/signals", summary="The relay contacts that may bound a circuit, as they stand")
    async def signals() -> Response:
        return as_json({"schema": views.SCHEMA, "signals": {view.name: _signal(view) for view in behind.signals()}})

    @app.get("/v1/buses/read", summary="Read registers, or bits, of one device")
    async def read(
        request: Request, endpoint: str, unit: Unit, function: Function, address: Address, count: Count
    ) -> Response:
        bus = next((bus for each, bus in behind.buses().all.items() if each.endpoint == endpoint), None)
        if bus is None:
            raise HTTPException(404, f"no bus of this site is at {endpoint!r}; /v1/buses lists them")
        if not bus.is_known(unit):
            needs("technician")(request)
        async with turns.setdefault(endpoint, asyncio.Lock()):
            outcome = await bus.read(unit, function, address, count)
        if isinstance(outcome, ReadFailed):
            return as_json({"schema": views.SCHEMA, "fault": outcome.fault.value, "why": outcome.why})
        return as_json({"schema": views.SCHEMA, "words": outcome.words})


def _signal(view: SignalView) -> dict[str, Any]:
    return {
        "input": view.input,
        "contact": None if view.contact is None else view.contact.value,
        "since": None if view.since is None else format_utc(view.since),
        "why": view.why or None,
        "asks": [{"circuit": bound.circuit, "ceiling_a": bound.ceiling_a} for bound in view.asks],
    }


def _units(bus: QueuedBus) -> dict[str, dict[str, int]]:
    return {str(unit): counts.as_dict() for unit, counts in bus.counts.items()}
