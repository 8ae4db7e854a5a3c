"""What was learned of the wiring, over restarts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sitectl.base.tasks import Tasks
from sitectl.model.electrical import UNKNOWN_ROTATION, Phase
from sitectl.model.events import Event, RotationLearned
from sitectl.site.memory import MemoryJournal, MemoryOverlay
from sitectl.site.rotations import KIND, RotationKeeper
from sitectl.state.reduce import reduce
from sitectl.state.site_state import SiteState
from tests.unit.state.small_site import A1, B1, A, B, fresh, held, plan, site

WALL = datetime(2026, 11, 29, tzinfo=UTC)


class FixedClock:
    def monotonic(self) -> float:
        return 500.0

    def wall(self) -> datetime:
        return WALL


class Life:
    """One life of the process: of A nobody has said the wiring, of B the plan does."""

    def __init__(self, overlay: MemoryOverlay) -> None:
        self.state: SiteState = fresh(site(plan(A, rotation=UNKNOWN_ROTATION), plan(B)))
        self.tasks, self.journal = Tasks(), MemoryJournal()
        self.keeper = RotationKeeper(self.post, overlay, FixedClock(), self.tasks, self.journal)
        self.keeper.resume(lambda: self.state)

    def post(self, event: Event) -> None:
        self.state = reduce(self.state, event)

    async def look(self) -> None:
        self.keeper.look(self.state)
        while len(self.tasks):
            await asyncio.sleep(0)


async def test_what_was_learned_is_known_in_the_next_life_and_noted_once() -> None:
    disk = MemoryOverlay(lambda: WALL)
    life = Life(disk)
    life.post(RotationLearned(A1, 1.0, Phase.L3))
    await life.look()
    await life.look()
    assert [(type, data) for type, _, _, data in life.journal.entries] == [("evse.wiring_learned", {"l1": "L3"})]
    assert held(Life(disk).state, A1).first_phase is Phase.L3


async def test_what_proved_wrong_is_forgotten() -> None:
    disk = MemoryOverlay(lambda: WALL)
    life = Life(disk)
    life.post(RotationLearned(A1, 1.0, Phase.L3))
    await life.look()
    evse = replace(held(life.state, A1), first_phase=None)
    life.state = replace(life.state, evses={**life.state.evses, A1: evse})
    await life.look()
    assert not disk.entries
    assert life.journal.entries[-1][0] == "evse.wiring_forgotten"


async def test_the_plan_comes_before_what_was_learned() -> None:
    disk = MemoryOverlay(lambda: WALL)
    await disk.keep(KIND, "B/1", {"first": "L3"}, source="measured")
    assert held(Life(disk).state, B1).first_phase is None


@pytest.mark.parametrize("wrong", [None, 3, {}, {"first": "L4"}, {"first": None}])
async def test_nonsense_on_disk_is_passed_over(wrong: Any) -> None:
    disk = MemoryOverlay(lambda: WALL)
    await disk.keep(KIND, "A/1", wrong, source="x")
    assert held(Life(disk).state, A1).first_phase is None
