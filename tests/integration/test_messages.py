"""The 28 core messages of OCPP 1.6 through the unmodified daemon, between a station and a central on another library.

For each: who answers it, whether the other side hears of it, and, where a central asks, what it is told while the
station is away. Both ends check every frame of ours against the standard's schemas.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from ocpp.exceptions import NotSupportedError
from ocpp.v16 import call

from sitectl.ocpp.v16.actions import ACTIONS, FROM_CENTRAL, FROM_STATION
from tests.e2e.rig import Daemon, daemon, site, until
from tests.integration.csms import Csms, Point, csms
from tests.integration.station_site import ANSWERS, Charger, boots, charger

WHEN = "2026-11-20T12:00:00Z"
PROFILE = {
    "charging_profile_id": 1,
    "stack_level": 0,
    "charging_profile_purpose": "TxDefaultProfile",
    "charging_profile_kind": "Absolute",
    "charging_schedule": {
        "charging_rate_unit": "A",
        "start_schedule": WHEN,
        "charging_schedule_period": [{"start_period": 0, "limit": 10.0}],
    },
}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Play:
    """A daemon between one station and one central."""

    running: Daemon
    central: Csms
    station: Charger

    @property
    def point(self) -> Point:
        return self.central.points["CP01"]

    def heard(self, action: str) -> list[dict[str, Any]]:
        return self.central.of(action, "CP01")

    def asked(self, action: str) -> int:
        return self.station.__dict__.get("asked", []).count(action)


@asynccontextmanager
async def played(folder: Path, **sections: Any) -> AsyncIterator[Play]:
    """The station has booted and is up at the central, and has settled."""
    async with csms() as central:
        uplinks = {"central": {"url": central.url, "ocpp": "1.6"}}
        config = site(
            folder,
            stations={"CP01": {"circuit": "grid", "max_a": 32, "phases": "L1L2L3", "profile_storage": "ram"}},
            uplinks=uplinks,
            routing={"default": "central"},
            authorization={"mode": "uplink"},
            **sections,
        )
        async with daemon(config) as running, charger(f"ws://127.0.0.1:{running.port}/CP01") as station:
            await boots(station)
            await station.call(call.StatusNotification(1, "NoError", "Available", timestamp=now()))
            play = Play(running, central, station)
            await until(lambda: len(play.heard("StatusNotification")) >= 1)
            yield play


# --- what stations say ------------------------------------------------------------------------------------------------


async def test_what_stations_say(tmp_path: Path) -> None:
    async with played(tmp_path) as play:
        said: set[str] = set()

        async def says(request: Any) -> Any:
            said.add(type(request).__name__)
            return await play.station.call(request, suppress=False)

        # answered here and replicated: the boot that went up is the station's
        assert (await says(call.BootNotification("One", "Acme"))).status == "Accepted"
        assert play.heard("BootNotification")[0]["charge_point_vendor"] == "Acme"
        # local only: it says nothing of the central
        beats = len(play.heard("Heartbeat"))
        assert (await says(call.Heartbeat())).current_time.endswith("Z")
        assert len(play.heard("Heartbeat")) == beats
        # relayed, with a fallback
        play.central.verdict = "Blocked"
        assert (await says(call.Authorize("TAG00001"))).id_tag_info["status"] == "Blocked"
        play.central.verdict = "Accepted"
        answer = await says(call.DataTransfer("acme", "ping", "x"))
        assert (answer.status, answer.data) == ("Accepted", "pong")
        assert play.heard("DataTransfer")[0]["data"] == "x"
        started = await says(call.StartTransaction(1, "TAG00002", 100, now()))
        assert started.id_tag_info["status"] == "Accepted"
        # answered here and replicated, each under the central's own id
        value = {"value": "150", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        sample = [{"timestamp": now(), "sampledValue": [value]}]
        await says(call.MeterValues(1, sample, transaction_id=started.transaction_id))
        await says(call.StatusNotification(1, "NoError", "Charging", timestamp=now()))
        await says(call.StopTransaction(200, now(), started.transaction_id, "EVDisconnected"))
        await until(lambda: bool(play.heard("StopTransaction")))
        assert play.heard("StartTransaction")[0]["id_tag"] == "TAG00002"
        ids = {payload["transaction_id"] for a in ("MeterValues", "StopTransaction") for payload in play.heard(a)}
        assert ids == set(play.central.started.values())
        assert started.transaction_id not in ids
        await until(lambda: play.heard("StatusNotification")[-1]["status"] == "Charging")
        # for who ordered it
        await says(call.DiagnosticsStatusNotification("Uploading"))
        await says(call.FirmwareStatusNotification("Downloading"))
        await asyncio.sleep(0.5)
        assert play.heard("DiagnosticsStatusNotification") == play.heard("FirmwareStatusNotification") == []
        assert said == FROM_STATION


async def test_what_stations_say_while_the_central_is_away(tmp_path: Path) -> None:
    async with played(tmp_path) as play:
        await play.central.close()
        station = play.station
        assert (await station.call(call.BootNotification("One", "Acme"))).status == "Accepted"
        assert (await station.call(call.Heartbeat())).current_time
        assert (await station.call(call.Authorize("TAG00001"))).id_tag_info["status"] == "Invalid"
        assert (await station.call(call.DataTransfer("acme"))).status == "UnknownVendorId"
        await station.call(call.StatusNotification(1, "NoError", "Preparing", timestamp=now()))
        started = await station.call(call.StartTransaction(1, "TAG00002", 100, now()))
        assert started.transaction_id > 0
        await station.call(call.StopTransaction(200, now(), started.transaction_id))
        await station.call(call.StatusNotification(1, "NoError", "Available", timestamp=now()))
        await play.central.open()
        await until(lambda: bool(play.heard("StopTransaction")), within_s=40)
        assert play.heard("StartTransaction")[0]["meter_start"] == 100
        assert [p["status"] for p in play.heard("StatusNotification") if p["connector_id"] == 1][-1] == "Available"


# --- what centrals ask ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One question of a central: what it is told, whether the station hears of it, and what it is told without one.

    An answer is the status word, or the fields that it must have.
    """

    request: Any
    answer: Any
    relayed: bool
    away: Any

    @property
    def action(self) -> str:
        return type(self.request).__name__


HOUR = {"connector_id": 1, "duration": 3600}
NOTHING: dict[str, Any] = {}
TABLE = [
    # virtualised: answered by us
    Row(call.GetLocalListVersion(), {"list_version": 0}, False, {"list_version": 0}),
    Row(call.SendLocalList(1, "Full"), "Accepted", False, "Accepted"),
    Row(call.ClearCache(), "Accepted", False, "Accepted"),
    Row(call.SetChargingProfile(1, PROFILE), "Accepted", False, "Accepted"),
    Row(call.GetCompositeSchedule(**HOUR), "Accepted", False, "Accepted"),
    Row(call.ClearChargingProfile(id=1), "Accepted", False, "Accepted"),
    Row(call.GetConfiguration(["HeartbeatInterval"]), {"unknown_key": None}, False, {"unknown_key": None}),
    Row(call.ChangeConfiguration("MeterValueSampleInterval", "900"), "Accepted", False, "Accepted"),
    Row(call.TriggerMessage("StatusNotification", 1), "Accepted", False, "Accepted"),
    Row(call.ReserveNow(1, "2099-01-01T00:00:00Z", "TAG00001", 7), "Accepted", False, "Unavailable"),
    Row(call.CancelReservation(7), "Accepted", False, "Rejected"),
    # relayed, one by one through the station's door
    Row(call.DataTransfer("acme", "m", "d"), "Accepted", True, "Rejected"),
    Row(call.UnlockConnector(1), "Unlocked", True, "UnlockFailed"),
    Row(call.ChangeAvailability(1, "Inoperative"), "Accepted", True, "Scheduled"),
    Row(call.RemoteStopTransaction(999), "Rejected", False, "Rejected"),
    Row(call.GetDiagnostics("ftp://host/dir"), NOTHING, True, NOTHING),
    Row(call.UpdateFirmware("ftp://host/f", WHEN), NOTHING, True, NOTHING),
    Row(call.RemoteStartTransaction("TAG00001", 1), "Rejected", False, "Rejected"),  # it is out of service by now
    Row(call.Reset("Hard"), "Accepted", True, "Rejected"),
]


def fits(row: Row, answer: Any, expected: Any) -> None:
    if isinstance(expected, str):
        assert answer.status == expected, row
    else:
        assert {key: getattr(answer, key) for key in expected} == expected, row


def test_the_table_is_of_all_that_centrals_ask() -> None:
    assert sorted(row.action for row in TABLE) == sorted(FROM_CENTRAL)
    assert len(FROM_CENTRAL | FROM_STATION) == len(ACTIONS) == 28


async def test_what_centrals_ask(tmp_path: Path) -> None:
    async with played(tmp_path) as play:
        for row in TABLE:
            before = play.asked(row.action)
            answer = await play.point.call(row.request, suppress=False)
            fits(row, answer, row.answer)
            if row.action != "SetChargingProfile":  # the site's own limits are such calls
                assert play.asked(row.action) - before == row.relayed, row
        assert set(ANSWERS) >= {row.action for row in TABLE if row.relayed}


async def test_what_centrals_are_told_while_the_station_is_away(tmp_path: Path) -> None:
    async with played(tmp_path) as play:
        await play.station._connection.close()
        await until(lambda: play.heard("StatusNotification")[-1]["status"] == "Unavailable")
        for row in TABLE:
            fits(row, await play.point.call(row.request, suppress=False), row.away)
        await until(lambda: bool(play.heard("DiagnosticsStatusNotification")))
        assert play.heard("DiagnosticsStatusNotification") == [{"status": "UploadFailed"}]
        assert play.heard("FirmwareStatusNotification") == []  # it waits for the station
        assert len(play.central.frames["CP01"]) > 0


async def test_a_start_and_a_stop_by_the_central(tmp_path: Path) -> None:
    async with played(tmp_path) as play:
        wish = {**PROFILE, "charging_profile_purpose": "TxProfile"}
        start = call.RemoteStartTransaction("TAG00001", 1, charging_profile=wish)
        assert (await play.point.call(start, suppress=False)).status == "Accepted"
        assert play.asked("RemoteStartTransaction") == 1
        started = await play.station.call(call.StartTransaction(1, "TAG00001", 100, now()))
        await until(lambda: bool(play.heard("StartTransaction")))
        number = next(iter(play.central.started.values()))

        async def held() -> list[float]:
            answer = await play.point.call(call.GetCompositeSchedule(**HOUR), suppress=False)
            periods = answer.charging_schedule["charging_schedule_period"]
            return [period["limit"] for period in periods]

        def told() -> list[float]:
            profiles = [p for p in play.station.__dict__.get("profiles", []) if "transaction_id" in p]
            return [p["charging_schedule"]["charging_schedule_period"][0]["limit"] for p in profiles]

        await until(lambda: told() == [10.0])
        assert await held() == [10.0]
        assert (await play.point.call(call.RemoteStopTransaction(number), suppress=False)).status == "Accepted"
        assert play.asked("RemoteStopTransaction") == 1
        await play.station.call(call.StopTransaction(200, now(), started.transaction_id, "Remote"))
        await until(lambda: bool(play.heard("StopTransaction")))
        assert (await play.point.call(call.RemoteStopTransaction(number), suppress=False)).status == "Accepted"
        assert play.asked("RemoteStopTransaction") == 1


async def test_files_from_order_to_the_last_word(tmp_path: Path) -> None:
    async with played(tmp_path) as play:
        await play.point.call(call.GetDiagnostics("sftp://host/dir", 1, 10), suppress=False)
        await play.point.call(call.UpdateFirmware("https://host/f", WHEN), suppress=False)
        for status in ("Uploading", "Uploaded"):
            await play.station.call(call.DiagnosticsStatusNotification(status))
        for status in ("Downloading", "Downloaded", "Installing"):
            await play.station.call(call.FirmwareStatusNotification(status))
        await play.running.kill()
        await play.running.start()
        async with charger(f"ws://127.0.0.1:{play.running.port}/CP01") as station:
            await boots(station)
            await station.call(call.FirmwareStatusNotification("Installed"))
            await until(lambda: play.heard("FirmwareStatusNotification")[-1:] == [{"status": "Installed"}])

        def told(action: str) -> list[str]:
            """In order, none lost; what the kill caught on its way may have come twice."""
            return [status for status, _ in groupby(payload["status"] for payload in play.heard(action))]

        assert told("FirmwareStatusNotification") == ["Downloading", "Downloaded", "Installing", "Installed"]
        assert told("DiagnosticsStatusNotification") == ["Uploading", "Uploaded"]


async def test_out_of_service_while_anybody_wants_it(tmp_path: Path) -> None:
    async with played(tmp_path) as play:

        async def central_wants(type: str) -> str:
            return str((await play.point.call(call.ChangeAvailability(1, type), suppress=False)).status)

        async def site_wants(service: str) -> str:
            answer = await play.running.ask("station", "availability", "CP01", service, "--evse", 1)
            return str(answer["status"])

        def told(station: Charger) -> list[str]:
            return [order["type"] for order in station.__dict__.get("told", {}).get("ChangeAvailability", [])]

        def seen() -> str:
            return str([p["status"] for p in play.heard("StatusNotification") if p["connector_id"] == 1][-1])

        assert await site_wants("inoperative") == "Accepted"
        await until(lambda: seen() == "Unavailable")
        assert await central_wants("Inoperative") == "Accepted"
        assert await central_wants("Operative") == "Scheduled"  # the site still keeps it out
        start = call.RemoteStartTransaction("TAG00001", 1)
        assert (await play.point.call(start, suppress=False)).status == "Rejected"
        assert told(play.station) == ["Inoperative"]
        await play.running.kill()
        await play.running.start()
        async with charger(f"ws://127.0.0.1:{play.running.port}/CP01") as station:
            await boots(station)
            await station.call(call.StatusNotification(1, "NoError", "Available", timestamp=now()))
            await until(lambda: told(station) == ["Inoperative"], within_s=30)
            assert await site_wants("operative") == "Accepted"
            assert told(station) == ["Inoperative", "Operative"]
            await until(lambda: seen() == "Available")


@pytest.mark.parametrize("rights", [["read"], []])
async def test_without_the_right_nothing_reaches_the_station(tmp_path: Path, rights: list[str]) -> None:
    async with csms() as central:
        uplinks = {"central": {"url": central.url, "ocpp": "1.6", "rights": rights}}
        config = site(tmp_path, uplinks=uplinks, routing={"default": "central"})
        async with daemon(config) as running, charger(f"ws://127.0.0.1:{running.port}/CP01") as station:
            await boots(station)
            await until(lambda: "CP01" in central.points and bool(central.of("BootNotification")))
            await asyncio.sleep(0.5)
            reading = {action for action in FROM_CENTRAL if str(ACTIONS[action].right) in rights}
            for row in TABLE:
                if row.action in reading:
                    continue
                with contextlib.suppress(NotSupportedError):
                    answer = await central.points["CP01"].call(row.request, suppress=False)
                    words = {"Rejected", "NotSupported", "UnlockFailed", "Failed", None}
                    assert getattr(answer, "status", None) in words, row
            relayed = {row.action for row in TABLE if row.relayed} - reading
            assert relayed.isdisjoint(station.__dict__.get("asked", []))
