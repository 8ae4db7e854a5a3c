from datetime import UTC, datetime

import pytest

from sitectl.model.commands import (
    Answered,
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
