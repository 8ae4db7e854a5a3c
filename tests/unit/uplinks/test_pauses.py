"""A paused central stays so over a restart, and goes on by itself."""

from datetime import UTC, datetime, timedelta

from sitectl.model.ids import UplinkId
from sitectl.site.memory import MemoryJournal, MemoryOverlay
from sitectl.uplinks.pauses import LONGEST_S, Pauses

CENTRAL = UplinkId("central")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 6, 11, tzinfo=UTC)

    def wall(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()


class Pool:
    def __init__(self) -> None:
        self.paused: dict[UplinkId, str] = {}

    def pause(self, id: UplinkId, by: str, why: str) -> bool:
        self.paused[id] = why
        return True

    def resume(self, id: UplinkId, by: str) -> bool:
        return self.paused.pop(id, None) is not None


async def test_a_pause_holds_over_a_restart_and_ends_by_itself() -> None:
    clock = Clock()
    overlay, journal = MemoryOverlay(clock.wall), MemoryJournal()
    await Pauses(Pool(), overlay, clock, journal).pause(CENTRAL, 600.0, "ada")
    pool = Pool()
    again = Pauses(pool, overlay, clock, journal)
    assert pool.paused == {}
    again.look()
    assert pool.paused == {CENTRAL: "paused by ada"}
    clock.now += timedelta(seconds=601)
    again.look()
    assert pool.paused == {}
    assert again.until(CENTRAL) is None


async def test_a_pause_is_ended_by_hand_and_lasts_a_week_at_most() -> None:
    clock, pool = Clock(), Pool()
    pauses = Pauses(pool, MemoryOverlay(clock.wall), clock, MemoryJournal())
    until = await pauses.pause(CENTRAL, 1e9, "ada")
    assert until == clock.now + timedelta(seconds=LONGEST_S)
    assert pool.paused
    assert await pauses.resume(CENTRAL, "ada")
    assert pool.paused == {}
    assert not await pauses.resume(CENTRAL, "ada")
