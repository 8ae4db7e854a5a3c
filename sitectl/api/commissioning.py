"""The steps from an empty box to a site that is proven, what people confirm of them, and the signed record."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from sitectl.api import views
from sitectl.api.answers import as_json, in_time, look
from sitectl.api.bases import meter_basis
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.api.site_facts import site_facts
from sitectl.base.units import format_utc
from sitectl.evidence.commissioning import STEPS, Light, Step, commissioning, everything, finished, left
from sitectl.evidence.facts import SiteFacts

RECORD_SCHEMA = 1
Who = Annotated[Peer, Depends(needs("technician"))]


class NoteBody(BaseModel):
    """Why a step counts as done."""

    model_config = ConfigDict(extra="forbid", strict=True)

    note: Annotated[str, Field(min_length=3, max_length=500, description="What was done, or why it does not apply.")]


class MeterTestBody(BaseModel):
    """How a test of a meter went."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ok: Annotated[bool, Field(description="Whether a fuse may rest on it.")]
    faults: Annotated[list[str], Field(max_length=50, description="What was wrong.")] = []


def add_commissioning(app: FastAPI, behind: Behind) -> None:
    """The paths."""

    @app.get("/v1/commission", summary="The twelve steps, each with its evidence")
    async def steps() -> Response:
        found = commissioning(await site_facts(behind))
        return as_json({"schema": views.SCHEMA, "finished": finished(found), "steps": [asdict(step) for step in found]})

    @app.post("/v1/commission/steps/{key}", summary="Confirm a step that cannot be seen from here, with a note")
    async def confirm(key: str, body: NoteBody, who: Who) -> Response:
        facts = await site_facts(behind)
        step = _step_of(facts, key)
        if step.light is not Light.OPEN and step.light is not Light.BY_HAND:
            why = (
                "is seen to be wrong, and nobody can confirm it" if step.light is Light.RED else "needs no confirmation"
            )
            raise HTTPException(409, f"{key} {why}: {step.do or step.evidence[0]}")
        await in_time(behind.notes.confirm(key, body.note, who.user, left(facts, key)))
        return as_json({"schema": views.SCHEMA, "step": asdict(await _step(behind, key))})

    @app.delete("/v1/commission/steps/{key}", summary="Withdraw a confirmation")
    async def withdraw(key: str, who: Who) -> Response:
        await _step(behind, key)
        await in_time(behind.notes.withdraw(key, who.user))
        return as_json({"schema": views.SCHEMA, "step": asdict(await _step(behind, key))})

    @app.post("/v1/commission/meters/{id}", summary="Remember how a test of a meter went")
    async def tested(id: str, body: MeterTestBody, who: Who) -> Response:
        _, decision = look(behind)
        if id not in decision.snapshot.meters:
            raise HTTPException(404, f"no meter {id!r} here; `sitectl meters` lists them")
        basis = meter_basis(behind.overview.effective_configuration()["settings"]["meters"][id])
        await in_time(behind.notes.meter_tested(id, body.model_dump(), who.user, basis))
        return as_json({"schema": views.SCHEMA, "meter": id, "ok": body.ok})

    @app.post("/v1/commission/record", summary="The commissioning record as it is now, signed by this gateway")
    async def record(who: Who) -> Response:
        facts, made = await site_facts(behind), format_utc(behind.overview.wall())
        of = everything(facts)
        document = _document(behind, replace(facts, recorded=made, recorded_of=of), made, who.user)
        signed = await in_time(behind.seal.sign(document))
        await in_time(behind.notes.recorded(who.user, of))  # what could not be signed was not made
        return as_json(signed)


async def _step(behind: Behind, key: str) -> Step:
    return _step_of(await site_facts(behind), key)


def _step_of(facts: SiteFacts, key: str) -> Step:
    if key not in STEPS:
        raise HTTPException(404, f"no step {key!r}; they are {', '.join(STEPS)}")
    return next(step for step in commissioning(facts) if step.key == key)


def _document(behind: Behind, facts: SiteFacts, made: str, by: str) -> dict[str, Any]:
    """What is handed over: the steps, the tree with its worst cases, every station with limits, wiring and tests."""
    state, decision = look(behind)
    steps = commissioning(facts)
    seen = decision.snapshot.stations
    stations = {
        id: {
            **{key: value for key, value in views.station(decision, seen[plan.id]).items() if key != "evses"},
            "serial": seen[plan.id].identity.serial or None,
            "circuit": plan.circuit,
            "max_a": plan.max_a,
            "credential": facts.stations[id].credential,
            "evses": {
                str(evse.id.evse): {
                    "max_a": evse.max_a,
                    "min_a": evse.min_a,
                    "fallback_a": evse.fallback_a,
                    **{
                        k: v for k, v in asdict(facts.stations[id].evses[str(evse.id.evse)]).items() if k != "by_choice"
                    },
                }
                for evse in plan.evses
                if str(evse.id.evse) in facts.stations[id].evses
            },
        }
        for id, plan in state.topology.stations.items()
        if id in facts.stations
    }
    return {
        "schema": RECORD_SCHEMA,
        "kind": "sitectl commissioning record",
        "site": facts.name,
        "made": made,
        "by": by,
        "finished": finished(steps),
        "steps": [asdict(step) for step in steps],
        "circuits": {id: asdict(circuit) for id, circuit in facts.circuits.items()},
        "if_dead": _if_dead(facts),
        "meters": {id: asdict(meter) for id, meter in facts.meters.items()},
        "stations": stations,
        "uplinks": {id: asdict(uplink) for id, uplink in facts.uplinks.items()},
        "drills": list(behind.drills.reports()),
        "signals": {id: {**asdict(signal), "seen": sorted(signal.seen)} for id, signal in facts.signals.items()},
        "authorization": {
            "mode": facts.authorization,
            "tokens": facts.tokens,
            "offline_unknown": facts.offline_unknown,
        },
    }


def _if_dead(facts: SiteFacts) -> list[str]:
    """The line that everybody asks for: what happens if this box dies now."""
    lines = []
    for id, circuit in facts.circuits.items():
        if circuit.ratio is None:
            continue
        worst = f"at worst {circuit.ratio:.2f} x its rating" + (f" for {circuit.for_s:g} s" if circuit.for_s else "")
        on = f" on {id} {circuit.phase}" if circuit.phase else f" on {id}"
        lines.append(
            f"if this box dies now: {worst}{on}, {'which it bears' if circuit.holds else 'NOT PROVEN TO HOLD'}"
        )
    return lines
