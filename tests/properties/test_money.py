"""No transaction is lost, doubled or invented, whatever happens in whatever order: the invariants of the ledger over
the real rooms, with kills at any step of the loop and at any commit.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
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
DRAINED_WITHIN_S = 4 * 3600.0


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

    @rule(id=STATIONS)
    def loses_its_wire(self, id: str) -> None:
        self.world.wires_up[id] = not self.world.wires_up[id]
        self.world.stations[id].drop()
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

    @rule()
    def internet_goes_or_comes(self) -> None:
        central = self.world.central
        if central.reachable:
            central.cut()
        else:
            central.reachable = True
        self.passes(5.0)

    @rule(answer=st.sampled_from(("Accepted", "Pending", "Rejected")))
    def boots_are_answered(self, answer: str) -> None:
        self.world.central.boot = answer

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

    @rule(full=st.booleans())
    def disk_is_full(self, full: bool) -> None:
        self.world.full = full
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
        waited = 0.0
        while not (self.world.idle() and all(station.online for station in self.world.stations.values())):
            await asyncio.sleep(10.0)
            waited += 10.0
            assert waited < DRAINED_WITHIN_S, "13: it was never drained"
        await asyncio.sleep(150.0)  # late verdicts, and what follows from them
        while not self.world.idle():
            await asyncio.sleep(10.0)


TestMoney = Money.TestCase
TestMoney.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck]
)
TestMoney.pytestmark = [pytest.mark.timeout(600)]
