"""Every form of the ladder on a real socket; the station's package checks each frame by the standard's schemas."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocpp.routing import on
from ocpp.v16 import call_result
from websockets.asyncio.client import connect

from sitectl.model.commands import Answered, ClearFallback, InstallFallback, OfferLimit, Urgency
from sitectl.model.events import LimitAcknowledged
from sitectl.model.ids import EvseId, StationId
from sitectl.model.ladder import LadderStep, LimitForm, forms_of
from sitectl.model.limits import Offer, OfferKind
from tests.integration.station_site import CP, SUBPROTOCOL, Charger, Site, boots, charger, site, until
from tests.unit.stations.twins import station_plan

ONE = EvseId(CP, 1)
BEGINS = datetime(2026, 11, 29, 22, tzinfo=UTC)
PURPOSES = {
    LadderStep.TX_PROFILE: "TxProfile",
    LadderStep.TX_DEFAULT: "TxDefaultProfile",
    LadderStep.TX_DEFAULT_STATION: "TxDefaultProfile",
    LadderStep.CHARGE_POINT_MAX: "ChargePointMaxProfile",
}


async def test_a_station_by_the_standard_takes_every_form(tmp_path: Path) -> None:
    offer = Offer(ONE, 1, 16.0, OfferKind.DYNAMIC, 0.0)
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        await boots(station)
        for step, purpose in PURPOSES.items():
            for form in forms_of(step):
                limit = OfferLimit(offer, 7, BEGINS, 300, cut=True, form=form)
                fallback = InstallFallback(replace(offer, kind=OfferKind.FALLBACK), form)
                for command in (limit, fallback, ClearFallback(ONE)):
                    outcome = await here.stations.execute(CP, command, Urgency.CUT)
                    assert isinstance(outcome, Answered), (form, command, outcome)
                    assert outcome.accepted, (form, command)
                told = station.__dict__["profiles"][-2]
                assert told["charging_profile_purpose"] == purpose, form
        stop = OfferLimit(replace(offer, limit_a=0.0), 7, BEGINS, 0, cut=True, form=forms_of(LadderStep.START_STOP)[0])
        outcome = await here.stations.execute(CP, stop, Urgency.CUT)
        assert isinstance(outcome, Answered)
        assert station.__dict__["told"]["RemoteStopTransaction"] == [{"transaction_id": 7}]


class Holding(Charger):
    """It holds profiles by one of the keys that stations go by. `clears_all`: whatever it is asked to clear."""

    def hold(self, key: tuple[str, ...], clears_all: bool) -> None:
        self.__dict__.update(held={}, key=key, clears_all=clears_all, seen=[])

    def purposes(self) -> set[str]:
        return {profile["charging_profile_purpose"] for profile in self.__dict__["held"].values()}

    @on("SetChargingProfile")
    def set_charging_profile(self, connector_id: int, cs_charging_profiles: Any, **_: Any) -> Any:
        profile = {"connector": connector_id, **cs_charging_profiles}
        self.__dict__["held"][tuple(profile[part] for part in self.__dict__["key"])] = profile
        self.__dict__["seen"].append(self.purposes())
        return call_result.SetChargingProfile("Accepted")

    @on("ClearChargingProfile")
    def clear_charging_profile(self, charging_profile_purpose: str | None = None, **_: Any) -> Any:
        held, purpose = self.__dict__["held"], charging_profile_purpose
        stays = {k: v for k, v in held.items() if purpose is not None and v["charging_profile_purpose"] != purpose}
        self.__dict__["held"] = {} if self.__dict__["clears_all"] else stays
        self.__dict__["seen"].append(self.purposes())
        return call_result.ClearChargingProfile("Accepted" if len(stays) < len(held) else "Unknown")


BY_ID = ("charging_profile_id",)
BY_PLACE = ("connector", "charging_profile_purpose", "stack_level")


async def test_the_maximum_of_a_station_is_there_before_the_fallback_that_it_replaces_goes(tmp_path: Path) -> None:
    stations = {"CP01": (BY_ID, False), "CP02": (BY_PLACE, False), "CP03": (BY_PLACE, True)}
    async with site(tmp_path, *(station_plan(id) for id in stations)) as here:
        await asyncio.gather(*(replaces_its_fallback(here, id, *how) for id, how in stations.items()))


async def replaces_its_fallback(here: Site, id: str, key: tuple[str, ...], clears_all: bool) -> None:
    async with connect(here.url(id), subprotocols=SUBPROTOCOL) as connection:
        station = Holding(id, connection)
        station.hold(key, clears_all)
        task = asyncio.create_task(station.start())
        await boots(station)
        for seq, step in enumerate((LadderStep.TX_PROFILE, LadderStep.CHARGE_POINT_MAX), start=1):
            offer = Offer(EvseId(StationId(id), 1), seq, 6.0, OfferKind.FALLBACK, 0.0)
            here.stations.limits.install_fallback(InstallFallback(offer, LimitForm(step)))
            await until(lambda so_far=seq: len(acknowledged(here, id)) == so_far, 30.0)
        assert station.purposes() == {"ChargePointMaxProfile"}
        without = [held for held in station.__dict__["seen"] if not held]
        assert len(without) <= (1 if clears_all else 0), "one that clears all is told again at once"
        task.cancel()


def acknowledged(here: Site, id: str) -> list[LimitAcknowledged]:
    return [event for event in here.inbox.of(LimitAcknowledged) if event.evse.station == id]
