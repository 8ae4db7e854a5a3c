"""DataTransfer: vendors' private messages, relayed to the central that stands behind the station."""

from __future__ import annotations

from collections.abc import Awaitable

from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import encode
from sitectl.stations.desk import Desk, relay_deadline_s
from sitectl.stations.record import StationRecord
from sitectl.wire.outcomes import Reply


def transfer(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply | Awaitable[Reply]:
    """DataTransfer: the central's answer, or that nobody here knows the vendor."""
    if record.quarantined:
        return encode.transfer_answer("Rejected")
    return _relay(desk, record, call)


async def _relay(desk: Desk, record: StationRecord, call: Call) -> Reply:
    answer = await desk.centrals.transfer(record.id, call.payload, relay_deadline_s(record))
    return encode.transfer_answer() if answer is None else answer
