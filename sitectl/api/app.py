"""Which path gives which answer. Whoever may open the socket may ask; what changes something needs a role (`roles`)."""

from __future__ import annotations

import contextlib

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as HttpError

from sitectl.api import views
from sitectl.api.adoption import add_adoption
from sitectl.api.alerts import add_alerts
from sitectl.api.answers import as_json, in_time, look, no_station
from sitectl.api.backup import add_backup
from sitectl.api.buses import add_buses
from sitectl.api.ceilings import add_ceilings
from sitectl.api.commissioning import add_commissioning
from sitectl.api.departures import add_departures
from sitectl.api.drills import add_drills
from sitectl.api.energy import add_energy
from sitectl.api.exports import add_exports
from sitectl.api.healing import add_healing
from sitectl.api.inventory import add_inventory
from sitectl.api.ledger import add_ledger
from sitectl.api.metrics import add_metrics
from sitectl.api.openapi import TITLE, VERSION, describe
from sitectl.api.passwords import add_passwords
from sitectl.api.ports import Behind
from sitectl.api.quirks import add_quirks
from sitectl.api.station_orders import add_station_orders
from sitectl.api.stations import add_stations
from sitectl.api.trials import add_trials
from sitectl.api.uplinks import add_uplinks
from sitectl.api.why import add_why
from sitectl.base.errors import EnvironmentFault
from sitectl.model.ids import StationId
from sitectl.model.transaction import TransactionTotals

TOTALS_S = 1.0


def make_app(behind: Behind) -> FastAPI:
    """The application; its OpenAPI text stands at /openapi.json."""
    app = FastAPI(title=TITLE, version=VERSION, docs_url=None, redoc_url=None)
    app.state.roles = behind.roles
    _add_refusals(app)
    add_adoption(app, behind)
    add_commissioning(app, behind)
    add_drills(app, behind)
    add_uplinks(app, behind)
    add_alerts(app, behind)
    add_ceilings(app, behind)
    add_departures(app, behind)
    add_buses(app, behind)
    add_trials(app, behind)
    add_station_orders(app, behind)
    add_passwords(app, behind)
    add_healing(app, behind)
    add_why(app, behind)
    add_quirks(app, behind)
    add_metrics(app, behind)
    _add_site(app, behind)
    add_stations(app, behind)
    add_inventory(app, behind)
    add_ledger(app, behind)
    if behind.history is not None:
        add_energy(app, behind, behind.history)
        add_exports(app, behind, behind.history)
        add_backup(app, behind.history)
    describe(app)
    return app


def _add_refusals(app: FastAPI) -> None:
    """Every refusal is JSON: `detail` says what is wrong and what to do."""

    @app.exception_handler(HttpError)
    async def refused(request: Request, error: HttpError) -> Response:
        detail = error.detail
        if error.status_code == 404 and detail == "Not Found":
            detail = f"nothing stands at {request.url.path}; /openapi.json lists what does"
        elif error.status_code == 405:
            detail = f"{request.url.path} does not take {request.method}; /openapi.json lists what it takes"
        return as_json({"detail": detail}, error.status_code)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [f"{fault['loc'][-1]}={fault.get('input')!r}: {fault['msg']}" for fault in error.errors()]
        return as_json({"detail": "; ".join(faults)}, 422)

    @app.exception_handler(EnvironmentFault)
    async def unavailable(request: Request, error: EnvironmentFault) -> Response:
        return as_json({"detail": f"{error}; `sitectl status` says what to do"}, 503)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return as_json({"detail": "the daemon failed over this question and goes on; its log says why"}, 500)


def _add_site(app: FastAPI, behind: Behind) -> None:
    @app.get("/v1/status", summary="One look at everything")
    async def status() -> Response:
        totals: TransactionTotals | None = None
        with contextlib.suppress(EnvironmentFault):  # a disk that fails is one of the things that status tells
            totals = await in_time(behind.ledger.totals(), TOTALS_S)
        overview, times = behind.overview, behind.site.times
        uplinks, problems, disk = overview.uplinks(), overview.problems(), overview.store()
        name, wall, signals = overview.site_name, overview.wall(), behind.signals()
        return as_json(views.status(name, wall, *look(behind), times, problems, uplinks, totals, disk, signals))

    @app.get("/v1/stations", summary="All stations")
    async def stations() -> Response:
        _, decision = look(behind)
        return as_json({"schema": views.SCHEMA, "stations": views.stations(decision)})

    @app.get("/v1/stations/{id:path}", summary="One station")
    async def station(id: str) -> Response:
        _, decision = look(behind)
        seen = decision.snapshot.stations.get(StationId(id))
        if seen is None:
            raise no_station(id, decision.snapshot.stations)
        shown = views.station(decision, seen)
        for evse in seen.evses:
            shown["evses"][str(evse.evse)]["trials"] = behind.trials.kept(evse)
        shown["profiles_written"] = views.written(behind.site.written(seen.id), in_ram=seen.profiles_in_ram)
        return as_json({"schema": views.SCHEMA, "stations": {seen.id: shown}})

    @app.get("/v1/meters", summary="All grid meters")
    async def meters() -> Response:
        _, decision = look(behind)
        return as_json({"schema": views.SCHEMA, "meters": views.meters(decision)})

    @app.get("/v1/uplinks", summary="All central CSMSs")
    async def uplinks() -> Response:
        found = {id: views.uplink(view) for id, view in behind.overview.uplinks().items()}
        return as_json({"schema": views.SCHEMA, "uplinks": found})

    @app.get("/v1/config", summary="The effective configuration and where each value comes from")
    async def config() -> Response:
        return as_json({"schema": views.SCHEMA, **behind.overview.effective_configuration()})
