"""The commands opposite canned answers: what is asked, what is printed, with which exit status."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from sitectl.base.units import parse_timestamp
from sitectl.cli.main import app
from tests.unit.cli.canned import ANSWERS, EVENT, EVSE, LETTER, MESSAGE, STATION, STATUS, TIMELINE, Canned, canned


def sitectl(*arguments: object, **environment: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (["status"], "/v1/status"),
        (["stations"], "/v1/stations"),
        (["stations", "CP01"], "/v1/stations/CP01"),
        (["why", "CP01"], "/v1/why/CP01"),
        (["meters"], "/v1/meters"),
        (["uplinks"], "/v1/uplinks"),
        (["transactions"], "/v1/transactions?only=all&limit=1000"),
        (["transactions", "--open"], "/v1/transactions?only=open&limit=1000"),
        (["transactions", "--unsent"], "/v1/transactions?only=unsent&limit=1000"),
    ],
)
def test_every_question_in_both_forms(daemon: Canned, config: Path, command: list[str], asked: str) -> None:
    status, out, err = sitectl(*command, "--config", config, "--json")
    assert (status, err, daemon.asked) == (0, "", [asked])
    assert json.loads(out) == ANSWERS[asked.partition("?")[0]]
    status, out, err = sitectl(*command, "--config", config)
    assert (status, err) == (0, "")
    assert "CP01" in out or "central" in out or "main" in out


def test_dead_letters_say_why_and_how_they_are_sent_again(daemon: Canned, config: Path) -> None:
    status, out, err = sitectl("transactions", "--dead", "--limit", "7", "--config", config)
    assert (status, err, daemon.asked) == (0, "", ["/v1/transactions?only=dead&limit=7"])
    assert "StopTransaction  2026-11-20T06:36:00Z      3  InternalError: no such column" in out
    answer = json.loads(sitectl("transactions", "--dead", "--json", "--config", config)[1])
    assert answer["transactions"][0]["dead_letters"] == [LETTER]


def test_a_transaction_is_requeued(daemon: Canned, config: Path) -> None:
    status, out, err = sitectl("transaction", "requeue", "t1", "--config", config)
    assert (status, err, daemon.asked) == (0, "", ["POST /v1/transactions/t1/requeue"])
    assert out == "transaction t1: messages that wait again: 2 for central\n"
    assert json.loads(sitectl("transaction", "requeue", "t1", "--json", "--config", config)[1])["schema"] == 1
    assert sitectl("transaction", "requeue", "t2", "--config", config)[0] == 1


def test_a_station_is_taken_out_of_service(daemon: Canned, config: Path) -> None:
    command = ("station", "availability", "CP01", "inoperative", "--evse", "2", "--config", config)
    status, out, err = sitectl(*command)
    assert (status, err) == (0, "")
    assert daemon.asked == ["POST /v1/stations/CP01/availability?operative=false&evse=2"]
    assert out.startswith("CP01:2: out of service as soon as ")
    assert json.loads(sitectl(*command, "--json")[1])["schema"] == 1
    assert sitectl("station", "availability", "CP02", "operative", "--config", config)[0] == 1


@pytest.mark.parametrize("state", ["degraded", "failsafe"])
def test_a_site_that_is_not_well_is_exit_status_5(daemon: Canned, config: Path, state: str) -> None:
    daemon.answers["/v1/status"] = STATUS | {"state": state}
    for form in ([], ["--json"]):
        status, out, _ = sitectl("status", "--config", config, *form)
        assert status == 5
        assert state in out


def test_the_socket_is_the_one_named_before_that_of_the_configuration(
    daemon: Canned, config: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.sock"
    assert sitectl("status", "--config", config, "--socket", other)[0] == 3
    assert sitectl("status", SITECTL_CONFIG=str(config))[0] == 0
    assert sitectl("status", SITECTL_SOCKET=str(tmp_path / "run" / "sitectl.sock"))[0] == 0
    assert sitectl("status", SITECTL_CONFIG=str(config), SITECTL_SOCKET=str(other))[0] == 3


def test_no_daemon_is_exit_status_3_with_the_cure(config: Path) -> None:
    for command in (["status"], ["stations"], ["why", "CP01"], ["meters"], ["uplinks"], ["transactions"], ["events"]):
        status, out, err = sitectl(*command, "--config", config)
        assert (status, out) == (3, "")
        assert err.startswith(f"sitectl: no daemon answers on {config.parent}/run/sitectl.sock; start it")


def test_a_configuration_that_is_not_there_is_exit_status_2(tmp_path: Path) -> None:
    status, out, err = sitectl("status", "--config", tmp_path / "nothing.yaml")
    assert (status, out) == (2, "")
    assert "nothing.yaml: no such file" in err


def test_what_is_refused_is_exit_status_1_and_what_is_forbidden_4(daemon: Canned, config: Path) -> None:
    status, out, err = sitectl("stations", "CP99", "--config", config)
    assert (status, out, err) == (1, "", "sitectl: no such thing here\n")
    daemon.answers["/v1/status"] = (403, b'{"detail": "viewers only look"}')
    assert sitectl("status", "--config", config) == (4, "", "sitectl: viewers only look\n")


def test_a_socket_of_others_is_exit_status_4(daemon: Canned, config: Path) -> None:
    socket = config.parent / "run" / "sitectl.sock"
    socket.chmod(0)
    user = os.geteuid()
    assert sitectl("status", "--socket", socket)[0] == (0 if user == 0 else 4)  # root may everything
    try:
        os.seteuid(65534 if user == 0 else user)
        status, out, err = sitectl("status", "--socket", socket)
    finally:
        os.seteuid(user)
    assert (status, out) == (4, "")
    assert "socket's group" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["status", "--nonsense"],
        ["why"],
        ["transactions", "--limit", "0"],
        ["transactions", "--limit", "many"],
        ["transactions", "--open", "--dead"],
        ["transaction", "requeue"],
        ["station", "availability", "CP01"],
        ["station", "reset"],
        ["station", "unlock", "CP01", "--evse", "0"],
        ["station", "config"],
        ["station", "config", "CP01", ""],
        ["station", "availability", "CP01", "sideways"],
        ["events", "--since", "yesterday"],
        ["events", "--since", "1w"],
        ["timeline"],
        ["timeline", "CP01", "--since", "1w"],
        ["timeline", "CP01", "--limit", "0"],
        ["config", "nonsense"],
        ["demo", "--stations", "x"],
        ["demo", "--scenario", "nonsense"],
        ["demo", "--seconds", "1"],
    ],
)
def test_usage_errors_are_exit_status_2(arguments: list[str]) -> None:
    status, out, err = sitectl(*arguments)
    assert (status, out) == (2, "")
    assert err


def test_events_are_one_json_object_a_line(daemon: Canned, config: Path) -> None:
    status, out, _ = sitectl("events", "--config", config, "--json")
    assert (status, [json.loads(line) for line in out.splitlines()]) == (0, [EVENT])
    assert daemon.asked == ["/v1/events?follow=false"]
    assert "transaction.started" in sitectl("events", "--follow", "--config", config)[1]
    assert daemon.asked[-1] == "/v1/events?follow=true"


def test_since_is_a_span_or_a_time(daemon: Canned, config: Path) -> None:
    sitectl("events", "--since", "2026-11-20T06:00:00+01:00", "--config", config)
    assert daemon.asked[-1] == "/v1/events?since=2026-11-20T05%3A00%3A00Z&follow=false"
    for span in ("30s", "15m", "1h", "2d", "999999d"):
        assert sitectl("events", "--since", span, "--config", config)[0] == 0
        since = daemon.asked[-1].split("since=")[1].split("&")[0].replace("%3A", ":").replace("%2B", "+")
        assert parse_timestamp(since) is not None


def test_events_of_a_station_and_of_types(daemon: Canned, config: Path) -> None:
    sitectl("events", "--station", "CP01", "--type", "transaction", "--type", "limit", "--config", config)
    assert daemon.asked == ["/v1/events?station=CP01&type=transaction&type=limit&follow=false"]


def test_a_timeline_is_a_line_for_each_thing_that_happened(daemon: Canned, config: Path) -> None:
    status, out, err = sitectl("timeline", "CP01", "--since", "2026-11-20T06:00:00Z", "--config", config)
    assert (status, err, daemon.asked) == (0, "", ["/v1/timeline/CP01?since=2026-11-20T06%3A00%3A00Z&limit=1000"])
    more, message, answer, unreadable, event = out.splitlines()
    assert "more before this" in more
    assert message.startswith("2026-11-20T06:11:00.123Z  CP01 → us            StatusNotification           {")
    assert message.endswith("…")
    assert answer == "2026-11-20T06:11:00.123Z  us → central         StatusNotification (answer)  {}"
    assert unreadable == "2026-11-20T06:11:00.123Z  CP01 → us            - (unreadable)               nonsense"
    assert event == "2026-11-20T06:11:01.000Z  * limit.cut :1 limit_a=6"
    raw = sitectl("timeline", "CP01", "--search", "x y", "--raw", "--config", config)[1]
    assert MESSAGE["frame"] in raw
    assert "search=x+y" in daemon.asked[-1]
    assert json.loads(sitectl("timeline", "CP01", "--json", "--config", config)[1]) == TIMELINE
    daemon.answers["/v1/timeline/CP01"] = TIMELINE | {"entries": [], "more": False}
    assert "nothing happened" in sitectl("timeline", "CP01", "--config", config)[1]


def test_check_says_all_that_is_wrong_on_standard_error(config: Path) -> None:
    assert sitectl("check", config)[0] == 0
    config.write_text(config.read_text().replace("rated_a", "rated").replace("max_a: 32", "max_a: -1"))
    status, out, err = sitectl("check", config)
    assert (status, out) == (2, "")
    assert f"{config}:3:" in err
    assert f"{config}:4:" in err
    assert sitectl("check", "--config", config) == (2, "", err)
    assert sitectl("check", SITECTL_CONFIG=str(config)) == (2, "", err)


def test_check_in_json(config: Path) -> None:
    status, out, err = sitectl("check", config, "--json")
    answer = json.loads(out)
    assert (status, err, answer["schema"], answer["ok"], answer["errors"]) == (0, "", 1, True, [])
    config.write_text(config.read_text().replace("circuit: grid", "circuit: gird"))
    status, out, _ = sitectl("check", config, "--json")
    answer = json.loads(out)
    assert (status, answer["ok"]) == (2, False)
    error = answer["errors"][0]
    assert (error["line"], error["path"]) == (4, "stations.CP01.circuit")
    assert set(error) == {"file", "line", "column", "path", "message", "cure"}


def test_config_show_asks_the_daemon_and_says_so_when_there_is_none(config: Path) -> None:
    status, out, err = sitectl("config", "show", "--effective", "--origin", "--config", config)
    assert status == 0
    assert "showing the files' part" in err
    assert "commissioning_s" in out
    assert "# default" in out
    assert f"# {config}:2" in out
    with canned(config.parent / "run" / "sitectl.sock") as daemon:
        status, out, err = sitectl("config", "show", "--effective", "--origin", "--config", config)
        assert (status, err, daemon.asked) == (0, "", ["/v1/config"])
    assert out.split() == ["site:", "name:", "depot-north", "#", "site.yaml:2"]
    status, out, err = sitectl("config", "show", "--config", config)
    assert (status, err) == (0, "")
    assert "commissioning_s" not in out
    assert json.loads(sitectl("config", "show", "--json", "--config", config)[1])["schema"] == 1
    config.write_text("site: [")
    assert sitectl("config", "show", "--config", config)[0] == 2


def test_config_schema_and_version() -> None:
    assert json.loads(sitectl("config", "schema")[1])["title"] == "sitectl configuration"
    status, out, _ = sitectl("version")
    assert (status, out.split()[0]) == (0, "sitectl")
    assert json.loads(sitectl("version", "--json")[1]) == {"schema": 1, "version": out.split()[1]}


def test_help_names_every_command() -> None:
    status, out, _ = sitectl("--help")
    assert status == 0
    words = ("run", "demo", "check", "config", "status", "stations", "why", "meters", "uplinks", "transactions")
    for command in (*words, "meter", "signals", "transaction", "events", "timeline", "version"):
        assert command in out
        assert sitectl(command, "--help")[0] == 0
    for option in (
        "--open",
        "--unsent",
        "--dead",
        "--json",
        "--config",
        "--socket",
        "SITECTL_CONFIG",
        "SITECTL_SOCKET",
    ):
        assert option in sitectl("transactions", "--help", COLUMNS="200")[1]


def test_run_refuses_a_broken_configuration_with_all_its_errors(config: Path) -> None:
    config.write_text(config.read_text().replace("rated_a", "rated"))
    status, out, err = sitectl("run", "--config", config)
    assert (status, out) == (2, "")
    assert f"{config}:3:" in err
    assert "Traceback" not in err


def test_a_ceiling_is_set_for_a_while_and_withdrawn(config: Path, daemon: Canned) -> None:
    status, out, _ = sitectl("station", "limit", "CP01", "10", "--evse", 2, "--for", "15m", "--config", config)
    assert (status, daemon.asked, daemon.sent) == (
        0,
        ["PUT /v1/stations/CP01/evses/2/ceiling"],
        [{"value": 10.0, "valid_s": 900.0}],
    )
    assert out.splitlines() == [
        "CP01:2: at most 10 A per phase until 2026-11-20T06:26:00Z",
        "below the 13 A that a vehicle needs at least: charging pauses",
    ]
    status, out, _ = sitectl("circuit", "limit", "garage", "--clear", "--config", config)
    assert (status, out) == (0, "circuit garage: withdrawn\n")
    assert daemon.asked[-1] == "DELETE /v1/circuits/garage/ceiling"
    assert json.loads(sitectl("circuit", "limit", "garage", "--clear", "--json", "--config", config)[1])["cleared"]
    sitectl("station", "limit", "CP01", "10", "--config", config)
    assert daemon.asked[-1] == "PUT /v1/stations/CP01/evses/0/ceiling"
    assert daemon.sent[-1] == {"value": 10.0, "valid_s": None}


@pytest.mark.parametrize("more", [[], ["10", "--clear"], ["--clear", "--for", "1h"], ["10", "--for", "soon"], ["ten"]])
def test_a_ceiling_that_is_none_is_not_asked_for(config: Path, daemon: Canned, more: list[str]) -> None:
    status, _, err = sitectl("station", "limit", "CP01", *more, "--config", config)
    assert (status, daemon.asked) == (2, [])
    assert err


def test_who_may_not_set_a_ceiling_is_told_the_group(config: Path, daemon: Canned) -> None:
    daemon.answers["/v1/circuits/garage/ceiling"] = (403, b'{"detail": "ask to be put into the group sitectl-tech"}')
    status, _, err = sitectl("circuit", "limit", "garage", "10", "--config", config)
    assert (status, err) == (4, "sitectl: ask to be put into the group sitectl-tech\n")


def test_status_lists_ceilings_with_their_owners(config: Path, daemon: Canned) -> None:
    lines = [" ".join(line.split()) for line in sitectl("status", "--config", config)[1].splitlines()]
    assert "circuit garage 40.0 anna no end" in lines
    assert "CP01:1 10.5 central 2026-11-20T06:30:00Z" in lines
    assert "station CP02 0.0 bert no end" in lines


def test_a_departure_is_said_and_withdrawn(config: Path, daemon: Canned) -> None:
    said = ("station", "departure", "CP01", "--at", "17:30", "--energy-kwh", "20", "--config", config)
    status, out, _ = sitectl(*said)
    assert (status, daemon.asked) == (0, ["PUT /v1/stations/CP01/evses/1/departure"])
    assert daemon.sent == [{"at": "17:30", "in_s": None, "energy_kwh": 20.0}]
    lost = "the disk did not take it: a restart forgets it"
    assert out == f"CP01:1: leaves at 2026-11-20T16:30:00Z with 20 kWh, says anna; {lost}\n"
    sitectl("station", "departure", "CP01", "--in", "2h", "--config", config)
    assert daemon.sent[-1] == {"at": None, "in_s": 7200.0, "energy_kwh": None}
    daemon.answers["/v1/stations/CP01/evses/1/departure"] = {
        "station": "CP01",
        "evse": 1,
        "departs": None,
        "cleared": True,
    }
    status, out, _ = sitectl("station", "departure", "CP01", "--clear", "--config", config)
    assert (status, out) == (0, "CP01:1: withdrawn\n")
    assert daemon.asked[-1] == "DELETE /v1/stations/CP01/evses/1/departure"


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--at", "17:30", "--in", "2h"],
        ["--clear", "--in", "2h"],
        ["--clear", "--energy-kwh", "3"],
        ["--in", "soon"],
    ],
)
def test_a_departure_that_is_none_is_not_said(config: Path, daemon: Canned, more: list[str]) -> None:
    status, _, err = sitectl("station", "departure", "CP01", *more, "--config", config)
    assert (status, daemon.asked) == (2, [])
    assert err


def test_a_station_is_shown_with_its_departure(config: Path, daemon: Canned) -> None:
    wish = {"departs_in_s": 5398, "energy_kwh": 10.0, "taken_kwh": 3.25, "source": "anna", "laxity_s": 100, "class": 0}
    evses = {"1": EVSE | {"wish": wish}}
    daemon.answers["/v1/stations/CP01"] = {"schema": 1, "stations": {"CP01": STATION | {"evses": evses}}}
    out = sitectl("stations", "CP01", "--config", config)[1]
    assert "EVSE 1: leaves in 90 min with 10 kWh, of which it has taken 3.25, says anna; goes first" in out


def test_why_is_asked_of_the_past(config: Path, daemon: Canned) -> None:
    daemon.answers["/v1/why/CP01"] = ANSWERS["/v1/why/CP01"] | {"differs": "this version decides otherwise"}
    status, out, _ = sitectl("why", "CP01", "--at", "2026-11-20T06:11:00Z", "--config", config)
    assert (status, daemon.asked) == (0, ["/v1/why/CP01?at=2026-11-20T06%3A11%3A00Z"])
    assert out.splitlines()[1] == "this version decides otherwise"
    assert sitectl("why", "CP01", "--at", "soon", "--config", config)[0] == 2
    sitectl("why", "CP01", "--at", "5m", "--config", config)
    asked = parse_timestamp(unquote(daemon.asked[-1].partition("at=")[2]))
    assert asked is not None
    assert 299 < (datetime.now(UTC) - asked[0]).total_seconds() < 330


def test_where_nothing_is_found_a_wrong_name_is_told(daemon: Canned, config: Path) -> None:
    wrong = b'{"detail": "no station \'CP1\' here; did you mean CP01?"}'
    daemon.answers["/v1/stations/CP1"] = (404, wrong)
    daemon.answers["/v1/events"] = b""
    daemon.answers["/v1/timeline/CP1"] = TIMELINE | {"station": "CP1", "entries": [], "more": False}
    daemon.answers["/v1/energy"] = {"schema": 1, "by": "day", "zone": "UTC", "periods": []}
    for question in (["events", "--station", "CP1"], ["timeline", "CP1"], ["energy", "--station", "CP1"]):
        status, _, err = sitectl(*question, "--config", config)
        assert status == 0
        assert "did you mean CP01?" in err, question
    assert "nothing of this kind" in sitectl("events", "--config", config)[2]
