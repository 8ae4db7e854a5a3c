"""A call of a station whose sheets say that it words or means things otherwise: as the standard would have it said.

The frame as it came stays beside it, for the ledger. Of stations without such a sheet no call comes here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sitectl.ocpp.frame import Call
from sitectl.quirks.meaning import meant
from sitectl.quirks.payload import repair_payload
from sitectl.quirks.vocabulary import Quirks
from sitectl.stations.record import StationRecord

Note = Callable[[str], None]


def mended(record: StationRecord, quirks: Quirks, call: Call, note: Note) -> Call:
    """The call to serve. `note` hears what was mended in its form, and that its meaning was another."""
    payload, words = repair_payload(call.action, call.payload, quirks)
    for word in words:
        note(f"mended: {word}")
    running = {evse: one.station_transaction_id for evse, one in record.running.items()}
    began_wh = {evse: float(one.meter_start_wh or 0) for evse, one in record.running.items()}
    said = payload
    payload = meant(call.action, payload, quirks, running, began_wh)
    if payload is not said:
        note("read by its sheet: it means something else")
    return call if payload is call.payload else replace(call, payload=payload)
