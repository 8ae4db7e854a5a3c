"""What serves the calls of centrals, by functional block: what is of the stations, and what is of one central."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from sitectl.base.clock import Clock
from sitectl.model.events import RebootExpected
from sitectl.model.ids import StationId, UplinkId
from sitectl.uplinks.availability import Availability
from sitectl.uplinks.files import Deliver, Files
from sitectl.uplinks.lists import Lists
from sitectl.uplinks.measurands import Measurands
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.profiles import Profiles
from sitectl.uplinks.remote import Remote
from sitectl.uplinks.reservations import Reservations
from sitectl.uplinks.resets import Resets
from sitectl.uplinks.security import Security
from sitectl.uplinks.variables import Variables


class Shown(Protocol):
    """One virtual station, as far as what happens to the real one changes it."""

    def reboot_expected(self, until: float) -> None:
        """The station was told to reboot."""

    def statuses_changed(self) -> None:
        """Its connectors may stand otherwise than was said."""


class StationBlocks:
    """What all centrals share, because there is one of each station. `shown` gives its virtual stations, `deliver` puts
    a message for a central on disk."""

    def __init__(
        self, rooms: Rooms, clock: Clock, deliver: Deliver, shown: Callable[[StationId], Collection[Shown]]
    ) -> None:
        def changed(station: StationId) -> None:
            for link in shown(station):
                link.statuses_changed()

        def reboots(station: StationId, until: float) -> None:
            rooms.inbox.post(RebootExpected(station, clock.monotonic(), until))
            for link in shown(station):
                link.reboot_expected(until)

        self.availability = Availability(rooms, changed)
        self.reservations = Reservations(rooms, clock, self.availability.is_out, changed)
        self.resets = Resets(rooms, clock, reboots)
        self.files = Files(rooms, clock, deliver, reboots)
        self.measurands = Measurands(rooms)

    def restore(self, uplink: UplinkId) -> None:
        """This central has a say: bring back what it wished."""
        self.availability.restore(uplink)
        self.files.restore(uplink)
        self.measurands.restore(uplink)
        self.reservations.restore(uplink)

    def withdraw(self, uplink: UplinkId) -> None:
        """This central has no say any more."""
        self.availability.withdraw(uplink)
        self.files.withdraw(uplink)
        self.measurands.withdraw(uplink)
        self.reservations.withdraw(uplink)

    def station_online(self, station: StationId) -> None:
        """A station is connected, or has booted."""
        self.resets.station_moved(station)
        self.availability.station_online(station)
        self.files.station_online(station)
        self.measurands.station_online(station)

    def station_offline(self, station: StationId) -> None:
        """A station's connection ended."""
        self.resets.station_moved(station)


@dataclass(frozen=True, slots=True)
class Blocks:
    """What serves the calls of one central for all its stations."""

    stations: StationBlocks
    profiles: Profiles
    remote: Remote
    variables: Variables
    lists: Lists
    security: Security
