"""How the command line reaches a device: through the daemon where that owns the line, else by opening it itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks
from sitectl.cli.client import Client, DaemonAway
from sitectl.fieldbus.bus import Answer, Bus, Fault, ReadFailed, Registers
from sitectl.fieldbus.buses import make_bus
from sitectl.fieldbus.units import Device
from sitectl.model.connection import Connection

CLOCK = SystemClock()


class DaemonBus:
    """A bus that the daemon owns. Meets `Bus`."""

    def __init__(self, client: Client, endpoint: str) -> None:
        self._client = client
        self._endpoint = endpoint

    async def read(self, unit: int, function: int, address: int, count: int) -> Answer:
        def ask() -> dict[str, Any]:
            told = {"unit": unit, "function": function, "address": address, "count": count}
            return self._client.get("buses", "read", long=True, endpoint=self._endpoint, **told)

        answer = await asyncio.to_thread(ask)
        if (words := answer.get("words")) is not None:
            return Registers(tuple(words), CLOCK.monotonic())
        return ReadFailed(Fault(answer["fault"]), answer["why"])


def owned(client: Client) -> Mapping[str, Any] | None:
    """The buses of the daemon, by endpoint; None where no daemon runs."""
    try:
        buses: Mapping[str, Any] = client.get("buses")["buses"]
    except DaemonAway:
        return None
    return buses


@asynccontextmanager
async def line(
    client: Client, connection: Connection, devices: Mapping[int, Device] | None = None
) -> AsyncIterator[Bus]:
    """A bus to read from: the daemon's, or one of our own for as long as the block lasts."""
    if connection.endpoint in (owned(client) or {}):
        yield DaemonBus(client, connection.endpoint)
        return
    bus, tasks = make_bus(connection, CLOCK, devices), Tasks()
    tasks.spawn(bus.run(), bus.name)
    try:
        yield bus
    finally:
        await tasks.cancel_all()
