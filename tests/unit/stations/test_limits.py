from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sitectl.model.commands import (
    Answered,
    ClearFallback,
    Command,
    InstallFallback,
    NotSent,
    OfferLimit,
    Outcome,
    Refused,
    Unanswered,
    Urgency,
)
from sitectl.model.events import Event, LimitAcknowledged, LimitRefused, LimitUnanswered
from sitectl.model.ids import EvseId, StationId
from sitectl.model.ladder import LadderStep, LimitForm
from sitectl.model.limits import Offer, OfferKind
from sitectl.stations.limits import LimitDesk, event_of
from sitectl.stations.outbound import Done

EVSE = EvseId(StationId("CP01"), 1)
OFFER = Offer(EVSE, 5, 16.0, OfferKind.DYNAMIC, 0.0)
HEAD = (EVSE, 5, OfferKind.DYNAMIC, 9.0)


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (Answered("Accepted", {}), LimitAcknowledged(*HEAD)),
        (Answered("Rejected", {}), LimitRefused(*HEAD, "Rejected")),
        (Answered("", {}), LimitRefused(*HEAD, "no status in the answer")),
        (Refused("NotSupported", ""), LimitRefused(*HEAD, "NotSupported")),
        (NotSent("superseded"), LimitRefused(*HEAD, "superseded", by_station=False)),
        (Unanswered("connection lost"), LimitUnanswered(*HEAD, "connection lost")),
    ],
)
def test_every_outcome_is_an_event(outcome: Outcome, event: Event) -> None:
    assert event_of(OFFER, outcome, 9.0) == event


class FixedClock:
    def monotonic(self) -> float:
        return 9.0

    def wall(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


class Inbox(list[Event]):
    def post(self, event: Event) -> None:
        self.append(event)


def desk_and_queue(
    outcome: Outcome = Answered("Accepted", {}),  # noqa: B008 (it is frozen)
) -> tuple[LimitDesk, list[tuple[Command, Urgency]], Inbox]:
    queued: list[tuple[Command, Urgency]] = []

    def put(station: StationId, command: Command, urgency: Urgency, done: Done) -> None:
        queued.append((command, urgency))
        done(outcome)

    inbox = Inbox()
    return LimitDesk(put, inbox, FixedClock()), queued, inbox


def test_who_can_only_be_stopped_is_told_nothing_but_the_stop() -> None:
    desk, queued, inbox = desk_and_queue()
    moment, form = datetime(2026, 1, 1, tzinfo=UTC), LimitForm(LadderStep.START_STOP)
    desk.offer(OfferLimit(OFFER, 7, moment, 0, cut=False, form=form))
    assert (queued, inbox) == ([], [LimitAcknowledged(*HEAD)])
    stop = OfferLimit(replace(OFFER, limit_a=0.0), 7, moment, 0, cut=True, form=form)
    desk.offer(stop)
    assert queued == [(stop, Urgency.CUT)]


MAXIMUM = InstallFallback(OFFER, LimitForm(LadderStep.CHARGE_POINT_MAX))


def test_beside_the_maximum_of_the_station_no_other_fallback_may_lie_and_it_is_there_before_the_other_goes() -> None:
    desk, queued, inbox = desk_and_queue()
    desk.install_fallback(MAXIMUM)
    assert [command for command, _ in queued] == [MAXIMUM, ClearFallback(EVSE), MAXIMUM]
    assert inbox == [LimitAcknowledged(*HEAD)]


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (Answered("Rejected", {}), LimitRefused(*HEAD, "Rejected")),
        (Unanswered("connection lost"), LimitUnanswered(*HEAD, "connection lost")),
    ],
)
def test_where_the_maximum_is_not_taken_the_fallback_stays(outcome: Outcome, event: Event) -> None:
    desk, queued, inbox = desk_and_queue(outcome)
    desk.install_fallback(MAXIMUM)
    assert [command for command, _ in queued] == [MAXIMUM]
    assert inbox == [event]


def test_cuts_and_raises_differ_in_urgency_and_their_outcome_is_posted() -> None:
    queued: list[tuple[StationId, Command, Urgency]] = []

    def put(station: StationId, command: Command, urgency: Urgency, done: Done) -> None:
        queued.append((station, command, urgency))
        done(Answered("Accepted", {}))

    inbox = Inbox()
    desk = LimitDesk(put, inbox, FixedClock())
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    desk.offer(OfferLimit(OFFER, 7, moment, 300, cut=True))
    desk.offer(OfferLimit(OFFER, 7, moment, 300, cut=False))
    desk.install_fallback(InstallFallback(OFFER))
    assert [urgency for _, _, urgency in queued] == [Urgency.CUT, Urgency.RAISE, Urgency.RAISE]
    assert inbox == [LimitAcknowledged(*HEAD)] * 3
