"""What tells people and programs outside: alerts and MQTT, by the settings that hold. Each is begun anew where the
configuration changes it.

What is not configured is not loaded: its libraries would cost a small gateway megabytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import TYPE_CHECKING

from fastapi import FastAPI

from sitectl.api.ports import Behind
from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.config.settings import Settings
from sitectl.model.health import Finding
from sitectl.stations.stations import zone_of
from sitectl.store.alerts import AlertShelf
from sitectl.store.database import Database

if TYPE_CHECKING:
    from sitectl.alerts.room import Alerts
    from sitectl.mqtt.room import Mqtt

Keep = Callable[[asyncio.TaskGroup, str, Callable[[], Awaitable[None]]], asyncio.Task[None]]
"""Runs a room in a group, and again where it fails."""


class Place:
    """Where one optional room runs, or none: what ran before ends before the next begins."""

    def __init__(self, name: str, keep: Keep) -> None:
        self._name = name
        self._keep = keep
        self._task: asyncio.Task[None] | None = None

    def put(self, group: asyncio.TaskGroup, room: Callable[[], Awaitable[None]] | None) -> None:
        """Run this one from now on."""
        previous = self._task
        self.stop()
        self._task = None if room is None else spawn(group, self._run(room, previous), self._name)

    def stop(self) -> None:
        """End what runs."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, room: Callable[[], Awaitable[None]], previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait({previous})
        async with asyncio.TaskGroup() as group:
            self._keep(group, self._name, room)


class Tellers:
    """The optional rooms that tell others of the site."""

    def __init__(self, database: Database, clock: Clock, random: Random, keep: Keep) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._shelf: AlertShelf | None = None
        self._alerts_place = Place("alerts", keep)
        self._mqtt_place = Place("mqtt", keep)
        self._before: Settings | None = None
        self.alerts: Alerts | None = None
        """None where nobody is to be told."""
        self.mqtt: Mqtt | None = None
        """None where there is no broker."""

    def take(self, group: asyncio.TaskGroup, settings: Settings, behind: Behind, app: FastAPI) -> None:
        """Begin, or go on by another configuration; what stays the same is left in peace. They read and ask through the
        interface: `behind`, `app`."""
        before, self._before = self._before, settings
        if before is None or _of_alerts(before) != _of_alerts(settings):
            self.alerts = self._make_alerts(settings, behind) if settings.alerts else None
            self._alerts_place.put(group, None if self.alerts is None else self.alerts.run)
        if before is None or _of_mqtt(before) != _of_mqtt(settings):
            self.mqtt = None if settings.mqtt is None else self._make_mqtt(settings, behind, app)
            self._mqtt_place.put(group, None if self.mqtt is None else self.mqtt.run)

    def stop(self) -> None:
        """End everything."""
        self._alerts_place.stop()
        self._mqtt_place.stop()

    def findings(self) -> Iterator[Finding]:
        """What is wrong with them."""
        if self.alerts is not None:
            yield from self.alerts.findings()
        if self.mqtt is not None:
            yield from self.mqtt.findings()

    def _make_alerts(self, settings: Settings, behind: Behind) -> Alerts:
        from sitectl.alerts.room import Alerts

        if self._shelf is None:
            self._shelf = AlertShelf(self._database)
        problems, zone = behind.overview.problems, zone_of(settings)
        return Alerts(settings.alerts, settings.site.name, zone, problems, self._shelf, self._clock, self._random)

    def _make_mqtt(self, settings: Settings, behind: Behind, app: FastAPI) -> Mqtt:
        from sitectl.api.inside import Inside
        from sitectl.mqtt.room import Mqtt

        assert settings.mqtt is not None
        return Mqtt(settings.mqtt, behind, Inside(app, "mqtt"), self._clock, self._random)


def _of_alerts(settings: Settings) -> object:
    return settings.alerts, settings.site.name, settings.site.timezone


def _of_mqtt(settings: Settings) -> object:
    return settings.mqtt, settings.site.name
