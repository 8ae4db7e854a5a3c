"""What is put together from several rooms: problems with their beginnings, the state of the site, the configuration."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from sitectl.api.views import site_state
from sitectl.base.clock import Clock
from sitectl.model.health import Finding, Problem
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.signals import SignalView
from sitectl.model.storage import StoreHealth
from sitectl.model.uplink import UplinkState, UplinkView
from sitectl.site.cycle import Decision
from sitectl.site.ports import Journal
from sitectl.site.problems import ProblemBook, findings
from sitectl.state.site_state import SiteState
from sitectl.store import problems as store_problems

log = logging.getLogger(__name__)


class SiteOverview:
    """Looks at the whole site now and then; in between it answers with what it saw. Meets `Overview`.

    `uplinks`, `store` and `others` ask the rooms: how the central CSMSs and the disk stand, and problems that a room
    keeps itself.
    """

    def __init__(
        self,
        site_name: str,
        configuration: Mapping[str, Any],
        clock: Clock,
        journal: Journal,
        uplinks: Callable[[], Mapping[UplinkId, UplinkView]],
        store: Callable[[], StoreHealth],
        others: Callable[[], Sequence[Problem]],
        time_known: Callable[[], bool] = lambda: True,
    ) -> None:
        self.site_name = site_name
        self.state = ""
        """As the last look found it: ok, degraded or failsafe."""
        self._configuration = _packed(configuration)
        self._clock = clock
        self._journal = journal
        self._uplinks = uplinks
        self._store = store
        self._time_known = time_known
        self._others = [others]
        self._also: list[Callable[[], Iterable[Finding]]] = []
        self.signals: Callable[[], Sequence[SignalView]] = tuple
        """Asks how the signals stand."""
        self._book = ProblemBook()
        self._stations: Container[StationId] = ()
        """As the last look found them: what was wrong with one that is gone now ends as its own."""

    def reconfigure(self, site_name: str, configuration: Mapping[str, Any]) -> None:
        """Tell of another configuration from now on."""
        self.site_name, self._configuration = site_name, _packed(configuration)

    def also(self, others: Callable[[], Sequence[Problem]]) -> None:
        """Ask one more for the problems that it keeps itself."""
        self._others.append(others)

    def also_look(self, findings: Callable[[], Iterable[Finding]]) -> None:
        """Ask one more for what is wrong, at each look."""
        self._also.append(findings)

    def look(self, state: SiteState, decision: Decision) -> None:
        """See what is wrong; what begins and what ends is noted once."""
        views, disk = self._uplinks(), self._store()
        found = [*findings(state, decision), *_uplinks(views), *store_problems.findings(disk)]
        found += [finding for more in self._also for finding in more()]
        self._book.update(found, self._clock.wall())
        before, self._stations = self._stations, decision.snapshot.stations
        self._note("problem.began", self._book.began, self._stations)
        self._note("problem.ended", self._book.ended, before)
        was, self.state = self.state, site_state(decision, views, disk, self.signals())
        if self.state != was:
            log.info("the site is %s", self.state)

    def _note(self, type: str, problems: Iterable[Problem], stations: Container[StationId]) -> None:
        for problem in problems:
            told = {"where": problem.where, "what": problem.what}
            self._journal.record(type, *_whose(problem.where, stations), told)

    def problems(self) -> Sequence[Problem]:
        """What is wrong anywhere."""
        return [*self._book.standing.values(), *(problem for others in self._others for problem in others())]

    def uplinks(self) -> Mapping[UplinkId, UplinkView]:
        """How the central CSMSs stand."""
        return self._uplinks()

    def store(self) -> StoreHealth:
        """How the disk under the ledger stands."""
        return self._store()

    def time_known(self) -> bool:
        """Whether the wall clock can be believed."""
        return self._time_known()

    def wall(self) -> datetime:
        """The wall clock."""
        return self._clock.wall()

    def monotonic(self) -> float:
        """The monotonic clock (s)."""
        return self._clock.monotonic()

    def effective_configuration(self) -> Mapping[str, Any]:
        """The whole configuration with the source of each value."""
        shown: Mapping[str, Any] = orjson.loads(zlib.decompress(self._configuration))
        return shown


def _whose(where: str, stations: Container[StationId]) -> tuple[StationId | None, int | None]:
    """Which of these stations, and which EVSE of it, `where` names, as `CP01` or `CP01:1`; None: another place."""
    name, _, evse = where.partition(":")
    if (station := StationId(name)) not in stations:
        return None, None
    return station, int(evse) if evse.isdigit() else None


def _packed(configuration: Mapping[str, Any]) -> bytes:
    """Hardly anybody asks for it, and every value of a thousand stations with its place takes megabytes."""
    return zlib.compress(orjson.dumps(configuration, default=str))


def _uplinks(views: Mapping[UplinkId, UplinkView]) -> Iterator[Finding]:
    for id, view in views.items():
        if view.state in (UplinkState.OFFLINE, UplinkState.REFUSED):
            do = "Check the internet connection and the central system; charging goes on, nothing is lost."
            if view.state is UplinkState.REFUSED:
                do = "Check with the central system that these stations are known to it, and their passwords."
            yield (f"Uplink {view.state.value}: {view.text or 'no connection'}", id, do)
        if view.dead:
            do = "See `sitectl transactions --dead`; the messages are kept."
            yield (f"Messages were refused for good: {view.dead}", id, do)
