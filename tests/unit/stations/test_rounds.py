import asyncio

import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.model.ids import StationId
from sitectl.stations.rounds import AT_ONCE, Rounds
from tests.unit.stations.twins import START

CP = StationId("CP01")


def test_everybody_is_asked_at_the_full_minute_until_it_is_due() -> None:
    async def main() -> list[tuple[str, float]]:
        clock, asked = LoopClock(START), []
        rounds = Rounds(clock)

        def look(name: str, due_s: float):
            def ask(now: float) -> bool:
                asked.append((name, round(now, 1)))
                return now >= due_s

            return ask

        await asyncio.sleep(7)
        rounds.put(CP, 1, look("a", 0))
        rounds.put(CP, 2, look("b", 100))
        await asyncio.sleep(50)
        rounds.put(CP, 1, look("c", 0))
        await asyncio.sleep(400)
        rounds.put(CP, 1, look("d", 0))
        rounds.stop()
        await asyncio.sleep(400)
        return asked

    assert run_virtual(main()) == [("c", 60.5), ("b", 60.5), ("b", 120.5)]


def test_who_looks_may_wait_anew() -> None:
    async def main() -> list[float]:
        asked: list[float] = []
        rounds = Rounds(LoopClock(START))

        def again(now: float) -> bool:
            asked.append(now)
            rounds.put(CP, 1, again)
            return True

        rounds.put(CP, 1, again)
        await asyncio.sleep(190)
        rounds.stop()
        return asked

    assert run_virtual(main()) == pytest.approx([0.5, 60.5, 120.5, 180.5])


def test_many_are_asked_in_pieces_and_others_have_their_turn_between() -> None:
    async def main() -> None:
        rounds, asked = Rounds(LoopClock(START)), []

        def look(number: int):
            def ask(now: float) -> bool:
                asked.append(number)
                return True

            return ask

        for number in range(2 * AT_ONCE + 1):
            rounds.put(CP, number, look(number))
        between = []
        while len(asked) < 2 * AT_ONCE + 1:
            await asyncio.sleep(0.5 if not asked else 0)
            between.append(len(asked))
        assert {AT_ONCE, 2 * AT_ONCE} & set(between)
        assert asked == list(range(2 * AT_ONCE + 1))

    run_virtual(main())
