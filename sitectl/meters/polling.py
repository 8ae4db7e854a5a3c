"""All meters of a site: one poller a meter, one bus an endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.config.settings import MeterSettings
from sitectl.fieldbus.modbus import ModbusTcpBus
from sitectl.meters.poller import MeterPoller
from sitectl.meters.ports import SiteInbox
from sitectl.model.ids import MeterId


async def run_meters(meters: Mapping[MeterId, MeterSettings], inbox: SiteInbox, clock: Clock) -> None:
    """Poll every meter until cancelled, and leave no connection behind. Meters of one endpoint share its bus."""
    buses = open_buses(meters.values(), clock)
    async with asyncio.TaskGroup() as group:
        for (host, port), bus in buses.items():
            spawn(group, bus.run(), f"bus {host}:{port}")
        for meter in meters.values():
            poller = MeterPoller(meter, buses[meter.host, meter.port], inbox, clock)
            spawn(group, poller.run(), f"meter {meter.id}")


def open_buses(meters: Iterable[MeterSettings], clock: Clock) -> dict[tuple[str, int], ModbusTcpBus]:
    """One bus an endpoint, as quiet between requests as the most sensitive device behind it wants."""
    pauses: dict[tuple[str, int], float] = {}
    for meter in meters:
        endpoint = (meter.host, meter.port)
        pauses[endpoint] = max(pauses.get(endpoint, 0.0), meter.sheet.pause_s)
    return {(host, port): ModbusTcpBus(host, port, clock, pause_s=pause_s) for (host, port), pause_s in pauses.items()}
