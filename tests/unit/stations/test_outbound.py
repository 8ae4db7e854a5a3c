"""The queue of a station, on virtual time, with a line that is told what to answer."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.model.commands import (
    Answered,
    Command,
    GetVariables,
    InstallFallback,
    NotSent,
    OfferLimit,
    Outcome,
    Refused,
    RequestStart,
    RequestStop,
    Unanswered,
    Urgency,
)
from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Offer, OfferKind
from sitectl.stations.outbound import CHUNK, DEAF_PAUSE_S, MOST_WAITING, Handout, OutboundQueue
from sitectl.wire import outcomes

CP = StationId("CP01")
START = datetime(2026, 1, 1, tzinfo=UTC)


class Speech:
    def encode(self, command: Command) -> tuple[str, dict[str, Any]]:
        return type(command).__name__, {"command": command}

    def status(self, action: str, payload: dict[str, Any]) -> str:
        return str(payload.get("status", ""))


class FakeLine:
    """Answers each call after `delay_s`, or never; notes what was sent and when."""

    def __init__(self, answer: outcomes.CallOutcome | None = None, delay_s: float = 0.1) -> None:
        self.heard_at = 0.0
        self.sent: list[tuple[float, Command]] = []
        self.closed: list[str] = []
        self.open = 0
        self.most_open = 0
        self.answer = answer or outcomes.Answer({"status": "Accepted"})
        self.delay_s = delay_s

    async def call(self, action: str, payload: dict[str, Any], timeout_s: float) -> outcomes.CallOutcome:
        now = asyncio.get_running_loop().time()
        self.sent.append((now, payload["command"]))
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        if isinstance(self.answer, outcomes.TimedOut):
            await asyncio.sleep(timeout_s)
            self.heard_at = asyncio.get_running_loop().time()
        else:
            await asyncio.sleep(self.delay_s)
        self.open -= 1
        return self.answer

    def ask(self, action: str, payload: dict[str, Any], timeout_s: float) -> asyncio.Future[outcomes.CallOutcome]:
        return asyncio.ensure_future(self.call(action, payload, timeout_s))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed.append(reason)

    def commands(self) -> list[Command]:
        return [command for _, command in self.sent]


class Desk:
    """A queue with a line, and the outcomes of what was put into it."""

    def __init__(self, line: FakeLine | None = None, *, booted_once: bool = True, connect: bool = True) -> None:
        self.tasks = Tasks()
        self.queue = OutboundQueue(CP, LoopClock(START), Handout(), self.tasks)
        self.line = line or FakeLine()
        self.outcomes: list[tuple[Command, Outcome]] = []
        if connect:
            self.queue.connected(self.line, Speech(), booted_once=booted_once)

    def put(self, command: Command, urgency: Urgency) -> Command:
        self.queue.put(command, urgency, lambda outcome: self.outcomes.append((command, outcome)))
        return command

    def outcome(self, command: Command) -> Outcome | None:
        return next((outcome for done, outcome in self.outcomes if done is command), None)


def limit(amps: float, *, evse: int = 1, cut: bool = False, expires_at: float | None = None) -> OfferLimit:
    offer = Offer(EvseId(CP, evse), int(amps), amps, OfferKind.DYNAMIC, 0.0, expires_at)
    return OfferLimit(offer, 7, START, 300, cut)


def fallback(amps: float) -> InstallFallback:
    return InstallFallback(Offer(EvseId(CP, 1), 1, amps, OfferKind.FALLBACK, 0.0))


def read() -> GetVariables:
    return GetVariables(CP, ("Key",))


def virtual(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    async def main() -> None:
        await test()

    def run() -> None:
        run_virtual(main())

    run.__name__ = getattr(test, "__name__", "test")
    return run


@virtual
async def test_urgency_goes_before_arrival_and_one_call_is_open() -> None:
    desk = Desk()
    desk.queue.booted()
    await asyncio.sleep(5)
    first, slow, raise_, start, stop = (
        desk.put(read(), Urgency.HOUSEKEEPING),
        desk.put(read(), Urgency.HOUSEKEEPING),
        desk.put(limit(16), Urgency.RAISE),
        desk.put(RequestStart(EvseId(CP, 1), "TAG"), Urgency.START),
        desk.put(RequestStop(CP, 7), Urgency.STOP),
    )
    cut = desk.put(limit(6, evse=2, cut=True), Urgency.CUT)
    await asyncio.sleep(5)
    assert desk.line.commands() == [cut, stop, start, raise_, first, slow]
    assert desk.line.most_open == 1
    assert desk.outcome(cut) == Answered("Accepted", {"status": "Accepted"})


@virtual
async def test_a_cut_does_not_wait_for_boot_on_a_station_that_booted_once() -> None:
    desk = Desk(booted_once=True)
    desk.put(limit(32, evse=2), Urgency.RAISE)
    desk.put(limit(6, cut=True), Urgency.CUT)
    await asyncio.sleep(1)
    assert [at for at, _ in desk.line.sent] == [0.0]
    await asyncio.sleep(60)
    assert [at for at, _ in desk.line.sent] == [0.0, 60.0], "without a boot the rest waits a minute"


@virtual
async def test_nothing_leaves_before_boot_and_five_seconds_on_a_first_contact() -> None:
    desk = Desk(booted_once=False)
    desk.put(fallback(6), Urgency.RAISE)
    desk.put(limit(6, cut=True), Urgency.CUT)
    await asyncio.sleep(2)
    assert not desk.line.sent
    desk.queue.booted()
    await asyncio.sleep(10)
    assert [at for at, _ in desk.line.sent] == [2.0, 7.0]


@virtual
async def test_only_the_newest_limit_of_an_evse_survives() -> None:
    desk = Desk(FakeLine(delay_s=1.0))
    desk.queue.booted()
    await asyncio.sleep(5)
    leaving = desk.put(limit(10), Urgency.RAISE)
    await asyncio.sleep(0.5)
    old, other, new = (
        desk.put(limit(12), Urgency.RAISE),
        desk.put(limit(9, evse=2), Urgency.RAISE),
        desk.put(limit(14), Urgency.RAISE),
    )
    await asyncio.sleep(5)
    assert desk.line.commands() == [leaving, other, new]
    assert desk.outcome(old) == NotSent("superseded")
    assert isinstance(desk.outcome(leaving), Answered), "what has left is not taken back"


@virtual
async def test_a_raise_that_replaces_a_waiting_cut_takes_its_place() -> None:
    desk = Desk(FakeLine(delay_s=1.0))
    desk.put(RequestStop(CP, 7), Urgency.STOP)
    await asyncio.sleep(0.5)
    desk.put(limit(6, cut=True), Urgency.CUT)
    raise_ = desk.put(limit(10), Urgency.RAISE)
    await asyncio.sleep(5)
    assert desk.line.commands()[-1] is raise_, "it leaves although raises must wait for the boot"


@virtual
async def test_fallback_and_limit_of_one_evse_do_not_replace_each_other() -> None:
    desk = Desk()
    desk.put(fallback(6), Urgency.RAISE)
    desk.put(limit(10), Urgency.RAISE)
    assert desk.queue.waiting == 2
    desk.put(fallback(8), Urgency.RAISE)
    assert desk.queue.waiting == 2


@virtual
async def test_a_station_that_is_away_gets_nothing_and_nothing_is_kept_for_it() -> None:
    desk = Desk(connect=False)
    away = desk.put(limit(6, cut=True), Urgency.CUT)
    assert desk.outcome(away) == NotSent("the station is offline")
    desk.queue.connected(desk.line, Speech(), booted_once=True)
    waiting = desk.put(read(), Urgency.HOUSEKEEPING)
    desk.queue.disconnected(desk.line, "connection lost")
    assert desk.outcome(waiting) == NotSent("connection lost")
    await asyncio.sleep(100)
    assert not desk.line.sent


@virtual
async def test_the_end_of_an_older_connection_does_not_touch_the_newer_one() -> None:
    desk = Desk()
    newer = FakeLine()
    desk.queue.connected(newer, Speech(), booted_once=True)
    desk.queue.disconnected(desk.line, "displaced")
    cut = desk.put(limit(6, cut=True), Urgency.CUT)
    await asyncio.sleep(1)
    assert newer.commands() == [cut]


@virtual
async def test_a_limit_whose_life_ended_while_it_waited_is_not_sent() -> None:
    desk = Desk()
    old = desk.put(limit(10, expires_at=30.0), Urgency.RAISE)
    alive = desk.put(limit(10, evse=2, expires_at=300.0), Urgency.RAISE)
    await asyncio.sleep(70)
    assert desk.line.commands() == [alive]
    assert desk.outcome(old) == NotSent("lapsed while it waited")


@virtual
async def test_the_queue_is_bounded_but_never_for_limits() -> None:
    desk = Desk()
    for _ in range(MOST_WAITING):
        desk.put(read(), Urgency.HOUSEKEEPING)
    beyond = desk.put(read(), Urgency.HOUSEKEEPING)
    assert isinstance(desk.outcome(beyond), NotSent)
    raise_ = desk.put(limit(6), Urgency.RAISE)
    assert desk.outcome(raise_) is None


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (outcomes.Answer({"status": "Rejected"}), Answered("Rejected", {"status": "Rejected"})),
        (outcomes.Refused("NotSupported", "no"), Refused("NotSupported", "no")),
        (outcomes.TimedOut(), Unanswered("no answer within 30 s")),
        (outcomes.Gone("connection lost", sent=True), Unanswered("connection lost")),
        (outcomes.Gone("connection lost", sent=False), NotSent("connection lost")),
    ],
)
def test_what_came_of_it(answer: outcomes.CallOutcome, outcome: Outcome) -> None:
    async def main() -> None:
        desk = Desk(FakeLine(answer))
        assert await desk.queue.execute(RequestStop(CP, 7), Urgency.STOP) == outcome

    run_virtual(main())


@virtual
async def test_a_caller_that_gives_up_takes_back_what_has_not_left() -> None:
    desk = Desk()
    task = asyncio.get_running_loop().create_task(desk.queue.execute(read(), Urgency.HOUSEKEEPING))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(100)
    assert not desk.line.sent
    assert task.cancelled()


@virtual
async def test_a_deaf_station_that_talks_is_disconnected_once_in_ten_minutes() -> None:
    desk = Desk(FakeLine(outcomes.TimedOut()))
    for _ in range(2):
        assert isinstance(await desk.queue.execute(RequestStop(CP, 7), Urgency.STOP), Unanswered)
    assert desk.line.closed == ["no answers"]
    desk.queue.disconnected(desk.line, "no answers")
    again = FakeLine(outcomes.TimedOut())
    desk.queue.connected(again, Speech(), booted_once=True)
    for _ in range(4):
        await desk.queue.execute(RequestStop(CP, 7), Urgency.STOP)
    assert not again.closed
    await asyncio.sleep(DEAF_PAUSE_S)
    await desk.queue.execute(RequestStop(CP, 7), Urgency.STOP)
    assert again.closed == ["no answers"]


@virtual
async def test_a_station_that_is_silent_as_well_is_left_to_the_liveness_check() -> None:
    class SilentLine(FakeLine):
        async def call(self, action: str, payload: dict[str, Any], timeout_s: float) -> outcomes.CallOutcome:
            outcome = await super().call(action, payload, timeout_s)
            self.heard_at = -1.0
            return outcome

    desk = Desk(SilentLine(outcomes.TimedOut()))
    for _ in range(3):
        await desk.queue.execute(RequestStop(CP, 7), Urgency.STOP)
    assert not desk.line.closed


@virtual
async def test_a_thousand_limits_leave_in_chunks_between_which_others_run() -> None:
    handout, tasks = Handout(), Tasks()
    lines = [FakeLine(delay_s=0.0) for _ in range(10 * CHUNK)]
    queues = [OutboundQueue(StationId(f"CP{n}"), LoopClock(START), handout, tasks) for n in range(len(lines))]
    for queue, line in zip(queues, lines, strict=True):
        queue.connected(line, Speech(), booted_once=True)
        queue.put(limit(6, cut=True), Urgency.CUT, lambda outcome: None)
    seen: list[int] = []
    while not seen or seen[-1] < len(lines):
        await asyncio.sleep(0)
        seen.append(sum(len(line.sent) for line in lines))
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) <= CHUNK


@virtual
async def test_what_was_read_while_limits_were_decided_is_answered_before_they_leave() -> None:
    desk = Desk()
    desk.put(limit(6, cut=True), Urgency.CUT)
    left: list[int] = []
    asyncio.get_running_loop().call_soon(lambda: left.append(desk.queue.waiting))
    await asyncio.sleep(0.05)
    assert left == [1], "the answer came first"
    assert desk.line.sent


@virtual
async def test_what_cannot_be_said_holds_up_nobody() -> None:
    class Mute(Speech):
        def encode(self, command: Command) -> tuple[str, dict[str, Any]]:
            if isinstance(command, RequestStop):
                raise ValueError("no word for it")
            return super().encode(command)

    desk = Desk(connect=False)
    desk.queue.connected(desk.line, Mute(), booted_once=True)
    stop, cut = desk.put(RequestStop(CP, 7), Urgency.STOP), desk.put(limit(6, cut=True), Urgency.CUT)
    await asyncio.sleep(1)
    assert isinstance(desk.outcome(stop), NotSent)
    assert isinstance(desk.outcome(cut), Answered)


@virtual
async def test_a_station_that_answers_too_late_is_waited_for_longer_and_not_taken_for_deaf() -> None:
    class Slow(FakeLine):
        async def call(self, action: str, payload: dict[str, Any], timeout_s: float) -> outcomes.CallOutcome:
            waited.append(timeout_s)
            asyncio.get_running_loop().call_later(70.0, desk.queue.answered_late)
            return await super().call(action, payload, timeout_s)

    waited: list[float] = []
    desk = Desk(connect=False)
    line = Slow(outcomes.TimedOut())
    desk.queue.connected(line, Speech(), booted_once=True)
    for _ in range(2):
        await desk.queue.execute(RequestStop(CP, 7), Urgency.STOP)
    assert waited == [30.0, 60.0]
    for _ in range(3):
        await asyncio.sleep(80)
        await desk.queue.execute(RequestStop(CP, 7), Urgency.STOP)
    assert waited[2:] == [90.0, 90.0, 90.0]
    assert not line.closed
