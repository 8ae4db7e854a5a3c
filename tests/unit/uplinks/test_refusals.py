"""Refusals that come too late: what is stopped, what gets no energy, what is granted, and what goes on."""

import asyncio
from pathlib import Path

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.config.settings import AuthorizationMode, AuthorizationSettings
from sitectl.model.commands import Answered, Outcome, RequestStop
from sitectl.model.events import CeilingCleared, CeilingSet
from sitectl.model.ids import EvseId
from sitectl.model.metering import EvseReading
from sitectl.model.transaction import AuthorizationStatus, StartedTransaction
from sitectl.uplinks.connecting import DialFailed
from tests.unit.uplinks.central import CP, Slow
from tests.unit.uplinks.twins import World, on_virtual_time


def started(id: object, status: str = "Accepted") -> dict:
    return {"transactionId": id, "idTagInfo": {"status": status}}


@on_virtual_time
async def test_a_late_refusal_stops_the_transaction_and_its_stop_says_why():
    async with World() as world:
        await world.settles()
        world.leaves()
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        world.facts.of(CP).is_online = False
        stored = await world.starts()
        await asyncio.sleep(30)
        assert world.door.commands == []  # nobody there to be stopped, and it is not forgotten
        world.arrives()
        world.boots()
        await asyncio.sleep(100)
        assert world.door.of(RequestStop)[:1] == [RequestStop(CP, stored.station_transaction_id)]
        await world.stops(stored, reason="Remote")
        await asyncio.sleep(120)
        assert world.central.of("StopTransaction")[0]["reason"] == "DeAuthorized"
        count = len(world.door.commands)
        await asyncio.sleep(300)
        assert len(world.door.commands) == count
        cached = world.cached("TAG12345")
        assert cached is not None
        assert cached.status is AuthorizationStatus.INVALID


def test_a_late_refusal_is_not_forgotten_over_a_restart(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            world.door.outcome = lambda command: Answered("Rejected", {"status": "Rejected"})
            world.central.answers["StartTransaction"] = started(5, "Expired")
            stored = await world.starts()
            await asyncio.sleep(5)
            await world.restart()
            world.door.commands.clear()
            world.arrives()
            await asyncio.sleep(70)
            assert world.door.of(RequestStop)[0] == RequestStop(CP, stored.station_transaction_id)

    run_virtual(test())


@on_virtual_time
async def test_a_late_refusal_may_also_only_take_the_energy():
    async with World() as world:
        await world.settles()
        await world.central.ask("ChangeConfiguration", {"key": "StopTransactionOnInvalidId", "value": "false"})
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        stored = await world.starts()
        await asyncio.sleep(30)
        assert world.door.commands == []
        [ceiling] = [event.ceiling for event in world.inbox.of(CeilingSet)]
        assert (ceiling.evse, ceiling.ceiling_a) == (stored.evse, 0.0)
        await world.stops(stored)
        assert [event.key for event in world.inbox.of(CeilingCleared)] == [ceiling.key]


def test_without_energy_it_stays_over_a_restart(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            await world.central.ask("ChangeConfiguration", {"key": "StopTransactionOnInvalidId", "value": "false"})
            world.central.answers["StartTransaction"] = started(5, "Invalid")
            stored = await world.starts()
            await asyncio.sleep(5)
            await world.restart()
            world.inbox.clear()
            world.arrives()
            await asyncio.sleep(10)
            assert [event.ceiling.evse for event in world.inbox.of(CeilingSet)] == [stored.evse]
            assert world.door.of(RequestStop) == []

    run_virtual(test())


# --- the energy that is granted all the same -------------------------------------------------------------------------


class Car:
    """Draws 11 kW and says so every ten seconds, until it is stopped or gets 0 A."""

    def __init__(self, world: World, stored: StartedTransaction, *, power: bool = True, register: bool = True) -> None:
        self.world, self.stored = world, stored
        self.wh, self.draws = 1000.0, True
        self._power, self._register = power, register
        world.door.outcome = self._ordered

    def _ordered(self, command: object) -> Outcome:
        if isinstance(command, RequestStop):
            self.draws = False
        return Answered("Accepted", {"status": "Accepted"})

    async def for_s(self, seconds: int) -> None:
        for second in range(seconds):
            if any(event.ceiling.ceiling_a == 0.0 for event in self.world.inbox.of(CeilingSet)):
                self.draws = False
            self.wh += 11_000 / 3600 if self.draws else 0.0
            if self._register and second % 10 == 5:  # some tell their currents apart
                now, amps = self.world.clock.monotonic(), (16.0 * self.draws,) * 3
                self.world.facts.readings[self.stored.evse] = EvseReading(self.stored.evse, now, amps)
            if second % 10 == 0:
                power = 11_000.0 * self.draws if self._power else None
                amps = (16.0 * self.draws,) * 3 if not self._power else None
                register = self.wh if self._register else None
                now = self.world.clock.monotonic()
                reading = EvseReading(self.stored.evse, now, amps, 3, power, register)
                self.world.facts.readings[self.stored.evse] = reading
            await asyncio.sleep(1.0)


async def granted(world: World, wh: int, stops: bool) -> None:
    for key, value in (("MaxEnergyOnInvalidId", str(wh)), ("StopTransactionOnInvalidId", str(stops).lower())):
        assert await world.central.ask("ChangeConfiguration", {"key": key, "value": value}) == {"status": "Accepted"}


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("power", [True, False])
def test_what_was_granted_is_given_and_hardly_more(stops: bool, power: bool):
    @on_virtual_time
    async def test() -> None:
        async with World() as world:
            await world.settles()
            await granted(world, 500, stops)
            world.central.answers["StartTransaction"] = started(5, "Invalid")
            stored = await world.starts(meter=1000, wait=False)
            car = Car(world, stored, power=power)
            await car.for_s(100)
            assert car.draws
            await car.for_s(200)
            assert not car.draws
            assert 450 <= car.wh - 1000.0 <= 510
            assert bool(world.door.of(RequestStop)) is stops

    test()


@on_virtual_time
async def test_before_the_first_reading_the_grant_counts_from_what_is_on_record():
    async with World() as world:
        await world.settles()
        await granted(world, 500, True)
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        stored = await world.starts(meter=1000)
        await asyncio.sleep(8)
        car = Car(world, stored)
        car.wh += 30
        await car.for_s(250)
        assert not car.draws
        assert 450 <= car.wh - 1000.0 <= 510


@on_virtual_time
async def test_a_reading_of_the_transaction_before_grants_and_takes_nothing():
    async with World() as world:
        await world.settles()
        await granted(world, 500, True)
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        for before_wh in (9000.0, 0.0):
            world.door.commands.clear()
            world.inbox.clear()
            now = world.clock.monotonic()
            world.facts.readings[EvseId(CP, 1)] = EvseReading(EvseId(CP, 1), now, None, 3, 0.0, before_wh)
            stored = await world.starts(meter=1000)
            await asyncio.sleep(5)
            assert world.door.of(RequestStop) == []
            car = Car(world, stored)
            await car.for_s(250)
            assert 450 <= car.wh - 1000.0 <= 510
            await world.stops(stored)


@on_virtual_time
async def test_without_a_register_nothing_can_be_granted_for_long():
    async with World() as world:
        await world.settles()
        await granted(world, 5000, True)
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        car = Car(world, await world.starts(meter=1000, wait=False), register=False)
        await car.for_s(60)
        assert not car.draws


@on_virtual_time
async def test_what_a_station_draws_while_it_is_away_counts_when_it_is_back():
    async with World() as world:
        await world.settles()
        await granted(world, 500, True)
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        car = Car(world, await world.starts(meter=1000, wait=False))
        await car.for_s(20)
        world.leaves()
        await asyncio.sleep(600)
        assert world.door.of(RequestStop) == []
        world.arrives()
        car.wh += 600
        await car.for_s(3)
        assert not car.draws


@on_virtual_time
async def test_a_station_that_was_away_for_a_while_still_gets_what_is_left():
    async with World() as world:
        await world.settles()
        await granted(world, 500, True)
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        car = Car(world, await world.starts(meter=1000, wait=False))
        await car.for_s(20)
        world.leaves()
        await asyncio.sleep(600)
        world.arrives()
        await asyncio.sleep(5)
        await car.for_s(200)
        assert 450 <= car.wh - 1000.0 <= 510


@on_virtual_time
async def test_what_is_granted_is_bounded_while_the_disk_takes_nothing():
    async with World() as world:
        await world.settles()
        await granted(world, 500, True)
        world.central.answers["StartTransaction"] = Slow(2.0, started(5, "Invalid"))
        car = Car(world, await world.starts(meter=1000, wait=False))
        await car.for_s(1)
        freed = world.fill_disk()
        await car.for_s(250)
        assert not car.draws
        assert 450 <= car.wh - 1000.0 <= 520
        freed()


def test_the_grant_goes_on_over_a_restart_where_it_was(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            await granted(world, 500, True)
            world.central.answers["StartTransaction"] = started(5, "Invalid")
            car = Car(world, await world.starts(meter=1000, wait=False))
            await car.for_s(100)
            assert car.draws
            await world.restart()
            world.arrives()
            await car.for_s(200)
            assert not car.draws
            assert 450 <= car.wh - 1000.0 <= 520

    run_virtual(test())


# --- a station that does not stop ------------------------------------------------------------------------------------


@on_virtual_time
async def test_who_does_not_stop_gets_no_current_either_and_is_asked_until_that_works():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = started(5, "Blocked")
        stored = await world.starts()
        world.door.outcome = lambda command: Answered("Rejected", {"status": "Rejected"})
        await asyncio.sleep(50)
        assert len(world.door.of(RequestStop)) == 1
        assert world.inbox.of(CeilingSet) == []
        await asyncio.sleep(130)
        assert len(world.door.of(RequestStop)) >= 3
        assert [event.ceiling.ceiling_a for event in world.inbox.of(CeilingSet)] == [0.0]
        asked = len(world.door.of(RequestStop))
        for _ in range(20):
            now = world.clock.monotonic()
            world.facts.readings[stored.evse] = EvseReading(stored.evse, now, (0.1, 0.0, 0.0))
            await asyncio.sleep(10)
        assert len(world.door.of(RequestStop)) == asked
        await world.stops(stored)
        assert len(world.inbox.of(CeilingCleared)) == 1


@on_virtual_time
async def test_a_refusal_that_comes_before_the_station_has_its_answer_is_not_lost():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = started(5, "Blocked")
        stored = await world.starts(wait=False)
        running = world.facts.transactions.pop(stored.evse)  # not answered yet
        await asyncio.sleep(20)
        assert world.door.commands == []
        world.facts.transactions[stored.evse] = running
        await asyncio.sleep(5)
        assert world.door.of(RequestStop) == [RequestStop(CP, stored.station_transaction_id)]


@on_virtual_time
async def test_a_verdict_on_what_is_over_only_changes_the_cache():
    async with World() as world:
        world.central.answers["StartTransaction"] = started(5, "Blocked")
        world.central.unreachable = DialFailed("no route")
        stored = await world.starts()
        await world.stops(stored)
        world.central.unreachable = None
        await world.settles()
        await asyncio.sleep(100)
        assert world.door.commands == []
        cached = world.cached("TAG12345")
        assert cached is not None
        assert cached.status is AuthorizationStatus.BLOCKED
        assert world.central.of("StopTransaction")[0]["reason"] == "Local"
        assert world.central.of("StopTransaction")[0]["transactionId"] == 5


@pytest.mark.parametrize("mode", [AuthorizationMode.LIST, AuthorizationMode.FREE])
def test_where_the_site_decides_a_central_may_refuse_and_hears_the_truth(mode: AuthorizationMode):
    @on_virtual_time
    async def test() -> None:
        async with World(authorization=AuthorizationSettings(mode)) as world:
            await world.settles()
            world.central.answers["StartTransaction"] = started(5, "Blocked")
            stored = await world.starts()
            await asyncio.sleep(200)
            assert world.door.commands == []
            assert world.inbox.of(CeilingSet) == []
            await world.stops(stored, reason="Remote")  # somebody else asked for that
            await asyncio.sleep(5)
            assert world.central.of("StopTransaction")[0]["reason"] == "Remote"

    test()


@on_virtual_time
async def test_a_site_that_decides_from_now_on_gives_back_what_was_taken():
    async with World() as world:
        await world.settles()
        await world.central.ask("ChangeConfiguration", {"key": "StopTransactionOnInvalidId", "value": "false"})
        world.central.answers["StartTransaction"] = started(5, "Invalid")
        await world.starts()
        await asyncio.sleep(5)
        assert len(world.inbox.of(CeilingSet)) == 1
        world.authorization = AuthorizationSettings(AuthorizationMode.FREE)
        await asyncio.sleep(5)
        assert len(world.inbox.of(CeilingCleared)) == 1


@on_virtual_time
async def test_a_full_disk_does_not_let_a_refused_token_charge():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = Slow(2.0, started(5, "Invalid"))
        stored = await world.starts(wait=False)
        await asyncio.sleep(1)
        freed = world.fill_disk()
        await asyncio.sleep(10)
        assert world.door.of(RequestStop) == [RequestStop(CP, stored.station_transaction_id)]
        freed()
        await asyncio.sleep(30)
        await world.stops(stored, reason="Remote")
        await asyncio.sleep(10)
        assert world.central.of("StopTransaction")[0]["reason"] == "DeAuthorized"
