"""Charging profiles of a central as ceilings: over a link, on virtual time."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.units import format_utc
from sitectl.base.virtual import run_virtual
from sitectl.model.events import CeilingCleared, CeilingSet, TransactionStarted
from sitectl.model.ids import EvseId, StationId
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import START, World, on_virtual_time

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
UNKNOWN = {"status": "Unknown"}


def profile(
    limit: float,
    purpose: str = "TxDefaultProfile",
    *,
    id: int = 1,
    stack: int = 0,
    unit: str = "A",
    kind: str = "Absolute",
    after: dict[int, float] | None = None,
    duration: int | None = None,
    transaction: int | None = None,
    **more: Any,
) -> dict:
    periods = [{"startPeriod": s, "limit": a} for s, a in {0: limit, **(after or {})}.items()]
    schedule: dict = {"chargingRateUnit": unit, "chargingSchedulePeriod": periods}
    if kind == "Absolute":
        schedule["startSchedule"] = format_utc(START)
    if duration is not None:
        schedule["duration"] = duration
    value = {
        "chargingProfileId": id,
        "stackLevel": stack,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }
    return value if transaction is None else {**value, "transactionId": transaction}


async def sets(world: World, connector: int, value: dict) -> Any:
    return await world.central.ask("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": value})


def standing(world: World) -> dict[str, float]:
    """EVSE -> ceiling, from all that the site was told."""
    found: dict[str, tuple[str, float]] = {}
    for event in world.inbox:
        if isinstance(event, CeilingSet):
            found[event.ceiling.key] = (str(event.ceiling.evse), event.ceiling.ceiling_a)
        elif isinstance(event, CeilingCleared):
            found.pop(event.key)
    return dict(found.values())


@on_virtual_time
async def test_profiles_become_ceilings_and_never_reach_the_station():
    async with World() as world:
        await world.settles()
        assert await sets(world, 0, profile(40, "ChargePointMaxProfile", id=1)) == ACCEPTED
        assert await sets(world, 0, profile(20, id=2)) == ACCEPTED
        assert await sets(world, 2, profile(11040, id=3, unit="W", stack=1)) == ACCEPTED
        assert standing(world) == {"CP01:0": 40.0, "CP01:1": 20.0, "CP01:2": 16.0}
        assert world.door.commands == []


@on_virtual_time
async def test_a_profile_replaces_that_of_its_id_and_that_of_its_place():
    async with World() as world:
        await world.settles()
        await sets(world, 1, profile(20, id=1))
        await sets(world, 1, profile(16, id=1))
        assert standing(world) == {"CP01:1": 16.0}
        await sets(world, 1, profile(25, id=9))
        assert standing(world) == {"CP01:1": 25.0}
        assert await world.central.ask("ClearChargingProfile", {"id": 1}) == UNKNOWN


@on_virtual_time
async def test_the_profile_of_a_transaction_dies_with_it():
    async with World() as world:
        await world.settles()
        assert await sets(world, 1, profile(10, "TxProfile", transaction=4001)) == REJECTED  # not yet
        stored = await world.starts(1)
        assert await sets(world, 1, profile(10, "TxProfile", transaction=4001)) == ACCEPTED
        assert await sets(world, 2, profile(10, "TxProfile", id=2, transaction=4001)) == REJECTED  # not there
        assert await sets(world, 2, profile(10, "TxProfile", id=2)) == REJECTED  # nothing runs there
        assert await sets(world, 1, profile(10, "TxProfile", id=2, transaction=99)) == REJECTED
        assert standing(world) == {"CP01:1": 10.0}
        await world.stops(stored)
        await asyncio.sleep(1)
        assert standing(world) == {}
        assert world.store.virtual.profiles(world.settings.id, CP) == []


@on_virtual_time
async def test_a_transaction_profile_of_another_station_is_refused():
    async with World() as world:
        other = StationId("CP02")
        await world.settles()
        await world.settles(other)
        await world.starts(1, station=other)
        assert await sets(world, 1, profile(10, "TxProfile", transaction=4001)) == REJECTED


@pytest.mark.parametrize(
    ("connector", "value", "code"),
    [
        (9, profile(10), "PropertyConstraintViolation"),
        (1, profile(10, "ChargePointMaxProfile"), "PropertyConstraintViolation"),
        (0, profile(10, "TxProfile"), "PropertyConstraintViolation"),
        (1, profile(10, unit="V"), "PropertyConstraintViolation"),
        (1, profile(10, kind="Recurring"), "PropertyConstraintViolation"),
        (1, profile(10, stack=-1), "PropertyConstraintViolation"),
        (-1, profile(10), "FormationViolation"),
    ],
)
def test_what_no_station_takes(connector, value, code):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            assert await sets(world, connector, value) == code
            assert standing(world) == {}

    test()


@on_virtual_time
async def test_twenty_profiles_and_no_more():
    async with World() as world:
        await world.settles()
        for n in range(20):
            assert await sets(world, n % 3, profile(10, id=n, stack=n // 3)) == ACCEPTED
        assert await sets(world, 0, profile(6, id=20, stack=8)) == REJECTED
        assert await sets(world, 1, profile(6, id=20, stack=6)) == ACCEPTED  # in the place of another
        assert standing(world) == {"CP01:1": 6.0, "CP01:2": 10.0}


@on_virtual_time
async def test_profiles_that_can_never_hold_again_make_room():
    async with World() as world:
        await world.settles()
        for n in range(20):
            ends = {0: {"duration": 60}, 1: {"validTo": format_utc(START + timedelta(seconds=60))}}.get(n, {})
            assert await sets(world, n % 3, profile(10, id=n, stack=n // 3, **ends)) == ACCEPTED
        assert await sets(world, 0, profile(6, id=20, stack=8)) == REJECTED
        await asyncio.sleep(60)
        assert await sets(world, 0, profile(8, id=20, stack=8)) == ACCEPTED
        assert await sets(world, 0, profile(6, id=21, stack=7)) == ACCEPTED
        assert await sets(world, 1, profile(6, id=22, stack=8)) == REJECTED
        assert standing(world) == {"CP01:1": 8.0, "CP01:2": 8.0}


@pytest.mark.parametrize(
    "value",
    [
        profile(10, stack=9),
        profile(10, after=dict.fromkeys(range(1, 25), 10)),
        profile(10, validTo=format_utc(START)),
        profile(10, validFrom=format_utc(START + timedelta(days=2)), validTo=format_utc(START + timedelta(days=1))),
        profile(10, duration=1),
    ],
)
def test_what_is_beyond_the_offered_or_can_never_hold_is_rejected(value):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            assert await sets(world, 1, value) == REJECTED
            start = {"idTag": "TAG12345", "chargingProfile": {**value, "chargingProfilePurpose": "TxProfile"}}
            assert await world.central.ask("RemoteStartTransaction", start) == REJECTED
            assert world.store.virtual.profiles(world.settings.id, CP) == []
            assert world.door.commands == []

    test()


@on_virtual_time
async def test_24_periods_at_the_highest_stack_level_are_taken():
    async with World() as world:
        await world.settles()
        assert await sets(world, 1, profile(10, stack=8, after=dict.fromkeys(range(1, 24), 10))) == ACCEPTED


@on_virtual_time
async def test_no_profile_is_accepted_for_a_station_that_refuses_limits():
    async with World() as world:
        await world.settles()
        world.limits.obedient = False
        assert await sets(world, 1, profile(10)) == {"status": "NotSupported"}
        assert await sets(world, 0, profile(10, "ChargePointMaxProfile")) == {"status": "NotSupported"}


@on_virtual_time
async def test_a_station_that_is_away_takes_profiles_but_none_of_a_transaction_it_does_not_run():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.leaves()
        assert await sets(world, 0, profile(40, "ChargePointMaxProfile", id=1)) == ACCEPTED
        assert await sets(world, 1, profile(20, id=2)) == ACCEPTED
        assert await sets(world, 1, profile(20, "TxProfile", id=3)) == REJECTED
        assert await world.central.ask("ClearChargingProfile", {"id": 2}) == ACCEPTED
        assert standing(world) == {"CP01:0": 40.0}


@on_virtual_time
async def test_clearing_by_filter():
    async with World() as world:
        await world.settles()
        await sets(world, 0, profile(40, "ChargePointMaxProfile", id=1))
        await sets(world, 1, profile(20, id=2))
        await sets(world, 2, profile(16, id=3, stack=2))
        clear = world.central.ask
        assert await clear("ClearChargingProfile", {"connectorId": 1, "stackLevel": 7}) == UNKNOWN
        assert await clear("ClearChargingProfile", {"chargingProfilePurpose": "Nonsense"}) == (
            "PropertyConstraintViolation"
        )
        assert await clear("ClearChargingProfile", {"id": 2, "connectorId": 2}) == ACCEPTED  # an id voids the rest
        assert standing(world) == {"CP01:0": 40.0, "CP01:2": 16.0}
        purpose = {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 2}
        assert await clear("ClearChargingProfile", purpose) == ACCEPTED
        assert standing(world) == {"CP01:0": 40.0}
        assert await clear("ClearChargingProfile", {}) == ACCEPTED
        assert standing(world) == {}
        assert await clear("ClearChargingProfile", {}) == UNKNOWN


@on_virtual_time
async def test_periods_begin_and_end_by_themselves():
    async with World() as world:
        await world.settles()
        await sets(world, 1, profile(20, after={600: 10}, duration=1200))
        assert standing(world) == {"CP01:1": 20.0}
        await asyncio.sleep(600)
        assert standing(world) == {"CP01:1": 10.0}
        await asyncio.sleep(600)
        assert standing(world) == {}
        count = len(world.inbox)
        await asyncio.sleep(600)
        assert len(world.inbox) == count  # nothing changes, so nothing is said


@on_virtual_time
async def test_a_profile_of_the_future_begins_in_time():
    async with World() as world:
        await world.settles()
        later = format_utc(START + timedelta(seconds=300))
        await sets(world, 1, profile(12, validFrom=later))
        assert standing(world) == {}
        await asyncio.sleep(300)
        assert standing(world) == {"CP01:1": 12.0}


@on_virtual_time
async def test_profiles_hold_while_the_central_is_away():
    async with World() as world:
        await world.settles()
        await sets(world, 1, profile(12))
        world.central.transports[CP].abort()
        await asyncio.sleep(600)
        assert standing(world) == {"CP01:1": 12.0}


def test_profiles_hold_over_a_restart_and_relative_ones_keep_their_anchor(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            stored = await world.starts(1)
            await sets(world, 2, profile(12))
            await sets(world, 1, profile(20, "TxProfile", id=2, kind="Relative", after={600: 8}, transaction=4001))
            assert standing(world) == {"CP01:1": 20.0, "CP01:2": 12.0}
            began = world.clock.wall()
            await asyncio.sleep(500)
            world.inbox.clear()
            await world.close()
            await world.open()
            number = stored.station_transaction_id
            resumed = TransactionStarted(
                EvseId(CP, 1), stored.transaction, world.clock.monotonic(), number, resumed=True, started=began
            )
            world.hears(resumed)
            await asyncio.sleep(1)
            assert standing(world) == {"CP01:1": 20.0, "CP01:2": 12.0}
            await asyncio.sleep(120)
            assert standing(world) == {"CP01:1": 8.0, "CP01:2": 12.0}

    run_virtual(test())


def test_the_profile_of_a_transaction_that_ended_meanwhile_is_forgotten(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            await world.starts(1)
            await sets(world, 1, profile(20, "TxProfile", transaction=4001))
            world.facts.transactions.clear()
            world.inbox.clear()
            await world.restart()
            await asyncio.sleep(2)
            assert standing(world) == {}

    run_virtual(test())


@on_virtual_time
async def test_a_profile_that_cannot_be_kept_is_not_accepted():
    async with World() as world:
        await world.settles()
        freed = world.fill_disk()
        assert await sets(world, 1, profile(12)) == REJECTED
        assert standing(world) == {}
        freed()
        assert await sets(world, 1, profile(12)) == ACCEPTED
        world.fill_disk()
        assert await world.central.ask("ClearChargingProfile", {}) == UNKNOWN
        assert standing(world) == {"CP01:1": 12.0}


@on_virtual_time
async def test_an_idle_evse_may_begin_with_what_a_relative_profile_begins_with():
    async with World() as world:
        await world.settles()
        await sets(world, 1, profile(16, kind="Relative", after={3600: 8}))
        assert standing(world) == {"CP01:1": 16.0}
        await asyncio.sleep(7200)
        assert standing(world) == {"CP01:1": 16.0}
        await world.starts(1)
        await asyncio.sleep(3600)
        assert standing(world) == {"CP01:1": 8.0}
