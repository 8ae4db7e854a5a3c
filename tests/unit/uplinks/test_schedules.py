"""GetCompositeSchedule over a link, on virtual time."""

import asyncio

import pytest

from sitectl.model.ids import EvseId
from sitectl.model.uplink import Right
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.test_profiles import profile, sets
from tests.unit.uplinks.twins import World, on_virtual_time

REJECTED = {"status": "Rejected"}


async def asks(world: World, connector: int = 1, duration: int = 3600, unit: str | None = None):
    payload = {"connectorId": connector, "duration": duration}
    return await world.central.ask(
        "GetCompositeSchedule", payload if unit is None else {**payload, "chargingRateUnit": unit}
    )


def steps(answer: dict) -> list[tuple[int, float]]:
    assert answer["status"] == "Accepted"
    assert answer["scheduleStart"] == answer["chargingSchedule"]["startSchedule"]
    return [(p["startPeriod"], p["limit"]) for p in answer["chargingSchedule"]["chargingSchedulePeriod"]]


@on_virtual_time
async def test_what_the_central_set_and_what_the_site_gives_hold_together():
    async with World() as world:
        await world.settles()
        await sets(world, 1, profile(24, after={1800: 10}))
        answer = await asks(world)
        assert steps(answer) == [(0, 24.0), (1795, 10.0)]
        assert answer["connectorId"] == 1
        assert answer["chargingSchedule"]["chargingRateUnit"] == "A"
        assert answer["chargingSchedule"]["duration"] == 3600
        await world.starts(1)
        world.limits.told[EvseId(CP, 1)] = 16.0
        assert steps(await asks(world)) == [(0, 16.0), (1793, 10.0)]


@on_virtual_time
async def test_in_watt_over_the_phases_that_are_wired():
    async with World() as world:
        await world.settles()
        await sets(world, 1, profile(11040, unit="W"))
        answer = await asks(world, unit="W")
        assert steps(answer) == [(0, 11040.0)]
        assert answer["chargingSchedule"]["chargingRateUnit"] == "W"
        assert steps(await asks(world, unit="A")) == [(0, 16.0)]


@on_virtual_time
async def test_connector_0_is_the_whole_station():
    async with World() as world:
        await world.settles()
        await sets(world, 0, profile(10, id=1))
        assert steps(await asks(world, 0)) == [(0, 20.0)]
        assert steps(await asks(world, 0, unit="W")) == [(0, 13800.0)]
        await sets(world, 0, profile(12, "ChargePointMaxProfile", id=2))
        assert steps(await asks(world, 0)) == [(0, 12.0)]


@on_virtual_time
async def test_it_is_answered_while_the_station_is_away():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        await sets(world, 1, profile(10))
        world.leaves()
        assert steps(await asks(world)) == [(0, 10.0)]


@on_virtual_time
async def test_a_transactions_profile_counts_from_its_start():
    async with World() as world:
        await world.settles()
        await world.starts(1)
        world.limits.told[EvseId(CP, 1)] = 20.0
        await sets(world, 1, profile(20, "TxProfile", kind="Relative", after={600: 8}))
        await asyncio.sleep(300)
        assert [limit for _, limit in steps(await asks(world))] == [20.0, 8.0]
        assert 290 < steps(await asks(world))[1][0] < 300


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"connectorId": 7, "duration": 60}, "PropertyConstraintViolation"),
        ({"connectorId": 1, "duration": 60, "chargingRateUnit": "V"}, "PropertyConstraintViolation"),
        ({"connectorId": 1, "duration": -1}, "PropertyConstraintViolation"),
        ({"connectorId": 1}, "FormationViolation"),
    ],
)
def test_what_no_station_answers(payload, answer):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            assert await world.central.ask("GetCompositeSchedule", payload) == answer

    test()


@on_virtual_time
async def test_a_station_that_refuses_limits_has_no_smart_charging():
    async with World() as world:
        await world.settles()
        world.limits.obedient = False
        assert await asks(world) == "NotSupported"


@pytest.mark.parametrize(
    ("rights", "schedule", "set_", "clear"),
    [
        ({Right.READ}, "Accepted", {"status": "NotSupported"}, "NotSupported"),
        ({Right.PROFILES}, REJECTED, {"status": "Accepted"}, {"status": "Accepted"}),
        (set(), "NotSupported", {"status": "NotSupported"}, "NotSupported"),
    ],
)
def test_without_the_right_to_profiles_there_is_no_smart_charging(rights, schedule, set_, clear):
    @on_virtual_time
    async def test():
        async with World(rights=frozenset(rights)) as world:
            await world.settles()
            answer = await asks(world)
            assert (answer.get("status") if schedule == "Accepted" else answer) == schedule
            assert await sets(world, 1, profile(10)) == set_
            assert await world.central.ask("ClearChargingProfile", {}) == clear

    test()
