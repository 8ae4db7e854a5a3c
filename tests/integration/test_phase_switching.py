"""A station is told to charge by one phase, for the minimum of three does not fit: under the whole daemon."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocpp.routing import on
from ocpp.v16 import call_result

from tests.e2e.rig import daemon, site, until
from tests.e2e.station import Charger, connected


class Switching(Charger):
    """One that keeps what it is told as it came."""

    @on("SetChargingProfile")
    def _profile(self, cs_charging_profiles: Mapping[str, Any], **_: Any) -> Any:
        period = cs_charging_profiles["charging_schedule"]["charging_schedule_period"][0]
        told = (cs_charging_profiles["charging_profile_purpose"], float(period["limit"]), period.get("number_phases"))
        self.__dict__.setdefault("told", []).append(told)
        return call_result.SetChargingProfile("Accepted")


STATIONS = {
    "CP01": {"circuit": "grid", "max_a": 32, "phases": "L2L3L1", "switches_phases": True, "profile_storage": "ram"},
    "CP02": {"circuit": "grid", "max_a": 16, "phases": "L1", "fallback_a": 0, "profile_storage": "ram"},
}


async def test_one_phase_where_three_do_not_fit(tmp_path: Path) -> None:
    """CP02 was never seen and counts 16 A on L1, where 4 A are left: CP01's first phase is L2."""
    config = site(tmp_path, circuits={"grid": {"rated_a": 40, "base_load_worst_a": 20}}, stations=STATIONS)
    async with daemon(config) as running, connected(running.port, "CP01", Switching) as station:
        told: list[tuple[str, float, int | None]] = station.__dict__.setdefault("told", [])
        await until(lambda: ("TxDefaultProfile", 0.0, None) in told)
        await station.begin()
        await until(lambda: ("TxProfile", 20.0, 1) in told)
        evse = (await running.ask("status"))["stations"]["CP01"]["evses"]["1"]
        assert evse["limit_a"] == 20.0
        assert "by one phase, for three do not fit" in evse["reason"]
        rows = [step for step in (await running.ask("why", "CP01"))["chain"] if step["step"] == "row"]
        assert [row["phase"] for row in rows] == ["L2"]
