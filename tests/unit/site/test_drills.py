"""A drill that is broken off says so, whatever it waits for just then."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.site.drills import Drill, DrillKind, Drills, Look

WALL = datetime(2026, 11, 30, 7, tzinfo=UTC)


class Gone:
    """A central that does not come back by itself."""

    taken = False

    def names(self) -> list[str]:
        return ["central"]

    def begin(self, target: str) -> None:
        self.taken = True

    def end(self, target: str) -> None:
        self.taken = False

    def gone(self, target: str, look: Look) -> bool:
        return self.taken

    def back(self, target: str, look: Look) -> bool:
        return False

    def seen(self, target: str, before: Look, looks: list[Look], after: Look) -> list[tuple[bool, str]]:
        return []


class Kept:
    """Journal and overlay."""

    def record(self, *entry: object, **data: object) -> None:
        pass

    def of(self, kind: str) -> dict[str, Any]:
        return {}

    async def keep(self, *entry: object, **more: object) -> None:
        pass


async def drilled(stop_after_s: float | None) -> Drill:
    clock, kept, loop = LoopClock(WALL), Kept(), asyncio.get_running_loop()
    drills = Drills(
        lambda: Look(clock.monotonic(), SimpleNamespace(), {}, {}, {}),  # type: ignore[arg-type]
        {DrillKind.UPLINK: Gone()},
        kept,  # type: ignore[arg-type]
        clock,
        Tasks(),
        kept,  # type: ignore[arg-type]
    )
    drill = drills.begin(DrillKind.UPLINK, "central", 5.0, "somebody")
    if stop_after_s is not None:
        loop.call_later(stop_after_s, drills.stop)
    while drill.running:
        await asyncio.sleep(1.0)
    return drill


def test_what_does_not_come_back_fails() -> None:
    drill = run_virtual(drilled(None))
    assert drill.verdict == "failed"
    assert (False, "uplink central did not come back within 180 s") in drill.evidence


def test_broken_off_before_it_is_back_is_no_failure() -> None:
    drill = run_virtual(drilled(20.0))
    assert drill.verdict == "aborted"
    assert "did not come back" not in str(drill.report())
    assert "as somebody asked" in drill.said[-1]
