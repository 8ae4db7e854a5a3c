"""The security extension: what a station saw of attacks and changes goes to the central, in order and without loss; its
certificate is for the way to us, so the site's own authority signs it."""

from __future__ import annotations

from sitectl.base.errors import EnvironmentFault
from sitectl.base.units import format_utc
from sitectl.model.transaction import Payload
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import encode, security
from sitectl.stations.desk import Desk
from sitectl.stations.record import EventBudget, StationRecord
from sitectl.wire.outcomes import Reply, Silence


async def security_event(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply:
    """SecurityEventNotification: answered when it is on disk, so that a station keeps what we cannot store."""
    event = security.security_event(call.payload).value
    desk.vitals.security_event(record.id, event.type, event.info)  # however many came: one alarm stands, and it stands
    was_exceeded = record.security_events.exceeded
    if not record.security_events.takes(desk.clock.monotonic()):
        if not was_exceeded:
            desk.note("station.too_many_security_events", record, {"an hour": EventBudget.MOST})
        return encode.empty_answer()
    desk.note("station.security_event", record, {"event": event.type, "info": event.info})
    record.tells_security = True
    if record.quarantined:
        return encode.empty_answer()
    payload = call.payload
    if event.occurred is None:
        payload = {**payload, "timestamp": format_utc(desk.clock.wall())}
    return await deliver(desk, record, call.action, payload)


async def sign_certificate(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply:
    """SignCertificate: whether its request is taken; the certificate follows by CertificateSigned."""
    request = security.signing_request(call.payload).value
    return security.signing_answer(not record.quarantined and await desk.certificates.sign(record, request))


async def deliver(desk: Desk, record: StationRecord, action: str, payload: Payload) -> Reply:
    """Put a message into the outbox and answer it; silence when the disk takes nothing, for then it will come again."""
    try:
        await desk.centrals.deliver(record.id, security.copy(action, payload))
    except EnvironmentFault:
        return Silence()
    return encode.empty_answer()
