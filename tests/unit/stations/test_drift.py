"""What was set on a station and holds no more; and transactions that it knows nothing of, closed in the ledger."""

import asyncio

import pytest

from sitectl.base.errors import EnvironmentFault
from sitectl.model.commands import Answered, NotSent
from sitectl.model.events import TransactionEnded
from sitectl.model.hands import HandKind
from sitectl.model.ids import EvseId, StationId
from sitectl.stations.onboarding import CHECK_EVERY_S
from tests.unit.stations.test_onboarding import FREE, GOOD, configured
from tests.unit.stations.twins import BOOT, CP, Yard, in_yard, start_payload

FIRST = EvseId(CP, 1)


@in_yard()
async def test_a_key_that_is_not_as_it_was_set_is_noticed_and_written_again(yard: Yard) -> None:
    held = {**GOOD, "MeterValueSampleInterval": "900"}
    station = await yard.connect()
    configured(station, held)
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(60)
    assert held["MeterValueSampleInterval"] == "10"
    assert yard.stations.vitals.of(CP).drifted == ()
    held["MeterValueSampleInterval"] = "900"
    await asyncio.sleep(CHECK_EVERY_S + 60)
    facts = yard.stations.vitals.of(CP)
    assert facts.drifted == ("MeterValueSampleInterval",)
    assert facts.drifted_since is not None
    assert await yard.stations.configure_again(CP) == Answered("Accepted", {})
    assert held["MeterValueSampleInterval"] == "10"
    assert yard.stations.vitals.of(CP).drifted == ()
    assert [p["requestedMessage"] for p in station.called("TriggerMessage")][-1] == "Heartbeat", "for the time of day"


@in_yard()
async def test_one_that_loses_it_at_once_has_not_been_healed(yard: Yard) -> None:
    held = {**GOOD, "MeterValueSampleInterval": "900"}
    station = await yard.connect()
    configured(station, held)
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(60)
    answers = station.answers

    def forgets(action: str, payload: dict[str, object]) -> dict[str, object] | None:
        answer = answers(action, payload)
        held["MeterValueSampleInterval"] = "900"
        return answer

    station.answers = forgets
    assert await yard.stations.configure_again(CP) == Answered("Rejected", {})
    assert yard.stations.vitals.of(CP).drifted == ("MeterValueSampleInterval",)


@in_yard()
async def test_what_is_forgotten_in_each_boot_is_mended_and_no_sign(yard: Yard) -> None:
    held = {**GOOD, "MeterValueSampleInterval": "900"}
    for _ in range(2):
        station = await yard.connect()
        configured(station, held)
        await station.call("BootNotification", BOOT)
        await asyncio.sleep(60)
        assert held["MeterValueSampleInterval"] == "10"
        assert yard.stations.vitals.of(CP).drifted == ()
        held["MeterValueSampleInterval"] = "900"


@in_yard()
async def test_a_list_in_other_words_is_the_same(yard: Yard) -> None:
    held = {**GOOD, "MeterValuesSampledData": ""}
    station = await yard.connect()
    configured(station, held)
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(60)
    held["MeterValuesSampledData"] = held["MeterValuesSampledData"].replace(",", ", ").upper()
    await asyncio.sleep(CHECK_EVERY_S + 60)
    assert yard.stations.vitals.of(CP).drifted == ()


@in_yard()
async def test_nothing_is_configured_on_a_station_that_is_away(yard: Yard) -> None:
    assert isinstance(await yard.stations.configure_again(CP), NotSent)
    assert isinstance(await yard.stations.configure_again(StationId("NOBODY")), NotSent)


@in_yard(authorization=FREE)
async def test_a_transaction_that_its_station_knows_nothing_of_is_closed_and_everybody_hears(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await station.call("StartTransaction", start_payload())
    (meant,) = yard.ledger.open
    assert await yard.stations.conclude(FIRST, meant, "the station knows nothing of it")
    assert not yard.stations.book.running(FIRST)
    (ended,) = yard.inbox.of(TransactionEnded)
    assert ended.evse == FIRST
    assert not await yard.stations.conclude(FIRST, meant, "again")
    await station.call("StartTransaction", start_payload(timestamp="2026-01-01T12:30:00Z", meterStart=5000))
    assert not await yard.stations.conclude(FIRST, meant, "the car before")
    yard.ledger.full = True
    with pytest.raises(EnvironmentFault):
        await yard.stations.conclude(FIRST, meant, "a full disk")
    assert yard.stations.book.running(FIRST)


@in_yard()
async def test_a_power_cycle_is_told_to_centrals_and_its_boot_is_no_sign(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    yard.stations.power_cycled(CP, "healing")
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    assert len(yard.stations.vitals.of(CP).boots) == 1
    assert [info for _, _, info in yard.centrals.security] == ["its power was cut and given back by healing"]
    assert [hand.kind for hand in yard.stations.hands.lately(CP)] == [HandKind.POWER_CYCLE]
