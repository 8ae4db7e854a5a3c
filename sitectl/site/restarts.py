"""Asks stations to go on with what we have stopped, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sitectl.base.clock import Clock
from sitectl.model.commands import Answered, Command, Outcome, RequestStart, Urgency
from sitectl.model.events import Event, RestartAsked, StartExpected
from sitectl.model.ids import EvseId, StationId
from sitectl.model.snapshot import SiteSnapshot
from sitectl.site.ports import Journal
from sitectl.state import restart
from sitectl.state.site_state import SiteState

START_WITHIN_S = 120.0

Put = Callable[[StationId, Command, Urgency, Callable[[Outcome], None]], None]


class Restarter:
    """`post` is the site's ear, `put` queues a command of any station."""

    def __init__(self, post: Callable[[Event], None], put: Put, clock: Clock, journal: Journal) -> None:
        self._post = post
        self._put = put
        self._clock = clock
        self._journal = journal

    def look(self, state: SiteState, seen: SiteSnapshot) -> None:
        """Ask the next one, if anybody may go on; its current is reserved from now on."""
        found = next(restart.due(state, seen), None)
        if found is None:
            return
        (evse, id_token), now = found, self._clock.monotonic()
        self._post(StartExpected(evse, now, now + START_WITHIN_S))
        self._post(RestartAsked(evse, now))
        self._put(evse.station, RequestStart(evse, id_token), Urgency.START, partial(self._asked, evse))

    def _asked(self, evse: EvseId, outcome: Outcome) -> None:
        accepted = isinstance(outcome, Answered) and outcome.accepted
        data = {"why": "stopped for want of current, which is there again", "accepted": accepted}
        self._journal.record("transaction.restart_asked", evse.station, evse.evse, data)
