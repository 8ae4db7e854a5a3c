"""StatusNotification: how a station and its EVSEs stand."""

from __future__ import annotations

from sitectl.model.events import EvseStatusChanged
from sitectl.model.ids import EvseId
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import decode, encode
from sitectl.stations.desk import Desk
from sitectl.stations.record import MOST_EVSES, StationRecord
from sitectl.wire.outcomes import Reply


def status(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply:
    """StatusNotification: into the state at once; the newest of each EVSE is what a central will hear."""
    report = decode.status_notification(call.payload).value
    if not 0 <= report.evse <= MOST_EVSES:
        return encode.empty_answer()
    desk.inbox.post(EvseStatusChanged(EvseId(record.id, report.evse), desk.clock.monotonic(), report.status))
    if report.reported is not None:
        desk.learn_skew(record, report.reported, desk.clock.wall())
    changed = record.statuses.get(report.evse) != call.payload
    record.statuses[report.evse] = call.payload
    if record.present is not None:
        record.present.statuses_seen.add(report.evse)
    if changed:
        desk.vitals.status(record.id, report.evse, report.status)
        said = report.status
        data: dict[str, object] = {"status": said.connector_status.value, "error": said.error_code}
        if said.charging_state is not None:
            data["charging"] = said.charging_state.value
        if said.preparing:
            data["preparing"] = True
        if said.vendor_error_code:
            data["vendor_error"] = said.vendor_error_code
        if said.info:
            data["info"] = said.info
        desk.note("evse.status", record, data, report.evse)
    if not record.quarantined:
        desk.centrals.status(record.id, report.evse, call.payload)
    return encode.empty_answer()
