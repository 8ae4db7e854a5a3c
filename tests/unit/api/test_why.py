"""Why an EVSE had its limit at a moment of the past: from memory, from a recording, or what there is instead."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from sitectl.base.tasks import Tasks
from sitectl.model.ids import EvseId
from sitectl.site.recorder import KEPT_S, PART_S
from tests.unit.api.quiet_site import CP01, WALL
from tests.unit.api.test_app import Served


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    served.server.open()
    running = Tasks().spawn(served.server.serve(), "api")
    served.quiet.all_well()
    served.quiet.charge(EvseId(CP01, 1), 10.0)
    served.quiet.pass_s(60, 5.0, 5.0, 5.0)
    yield served
    served.server.stop()
    await asyncio.wait_for(running, 5)


def at(served: Served) -> str:
    return quote((WALL + timedelta(seconds=served.quiet.clock.at - 1000.0)).isoformat())


async def test_the_chain_is_that_of_then(served: Served) -> None:
    then, told = at(served), (await served.get("/v1/why/CP01")).json
    served.quiet.pass_s(30, 120.0, 120.0, 120.0)
    later = (await served.get("/v1/why/CP01")).json
    found = (await served.get(f"/v1/why/CP01?at={then}")).json
    assert found["limit_a"] == told["limit_a"] > later["limit_a"]
    assert found["chain"] == told["chain"]
    assert [step["step"] for step in found["chain"]][:2] == ["demand", "class"]
    assert {"row", "share", "lawful", "offered", "acknowledged", "measured"} <= {
        step["step"] for step in found["chain"]
    }
    assert found["time"] == "2026-11-20T06:12:03Z"
    assert "differs" not in found


async def test_what_an_incident_recorded_outlives_memory(served: Served) -> None:
    then, told = at(served), (await served.get("/v1/why/CP01")).json
    await served.quiet.incidents.write()
    served.quiet.pass_s(KEPT_S + 2 * PART_S, 5.0, 5.0, 5.0)
    assert served.quiet.incidents.recorder.parts()[0].began > (WALL + timedelta(seconds=63)).timestamp()
    assert (await served.get(f"/v1/why/CP01?at={then}")).json["chain"] == told["chain"]


async def test_a_moment_that_nobody_recorded_is_refused_with_what_there_is(served: Served) -> None:
    await served.quiet.incidents.write()
    answer = await served.get("/v1/why/CP01?at=2026-11-19T12:00:00Z")
    assert answer.status == 404
    assert (
        "nothing is known of that moment: memory has 2026-11-20T06:11:01Z to 2026-11-20T06:12:03Z"
        in answer.json["detail"]
    )
    assert ".incident.gz has 2026-11-20T06:11:01Z" in answer.json["detail"]
    assert (await served.get("/v1/why/CP01?at=2026-11-20T06:13:00Z")).status == 404, "a minute after the last cycle"


async def test_a_moment_that_is_none_and_an_evse_that_is_none(served: Served) -> None:
    assert (await served.get("/v1/why/CP01?at=noon")).status == 422
    answer = await served.get(f"/v1/why/NO?at={at(served)}")
    assert (answer.status, answer.json["detail"]) == (404, "no station 'NO' here; `sitectl stations` lists them")


async def test_a_recording_that_cannot_be_read_is_told(served: Served) -> None:
    await served.quiet.incidents.write()
    (path,) = (served.quiet.incidents._folder).glob("*.gz")
    path.write_bytes(path.read_bytes()[:-200])
    served.quiet.incidents.recorder._parts.clear()
    served.quiet.incidents.recorder._running = None
    answer = await served.get("/v1/why/CP01?at=2026-11-20T06:12:00Z")
    assert answer.status == 503
    assert "cannot be read" in answer.json["detail"]
