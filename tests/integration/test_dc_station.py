"""A DC station beside an AC one under the whole daemon: watts on the wire, amperes of the grid in the sharing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocpp.routing import on
from ocpp.v16 import call, call_result

from tests.e2e.rig import daemon, site, until
from tests.e2e.station import Charger, charger, connected, now


class FastCharger(Charger):
    """One that keeps what it is told as it came."""

    @on("SetChargingProfile")
    def _profile(self, cs_charging_profiles: Mapping[str, Any], **_: Any) -> Any:
        self.__dict__.setdefault("profiles", []).append(cs_charging_profiles)
        return call_result.SetChargingProfile("Accepted")

    def told(self, purpose: str) -> tuple[str, float] | None:
        """Unit and limit of the newest profile."""
        for profile in reversed(self.__dict__.get("profiles", [])):
            if profile["charging_profile_purpose"] == purpose:
                schedule = profile["charging_schedule"]
                return schedule["charging_rate_unit"], float(schedule["charging_schedule_period"][0]["limit"])
        return None


STATIONS = {
    "DC1": {"circuit": "grid", "kind": "dc", "max_a": 125, "max_w": 75000, "min_w": 5000, "profile_storage": "ram"},
    "CP01": {"circuit": "grid", "max_a": 32, "phases": "L1L2L3", "profile_storage": "ram"},
}


async def test_a_dc_station_is_told_watts_and_counted_by_its_power(tmp_path: Path) -> None:
    config = site(tmp_path, circuits={"grid": {"rated_a": 100, "base_load_worst_a": 20}}, stations=STATIONS)
    async with (
        daemon(config) as running,
        connected(running.port, "DC1", FastCharger) as fast,
        charger(running.port, "CP01") as slow,
    ):
        await until(lambda: fast.told("TxDefaultProfile") is not None and slow.fallback_a is not None)
        assert fast.told("TxDefaultProfile") == ("W", 0.0), "6 A are less than its minimum"
        await fast.begin()
        await until(lambda: (fast.told("TxProfile") or ("", 0.0))[1] > 0)
        assert fast.told("TxProfile") == ("W", 49680.0), "80 A on three phases of 230 V, of which nine tenths arrive"
        values = [
            {"value": "45000", "measurand": "Power.Active.Import", "unit": "W"},
            {"value": "118", "measurand": "Current.Import", "unit": "A"},
        ]
        sampled = [{"timestamp": now(), "sampledValue": values}]
        assert fast.transaction is not None
        await fast.say(call.MeterValues(1, sampled, transaction_id=fast.transaction.id))

        async def shown() -> Any:
            return (await running.ask("status"))["stations"]["DC1"]["evses"]["1"]

        evse = await shown()
        while evse["measured_a"] is None:
            evse = await shown()
        assert (evse["limit_a"], evse["limit_w"], evse["measured_a"]) == (80.0, 49680.0, [72.5, 72.5, 72.5])
        chain = (await running.ask("why", "DC1"))["chain"]
        assert any("80 A (as 49680 W at the vehicle)" in step["text"] for step in chain)
