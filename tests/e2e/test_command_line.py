"""The installed command against a site that runs: every question, both forms, with and without a terminal."""

import asyncio
import contextlib
import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.clock import SystemClock
from sitectl.simulator.csms import CentralSystem
from tests.e2e.rig import SITECTL, Daemon, daemon, environment, meter, metered, site, until
from tests.e2e.station import Charger, charger

QUESTIONS = ("status", "stations", "meters", "uplinks", "transactions", "events")


def finished(command: list[str], **named: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, env=environment(**named), capture_output=True, text=True, timeout=20)


class Site:
    """A site of two connected stations, one of them charging, and two that never came."""

    def __init__(self, running: Daemon, station: Charger, loop: asyncio.AbstractEventLoop) -> None:
        self.daemon = running
        self.config = running.config
        self.station = station
        self._loop = loop

    def run(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        """A command about this site."""
        named = {"SITECTL_CONFIG": str(self.config)} | more
        return finished([*SITECTL, *map(str, arguments)], **named)

    def json(self, *arguments: object) -> Any:
        ended = self.run(*arguments, "--json")
        assert ended.returncode in (0, 5), ended
        assert ended.stderr == ""
        return json.loads(ended.stdout)

    def follow(self, *arguments: str) -> subprocess.Popen[str]:
        """`events --follow`, of which lines can be read. Ctrl-C ends it, as from a terminal: what a script runs in the
        background, these tests too, has that ignored and hands it on."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                [*SITECTL, "events", "--follow", *arguments, "--config", str(self.config)],
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def do(self, work: Any) -> None:
        """Let the station do something."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@asynccontextmanager
async def charging_site(directory: Path) -> AsyncIterator[tuple[Daemon, Charger]]:
    central = CentralSystem(SystemClock())
    await central.open()
    async with AsyncExitStack() as held:
        device = await held.enter_async_context(meter())
        config = site(directory, uplinks={"central": {"url": central.url}}, **metered(device))
        running = await held.enter_async_context(daemon(config))
        first, second = [await held.enter_async_context(charger(running.port, id)) for id in ("CP01", "CP02")]
        await until(lambda: first.fallback_a is not None and second.fallback_a is not None)
        await second.begin("EARLIER")
        second.register_wh += 1500
        await second.end()
        await first.begin("TAG")
        await until(lambda: first.car.tx_profile_a is not None)
        await first.sample()
        await until(lambda: len(central.ledger.transactions) == 2)
        await asyncio.sleep(1.2)
        yield running, first
    await central.cut()


@pytest.fixture(scope="module")
def charging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site lives in a thread, because commands are waited for in this one."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    made: list[Any] = []

    async def live() -> None:
        try:
            async with charging_site(tmp_path_factory.mktemp("site")) as (running, station):
                made.append(Site(running, station, loop))
                ready.set()
                await over.wait()
        except BaseException as error:
            made.append(error)
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    ready.wait(120)
    try:
        assert made
        assert isinstance(made[0], Site), made
        yield made[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(60)
        loop.close()


def test_status_is_complete(charging: Site) -> None:
    status = charging.json("status")
    assert (status["schema"], status["site"], status["state"]) == (1, "depot-north", "degraded")
    assert {p["where"]: p["what"] for p in status["problems"]}["CP03"] == "Never seen: counted at its maximum"
    assert all(set(problem) == {"what", "where", "since", "do"} for problem in status["problems"])
    assert status["cycle"]["count"] > 0
    assert set(status["cycle"]) == {"count", "interval_s", "ms_p50", "ms_p99"}
    grid = status["circuits"]["grid"]
    assert (grid["rated_a"], grid["meter"]) == (63, "fresh")
    assert grid["reserved_a"][0] >= 64  # two stations that never came, at their maximum
    assert {"ratio", "for_s", "phase", "holds"} <= set(grid["if_dead"])
    assert status["meters"]["main"]["current_a"] == pytest.approx([10, 11, 12])
    assert status["meters"]["main"]["power_w"] == pytest.approx(33 * 230)
    first = status["stations"]["CP01"]
    assert (first["online"], first["ocpp"], first["vendor"], first["quarantined"]) == (True, "1.6", "Acme", False)
    evse = first["evses"]["1"]
    assert (evse["connector_status"], evse["charging_state"], evse["limit_w"]) == ("Occupied", "Charging", None)
    assert evse["limit_a"] == evse["acknowledged_a"] == charging.station.limit_a
    assert evse["measured_a"] == pytest.approx([charging.station.draws_a] * 3)
    assert evse["transaction"]
    never = status["stations"]["CP03"]["evses"]["1"]
    assert [never[k] for k in ("connector_status", "limit_a", "acknowledged_a", "measured_a", "transaction")] == [
        None
    ] * 5
    assert status["uplinks"]["central"] == {
        "state": "online",
        "stations": 2,
        "backlog": 0,
        "oldest_s": None,
        "dead": 0,
    }
    assert status["transactions"] == {"open": 1, "unsent": 0, "dead": 0}


def test_since_times_stand_still(charging: Site) -> None:
    before = {(p["where"], p["what"]): p["since"] for p in charging.json("status")["problems"]}
    after = {(p["where"], p["what"]): p["since"] for p in charging.json("status")["problems"]}
    assert before == after


def test_a_degraded_site_is_exit_status_5(charging: Site) -> None:
    assert charging.run("status").returncode == charging.run("status", "--json").returncode == 5


def test_stations_and_why(charging: Site) -> None:
    assert list(charging.json("stations")["stations"]) == ["CP01", "CP02", "CP03", "CP04"]
    assert list(charging.json("stations", "CP02")["stations"]) == ["CP02"]
    why = charging.json("why", "CP01")
    assert (why["schema"], why["station"], why["evse"]) == (1, "CP01", 1)
    steps = [step["step"] for step in why["chain"]]
    for step in ("demand", "row", "offered", "acknowledged", "measured"):
        assert step in steps
    for command in (("stations", "CP99"), ("why", "CP99"), ("why", "CP01:2")):
        ended = charging.run(*command)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "here; " in ended.stderr


def test_transactions_by_their_kind(charging: Site) -> None:
    running, earlier = charging.json("transactions")["transactions"]
    assert (running["station"], running["evse"], running["id_token"], running["stopped"]) == ("CP01", 1, "TAG", None)
    assert running["station_id"] == str(charging.station.ledger[0].id)
    assert running["started"] == charging.station.ledger[0].started
    assert (earlier["meter_start_wh"], earlier["meter_stop_wh"], earlier["reason"]) == (1000, 2500, "EVDisconnected")
    assert earlier["synthetic"] is False
    copy = earlier["uplinks"]["central"]
    assert (copy["state"], copy["verdict"], copy["unsent"]) == ("acked", "Accepted", 0)
    assert copy["id"]
    assert [t["id_token"] for t in charging.json("transactions", "--open")["transactions"]] == ["TAG"]
    assert charging.json("transactions", "--unsent")["transactions"] == []
    assert charging.json("transactions", "--dead")["transactions"] == []


def test_events_are_lines_of_json_in_order(charging: Site) -> None:
    ended = charging.run("events", "--since", "1h", "--json")
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert all(set(row) == {"schema", "seq", "time", "type", "station", "evse", "data"} for row in rows)
    assert [row["seq"] for row in rows] == sorted({row["seq"] for row in rows})
    assert {"site.started", "station.connected", "station.booted", "transaction.started", "transaction.ended"} <= {
        row["type"] for row in rows
    }
    assert charging.run("events", "--since", "0s").stdout == ""


def test_a_timeline_shows_both_wires_and_events_in_order(charging: Site) -> None:
    answer = charging.json("timeline", "CP01", "--since", "1h")
    entries = answer["entries"]
    assert (answer["schema"], answer["station"], answer["more"]) == (1, "CP01", False)
    assert [entry["time"] for entry in entries] == sorted(entry["time"] for entry in entries)
    told = [(entry["uplink"], entry["direction"], entry["action"]) for entry in entries if entry["kind"] == "call"]
    starts = [entry for entry in told if entry[2] == "StartTransaction"]
    assert starts == [(None, "received", "StartTransaction"), ("central", "sent", "StartTransaction")]
    assert told.index(starts[0]) < told.index(starts[1])
    assert (None, "sent", "SetChargingProfile") in told
    types = [entry["type"] for entry in entries if entry["kind"] == "event"]
    assert {"station.connected", "station.booted", "transaction.started"} <= {*types}
    answers = [entry for entry in entries if entry["kind"] == "answer"]
    assert all(entry["action"] for entry in answers)
    found = charging.run("timeline", "CP01", "--search", "starttransaction", "--raw").stdout.splitlines()
    assert len(found) == 2
    assert all('"StartTransaction"' in line for line in found)


def test_events_of_a_station_by_their_kind(charging: Site) -> None:
    ended = charging.run("events", "--since", "1h", "--station", "CP01", "--type", "transaction", "--json")
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {(row["station"], row["type"]) for row in rows} == {("CP01", "transaction.started")}


def test_following_shows_what_happens_and_ends_with_ctrl_c(charging: Site) -> None:
    following, seen = charging.follow("--json", "--since", "0s"), threading.Event()

    def changes() -> None:
        """Again and again, for nobody can tell since when the command follows."""
        for status in itertools.cycle(("SuspendedEV", "Charging")):
            charging.do(charging.station.status(status))
            if seen.wait(1.0):
                return

    changing = threading.Thread(target=changes)
    changing.start()
    assert following.stdout is not None
    try:
        row = json.loads(following.stdout.readline())
        assert (row["type"], row["station"], row["evse"]) == ("evse.status", "CP01", 1)
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 0
        assert following.stderr is not None
        assert following.stderr.read() == ""
    finally:
        seen.set()
        changing.join(60)
        following.kill()
        following.communicate()


def test_who_stops_reading_is_no_error(charging: Site) -> None:
    command = f"{sys.executable} -m sitectl events --since 1h --json | head -1"
    ended = finished(["bash", "-c", command], SITECTL_CONFIG=str(charging.config))
    assert json.loads(ended.stdout)["seq"] >= 1
    assert ended.stderr == ""


@pytest.mark.parametrize("question", [*QUESTIONS, "why CP01", "stations CP01", "config show --effective --origin"])
def test_people_get_plain_text_where_no_terminal_is(charging: Site, question: str) -> None:
    ended = charging.run(*question.split())
    assert ended.returncode in (0, 5)
    assert ended.stderr == ""
    assert len(ended.stdout.splitlines()) >= 2
    assert "\x1b" not in ended.stdout


def on_a_terminal(*arguments: str, **more: str) -> str:
    """What a command shows on a terminal of 80 columns."""
    master, slave = pty.openpty()
    env = environment(TERM="xterm-256color", COLUMNS="80", LINES="40", **more)
    process = subprocess.Popen([*SITECTL, *arguments], stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal is gone with its last program
        while piece := os.read(master, 65536):
            shown += piece
    process.wait(20)
    os.close(master)
    return shown.decode()


def test_a_terminal_gets_colour_unless_it_is_not_wanted(charging: Site) -> None:
    config = str(charging.config)
    assert "\x1b[" in on_a_terminal("status", "--config", config)
    plain = on_a_terminal("status", "--config", config, NO_COLOR="1")
    assert "\x1b" not in plain
    assert "degraded" in plain
    assert max(len(line.rstrip("\r")) for line in plain.split("\n")) <= 80


def test_the_configuration_as_it_takes_effect(charging: Site) -> None:
    ended = charging.run("config", "show", "--effective", "--origin", "--json")
    answer = json.loads(ended.stdout)
    assert (ended.stderr, answer["schema"]) == ("", 1)
    assert answer["settings"]["ocpp"]["commissioning_s"] == 3600
    assert answer["origins"]["ocpp.commissioning_s"] == "default"
    assert "site.yaml:" in answer["origins"]["stations.CP01.max_a"]
    away = charging.run("config", "show", "--effective", "--socket", "/nowhere.sock")
    assert away.returncode == 0
    assert "the files' part" in away.stderr


def test_the_environment_and_the_options_name_the_site(charging: Site, tmp_path: Path) -> None:
    bare = {"SITECTL_CONFIG": ""}
    assert charging.run("meters", "--config", charging.config, **bare).returncode == 0
    assert charging.run("meters", "--socket", charging.daemon.socket, **bare).returncode == 0
    assert charging.run("meters", SITECTL_SOCKET=str(charging.daemon.socket), **bare).returncode == 0
    for question in QUESTIONS:
        ended = charging.run(question, "--socket", tmp_path / "nothing.sock")
        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr.startswith("sitectl: no daemon answers on ")


def test_usage_and_configuration_errors_are_exit_status_2(charging: Site, tmp_path: Path) -> None:
    for arguments in (["nonsense"], ["status", "--nonsense"], ["why"], ["events", "--since", "soon"], []):
        ended = charging.run(*arguments)
        assert ended.returncode == 2, arguments
        assert "Traceback" not in ended.stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text("stations: {CP01: {circuit: grid}}\n")
    for command in (["check", broken], ["run", "--config", broken]):
        ended = charging.run(*command)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert f"{broken}:1:" in ended.stderr
    assert charging.run("check").returncode == 0


def test_help_and_version_need_no_site() -> None:
    for arguments in (["--help"], ["status", "--help"], ["version"], ["config", "schema"]):
        ended = finished([*SITECTL, *arguments])
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "\x1b" not in ended.stdout
