"""The trials of a technician, by the installed command, at a station that obeys one purpose of profiles only.

In real time, for every step is proven by what a car does: about a minute a trial.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import call, call_result

from tests.e2e.rig import Daemon, OddMeter, background, daemon, meter, metered, site, sitectl, until
from tests.e2e.station import Charger, connected, now

WIRED = 1
"""Its L1 lies on L2 of the grid."""


class Stubborn(Charger):
    """Says yes to every profile and obeys TxDefaultProfile alone; its car draws on one phase, up to 16 A."""

    default_a = 32.0
    drawn_a = 0.0

    @on("SetChargingProfile")
    def _profile(self, cs_charging_profiles: Mapping[str, Any], **_: Any) -> Any:
        schedule = cs_charging_profiles["charging_schedule"]
        if cs_charging_profiles["charging_profile_purpose"] == "TxDefaultProfile" and (
            cs_charging_profiles["stack_level"] > 0 or self.transaction is None
        ):
            self.default_a = float(schedule["charging_schedule_period"][0]["limit"])
        return call_result.SetChargingProfile("Accepted")

    async def live(self, device: OddMeter) -> None:
        """Its car follows within two seconds, its meter is read every two, the grid's shows what it draws."""
        second = 0
        while True:
            await asyncio.sleep(1.0)
            second += 1
            limit_a = min(16.0, self.default_a) if self.transaction is not None else 0.0
            self.drawn_a += max(-8.0, min(4.0, limit_a - self.drawn_a))
            grid = [8.0, 8.0, 8.0]
            grid[WIRED] += self.drawn_a
            device.measure(1.0, (grid[0], grid[1], grid[2]))
            if second % 2 == 0 and self.transaction is not None:
                await self.sample()

    async def sample(self) -> None:
        assert self.transaction is not None
        own = (("L1", self.drawn_a), ("L2", 0.0), ("L3", 0.0))
        values = [{"value": f"{a:.1f}", "measurand": "Current.Import", "phase": phase, "unit": "A"} for phase, a in own]
        sampled = [{"timestamp": now(), "sampledValue": values}]
        await self.say(call.MeterValues(1, sampled, transaction_id=self.transaction.id))


async def tried(running: Daemon, kind: str) -> dict[str, Any]:
    ended = await sitectl("station", kind, "CP01", "--socket", running.socket, "--json", within_s=240.0)
    assert ended.status == 0, ended
    answer: dict[str, Any] = json.loads(ended.out)
    print(ended.err)
    return answer


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_a_technician_finds_out_what_a_station_obeys_how_fast_and_on_which_phase(tmp_path: Path) -> None:
    stations = {"CP01": {"circuit": "grid", "max_a": 32, "profile_storage": "ram"}}  # its phases are not said
    async with meter() as device, daemon(site(tmp_path, **metered(device), stations=stations)) as running:
        nobody = await sitectl("station", "probe", "CP01", "--socket", running.socket)
        assert (nobody.status, "CP01 is not connected" in nobody.err) == (1, True), nobody
        async with connected(running.port, "CP01", Stubborn) as station, background(station.live(device)):
            await until(lambda: station.default_a < 32.0, 30.0, "its fallback")
            station.default_a = 32.0  # obeyed for transactions to come, not for this one
            await station.begin()
            await until(lambda: station.drawn_a > 15.0, 30.0, "the car charges")
            await asyncio.sleep(5.0)

            probed = await tried(running, "probe")
            assert probed["outcome"]["step"] == "tx_default"
            assert probed["outcome"]["verdict"] == "proven"
            assert probed["outcome"]["tried"] == [{"form": "TxProfile in A", "verdict": "ignored"}]

            await until(lambda: station.drawn_a > 15.0, 150.0, "the car may draw again")
            await asyncio.sleep(5.0)
            limited = await tried(running, "limit-test")
            assert limited["outcome"]["verdict"] == "followed"
            assert limited["outcome"]["meter_s"] < 10.0

            await until(lambda: station.drawn_a > 15.0, 150.0, "the car may draw again")
            await asyncio.sleep(5.0)
            phased = await tried(running, "phase-test")
            assert (phased["outcome"]["first"], phased["outcome"]["verdict"]) == ("L2", "well")

            shown = await sitectl("stations", "CP01", "--socket", running.socket)
            print(shown.out)
            assert "TxDefaultProfile in A, proven; its L1 lies on L2" in shown.out.replace("\n", " ")
            assert "limit test: followed" in shown.out
        await running.stop()
    async with daemon(tmp_path / "site.yaml") as again:
        evse = (await again.ask("stations", "CP01"))["stations"]["CP01"]["evses"]["1"]
        assert (evse["control"]["step"], evse["control"]["verdict"]) == ("tx_default", "proven")
        assert (evse["learned_l1"], evse["trials"]["phase_test"]["first"]) == ("L2", "L2")
