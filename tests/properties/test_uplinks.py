"""A virtual station opposite a central of random behaviour: whatever happens, everything told is told in order, in the
same words every time, and in the end everything is answered, or kept: as dead, or aside with the start that is.
"""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitectl.base.units import format_utc
from sitectl.base.virtual import run_virtual
from sitectl.model.transaction import Payload, StartedTransaction
from sitectl.uplinks import pool
from sitectl.uplinks.connecting import DialFailed
from tests.unit.uplinks.central import CP, Drop, Error, Heard, Nothing, Raw, Said, Slow
from tests.unit.uplinks.twins import World

TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")
WELL = "well"
MEMORY = Path("/dev/shm")  # a restart is all that is played here, so that nothing hangs on real syncs
BEHAVIOURS = (
    *(WELL, WELL, "no id", "id 0", "same id", "text id"),
    *("refused", "security", "garbage", "silent", "slow", "drop", "told, then drop"),
)
BOOTS = (WELL, "Pending", "Rejected", "refused", "silent", "garbage", "drop")

charging = st.tuples(st.sampled_from(("start", "sample", "stop")), st.integers(1, 2))
moves = st.one_of(
    charging,
    charging,
    st.tuples(st.just("transactions"), st.lists(st.sampled_from(BEHAVIOURS), min_size=1, max_size=4)),
    st.tuples(st.just("boots"), st.lists(st.sampled_from(BOOTS), min_size=1, max_size=2)),
    st.tuples(st.just("heartbeats"), st.lists(st.sampled_from((WELL, "silent")), min_size=1, max_size=3)),
    st.tuples(st.just("wait"), st.sampled_from((0.0, 0.05, 1.0, 45.0, 200.0))),
    st.tuples(
        st.sampled_from(("leave", "come", "reboot", "cut", "central away", "central back", "restart")), st.none()
    ),
)
scripts = st.lists(moves, min_size=10, max_size=40).map(lambda script: [("start", 1), *script])


def stamp(payload: Payload) -> str:
    """What tells one message from all others."""
    values = payload.get("meterValue")
    return str(values[0]["timestamp"] if values else payload["timestamp"])


class Play:
    """One run. Every message has a time stamp of its own, and they grow in the order of the commits."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stored: dict[int, StartedTransaction] = {}
        self.running: dict[int, str] = {}
        self.ours: list[int] = []
        self.answered: list[str] = []
        self.troubled: Counter[str] = Counter()
        self.given: dict[str, int] = {}
        self.begin: dict[str, str] = {}
        self.scripts: dict[str, list[str]] = {"transactions": [], "boots": [], "heartbeats": []}
        self.count = 4000
        for action in TRANSACTIONAL:
            world.central.answers[action] = self._answers(action)
        world.central.answers["BootNotification"] = self._boots
        world.central.answers["Heartbeat"] = self._beats

    # --- the central ---

    def _next(self, script: str) -> str:
        return self.scripts[script].pop(0) if self.scripts[script] else WELL

    def _answers(self, action: str) -> Any:
        def answer(payload: Payload) -> Said:
            behaviour = self._next("transactions")
            match behaviour:
                case "refused" | "security" | "garbage" | "silent" | "slow":
                    self.troubled[stamp(payload)] += 1
            match behaviour:
                case "refused":
                    return Error("InternalError")
                case "security":
                    return Error("SecurityError")
                case "garbage":
                    return Raw('[3,"{id}",{"transactionId":')
                case "silent":
                    return Nothing()
                case "drop":
                    return Drop()
            self.answered.append(stamp(payload))
            answer = self._started(payload, behaviour) if action == "StartTransaction" else {}
            if behaviour == "slow":
                return Slow(40.0, answer)
            return Drop() if behaviour == "told, then drop" else answer

        return answer

    def _started(self, payload: Payload, behaviour: str) -> Payload:
        self.count += behaviour != "same id"
        number: object = {"no id": None, "id 0": 0, "text id": str(self.count)}.get(behaviour, self.count)
        self.given[stamp(payload)] = -1 if behaviour in ("no id", "id 0") else self.count
        return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}

    def _boots(self, payload: Payload) -> Said:
        behaviour = self._next("boots")
        answer = {"currentTime": format_utc(self.world.clock.wall()), "interval": 60}
        match behaviour:
            case "Pending" | "Rejected":
                return {**answer, "status": behaviour}
            case "refused":
                return Error("InternalError")
            case "silent":
                return Nothing()
            case "garbage":
                return {"status": 7}
            case "drop":
                return Drop()
        return {**answer, "status": "Accepted"}

    def _beats(self, payload: Payload) -> Said:
        if self._next("heartbeats") == "silent":
            return Nothing()
        return {"currentTime": format_utc(self.world.clock.wall())}

    # --- the site ---

    async def move(self, what: str, how: Any) -> None:
        world = self.world
        match what:
            case "start" | "sample" | "stop":
                await self._charge(what, how)
            case "transactions" | "boots" | "heartbeats":
                self.scripts[what] += how
            case "wait":
                await asyncio.sleep(how)
            case "leave":
                world.leaves()
            case "come":
                world.arrives()
            case "reboot":
                world.arrives()
                world.boots()
            case "cut" if CP in world.central.transports:
                world.central.transports[CP].abort()
            case "central away":
                world.central.unreachable = DialFailed("away")
            case "central back":
                world.central.unreachable = None
            case "restart":
                await world.restart()

    async def _charge(self, what: str, evse: int) -> None:
        running = self.stored.get(evse)
        if what == "start" and running is None:
            self.stored[evse] = started = await self.world.starts(evse, wait=False)
            self.ours.append(started.station_transaction_id)
            self.running[evse] = self.world.stamps[-1]
        elif what == "sample" and running is not None:
            await self.world.samples(running, 200)
        elif what == "stop" and running is not None:
            await self.world.stops(self.stored.pop(evse))
        elif running is None:
            return await self._charge("start", evse)
        else:
            return None
        self.begin[self.world.stamps[-1]] = self.running[evse]
        return None

    def id_for(self, message: str, dead: list[str]) -> int:
        """The central's id of the transaction of a message: what it gave last, -1 where it gave none that means one."""
        begin = self.begin[message]
        return -1 if begin in dead else self.given.get(begin, -1)

    async def heal(self) -> None:
        """All is well from now on, for long enough."""
        for script in self.scripts.values():
            script.clear()
        self.world.central.unreachable = None
        self.world.arrives()
        self.world.boots()
        await asyncio.sleep(1200)


def first(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def ascending(items: list[str]) -> bool:
    return items == sorted(items)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts)
def test_whatever_a_central_does_nothing_is_lost_and_nothing_overtakes(script: list[tuple[str, Any]]) -> None:
    refresh, pool.REFRESH_S = pool.REFRESH_S, 20.0
    try:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            run_virtual(_play(script, Path(folder) / "ledger.db"))
    finally:
        pool.REFRESH_S = refresh


async def _play(script: list[tuple[str, Any]], path: Path) -> None:
    async with World(path) as world:
        play = Play(world)
        world.reports(1, "Available")
        world.arrives()
        world.boots()
        for what, how in script:
            await play.move(what, how)
        await play.heal()

        assert world.link().accepted
        rows = await world.rows("SELECT state, payload FROM outbox ORDER BY seq")
        assert {state for state, _ in rows} <= {"dead"}
        dead = [stamp(json.loads(payload)) for _, payload in rows]
        archived = await world.rows("SELECT payload FROM outbox_archive WHERE kind = 'meter'")
        aside = {stamp(json.loads(payload)) for (payload,) in archived}
        assert {play.begin[one] for one in aside} <= set(dead), "only what hangs on a start that was given up waits"
        assert aside.isdisjoint(play.answered)
        assert sorted({*play.answered, *dead, *aside}) == world.stamps
        assert all(play.troubled[one] >= 3 for one in dead)

        heard = [one for one in world.central.heard if one.action in TRANSACTIONAL]
        assert ascending(first(stamp(one.payload) for one in heard))
        assert ascending(first(play.answered))
        assert all(len(words) == 1 for words in _words(heard).values())
        for one in heard:
            assert not any(str(number) in one.text for number in play.ours)
            if one.action != "StartTransaction":
                assert one.payload["transactionId"] == play.id_for(stamp(one.payload), dead)
        assert world.central.crossed == 0


def _words(heard: list[Heard]) -> dict[str, set[str]]:
    """Each message, and how it was told."""
    words: dict[str, set[str]] = {}
    for one in heard:
        words.setdefault(stamp(one.payload), set()).add(one.text.split(",", 2)[2])
    return words
