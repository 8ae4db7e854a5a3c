"""What tells people outside: alerts, by the settings that hold. Begun anew where the configuration changes them.

What is not configured is not loaded: its libraries would cost a small gateway megabytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import TYPE_CHECKING

from sitectl.api.ports import Overview
from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.config.settings import Settings
from sitectl.model.health import Finding
from sitectl.stations.stations import zone_of
from sitectl.store.alerts import AlertShelf
from sitectl.store.database import Database

if TYPE_CHECKING:
    from sitectl.alerts.room import Alerts

Keep = Callable[[asyncio.TaskGroup, str, Callable[[], Awaitable[None]]], asyncio.Task[None]]
"""Runs a room in a group, and again where it fails."""


class Tellers:
    """The optional rooms that tell others of the site."""

    def __init__(self, overview: Overview, database: Database, clock: Clock, random: Random, keep: Keep) -> None:
        self._overview = overview
        self._database = database
        self._clock = clock
        self._random = random
        self._keep = keep
        self._settings: Settings | None = None
        self._shelf: AlertShelf | None = None
        self._task: asyncio.Task[None] | None = None
        self.alerts: Alerts | None = None
        """None where nobody is to be told."""

    def take(self, group: asyncio.TaskGroup, settings: Settings) -> None:
        """Begin, or go on by another configuration; what stays the same is left in peace."""
        before, self._settings = self._settings, settings
        if before is not None and _told(before) == _told(settings):
            return
        previous = self._task
        self.stop()
        self.alerts = self._made(settings) if settings.alerts else None
        if self.alerts is not None:
            self._task = spawn(group, self._run(self.alerts, previous), "tellers")

    def stop(self) -> None:
        """End everything."""
        if self._task is not None:
            self._task.cancel()

    def findings(self) -> Iterator[Finding]:
        """What is wrong with them."""
        if self.alerts is not None:
            yield from self.alerts.findings()

    def _made(self, settings: Settings) -> Alerts:
        from sitectl.alerts.room import Alerts

        if self._shelf is None:
            self._shelf = AlertShelf(self._database)
        return Alerts(
            settings.alerts,
            settings.site.name,
            zone_of(settings),
            self._overview.problems,
            self._shelf,
            self._clock,
            self._random,
        )

    async def _run(self, alerts: Alerts, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait({previous})
        async with asyncio.TaskGroup() as group:
            self._keep(group, "alerts", alerts.run)


def _told(settings: Settings) -> object:
    """All that this file makes rooms of."""
    return settings.alerts, settings.site.name, settings.site.timezone
