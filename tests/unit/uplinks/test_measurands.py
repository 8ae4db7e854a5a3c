"""Measurands that centrals want, over a link on virtual time: what the station is asked for, what goes up."""

import asyncio

import pytest

from sitectl.model.commands import Answered, SetVariable, Unanswered
from sitectl.uplinks.measurands import SETTLE_S
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import CENTRAL, World, on_virtual_time

OURS = "Current.Import,Current.Offered,Energy.Active.Import.Register,Power.Active.Import"
ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


async def wants(world: World, value: str, key: str = "MeterValuesSampledData"):
    return await world.central.ask("ChangeConfiguration", {"key": key, "value": value})


def asked(world: World) -> list[SetVariable]:
    return world.door.of(SetVariable)


def has(world: World, value: str, key: str = "MeterValuesSampledData") -> None:
    world.facts.keys = {**world.facts.keys, key: (value, False)}


@on_virtual_time
async def test_what_the_station_reports_already_needs_no_asking():
    async with World() as world:
        await world.settles()
        has(world, OURS)
        assert await wants(world, "Energy.Active.Import.Register") == ACCEPTED
        assert await wants(world, "") == ACCEPTED
        assert asked(world) == []


@on_virtual_time
async def test_the_station_is_asked_for_what_control_needs_and_what_centrals_want_together():
    async with World() as world:
        await world.settles()
        has(world, OURS)
        assert await wants(world, "SoC,Voltage,SoC") == ACCEPTED
        assert asked(world) == [SetVariable(CP, "MeterValuesSampledData", f"{OURS},SoC,Voltage")]
        assert await wants(world, "Voltage") == ACCEPTED  # it reports it by now
        assert len(asked(world)) == 1
        answer = await world.central.ask("GetConfiguration", {"key": ["MeterValuesSampledData"]})
        assert answer["configurationKey"][0]["value"] == "Voltage"  # what it wants, not what control needs


@on_virtual_time
async def test_what_is_not_known_of_the_station_does_not_cost_control_its_readings():
    async with World() as world:
        await world.settles()
        assert await wants(world, "SoC") == ACCEPTED
        assert asked(world) == [SetVariable(CP, "MeterValuesSampledData", f"{OURS},SoC")]


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (Answered("Rejected", REJECTED), "Rejected"),
        (Answered("NotSupported", {"status": "NotSupported"}), "Rejected"),
        (Unanswered("too late"), "Rejected"),
        (Answered("RebootRequired", {"status": "RebootRequired"}), "RebootRequired"),
    ],
)
def test_the_central_hears_what_the_station_makes_of_it(outcome, answer):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.door.outcome = lambda command: outcome
            assert await wants(world, "SoC") == {"status": answer}
            held = world.store.virtual.variables(CENTRAL, CP)
            assert ("MeterValuesSampledData" in held) == (answer == "RebootRequired")

    test()


@on_virtual_time
async def test_what_nobody_can_measure_and_what_is_too_much_is_rejected():
    async with World() as world:
        await world.settles()
        has(world, OURS)
        assert await wants(world, "Happiness") == REJECTED
        many = "SoC,Voltage,Temperature,Frequency,Power.Factor,RPM,Power.Offered"
        assert await wants(world, many) == REJECTED
        assert asked(world) == []


@on_virtual_time
async def test_a_station_that_is_away_or_forgets_is_asked_when_it_is_back():
    async with World() as world:
        world.reports(1, "Available")
        has(world, OURS)
        await world.settles()
        world.leaves()
        assert await wants(world, "SoC") == ACCEPTED
        world.arrives()
        world.boots()
        await asyncio.sleep(SETTLE_S + 1)
        assert [command.value for command in asked(world)] == [f"{OURS},SoC"]
        has(world, OURS)  # a reset to factory settings
        world.arrives()
        await asyncio.sleep(SETTLE_S + 1)
        assert [command.value for command in asked(world)] == [f"{OURS},SoC"] * 2
        world.boots()
        await asyncio.sleep(SETTLE_S + 1)
        assert len(asked(world)) == 2


@on_virtual_time
async def test_values_of_the_stop_are_asked_for_too_and_clock_aligned_ones_are_made_here():
    async with World() as world:
        await world.settles()
        has(world, "Voltage", "StopTxnSampledData")
        assert await wants(world, "SoC", "StopTxnSampledData") == ACCEPTED
        assert asked(world) == [SetVariable(CP, "StopTxnSampledData", "Voltage,SoC")]
        assert await wants(world, "Current.Import,Power.Active.Import", "MeterValuesAlignedData") == ACCEPTED
        assert await wants(world, "SoC", "MeterValuesAlignedData") == REJECTED
        assert await wants(world, "SoC", "StopTxnAlignedData") == REJECTED
        assert await wants(world, "", "StopTxnAlignedData") == ACCEPTED
        assert len(asked(world)) == 1


@on_virtual_time
async def test_only_what_is_wanted_goes_up_and_nothing_where_nothing_is():
    async with World() as world:
        await world.settles()
        has(world, OURS)
        await wants(world, "Energy.Active.Import.Register")
        stored = await world.starts()
        await world.samples(stored, 200)  # of the register alone
        await asyncio.sleep(2)
        assert len(world.central.of("MeterValues")) == 1
        await wants(world, "Current.Import")
        await world.samples(stored, 300)
        await world.stops(stored)
        await asyncio.sleep(5)
        assert len(world.central.of("MeterValues")) == 1
        assert len(world.central.of("StopTransaction")) == 1
        assert await world.outbox() == []
