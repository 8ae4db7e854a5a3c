"""A central is tried, paused for a while, and goes on."""

from tests.unit.api.test_app import Served


async def test_a_trial_tells_who_stands_there_and_what_it_says_of_a_token(served: Served) -> None:
    answer = await served.get("/v1/uplinks/central/test?id_token=TAG", "POST")
    assert answer.json == {
        "schema": 1,
        "uplink": "central",
        "ok": False,
        "token": "Accepted",
        "stations": {
            "CP01": {"state": "accepted", "why": None, "heartbeat_ms": 4.2},
            "CP02": {"state": "refused", "why": "401", "heartbeat_ms": None},
        },
    }
    assert (await served.get("/v1/uplinks/newco/test", "POST")).status == 404


async def test_a_pause_begins_ends_and_cannot_last_for_ever(served: Served) -> None:
    path = "/v1/uplinks/central/pause"
    assert (await served.get(f"{path}?for_s=60", "POST")).json["paused_until"] == "2026-11-20T06:12:00Z"
    assert (await served.get(path, "DELETE")).json["paused_until"] is None
    assert (await served.get(path, "DELETE")).status == 409
    assert (await served.get(f"{path}?for_s=1e9", "POST")).status == 422
    assert (await served.get(f"{path}?for_s=nan", "POST")).status == 422
