"""One call of a station, from the endpoint to the reply: which handler serves it, and what is odd about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16.actions import TRANSACTIONAL
from sitectl.ocpp.versions import ErrorCode
from sitectl.stations.desk import Desk
from sitectl.stations.handlers.authorization import authorize
from sitectl.stations.handlers.availability import status
from sitectl.stations.handlers.data_transfer import transfer
from sitectl.stations.handlers.diagnostics import diagnostics_status
from sitectl.stations.handlers.firmware import firmware_status
from sitectl.stations.handlers.metering import metered
from sitectl.stations.handlers.provisioning import boot, heartbeat
from sitectl.stations.handlers.security import security_event, sign_certificate
from sitectl.stations.handlers.transactions import start, stop
from sitectl.stations.mending import mended
from sitectl.stations.record import StationRecord
from sitectl.wire.outcomes import Refuse, Reply, Upon

Serve = Callable[[Desk, StationRecord, Call, bytes | str], Reply | Upon | Awaitable[Reply]]

SERVED: Mapping[str, Serve] = {
    "Authorize": authorize,
    "BootNotification": boot,
    "DataTransfer": transfer,
    "DiagnosticsStatusNotification": diagnostics_status,
    "FirmwareStatusNotification": firmware_status,
    "Heartbeat": heartbeat,
    "LogStatusNotification": diagnostics_status,
    "MeterValues": metered,
    "SecurityEventNotification": security_event,
    "SignCertificate": sign_certificate,
    "SignedFirmwareStatusNotification": firmware_status,
    "StartTransaction": start,
    "StatusNotification": status,
    "StopTransaction": stop,
}
"""The calls that stations start in OCPP 1.6: ten of the core, and four of the security extension."""

MOST_DEVIATIONS_NOTED = 100
CHECKED_FIRST = 20
CHECKED_EVERY = 10


def serve(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply | Upon | Awaitable[Reply]:
    """Serve one call. `raw` is its frame, byte for byte, for the ledger."""
    handler = SERVED.get(call.action)
    if handler is None:
        return Refuse(ErrorCode.NOT_IMPLEMENTED, f"{call.action[:50]} is not known here")
    if call.action in TRANSACTIONAL:
        _note_reused_ids(desk, record)
    if record.mends is not None:
        call = mended(record, record.mends, call, partial(_note_once, desk, record, call.action, ""))
    if call.mended:
        _note_once(desk, record, call.action, "", f"mended: {call.mended}")
    if _worth_checking(record, call.action):
        for deviation in desk.validator.deviations(call.action, "request", call.payload):
            _note_once(desk, record, call.action, deviation.path, deviation.rule)
    return handler(desk, record, call, raw)


def _worth_checking(record: StationRecord, action: str) -> bool:
    """The first calls of an action on a connection, then samples: how a station deviates is a trait of its firmware."""
    present = record.present
    if present is None:
        return True
    served = present.served[action] = present.served.get(action, 0) + 1
    return served <= CHECKED_FIRST or served % CHECKED_EVERY == 0


def _note_reused_ids(desk: Desk, record: StationRecord) -> None:
    """A station that counts its messages anew uses ids twice; messages are known by what they say. Noted once."""
    present = record.present
    if present is not None and not present.reused_ids_noted and present.peer.endpoint.counters.reused_ids:
        present.reused_ids_noted = True
        desk.note("station.message_ids_reused", record)


def _note_once(desk: Desk, record: StationRecord, action: str, path: str, rule: str) -> None:
    """A deviation is a trait of a station's firmware: it is noted when it is first seen, and decides nothing."""
    trait = f"{action}.{path}: {rule}"
    if trait not in record.deviations and len(record.deviations) < MOST_DEVIATIONS_NOTED:
        record.deviations.add(trait)
        desk.note("station.deviation", record, {"action": action, "path": path, "rule": rule})
