"""Stations that open a connection for every message and close it again: present between two of them, and never called.

What they say is served like anything else. They are away when nothing was heard for long. Nothing can be said to them,
so the site counts them with all that they can take (their sheets say that no message limits them).
"""

from __future__ import annotations

import asyncio

from sitectl.model.events import StationConnected, StationDisconnected
from sitectl.stations.desk import Desk
from sitectl.stations.record import Presently, StationRecord
from sitectl.wire.outcomes import Lost

AWAY_AFTER_S = 180.0
"""Six heartbeats, as such a station is told to send them."""


async def drop_in(desk: Desk, record: StationRecord, present: Presently, pinned_now: bool) -> Lost:
    """Serve one connection, until it ends."""
    before, record.present = record.present, present
    if before is None:
        _came(desk, record, present, pinned_now)
    try:
        return await present.peer.run()
    finally:
        asyncio.get_running_loop().call_later(AWAY_AFTER_S, _look, desk, record, present)


def _came(desk: Desk, record: StationRecord, present: Presently, pinned_now: bool) -> None:
    at, address = present.connected_at, present.presence.address
    desk.inbox.post(
        StationConnected(record.id, at, present.version, address, quarantined=record.quarantined, pinned_now=pinned_now)
    )
    desk.note("station.connected", record, {"address": address, "quarantined": record.quarantined})
    if not record.quarantined:
        desk.centrals.station_online(record.id, record.known.boot if record.known is not None else None)


def _look(desk: Desk, record: StationRecord, present: Presently) -> None:
    """A while after a connection ended: whether another one came since."""
    if record.present is not present:
        return
    record.present = None
    why = f"silent for {AWAY_AFTER_S:.0f} s"
    desk.inbox.post(StationDisconnected(record.id, desk.clock.monotonic(), why))
    desk.note("station.disconnected", record, {"why": why, "code": None})
    if not record.quarantined:
        desk.centrals.station_offline(record.id)
