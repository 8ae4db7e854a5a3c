"""What is known of a station, over the real socket."""

from sitectl.model.knowledge import KnownFlag, KnownSheet, StationKnowledge
from sitectl.model.station import StationIdentity
from tests.unit.api.quiet_site import CP01
from tests.unit.api.test_app import Served

KNOWN = StationKnowledge(
    StationIdentity("Acme", "One", "2.1"),
    [KnownSheet("acme", "Acme One", ("A note.",), ("owner/name #1",))],
    [KnownFlag("transport.pongs", False, "false: it never answers pings", "acme")],
    ["MeterValues.: mended: meterValue came as an object"],
    {"answers_pings": None, "call_timeout_s": 30.0},
)


async def test_sheets_flags_deviations_and_what_was_learned(served: Served) -> None:
    served.quiet.all_well()
    served.quiet.known[CP01] = KNOWN
    answer = (await served.get("/v1/stations/CP01/quirks")).json
    assert answer == {
        "schema": 1,
        "station": "CP01",
        "vendor": "Acme",
        "model": "One",
        "firmware": "2.1",
        "sheets": [{"id": "acme", "title": "Acme One", "notes": ["A note."], "sources": ["owner/name #1"]}],
        "flags": [
            {"flag": "transport.pongs", "value": False, "says": "false: it never answers pings", "sheet": "acme"}
        ],
        "deviations": ["MeterValues.: mended: meterValue came as an object"],
        "learned": {"answers_pings": None, "call_timeout_s": 30.0},
        "evses": {"1": {"limited_by": "TxProfile in A", "verdict": None}},
    }


async def test_of_a_station_that_is_not_there_nothing_is_known(served: Served) -> None:
    served.quiet.known[CP01] = KNOWN
    answer = await served.get("/v1/stations/CP09/quirks")
    assert (answer.status, answer.json["detail"]) == (404, "no station 'CP09' here; `sitectl stations` lists them")
