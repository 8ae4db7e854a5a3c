"""All field buses of a site: one owner an endpoint, whoever reads there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.fieldbus.bus import Link
from sitectl.fieldbus.queued import QueuedBus
from sitectl.fieldbus.rtu_link import TCP_TIMEOUT_S, RtuLink
from sitectl.fieldbus.units import UNKNOWN, Device
from sitectl.fieldbus.wires import SerialWire, TcpWire
from sitectl.model.connection import Connection, SerialConnection
from sitectl.model.health import Finding

SERIAL_PAUSE_S, SERIAL_CHANGE_S = 0.05, 0.2
RAW_CHANGE_S = 0.1
"""Silence that devices on a serial line want after an answer, and where the next request is for another of them."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A unit behind a connection, and what it needs."""

    connection: Connection
    unit: int
    device: Device = UNKNOWN


class Buses:
    """The buses of these `tenants`, by connection."""

    def __init__(self, tenants: Iterable[Tenant], clock: Clock) -> None:
        behind: dict[Connection, dict[int, Device]] = {}
        for tenant in tenants:
            units = behind.setdefault(tenant.connection, {})
            units[tenant.unit] = _both(units.get(tenant.unit), tenant.device)
        self.all: Mapping[Connection, QueuedBus] = {
            connection: make_bus(connection, clock, devices) for connection, devices in behind.items()
        }

    def __getitem__(self, connection: Connection) -> QueuedBus:
        return self.all[connection]

    def at(self, connection: Connection) -> QueuedBus | None:
        """The bus that owns this endpoint already, however it is spoken to there."""
        return next((bus for known, bus in self.all.items() if known.endpoint == connection.endpoint), None)

    def findings(self) -> Iterator[Finding]:
        """Devices whose answers are spoilt too often."""
        for bus in self.all.values():
            for unit, share in bus.noisy.items():
                what = f"Of the latest answers of unit {unit} at {bus.name}, {share:.0%} were spoilt."
                do = "Check the cable, its ends and its shield, and that no two devices have the same unit number."
                yield what, bus.name, do

    async def run(self) -> None:
        """Own every endpoint until cancelled, and leave no connection behind."""
        async with asyncio.TaskGroup() as group:
            for bus in self.all.values():
                spawn(group, bus.run(), f"bus {bus.name}")
            await asyncio.Event().wait()


def make_bus(connection: Connection, clock: Clock, devices: Mapping[int, Device] | None = None) -> QueuedBus:
    """The bus of one connection; nothing is opened before its first request."""
    name = connection.endpoint
    if isinstance(connection, SerialConnection):
        link: Link = RtuLink(name, SerialWire(connection), clock, byte_s=connection.byte_s)
        return QueuedBus(name, link, clock, devices=devices, pause_s=SERIAL_PAUSE_S, change_s=SERIAL_CHANGE_S)
    if connection.rtu:
        link = RtuLink(name, TcpWire(connection), clock, timeout_s=TCP_TIMEOUT_S)
        return QueuedBus(name, link, clock, devices=devices, change_s=RAW_CHANGE_S)
    from sitectl.fieldbus.modbus import (
        ModbusTcpLink,  # with pymodbus: 2 MB that a site without such a meter does without
    )

    return QueuedBus(name, ModbusTcpLink(connection.host, connection.port, clock), clock, devices=devices)


def _both(one: Device | None, other: Device) -> Device:
    """Two that read the same unit: what satisfies both."""
    if one is None:
        return other
    return replace(other, pause_s=max(one.pause_s, other.pause_s), vital=one.vital or other.vital)
