"""What every completed control cycle brings about beside the sharing: it feeds the watchdog, and people are told."""

from __future__ import annotations

import logging

from sitectl.base.systemd import Notifier, watchdog_interval
from sitectl.daemon.wiring import Wired
from sitectl.site.cycle import Decision

log = logging.getLogger(__name__)

STATUS_EVERY_S = 10.0
LOOK_EVERY_S = 0.9
"""Problems are looked for once a second, however fast cycles follow one another."""


class Pulse:
    """Hears of each cycle."""

    def __init__(self, rooms: Wired, notifier: Notifier) -> None:
        self._rooms = rooms
        self._notifier = notifier
        self._watchdog_s = watchdog_interval()
        self._fed_at = self._said_at = self._looked_at = float("-inf")

    def beat(self, decision: Decision) -> None:
        """A completed cycle feeds the watchdog, and once a second people are told how things stand."""
        now = decision.snapshot.at
        self._rooms.incidents.see(decision)
        if self._watchdog_s is not None and now - self._fed_at >= self._watchdog_s / 3:
            self._fed_at = now
            self._notifier.watchdog()
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            self._look(decision)
        except Exception:  # what is told of the site must never stop the site
            log.exception("the problems could not be listed")
        if self._notifier.supervised and now - self._said_at >= STATUS_EVERY_S:
            self._said_at = now
            self._say(decision)

    def _look(self, decision: Decision) -> None:
        rooms = self._rooms
        rooms.overview.look(rooms.site.state, decision)
        rooms.rungs.look(rooms.site.state)
        rooms.pauses.look()
        rooms.rotations.look(rooms.site.state)
        rooms.restarter.look(rooms.site.state, decision.snapshot)

    def _say(self, decision: Decision) -> None:
        """For `systemctl status`."""
        online = sum(1 for s in decision.snapshot.stations.values() if s.online)
        problems, count = len(self._rooms.overview.problems()), self._rooms.site.times.count
        state = self._rooms.overview.state
        self._notifier.status(f"{state}, {online} stations online, {problems} problems, cycle {count}")
