"""What every completed control cycle brings about beside the sharing: it feeds the watchdog, is recorded and told.

All but the first waits until the limits have left: to record a thousand takes as long as to send them, and the sockets
come first.
"""

from __future__ import annotations

import asyncio
import logging

from sitectl.base.systemd import Notifier, watchdog_interval
from sitectl.daemon.wiring import Wired
from sitectl.site.cycle import Decision
from sitectl.state.site_state import SiteState

log = logging.getLogger(__name__)

LEFT_AFTER_S = 0.2
STATUS_EVERY_S = 10.0
LOOK_EVERY_S = 0.9
"""Problems are looked for once a second, however fast cycles follow one another."""


class Pulse:
    """Hears of each cycle, until the daemon is `stopping`."""

    def __init__(self, rooms: Wired, notifier: Notifier, stopping: asyncio.Event) -> None:
        self._rooms = rooms
        self._notifier = notifier
        self._stopping = stopping
        self._watchdog_s = watchdog_interval()
        self._fed_at = self._said_at = self._looked_at = float("-inf")

    def beat(self, decision: Decision) -> None:
        """A cycle is completed."""
        now = decision.snapshot.at
        if self._watchdog_s is not None and now - self._fed_at >= self._watchdog_s / 3:
            self._fed_at = now
            self._notifier.watchdog()
        asyncio.get_running_loop().call_later(LEFT_AFTER_S, self._tell, self._rooms.site.state, decision)

    def _tell(self, state: SiteState, decision: Decision) -> None:
        """Record a cycle, and once a second see what was wrong in it. `state`: as it was then."""
        if self._stopping.is_set():
            return
        now = decision.snapshot.at
        self._rooms.incidents.see(decision)
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            self._look(state, decision)
        except Exception:  # what is told of the site must never stop the site
            log.exception("the problems could not be listed")
        if self._notifier.supervised and now - self._said_at >= STATUS_EVERY_S:
            self._said_at = now
            self._say(decision)

    def _look(self, state: SiteState, decision: Decision) -> None:
        rooms = self._rooms
        rooms.overview.look(state, decision)
        rooms.rungs.look(state)
        rooms.pauses.look()
        rooms.rotations.look(state)
        rooms.restarter.look(state, decision.snapshot)

    def _say(self, decision: Decision) -> None:
        """For `systemctl status`."""
        online = sum(1 for s in decision.snapshot.stations.values() if s.online)
        problems, count = len(self._rooms.overview.problems()), self._rooms.site.times.count
        state = self._rooms.overview.state
        self._notifier.status(f"{state}, {online} stations online, {problems} problems, cycle {count}")
