"""The steps over the interface, what people confirm of them, and the record."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from sitectl.evidence.commissioning import STEPS
from sitectl.model import events
from sitectl.model.station import StationIdentity
from sitectl.security.seal import Seal, verify
from sitectl.store.errors import StoreUnavailable
from tests.unit.api.quiet_site import CP01
from tests.unit.api.test_app import Answer, Served


async def post(served: Served, target: str, body: object) -> Answer:
    return await served.get(target, "POST", json.dumps(body), Content_Type="application/json")


async def lights(served: Served) -> dict[str, str]:
    answer = (await served.get("/v1/commission")).json
    return {step["key"]: step["light"] for step in answer["steps"]}


async def test_the_steps_stand_as_the_site_does(served: Served) -> None:
    served.quiet.connect(CP01)
    served.quiet.site.cycle()
    found = await lights(served)
    assert list(found) == list(STEPS)
    assert found["tree"] == found["tokens"] == "green"
    assert found["stations"] == "open"
    assert found["signals"] == "none"


async def test_a_test_of_a_meter_is_remembered(served: Served) -> None:
    served.quiet.meter(10.0, 11.0, 12.0)
    served.quiet.site.cycle()
    assert (await lights(served))["meters"] == "open"
    assert (await post(served, "/v1/commission/meters/main", {"ok": True})).status == 200
    assert (await lights(served))["meters"] == "green"
    assert (await post(served, "/v1/commission/meters/main", {"ok": False, "faults": ["L1 is reversed"]})).status == 200
    assert (await lights(served))["meters"] == "red"
    assert (await post(served, "/v1/commission/meters/spare", {"ok": True})).status == 404
    assert (await post(served, "/v1/commission/meters/main", {"ok": "yes"})).status == 422


async def test_what_is_open_can_be_confirmed_and_what_is_not_cannot(served: Served) -> None:
    path = "/v1/commission/steps/{}".format
    served.quiet.site.cycle()
    assert (await post(served, path("files"), {"note": "no remote firmware here"})).json["step"]["light"] == "by hand"
    assert (await served.get(path("files"), "DELETE")).json["step"]["light"] == "open"
    assert (await post(served, path("tree"), {"note": "never mind"})).status == 409
    assert (await post(served, path("nothing"), {"note": "never mind"})).status == 404
    assert (await post(served, path("files"), {"note": ""})).status == 422


async def test_the_record_is_signed_and_holds_the_site(served: Served) -> None:
    served.quiet.connect(CP01)
    served.quiet.site.cycle()
    record = (await post(served, "/v1/commission/record", {})).json
    assert verify(record) is None
    assert record["site"] == "depot-north"
    assert set(record["stations"]) == {"CP01", "CP02", "POST"}
    assert record["stations"]["CP01"]["firmware"] == "1.2"
    assert record["stations"]["POST"]["evses"]["2"]["wiring"] == "L2L3L1"
    assert not record["finished"]
    assert {step["key"]: step["light"] for step in record["steps"]}["record"] == "green"
    assert (await lights(served))["record"] == "green"


async def test_what_could_not_be_signed_was_not_made(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(seal: Seal, document: Mapping[str, Any]) -> dict[str, Any]:
        raise StoreUnavailable("the disk is full")

    served.quiet.site.cycle()
    monkeypatch.setattr(Seal, "sign", full)
    assert (await post(served, "/v1/commission/record", {})).status == 503
    assert (await lights(served))["record"] == "open"


async def test_an_exchanged_station_is_told_by_what_was_confirmed_and_recorded_of_it(served: Served) -> None:
    served.quiet.connect(CP01)
    served.quiet.site.cycle()
    assert (await post(served, "/v1/commission/steps/limits", {"note": "no car today"})).json["step"][
        "light"
    ] == "by hand"
    await post(served, "/v1/commission/record", {})
    other = StationIdentity("Acme", "AC-22", "1.3")
    served.quiet.site.post(events.StationBooted(CP01, served.quiet.clock.at, other))
    served.quiet.site.cycle()
    steps = {step["key"]: step for step in (await served.get("/v1/commission")).json["steps"]}
    for key in ("limits", "record"):
        assert steps[key]["light"] == "open"
        assert steps[key]["evidence"][-1] == "that was before firmware 1.2 became 1.3 (CP01)"
