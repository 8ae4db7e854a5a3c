"""The recorder: every cycle comes back to the bit, decided again alike; the window and its parts; what a site costs."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from sitectl.allocator.rules import SharingRules
from sitectl.model import events
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId
from sitectl.model.limits import Allocation, ChargingLimit, Wish
from sitectl.model.snapshot import SiteSnapshot
from sitectl.site import recorder, recordings
from sitectl.site.cycle import Decision
from sitectl.site.recorder import KEPT_S, PART_S, Recorder, digest
from sitectl.site.replay import at, recorded, replay
from sitectl.state.site_state import SiteRules
from tests.unit.site.test_owner import WALL, Rig
from tests.unit.state.small_site import A1, GRID, MAIN, A, B, arrives, begins, draws, plan, site

B1 = EvseId(B, 1)


class Taped(Rig):
    """A site whose every cycle is recorded, and kept beside it to be compared."""

    def __init__(self) -> None:
        super().__init__(site(plan(A), plan(B, evses=2)))
        self.recorder, self.seen = Recorder(), list[Decision]()
        self.site.on_cycle = self.tape

    def tape(self, decision: Decision) -> None:
        self.seen.append(decision)
        self.recorder.record(decision, self.clock.wall().timestamp())

    def live(self, seconds: int, *happened: events.Event) -> None:
        """A busy site: cars follow, readings come, the base load moves and the meter fails at times."""
        for second in range(int(self.clock.now) + 1, int(self.clock.now) + 1 + seconds):
            told = self.site.state.evses[A1].newest_offer
            more = [draws(A1, float(second), *(min(20.0, told.limit_a),) * 3)] if told and second % 10 == 0 else []
            self.accepts(*self.cycle(float(second), *happened, *more, shows_a=20.0 + (second * 7 % 90) * 1.01))
            happened = ()


def lived(seconds: int = 200) -> Taped:
    taped = Taped()
    taped.live(20, *arrives(A), *arrives(B), begins(A1), begins(B1, "t2"))
    wish = Wish(B1, 1800.0, 5000.0, "anna")
    taped.live(seconds, begins(EvseId(B, 2), "t3"), events.WishSet(wish, 20.0))
    return taped


def test_every_snapshot_comes_back_as_it_was() -> None:
    taped = lived()
    again: list[SiteSnapshot] = [one.snapshot for part in taped.recorder.parts() for one in recorded(part)]
    assert again == [decision.snapshot for decision in taped.seen]
    assert any(one.urgency for one in again), "what wishes come to is not recorded, and follows all the same"
    assert [list(one.evses) for one in again] == [list(decision.snapshot.evses) for decision in taped.seen]


def test_every_cycle_is_decided_again_alike_to_the_bit() -> None:
    taped = lived()
    replayed = list(replay(taped.recorder.parts()))
    assert all(one.same for one in replayed)
    assert [one.allocation for one in replayed] == [decision.allocation for decision in taped.seen]
    offered = {limit.limit_a for decision in taped.seen for limit in decision.allocation.offers.values()}
    assert len(offered) >= 5, "there was something to decide"


def test_a_safe_plan_is_replayed_as_one() -> None:
    taped = lived(5)
    last = taped.seen[-1]
    broken = replace(last.snapshot.circuits[GRID], base_load_a=PhaseCurrents(float("nan"), 0.0, 0.0))
    seen = replace(last.snapshot, circuits={**last.snapshot.circuits, GRID: broken})
    taped.recorder.record(replace(last, snapshot=seen), 0.0)
    (*_, one) = replay(taped.recorder.parts())
    assert one.violations
    assert not one.same, "that was not what the last cycle decided"


def test_what_was_decided_otherwise_is_noticed() -> None:
    taped = Taped()
    taped.live(20, *arrives(A), begins(A1))
    decision = taped.seen[-1]
    target = decision.allocation.targets[A1]
    for changed in (
        target._replace(limit_a=target.limit_a + 1e-12),
        target._replace(reason=target.reason + " "),
        ChargingLimit(B1, target.limit_a, target.reason),
    ):
        allocation = replace(decision.allocation, targets={changed.evse: changed})
        assert digest(allocation) != digest(decision.allocation)
    rows = (decision.allocation.rows[0]._replace(reserved_a=1e-9), *decision.allocation.rows[1:])
    assert digest(replace(decision.allocation, rows=rows)) != digest(decision.allocation)
    assert digest(replace(decision.allocation, alarms=("x",))) != digest(decision.allocation)
    same = Allocation(*(getattr(decision.allocation, name) for name in Allocation.__slots__))
    assert digest(same) == digest(decision.allocation)


def test_the_last_quarter_of_an_hour_is_kept_in_parts_of_which_each_stands_alone() -> None:
    taped = lived(int(KEPT_S + 3 * PART_S))
    parts = taped.recorder.parts()
    now = taped.clock.wall().timestamp()
    assert KEPT_S <= now - parts[0].began < KEPT_S + PART_S + 1
    assert len(parts) <= KEPT_S / PART_S + 2
    kept = taped.seen[-sum(len(list(recorded(part))) for part in parts) :]
    for part in reversed(parts):
        replayed = list(replay([part]))
        assert all(one.same for one in replayed)
        assert [one.snapshot for one in replayed] == [decision.snapshot for decision in kept[-len(replayed) :]]
        del kept[-len(replayed) :]


def test_a_clock_that_is_set_back_keeps_nothing_for_longer() -> None:
    taped = Taped()
    for second in range(1, int(KEPT_S + 4 * PART_S)):
        taped.cycle(float(second))
        taped.recorder.record(taped.seen[-1], WALL.timestamp() - 10.0 * second)
    assert len(taped.recorder.parts()) <= KEPT_S / PART_S + 2


def test_however_many_parts_there_are_they_take_no_more_than_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_BYTES", 20_000)
    taped = Taped()
    for second in range(1, 200):
        taped.recorder.begin_anew()
        taped.cycle(float(second))
        assert taped.recorder.size < 22_000
    assert len(taped.recorder.parts()) > 5
    assert all(one.same for one in replay(taped.recorder.parts()))


def test_another_configuration_begins_another_part() -> None:
    taped = lived(10)
    rules = SiteRules(meter_intervals_s={MAIN: 1.0})
    smaller = site(plan(A), rated_a=80.0)
    taped.site.reconfigure(smaller, rules, SharingRules(mode="strict-priority"), keeps_strangers=True)
    taped.live(10)
    parts = taped.recorder.parts()
    assert [part.topology.circuits[GRID].rated_a for part in parts] == [100.0, 80.0]
    assert [part.rules.mode for part in parts] == ["minimum-first", "strict-priority"]
    assert all(one.same for one in replay(parts))


def test_a_stranger_that_comes_begins_another_part() -> None:
    taped = lived(10)
    taped.live(10, events.StationConnected("stranger", 0.0, "1.6", "10.0.0.9", quarantined=True))  # type: ignore[arg-type]
    assert len(taped.recorder.parts()) == 2
    assert [one.snapshot for one in replay(taped.recorder.parts())] == [decision.snapshot for decision in taped.seen]


def test_a_moment_is_found_and_one_before_or_long_after_is_not() -> None:
    taped = lived(50)
    began = WALL.timestamp()
    found = at(taped.recorder.parts(), began + 30.4, 5.0)
    assert found is not None
    assert found.wall == began + 30.0
    assert at(taped.recorder.parts(), began + 0.5, 5.0) is None
    assert at(taped.recorder.parts(), began + 80.0, 5.0) is None


def test_calm_costs_little() -> None:
    taped = Taped()
    for second in range(1, 400):
        taped.cycle(float(second), *([*arrives(A), *arrives(B)] if second == 1 else []))
    assert taped.recorder.size < 20_000
    assert sum(len(zlib.decompress(part.data)) for part in taped.recorder.parts()) > taped.recorder.size


REPLAY = """
import sys
from pathlib import Path
from sitectl.site import recordings, replay
(found,) = recordings.listed(Path(sys.argv[1]))
cycles = list(replay.replay(recordings.read(found)))
print(len(cycles), sum(one.same for one in cycles))
"""


@pytest.mark.parametrize("seed", ["0", "1234"])
def test_a_recording_is_replayed_alike_by_another_process(tmp_path: Path, seed: str) -> None:
    """Sets of names have another order in it."""
    taped = lived(60)
    recordings.write(tmp_path, taped.recorder.parts(), ["overload: circuit grid"])
    command = [sys.executable, "-c", REPLAY, str(tmp_path)]
    env = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=True)
    assert done.stdout.split() == ["80", "80"]
