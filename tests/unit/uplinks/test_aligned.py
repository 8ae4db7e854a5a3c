"""Clock-aligned readings over a link, on virtual time."""

import asyncio
from datetime import timedelta

from sitectl.base.units import format_utc
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId
from sitectl.model.metering import EvseReading
from sitectl.uplinks.connecting import DialFailed
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import START, World, on_virtual_time


def reads(world: World, evse: int = 1, register_wh: float | None = 1200.0) -> None:
    id = EvseId(CP, evse)
    now = world.clock.monotonic()
    world.facts.readings[id] = EvseReading(id, now, PhaseCurrents(6, 6, 6), register_wh=register_wh, power_w=4140)


async def sets(world: World, key: str, value: str) -> None:
    answer = await world.central.ask("ChangeConfiguration", {"key": key, "value": value})
    assert answer == {"status": "Accepted"}


def told(world: World) -> list[tuple[int, str]]:
    values = world.central.of("MeterValues")
    return [(payload["connectorId"], payload["meterValue"][0]["timestamp"]) for payload in values]


def at(seconds: int) -> str:
    return format_utc(START + timedelta(seconds=seconds))


async def until(world: World, seconds: float) -> None:
    await asyncio.sleep((START + timedelta(seconds=seconds) - world.clock.wall()).total_seconds())


@on_virtual_time
async def test_readings_go_up_at_their_moments_of_the_day_with_what_is_wanted_of_them():
    async with World() as world:
        await world.settles()
        await until(world, 890)
        reads(world)
        await until(world, 910)
        assert told(world) == []  # nobody asked for any
        await sets(world, "ClockAlignedDataInterval", "900")
        for moment in (1795, 2695):
            await until(world, moment)
            reads(world)
            reads(world, 2)
            await asyncio.sleep(10)
        assert told(world) == [(1, at(1800)), (2, at(1800)), (1, at(2700)), (2, at(2700))]
        [value] = world.central.of("MeterValues")[0]["meterValue"][0]["sampledValue"]
        assert (value["value"], value["measurand"], value["context"]) == (
            "1200",
            "Energy.Active.Import.Register",
            "Sample.Clock",
        )
        await sets(world, "MeterValuesAlignedData", "Power.Active.Import,Current.Import")
        await until(world, 3595)
        reads(world)
        await asyncio.sleep(10)
        last = world.central.of("MeterValues")[-1]["meterValue"][0]["sampledValue"]
        assert [value["value"] for value in last] == ["6", "6", "6", "4140"]
        assert "transactionId" not in world.central.of("MeterValues")[-1]


@on_virtual_time
async def test_what_is_old_or_says_nothing_wanted_or_is_of_a_station_that_is_away_is_not_told():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        await sets(world, "ClockAlignedDataInterval", "60")
        reads(world)
        reads(world, 2, register_wh=None)
        await until(world, 61)
        assert told(world) == [(1, at(60))]
        await until(world, 121)
        assert len(told(world)) == 1
        reads(world)
        world.leaves()
        await until(world, 200)
        assert len(told(world)) == 1


@on_virtual_time
async def test_what_fell_into_an_absence_of_the_central_is_not_made_up_later():
    async with World() as world:
        await world.settles()
        await sets(world, "ClockAlignedDataInterval", "900")
        world.central.unreachable = DialFailed("away")
        world.central.transports[CP].abort()
        await until(world, 1200)
        reads(world)
        world.central.unreachable = None
        await until(world, 1300)
        assert told(world) == []
        await until(world, 1795)
        reads(world)
        await until(world, 1810)
        assert told(world) == [(1, at(1800))]


@on_virtual_time
async def test_the_interval_holds_over_a_new_connection_and_ends_with_0():
    async with World() as world:
        await world.settles()
        await sets(world, "ClockAlignedDataInterval", "60")
        world.central.transports[CP].abort()
        await until(world, 50)
        reads(world)
        await until(world, 70)
        assert told(world) == [(1, at(60))]
        await sets(world, "ClockAlignedDataInterval", "0")
        reads(world)
        await until(world, 200)
        assert len(told(world)) == 1
