"""Orders to stations over the real socket: what is passed on, and how each refusal is told."""

import pytest

from sitectl.model.commands import ResetKind
from tests.unit.api.test_app import Served
from tests.unit.api.test_ceilings import ME


async def test_orders_are_passed_on_with_who_gave_them(served: Served) -> None:
    said = (await served.get("/v1/stations/CP01/reset?hard=true", method="POST")).json
    assert said == {"schema": 1, "station": "CP01", "kind": "Immediate", "status": "Accepted"}
    assert (await served.get("/v1/stations/CP01/reset", method="POST")).json["kind"] == "OnIdle"
    said = (await served.get("/v1/stations/CP01/evses/2/unlock", method="POST")).json
    assert (said["evse"], said["status"]) == (2, "Accepted")
    found = (await served.get("/v1/stations/CP01/configuration?key=A&key=C")).json
    assert found["keys"] == {"A": {"value": "1", "readonly": False}, "B": {"value": "2", "readonly": True}}
    assert (found["unknown"], found["live"]) == (["C"], True)
    said = (await served.put("/v1/stations/CP01/configuration/A", '{"value": "7"}')).json
    assert (said["key"], said["value"], said["status"]) == ("A", "7", "Accepted")
    assert served.behind.station_orders.asked == [
        ("CP01", ResetKind.IMMEDIATE, ME),
        ("CP01", ResetKind.ON_IDLE, ME),
        ("CP01", 2, ME),
        ("CP01", ["A", "C"]),
        ("CP01", "A", "7", ME),
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/stations/CP99/reset", 404),
        ("/v1/stations/POST/reset", 409),
        ("/v1/stations/CP02/reset", 409),
        ("/v1/stations/CP02/reset?force=true", 200),
        ("/v1/stations/CP02/evses/1/unlock", 409),
        ("/v1/stations/CP01/evses/x/unlock", 422),
    ],
)
async def test_refusals_say_what_is_wrong(served: Served, path: str, status: int) -> None:
    answer = await served.get(path, method="POST")
    assert answer.status == status
    assert status == 200 or answer.json["detail"]


async def test_a_value_is_text_and_nothing_else(served: Served) -> None:
    for body in ('{"value": 7}', "{}", '{"value": "7", "more": 1}'):
        assert (await served.put("/v1/stations/CP01/configuration/A", body)).status == 422
    assert (await served.put("/v1/stations/CP01/configuration/AuthorizationKey", '{"value": "x"}')).status == 422
    assert (await served.get("/v1/stations/POST/configuration")).status == 409
