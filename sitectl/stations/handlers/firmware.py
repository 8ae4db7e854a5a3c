"""How an update goes. Whoever ordered it hears of it; nothing here depends on it."""

from __future__ import annotations

from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import decode, encode
from sitectl.stations.desk import Desk
from sitectl.stations.record import StationRecord
from sitectl.wire.outcomes import Reply


async def firmware_status(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply:
    """FirmwareStatusNotification, and SignedFirmwareStatusNotification of the security extension."""
    status = decode.work_status(call.payload).value
    desk.vitals.firmware(record.id, status)
    desk.note("station.firmware", record, {"status": status})
    if not record.quarantined:
        await desk.centrals.file_status(record.id, call.action, call.payload)
    return encode.empty_answer()
