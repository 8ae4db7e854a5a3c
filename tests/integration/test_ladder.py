"""Every form of the ladder on a real socket; the station's package checks each frame by the standard's schemas."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sitectl.model.commands import Answered, ClearFallback, InstallFallback, OfferLimit, Urgency
from sitectl.model.ids import EvseId
from sitectl.model.ladder import LadderStep, forms_of
from sitectl.model.limits import Offer, OfferKind
from tests.integration.station_site import CP, boots, charger, site
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
