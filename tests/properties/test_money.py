"""No transaction is lost, doubled or invented, whatever happens in whatever order: the invariants of the ledger over
the real rooms, with kills at any step of the loop and at any commit.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.properties.money_invariants import at_every_moment, once_drained
from tests.properties.money_world import IDS, CountingLoop, World

STATIONS = st.sampled_from(IDS)
EVSES = st.sampled_from((1, 2))
TOKENS = st.sampled_from(("TAG-ONE", "TAG-TWO", "BAD"))
FAULTS = st.sampled_from(("error", "mute", "late", "heard", "dropped"))
DRAINED_WITHIN_S = 3600.0
LASTS = st.sampled_from((3.0, 45.0, 400.0))
"""Troubles end by themselves, so that most of the time most things work."""


class Money(RuleBasedStateMachine):
    """One life of a site, with all that may happen to it."""

    @initialize(deduplicates=st.booleans())
    def begin(self, deduplicates: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.loop = CountingLoop()
        self.world = World(self.loop, Path(self.folder.name), deduplicates=deduplicates)
        self.run(self.world.begin())
        self.run(asyncio.sleep(3.0))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.world.run(work)

    def passes(self, seconds: float = 0.5) -> None:
        """Let time pass, and look."""
        self.run(asyncio.sleep(seconds))
        assert not (wrong := list(at_every_moment(self.world))), wrong[:5]

    # --- at the stations ---

    @rule(id=STATIONS, evse=EVSES, token=TOKENS)
    def starts(self, id: str, evse: int, token: str) -> None:
        self.world.stations[id].start(evse, token)
        self.passes()

    @rule(id=STATIONS, evse=EVSES, signed=st.booleans())
    def samples(self, id: str, evse: int, signed: bool) -> None:
        self.world.stations[id].sample(evse, signed=signed)
        self.passes(61.0)

    @rule(id=STATIONS, evse=EVSES, token=TOKENS)
    def charges(self, id: str, evse: int, token: str) -> None:
        """A whole transaction, quicker than a central that is away."""
        station = self.world.stations[id]
        station.start(evse, token)
        self.passes(1.0)
        station.sample(evse)
        self.passes(1.0)
        station.stop(evse)
        self.passes(1.0)

    @rule(id=STATIONS, evse=EVSES)
    def stops(self, id: str, evse: int) -> None:
        self.world.stations[id].stop(evse)
        self.passes()

    @rule(id=STATIONS)
    def tells_again(self, id: str) -> None:
        self.world.stations[id].tell_again()
        self.passes()

    @rule(id=STATIONS)
    def loses_power(self, id: str) -> None:
        self.world.stations[id].lose_power()
        self.passes(2.0)

    @rule(id=STATIONS, lasts_s=LASTS)
    def loses_its_wire(self, id: str, lasts_s: float) -> None:
        self.world.wires_up[id] = False
        self.world.stations[id].drop()
        self.loop.call_later(lasts_s, self.world.wires_up.__setitem__, id, True)
        self.passes(2.0)

    @rule(id=STATIONS)
    def stops_what_nobody_knows(self, id: str) -> None:
        """29: with none or two running nobody can tell which is meant, so nothing ends."""
        station = self.world.stations[id]
        if len(station.running) == 1 or station.queue or not station.online:
            return
        statement = "SELECT id FROM transactions WHERE station = ? AND state = 'open'"
        if len(before := self.world.rows(statement, id)) == 1:
            return
        station.stop_a_stranger()
        self.passes(2.0)
        if not self.world.gateway.dead and not station.queue:
            assert self.world.rows(statement, id) == before, "29: a stop of nobody ended somebody"

    # --- at the central ---

    @rule(lasts_s=LASTS)
    def internet_goes(self, lasts_s: float) -> None:
        self.world.central.cut()
        self.loop.call_later(lasts_s, setattr, self.world.central, "reachable", True)
        self.passes(2.0)

    @rule(answer=st.sampled_from(("Pending", "Rejected")), lasts_s=LASTS)
    def boots_are_refused(self, answer: str, lasts_s: float) -> None:
        self.world.central.boot = answer
        self.loop.call_later(lasts_s, setattr, self.world.central, "boot", "Accepted")
        self.passes()

    @rule(faults=st.lists(FAULTS, min_size=1, max_size=3))
    def misbehaves(self, faults: list[str]) -> None:
        self.world.central.faults.extend(faults)

    @rule(id=STATIONS, other=STATIONS)
    def orders_a_stop(self, id: str, other: str) -> None:
        """17: by the id of another station's transaction nothing stops."""
        central = self.world.central
        known = [b.id for b in central.booked.values() if b.station == other and b.stop is None]
        if id == other or not known:
            return
        before = {one: len(self.world.stations[id].running) for one in IDS}
        answer = self.run(central.call(id, "RemoteStopTransaction", {"transactionId": known[-1]}))
        assert answer in (None, {"status": "Rejected"}), answer
        assert before == {one: len(self.world.stations[id].running) for one in IDS}

    # --- at the gateway ---

    @rule()
    def is_killed(self) -> None:
        self.run(self.world.kill())
        self.passes(2.0)

    @rule(steps=st.integers(1, 60))
    def is_killed_at_an_await(self, steps: int) -> None:
        at = self.loop.steps + steps

        def maybe() -> None:
            if self.loop.steps >= at:
                self.loop.on_step = lambda: None
                self.world.gateway.die()

        self.loop.on_step = maybe

    @rule(n=st.integers(1, 6), after=st.booleans())
    def is_killed_at_a_commit(self, n: int, after: bool) -> None:
        gateway = self.world.gateway
        if after:
            gateway.dies_after = gateway.commits + n
        else:
            gateway.dies_before = gateway.commits + n

    @rule(hours=st.sampled_from((-1, 1, 24)))
    def clock_jumps(self, hours: int) -> None:
        self.world.machine.offset += timedelta(hours=hours)
        self.world.clock_was_wrong = True
        self.passes(2.0)

    @rule(lasts_s=LASTS)
    def disk_is_full(self, lasts_s: float) -> None:
        self.world.full = True
        self.loop.call_later(lasts_s, setattr, self.world, "full", False)
        self.passes(2.0)

    @rule(seconds=st.sampled_from((5.0, 40.0, 400.0)))
    def time_passes(self, seconds: float) -> None:
        self.passes(seconds)

    # --- the end ---

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self._settle()
        finally:
            self.run(self.world.end())
            self.loop.close()
            self.folder.cleanup()

    def _settle(self) -> None:
        """All links up, everything told: then the three ledgers agree, and a restart changes nothing."""
        world, central = self.world, self.world.central
        self.loop.on_step = lambda: None
        world.gateway.dies_before = world.gateway.dies_after = None
        world.full, world.machine.offset = False, timedelta()
        central.faults.clear()
        central.boot, central.reachable = "Accepted", True
        world.wires_up.update(dict.fromkeys(IDS, True))
        self.run(self._drains())
        assert not (wrong := list(once_drained(world))), wrong[:5]
        before = world.contents()
        self.run(world.kill())
        self.run(asyncio.sleep(30.0))
        assert world.contents() == before, "28: a restart changed something"

    async def _drains(self) -> None:
        await self._until_idle()
        await asyncio.sleep(150.0)  # late verdicts, and what follows from them
        await self._until_idle()

    async def _until_idle(self) -> None:
        world, waited_s = self.world, 0.0
        while not (world.idle() and all(station.online for station in world.stations.values())):
            await asyncio.sleep(10.0)
            waited_s += 10.0
            left = world.rows("SELECT station, action, state, attempts, reason FROM outbox WHERE state <> 'dead'")
            queues = {station.id: len(station.queue) for station in world.stations.values()}
            assert waited_s < DRAINED_WITHIN_S, f"13: it was never drained: {left[:3]}, {queues}"


def lived(*rules: Callable[[Money], None], deduplicates: bool = True) -> None:
    """One life by hand, with its end: what a search has found once."""
    state = Money()
    state.begin(deduplicates)
    try:
        for rule_of in rules:
            rule_of(state)
    finally:
        state.teardown()


KILLED = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
"""Who is killed leaves files open."""


def test_a_start_that_is_refused_for_good_and_its_stop_that_has_no_name() -> None:
    lived(
        lambda state: state.misbehaves(["error", "error", "error"]),
        lambda state: state.charges("CP01", 2, "TAG-ONE"),
        lambda state: state.time_passes(400.0),
        lambda state: state.time_passes(400.0),
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("steps", range(1, 60, 6))
def test_killed_again_while_it_begins_anew(steps: int) -> None:
    lived(
        lambda state: state.is_killed_at_an_await(steps), Money.is_killed, lambda state: state.charges("CP01", 1, "BAD")
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("n", range(1, 7))
def test_a_start_that_is_refused_before_its_station_has_its_answer(n: int) -> None:
    """It is on disk and the answer is not said: the stop that is asked for names what the station has not heard yet."""
    lived(
        lambda state: state.misbehaves(["error"]),
        lambda state: state.is_killed_at_a_commit(n, after=True),
        lambda state: state.starts("CP03", 2, "BAD"),
        lambda state: state.disk_is_full(400.0),
        lambda state: state.time_passes(400.0),
    )


TestMoney = Money.TestCase
TestMoney.settings = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[*HealthCheck],
)
TestMoney.pytestmark = [*KILLED, pytest.mark.timeout(1200)]


class Longer(Money):
    """The same, searched for longer."""


TestMoneyLonger = Longer.TestCase
TestMoneyLonger.settings = settings(
    max_examples=600, stateful_step_count=40, deadline=None, suppress_health_check=[*HealthCheck]
)
TestMoneyLonger.pytestmark = [*KILLED, pytest.mark.full, pytest.mark.timeout(5400)]
