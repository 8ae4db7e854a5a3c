"""BootNotification and Heartbeat: who a station is, and what time it is."""

from __future__ import annotations

import asyncio

from sitectl.model.events import StationBooted
from sitectl.model.security import SecurityEventType
from sitectl.model.station import StationIdentity
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import decode, encode
from sitectl.ocpp.v16.encode import Registration
from sitectl.stations.desk import Desk
from sitectl.stations.record import StationRecord
from sitectl.wire.outcomes import Reply

HEARTBEAT_S = 300
HEARTBEAT_WITHOUT_PONGS_S = 30
"""A station that does not answer pings shows by its heartbeats that it lives."""

PENDING_RETRY_S = 300


def boot(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply:
    """BootNotification: Accepted at once, whatever any central thinks of the station; Pending in quarantine."""
    now = desk.tell_time(record)
    identity = decode.boot(call.payload).value
    if record.quarantined:
        desk.inbox.post(StationBooted(record.id, desk.clock.monotonic(), identity))  # so that people see who knocks
        desk.note("station.pending", record, {"vendor": identity.vendor, "model": identity.model})
        return encode.boot_answer(Registration.PENDING, now, PENDING_RETRY_S)
    _tell_of_update(desk, record, identity)
    desk.book.learned(record, identity=identity, boot=call.payload)
    record.clock.restart()
    desk.vitals.booted(record.id)
    desk.inbox.post(StationBooted(record.id, desk.clock.monotonic(), identity))
    desk.book.recognise(record)
    desk.note("station.booted", record, {"vendor": identity.vendor, "firmware": identity.firmware})
    desk.centrals.station_online(record.id, call.payload)
    present = record.present
    if present is not None:
        present.welcomed = True
        record.answers_pings |= present.peer.pongs_seen
        # After the reply has left: what counts from the boot counts from the answer to it.
        asyncio.get_running_loop().call_soon(record.queue.booted)
    interval_s = HEARTBEAT_S if record.answers_pings else HEARTBEAT_WITHOUT_PONGS_S
    return encode.boot_answer(Registration.ACCEPTED, now, interval_s)


def _tell_of_update(desk: Desk, record: StationRecord, identity: StationIdentity) -> None:
    """Other firmware than the last time is a security event; a station with the extension tells it itself."""
    known = record.known.identity.firmware if record.known is not None else ""
    if known and identity.firmware and known != identity.firmware and not record.tells_security:
        info = f"from {known} to {identity.firmware}"
        desk.centrals.security_event(record.id, SecurityEventType.FIRMWARE_UPDATED, info)


def heartbeat(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply:
    """Heartbeat: our time. It says nothing of any central."""
    return encode.heartbeat_answer(desk.tell_time(record))
