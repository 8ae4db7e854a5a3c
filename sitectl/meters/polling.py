"""All meters of a site: one poller a meter, each on the bus that owns its endpoint; and those that are reckoned."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping

from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.config.settings import MeterSettings, VirtualMeter
from sitectl.fieldbus.buses import Buses, Tenant
from sitectl.fieldbus.units import Device
from sitectl.meters.from_stations import Look, StationsMeter
from sitectl.meters.poller import MeterPoller
from sitectl.meters.ports import SiteInbox
from sitectl.meters.virtual import VirtualMeters
from sitectl.model.ids import CircuitId, MeterId


async def run_meters(
    meters: Mapping[MeterId, MeterSettings],
    buses: Buses,
    inbox: SiteInbox,
    clock: Clock,
    virtual: Mapping[MeterId, VirtualMeter] | None = None,
    stations: Mapping[MeterId, frozenset[CircuitId]] | None = None,
    look: Look = lambda: None,
) -> None:
    """Poll every meter until cancelled. Meters of one endpoint share its bus.

    `stations`: the circuits whose stations a meter adds up, by what `look` sees of the site.
    """
    if virtual:
        inbox = VirtualMeters(virtual, inbox)
    async with asyncio.TaskGroup() as group:
        for id, below in (stations or {}).items():
            spawn(group, StationsMeter(id, below, look, inbox, clock).run(), f"meter {id}")
        for meter in meters.values():
            poller = MeterPoller(meter, buses[meter.connection], inbox, clock)
            spawn(group, poller.run(), f"meter {meter.id}")


def tenants(meters: Iterable[MeterSettings], vital: Collection[MeterId]) -> Iterable[Tenant]:
    """What the meters need of their buses. `vital`: those that a circuit is shared by."""
    for meter in meters:
        yield Tenant(meter.connection, meter.unit, Device(meter.sheet.pause_s, meter.id in vital))
