"""How an upload goes. Whoever ordered it hears of it; nothing here depends on it."""

from __future__ import annotations

from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import decode, encode
from sitectl.stations.desk import Desk
from sitectl.stations.record import StationRecord
from sitectl.wire.outcomes import Reply


async def diagnostics_status(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply:
    """DiagnosticsStatusNotification, and LogStatusNotification of the security extension."""
    desk.note("station.diagnostics", record, {"status": decode.work_status(call.payload).value})
    if not record.quarantined:
        await desk.centrals.file_status(record.id, call.action, call.payload)
    return encode.empty_answer()
