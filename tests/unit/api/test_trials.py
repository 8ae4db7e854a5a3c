"""Trials over the real socket: what is begun, what is refused and why, what stands at the station."""

from sitectl.model.ids import EvseId
from tests.unit.api.quiet_site import CP01, POST
from tests.unit.api.test_app import Served


async def begun(served: Served, station: str, kind: str, query: str = "") -> tuple[int, str]:
    answer = await served.get(f"/v1/stations/{station}/trials/{kind}{query}", "POST")
    return answer.status, answer.json.get("detail", "")


async def test_a_trial_begins_with_a_car_and_tells_its_steps(served: Served) -> None:
    served.quiet.all_well()
    served.quiet.charge(EvseId(CP01, 1), 16.0)
    served.quiet.pass_s(1, 20.0, 20.0, 20.0)
    nothing = (await served.get("/v1/stations/CP01/trials")).json
    assert (nothing["kind"], nothing["running"], nothing["evse"]) == (None, False, 1)
    answer = await served.get("/v1/stations/CP01/trials/probe", "POST")
    assert (answer.status, answer.json["kind"], answer.json["running"]) == (200, "probe", True)
    told = (await served.get("/v1/stations/CP01/trials?evse=1")).json
    assert told["said"] == ["the car draws 16.0 A; it is told 6 A in one form after the other"]
    assert await begun(served, "CP01", "limit_test") == (409, "a probe runs on CP01:1; wait for its end")
    later = (await served.get("/v1/stations/CP01/trials?after=0")).json
    assert later["said"] == told["said"], "it waits for more only where it was told all"
    chain = (await served.get("/v1/why/CP01")).json["chain"]
    assert any(step["step"] == "ceiling" and "probe" in step["text"] for step in chain)


async def test_what_cannot_be_tried_says_what_it_takes(served: Served) -> None:
    served.quiet.all_well()
    status, detail = await begun(served, "CP01", "probe")
    assert (status, detail.split(":")[0]) == (409, "nothing charges on CP01")
    assert (await begun(served, "CP09", "probe"))[0] == 404
    assert (await begun(served, POST, "probe", "?evse=7"))[1].startswith("POST has no EVSE 7")
    assert (await begun(served, "CP01", "nonsense"))[0] == 422


async def test_a_station_shows_how_it_is_controlled_and_what_its_memory_took(served: Served) -> None:
    served.quiet.all_well()
    served.quiet.charge(EvseId(CP01, 1), 16.0)
    shown = (await served.get("/v1/stations/CP01")).json["stations"]["CP01"]
    control = shown["evses"]["1"]["control"]
    assert (control["step"], control["form"]) == ("tx_profile", "TxProfile in A")
    assert (shown["evses"]["1"]["trials"], shown["evses"]["1"]["learned_l1"]) == ({}, None)
    written = shown["profiles_written"]
    assert (written["transaction_most"], written["persistent_most"]) == (500, 200)
    assert written["persistent"] >= 1, "its fallback"
