"""When a transaction goes on that was stopped for want of current."""

from __future__ import annotations

from dataclasses import replace

from sitectl.model import events
from sitectl.model.events import TransactionStarted
from sitectl.model.ids import EvseId, TransactionId
from sitectl.model.ladder import LadderStep
from sitectl.model.limits import Ceiling, Offer, OfferKind
from sitectl.model.station import ChargingState
from sitectl.site.memory import MemoryJournal
from sitectl.site.restarts import Restarter
from sitectl.state import restart
from sitectl.state.reduce import aged, reduce
from sitectl.state.site_state import SiteState
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import (
    A1,
    B1,
    A,
    B,
    accepted,
    after,
    arrives,
    begins,
    fallback,
    fresh,
    held,
    meter,
    plan,
    says,
    site,
)

STOP = Offer(A1, 9, 0.0, OfferKind.DYNAMIC, 100.0)


def begun(at: float, name: str = "t1") -> TransactionStarted:
    return TransactionStarted(A1, TransactionId(name), at, 4711, "TAG")


def stopped(*, by_us: bool = True) -> SiteState:
    """A, which can only be stopped, was stopped at 101 s; its car is still there."""
    topology = site(replace(plan(A), control=LadderStep.START_STOP), plan(B), worst_a=20.0)
    state = after(fresh(topology), [*arrives(A), *arrives(B), *fallback(B1, 2), begun(0.0)])
    state = after(state, accepted(STOP, 100.5) if by_us else [])
    ended = events.TransactionEnded(A1, TransactionId("t1"), 101.0)
    return after(state, [ended, says(A1, 102.0, ChargingState.EV_CONNECTED)])


def due(state: SiteState, at: float, *shows_a: float) -> list[tuple[EvseId, str]]:
    """Who may go on at a moment at which the meter has shown this for a while."""
    for second in range(30):
        state = reduce(state, meter(at - 30.0 + second + 1.0, *(shows_a or (10.0,))))
    state = aged(state, at)
    return list(restart.due(state, snapshot(state, at)[0]))


def test_it_goes_on_after_its_pause_where_all_it_takes_fits() -> None:
    assert due(stopped(), 380.0) == []
    assert due(stopped(), 410.0) == [(A1, "TAG")]


def test_not_where_it_would_be_stopped_again() -> None:
    assert due(stopped(), 410.0, 70.0) == []
    bound = after(stopped(), [events.CeilingSet(Ceiling("x", "operator", 20.0, evse=A1), 103.0)])
    assert due(bound, 410.0) == []


def test_not_what_its_user_has_ended_or_left() -> None:
    assert due(stopped(by_us=False), 410.0) == []
    assert due(after(stopped(), [says(A1, 200.0, None)]), 410.0) == []
    assert due(stopped(), 101.0 + 13 * 3600.0) == []


def test_not_while_another_one_runs_or_its_station_is_away() -> None:
    assert due(after(stopped(), [begun(200.0, "t2")]), 410.0) == []
    assert due(after(stopped(), [events.StationDisconnected(A, 200.0, "")]), 410.0) == []


def test_others_keep_their_minimum() -> None:
    """63 A in the garage: 32 A and its margin beside 6 A for B, but not beside all that B may draw off-line."""
    sharing = after(
        stopped(), [begins(B1, "t9", 200.0), *accepted(Offer(B1, 12, 32.0, OfferKind.DYNAMIC, 200.0), 200.5)]
    )
    assert due(sharing, 410.0) == [(A1, "TAG")]
    away = after(sharing, [events.StationDisconnected(B, 300.0, "")])
    assert due(away, 410.0) == []


def test_three_times_and_no_more() -> None:
    state, at = stopped(), 410.0
    for turn in range(3):
        assert due(state, at) == [(A1, "TAG")], turn
        state = after(state, [events.RestartAsked(A1, at)])
        assert due(state, at + 60.0) == []
        state = after(state, [begun(at + 5.0, f"r{turn}"), *accepted(replace(STOP, seq=20 + turn), at + 400.0)])
        state = after(state, [events.TransactionEnded(A1, TransactionId(f"r{turn}"), at + 401.0)])
        at += 720.0
    assert due(state, at) == []


class FixedClock:
    def monotonic(self) -> float:
        return 410.0


def test_it_is_reserved_asked_for_and_noted() -> None:
    state, posted, journal = stopped(), [], MemoryJournal()
    for second in range(30):
        state = reduce(state, meter(381.0 + second, 10.0))
    queued: list[object] = []

    def put(station: object, command: object, urgency: object, done: object) -> None:
        queued.append(command)

    restarter = Restarter(posted.append, put, FixedClock(), journal)  # type: ignore[arg-type]
    restarter.look(state, snapshot(aged(state, 410.0), 410.0)[0])
    assert [type(event).__name__ for event in posted] == ["StartExpected", "RestartAsked"]
    assert len(queued) == 1
    state = after(state, posted)
    restarter.look(state, snapshot(aged(state, 411.0), 411.0)[0])
    assert len(queued) == 1
    assert held(state, A1).counts_a(411.0, state.stations[A]) == 32.0
