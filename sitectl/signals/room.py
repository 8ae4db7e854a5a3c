"""All signals of a site."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.config.settings import IoBoxSettings, Settings
from sitectl.fieldbus.buses import Buses, Tenant
from sitectl.fieldbus.units import Device
from sitectl.model.signals import GpioInput, ModbusInput, SignalInput, SignalView
from sitectl.signals.inputs import ContactReader, GpioContact, ModbusContact
from sitectl.signals.ports import CeilingDoor, CeilingSource, Journal
from sitectl.signals.relay import RelaySource
from sitectl.signals.remembered import RememberedContacts
from sitectl.signals.timetable import TimetableSource

PIN_EVERY_S = 0.1


class Signals:
    """The sources of one configuration."""

    def __init__(
        self, settings: Settings, buses: Buses, remembered: RememberedContacts, journal: Journal, clock: Clock
    ) -> None:
        self._readers = {
            signal.input: _reader(signal.input, settings.io_boxes, buses) for signal in settings.signals.values()
        }
        self.sources: list[CeilingSource] = [
            RelaySource(
                signal, self._readers[signal.input], _interval_s(signal.input, settings), remembered, journal, clock
            )
            for signal in settings.signals.values()
        ]
        if settings.schedules:
            zone = ZoneInfo(settings.site.timezone)
            self.sources.append(TimetableSource(settings.schedules, zone, clock))

    def views(self) -> list[SignalView]:
        """The contacts as they stand."""
        return [source.view() for source in self.sources if isinstance(source, RelaySource)]

    def resume(self, door: CeilingDoor) -> None:
        """Ask for what holds until each source is heard."""
        for source in self.sources:
            source.resume(door)

    async def run(self, door: CeilingDoor) -> None:
        """Watch all sources until cancelled. One that fails asks for all that it could ask for, until it runs again."""
        try:
            async with asyncio.TaskGroup() as group:
                for source in self.sources:
                    spawn(group, watched(source, door), source.name)
        finally:
            for reader in self._readers.values():
                reader.close()


def tenants(boxes: Mapping[str, IoBoxSettings]) -> Iterator[Tenant]:
    """What the I/O boxes need of their buses."""
    for box in boxes.values():
        yield Tenant(box.connection, box.unit, Device(box.pause_s, vital=True))


async def watched(source: CeilingSource, door: CeilingDoor) -> None:
    """Run a source; where it fails, all that it could ask for holds from then on."""
    try:
        await source.run(door)
    except Exception:
        door.ask(source.name, source.worst, "it failed")
        raise


def _reader(input: SignalInput, boxes: Mapping[str, IoBoxSettings], buses: Buses) -> ContactReader:
    if isinstance(input, GpioInput):
        return GpioContact(input)
    box = boxes[input.box]
    return ModbusContact(buses[box.connection], box.unit, box.function, input.number)


def _interval_s(input: SignalInput, settings: Settings) -> float:
    return settings.io_boxes[input.box].interval_s if isinstance(input, ModbusInput) else PIN_EVERY_S
