import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.model.ids import CircuitId
from sitectl.model.signals import Bound, Hours
from sitectl.signals.door import Door
from sitectl.signals.timetable import TimetableSource
from sitectl.site.memory import MemoryJournal
from tests.unit.signals.test_door import Inbox

EVENING = Hours(Bound(CircuitId("grid"), 60.0), 17 * 60, 20 * 60)


def test_the_hours_are_followed_and_after_a_restart_the_clock_says_what_holds() -> None:
    clock = LoopClock(datetime(2026, 11, 30, 15, 59, tzinfo=UTC))  # 16:59 in Berlin

    async def main() -> None:
        inbox, tasks = Inbox(), Tasks()
        source = TimetableSource([EVENING], ZoneInfo("Europe/Berlin"), clock)
        door = Door(inbox, MemoryJournal(), clock)
        tasks.spawn(source.run(door), "hours")
        await asyncio.sleep(59.5)
        assert inbox.taken() == []
        await asyncio.sleep(1.0)
        assert inbox.taken() == ["set schedule/1"]
        await tasks.cancel_all()

        restarted = Inbox()
        tasks.spawn(source.run(Door(restarted, MemoryJournal(), clock)), "hours")
        await asyncio.sleep(0.5)
        assert restarted.taken() == ["set schedule/1"]
        await asyncio.sleep(3 * 3600.0)
        assert restarted.taken() == ["cleared schedule/1"]
        await tasks.cancel_all()

    run_virtual(main())
