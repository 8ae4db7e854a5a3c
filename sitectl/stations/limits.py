"""Limits on their way to the stations: offers go into the queues, what became of them comes back as events."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sitectl.base.clock import Clock
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
from sitectl.model.ids import StationId
from sitectl.model.ladder import LadderStep
from sitectl.model.limits import Offer
from sitectl.stations.outbound import Done
from sitectl.stations.ports import SiteInbox

Put = Callable[[StationId, Command, Urgency, Done], None]


class LimitDesk:
    """The site's way to the queues; it never waits. `put` queues a command of any station.

    A fallback is installed with the urgency of a raise: at first contact it must not disturb a station that has just
    booted, and the site counts the EVSE at its full current until it is accepted.
    """

    def __init__(self, put: Put, inbox: SiteInbox, clock: Clock) -> None:
        self._put = put
        self._inbox = inbox
        self._clock = clock

    def offer(self, command: OfferLimit) -> None:
        """Queue a limit; a newer one for the same EVSE replaces one that has not left yet.

        Who can only be stopped takes all it can without a word.
        """
        if not command.form.is_profile and command.offer.limit_a > 0:
            self._done(command.offer, Answered("Accepted", {}))
        else:
            self._queue(command, Urgency.CUT if command.cut else Urgency.RAISE)

    def install_fallback(self, command: InstallFallback) -> None:
        """Queue the installation of a fallback. Beside the station's maximum no other may lie: the lower one holds."""
        if command.form.fallback_place is LadderStep.CHARGE_POINT_MAX:
            self._put(command.offer.evse.station, command, Urgency.RAISE, partial(self._installed_first, command))
        else:
            self._queue(command, Urgency.RAISE)

    def _installed_first(self, command: InstallFallback, outcome: Outcome) -> None:
        """The station's maximum is in force: only now the earlier fallback goes, so that one of them binds all the
        time. Then it is said once more, for stations that clear more than they are asked to."""
        if not (isinstance(outcome, Answered) and outcome.accepted):
            self._done(command.offer, outcome)
            return
        evse = command.offer.evse
        self._put(evse.station, ClearFallback(evse), Urgency.RAISE, lambda _: self._queue(command, Urgency.RAISE))

    def _queue(self, command: OfferLimit | InstallFallback, urgency: Urgency) -> None:
        self._put(command.offer.evse.station, command, urgency, partial(self._done, command.offer))

    def _done(self, offer: Offer, outcome: Outcome) -> None:
        self._inbox.post(event_of(offer, outcome, self._clock.monotonic()))


def event_of(offer: Offer, outcome: Outcome, now: float) -> Event:
    """What the outcome of an offer means for the limit ledger."""
    match outcome:
        case Answered() if outcome.accepted:
            return LimitAcknowledged(offer.evse, offer.seq, offer.kind, now)
        case Answered(status):
            return LimitRefused(offer.evse, offer.seq, offer.kind, now, status or "no status in the answer")
        case Refused(code, description):
            return LimitRefused(offer.evse, offer.seq, offer.kind, now, f"{code} {description}".strip())
        case NotSent(why):
            return LimitRefused(offer.evse, offer.seq, offer.kind, now, why, by_station=False)
        case Unanswered(why):
            return LimitUnanswered(offer.evse, offer.seq, offer.kind, now, why)
