"""Ceilings over the real socket: what is taken, clipped and refused, and where they are listed."""

import json
import os
import pwd

import pytest

from sitectl.model.ids import CircuitId, EvseId
from tests.unit.api.quiet_site import CP01
from tests.unit.api.test_app import Served

GARAGE, STATION = "/v1/circuits/garage/ceiling", "/v1/stations/CP01/evses/0/ceiling"
POST2 = "/v1/stations/POST/evses/2/ceiling"
ME = pwd.getpwuid(os.geteuid()).pw_name


async def test_what_is_set_holds_at_once_and_is_listed_with_its_owner(served: Served) -> None:
    served.quiet.all_well()
    served.quiet.charge(EvseId(CP01, 1), 10.0)
    served.quiet.pass_s(60, 5.0, 5.0, 5.0)
    answer = await served.put(GARAGE, '{"value": 20.5, "valid_s": 90}')
    assert (answer.status, answer.json) == (
        200,
        {
            "schema": 1,
            "circuit": "garage",
            "ceiling_a": 20.5,
            "source": ME,
            "until": "2026-11-20T06:12:30Z",
            "kept": True,
            "notes": [],
        },
    )
    assert (await served.put(STATION, '{"value": 8}')).json["until"] is None
    served.quiet.pass_s(2, 5.0, 5.0, 5.0)
    status = (await served.get("/v1/status")).json
    assert status["circuits"]["garage"]["ceiling_a"] == [20.5] * 3
    assert status["stations"]["CP01"]["evses"]["1"]["limit_a"] == 8.0
    assert [(c["circuit"], c["station"], c["ceiling_a"], c["source"]) for c in status["ceilings"]] == [
        ("garage", None, 20.5, ME),
        (None, "CP01", 8.0, ME),
    ]
    chain = (await served.get("/v1/why/CP01")).json["chain"]
    assert [step["text"] for step in chain if step["step"] == "ceiling"] == [
        f"{ME} allows circuit garage 20.5 A for another 88 s",
        f"{ME} allows the whole station 8 A",
    ]
    assert [c["ceiling_a"] for c in (await served.get(GARAGE)).json["ceilings"]] == [20.5]
    assert (await served.get(POST2)).json["ceilings"] == []
    served.quiet.pass_s(90, 5.0, 5.0, 5.0)
    assert [c["station"] for c in (await served.get("/v1/status")).json["ceilings"]] == ["CP01"]
    assert (await served.get(STATION, "DELETE")).json == {
        "schema": 1,
        "station": "CP01",
        "evse": 0,
        "ceiling_a": None,
        "cleared": True,
    }
    assert not (await served.get(STATION, "DELETE")).json["cleared"]
    assert (await served.get("/v1/status")).json["ceilings"] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"value": NaN}', "value=nan: a ceiling is a number of ampere per phase"),
        ('{"value": 1e999}', "value=inf"),
        ('{"value": -1}', "value=-1: a ceiling is a number of ampere per phase from 0"),
        ('{"value": 20000}', "value=20000"),
        ('{"value": 10, "valid_s": 0}', "it has expired before it came"),
        ('{"value": 10, "valid_s": -60}', "it has expired before it came"),
        ('{"value": "10"}', "value='10': Input should be a valid number"),
        ('{"value": true}', "value=True"),
        ("{}", "value"),
        ('{"value": 10, "for": 5}', "for=5: Extra inputs are not permitted"),
        ("[1]", "valid dictionary"),
        ("nonsense", "JSON"),
    ],
)
async def test_what_is_no_ceiling_is_refused_with_the_reason(served: Served, body: str, words: str) -> None:
    before = served.quiet.site.state
    answer = await served.put(GARAGE, body)
    assert answer.status == 422
    assert words in answer.json["detail"]
    assert served.quiet.site.state is before


async def test_ten_kiloampere_are_taken_as_what_is_configured(served: Served) -> None:
    answer = (await served.put(GARAGE, '{"value": 10000}')).json
    assert answer["ceiling_a"] == 40
    assert answer["notes"] == ["the configuration allows circuit garage 40 A, which nothing raises: taken as 40 A"]
    assert served.quiet.site.state.topology.circuits[CircuitId("garage")].rated_a == 40


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/v1/circuits/no/ceiling", "no circuit no is installed here"),
        ("/v1/stations/no/evses/0/ceiling", "no station no is installed here"),
        ("/v1/stations/POST/evses/3/ceiling", "no POST:3 is installed here"),
    ],
)
async def test_on_what_is_not_here_it_is_refused(served: Served, target: str, words: str) -> None:
    answer = await served.put(target, json.dumps({"value": 10}))
    assert (answer.status, answer.json["detail"]) == (404, f"{words}; `sitectl status` lists circuits and stations")
