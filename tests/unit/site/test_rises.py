"""What was learned of the base load outlives the process: at a modest rate, older by the days that nobody ran."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sitectl.model.events import BaseRiseRemembered, Event
from sitectl.site.memory import MemoryEntry, MemoryOverlay
from sitectl.site.rises import KIND, RiseKeeper
from sitectl.state.reduce import reduce
from sitectl.state.rise import DAY_S, UNSEEN, sampled
from sitectl.state.site_state import SiteState
from sitectl.store.errors import StoreUnavailable
from tests.unit.site.test_owner import Hands
from tests.unit.state.small_site import GRID, fresh, meter
from tests.unit.state.test_rise import week


class Keeping:
    def __init__(self, overlay: MemoryOverlay | None = None, clock: Hands | None = None) -> None:
        self.clock = clock or Hands()
        self.overlay = overlay or MemoryOverlay(self.clock.wall)
        self.state: SiteState = fresh()
        self.writes = 0
        self.keeper = RiseKeeper(lambda: self.state, self.post, self.overlay, self.clock)

    def post(self, event: Event) -> None:
        self.state = reduce(self.state, event)

    def learn(self, *samples: float) -> None:
        rise = self.state.rises[GRID]
        for base_a in samples:
            self.clock.now += 1.0
            rise = sampled(rise, (base_a, 0.0, 0.0), self.clock.now)
        self.state = replace(self.state, rises={GRID: rise})


def test_a_meter_reading_is_learned_from() -> None:
    keeping = Keeping()
    for at, base_a in ((0.0, 10.0), (1.0, 10.0), (2.0, 18.0)):
        keeping.post(meter(at, base_a))
    rise = keeping.state.rises[GRID]
    assert [a for a, _, _ in rise.largest_a] == pytest.approx([8.0] * 6)
    assert rise.seen_s == 2.0


async def test_it_is_there_again_after_a_restart() -> None:
    keeping = Keeping()
    keeping.state = replace(keeping.state, rises={GRID: week(s60=3.04, s300=7.0)})
    keeping.learn(1.0, 2.0)
    await keeping.keeper.keep()
    again = Keeping(keeping.overlay, keeping.clock)
    again.keeper.resume()
    rise = again.state.rises[GRID]
    assert rise.is_learned
    assert rise.within(60.0) == (3.0, 3.0, 3.0)
    assert rise.within(300.0) == (7.0, 7.0, 7.0)
    keeping.clock.now += 3 * DAY_S
    later = Keeping(keeping.overlay, keeping.clock)
    later.keeper.resume()
    assert later.state.rises[GRID].days[:4] == (UNSEEN, UNSEEN, UNSEEN, rise.days[0])


async def test_it_is_written_once_an_hour_and_soon_where_a_rise_was_larger_than_any_before() -> None:
    keeping = Keeping()
    keeping.learn(1.0, 1.1)
    await keeping.keeper.keep()
    first = keeping.overlay.entries[KIND, GRID]
    keeping.learn(1.2)
    await keeping.keeper.keep()
    assert keeping.overlay.entries[KIND, GRID] is first
    keeping.learn(9.0)
    await keeping.keeper.keep()
    second = keeping.overlay.entries[KIND, GRID]
    assert second is not first
    keeping.learn(9.1)
    keeping.clock.now += 3600.0
    await keeping.keeper.keep()
    assert keeping.overlay.entries[KIND, GRID] is not second


async def test_a_disk_that_takes_nothing_is_asked_again() -> None:
    keeping = Keeping()
    keeping.learn(1.0, 5.0)
    keeping.overlay.fault = StoreUnavailable("full")
    await keeping.keeper.keep()
    assert keeping.overlay.entries == {}
    keeping.overlay.fault = None
    await keeping.keeper.keep()
    assert set(keeping.overlay.entries) == {(KIND, GRID)}


async def test_what_another_meter_has_shown_is_not_believed() -> None:
    keeping = Keeping()
    keeping.state = replace(keeping.state, rises={GRID: week(s60=3.0)})
    await keeping.keeper.keep()
    value = keeping.overlay.entries[KIND, GRID].value
    for changed in ({"meter": "other"}, {"spans_s": [1, 2]}, {"days": [[1, [[1, 2, 3]]]]}, {"at": "noon"}, {"days": 5}):
        keeping.overlay.entries[KIND, GRID] = MemoryEntry({**value, **changed}, "learned")
        again = Keeping(keeping.overlay, keeping.clock)
        again.keeper.resume()
        assert again.state.rises == fresh().rises, changed
    keeping.overlay.entries[KIND, GRID] = MemoryEntry(None, "learned")
    keeping.overlay.entries[KIND, "gone"] = MemoryEntry(value, "learned")
    Keeping(keeping.overlay, keeping.clock).keeper.resume()


def test_a_circuit_that_is_gone_is_not_remembered() -> None:
    state = fresh()
    assert reduce(state, BaseRiseRemembered("gone", 0.0, week().days, 0)) is state  # type: ignore[arg-type]
