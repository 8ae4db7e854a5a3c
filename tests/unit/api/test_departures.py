"""Departures over the real socket: what is taken, refused and shown."""

import pytest

from sitectl.model.ids import EvseId
from tests.unit.api.quiet_site import CP01
from tests.unit.api.test_app import Served
from tests.unit.api.test_ceilings import ME

PATH = "/v1/stations/CP01/evses/1/departure"


async def test_what_is_said_is_shown_and_withdrawn(served: Served) -> None:
    served.quiet.all_well()
    served.quiet.charge(EvseId(CP01, 1), 10.0)
    said = (await served.put(PATH, '{"in_s": 5400, "energy_kwh": 10}')).json
    assert (said["departs"], said["energy_kwh"], said["source"], said["kept"]) == (
        "2026-11-20T07:41:00Z",
        10.0,
        ME,
        True,
    )
    served.quiet.pass_s(2, 5.0, 5.0, 5.0)
    wish = (await served.get("/v1/stations/CP01")).json["stations"]["CP01"]["evses"]["1"]["wish"]
    assert (wish["departs_in_s"], wish["energy_kwh"], wish["source"]) == (5398, 10.0, ME)
    assert wish["class"] in (0, 1)
    chain = (await served.get("/v1/why/CP01")).json["chain"]
    assert next(step["text"] for step in chain if step["step"] == "laxity").startswith(
        f"{ME} says that it leaves in 90 min"
    )
    assert (await served.get(PATH, "DELETE")).json["cleared"]
    assert not (await served.get(PATH, "DELETE")).json["cleared"]
    assert (await served.get("/v1/stations/CP01")).json["stations"]["CP01"]["evses"]["1"]["wish"] is None


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (PATH, "{}", 422, "say either"),
        (PATH, '{"at": "tomorrow"}', 422, "write a time of day like 17:30"),
        (PATH, '{"in_s": "60"}', 422, "Input should be a valid number"),
        (PATH, '{"in_s": 60, "kwh": 3}', 422, "Extra inputs are not permitted"),
        ("/v1/stations/CP01/evses/9/departure", '{"in_s": 60}', 404, "`sitectl stations` lists"),
        ("/v1/stations/nobody/evses/1/departure", '{"in_s": 60}', 404, "no EVSE"),
    ],
)
async def test_what_is_refused_says_why(served: Served, path: str, body: str, status: int, words: str) -> None:
    answer = await served.put(path, body)
    assert answer.status == status
    assert words in answer.json["detail"]
