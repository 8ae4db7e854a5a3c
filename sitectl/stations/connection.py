"""One connection of a station, from the moment it is let in until it is lost."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace

from sitectl.base.tasks import Tasks
from sitectl.model.commands import Command
from sitectl.model.events import StationConnected, StationDisconnected
from sitectl.model.transaction import Payload
from sitectl.ocpp.endpoint import Endpoint, message_ids
from sitectl.ocpp.v16 import decode, encode, setup
from sitectl.ocpp.v16.actions import TRANSACTIONAL
from sitectl.ocpp.versions import Version
from sitectl.quirks.text import repair_text
from sitectl.security.tls import PeerCertificate
from sitectl.stations.desk import Desk
from sitectl.stations.dropins import drop_in
from sitectl.stations.handshake import Presence
from sitectl.stations.inbound import serve
from sitectl.stations.onboarding import onboard
from sitectl.stations.record import Presently, StationRecord
from sitectl.wire.limits import LIMITS, Limits
from sitectl.wire.outcomes import Late, Lost, Notice
from sitectl.wire.peer import NEVER_S, Peer
from sitectl.wire.ports import Transport

log = logging.getLogger(__name__)

LOST_WITHOUT_PONGS_S = 90.0
"""Where nothing but its own frames shows that a station lives: a heartbeat is due every 30 s once that has been set,
which is a minute after the connection where it does not boot anew."""


class Speech16:
    """OCPP 1.6, in the style that this station wants its charging profiles."""

    def __init__(self, record: StationRecord) -> None:
        self._record = record
        self._read: Mapping[str, tuple[str, bool]] = {}
        self._style = setup.profile_style({})

    def encode(self, command: Command) -> tuple[str, Payload]:
        if self._record.configuration is not self._read:
            self._read = self._record.configuration
            self._style = setup.profile_style({key: value for key, (value, _) in self._read.items()})
        return encode.call(command, self._style)

    def status(self, action: str, payload: Payload) -> str:
        return decode.answered(payload).status


async def attend(
    desk: Desk,
    tasks: Tasks,
    record: StationRecord,
    transport: Transport,
    version: Version,
    presence: Presence,
    *,
    certificate: PeerCertificate | None = None,
    pinned_now: bool = False,
    limits: Limits = LIMITS,
) -> Lost:
    """Serve a connection that was let in, until it ends; it takes the place of an older one at once."""
    record.connections += 1
    quirks = record.quirks
    endpoint = Endpoint(
        version,
        message_ids(secrets.token_hex(8)),
        remembered=TRANSACTIONAL,
        memory=record.memory,
        connection=record.connections,
        repair=repair_text,
    )
    peer = Peer(
        transport,
        endpoint,
        lambda call: serve(desk, record, call, call.raw),
        clock=desk.clock,
        name=record.id,
        notice=lambda notice: _noticed(desk, record, notice),
        limits=limits if quirks.pongs else replace(limits, ping_every_s=NEVER_S, lost_after_s=LOST_WITHOUT_PONGS_S),
        tap=desk.tap_of(record.id),
    )
    present = Presently(peer, presence, desk.clock.monotonic(), version.value, certificate)
    if quirks.connectionless:
        return await drop_in(desk, record, present, pinned_now)
    _arrived(desk, tasks, record, present, pinned_now)
    helper = None if record.quarantined else tasks.spawn(onboard(desk, record, present), f"{record.id} onboarding")
    lost = Lost("dropped by us")
    try:
        lost = await peer.run()
    finally:
        if helper is not None:
            helper.cancel()
        _left(desk, record, present, lost)
    return lost


def _arrived(desk: Desk, tasks: Tasks, record: StationRecord, present: Presently, pinned_now: bool) -> None:
    older, record.present = record.present, present
    booted_once = record.known is not None and record.known.boot is not None
    record.queue.connected(present.peer, Speech16(record), booted_once=booted_once)
    if older is not None:
        desk.note("station.displaced", record, {"address": older.presence.address})
        tasks.spawn(older.peer.close(1000, "a newer connection of this station"), f"{record.id} displaced")
    at, address = present.connected_at, present.presence.address
    desk.inbox.post(
        StationConnected(record.id, at, present.version, address, quarantined=record.quarantined, pinned_now=pinned_now)
    )
    if not record.quarantined:
        desk.vitals.connected(record.id, None if present.certificate is None else present.certificate.ends)
    desk.note("station.connected", record, {"address": address, "quarantined": record.quarantined})
    if not record.quarantined:
        desk.centrals.station_online(record.id, record.known.boot if record.known is not None else None)


def _left(desk: Desk, record: StationRecord, present: Presently, lost: Lost) -> None:
    record.answers_pings |= present.peer.pongs_seen
    record.queue.disconnected(present.peer, lost.reason)
    if record.present is not present:
        return  # displaced: the station is still there
    record.present = None
    desk.inbox.post(StationDisconnected(record.id, desk.clock.monotonic(), lost.reason))
    desk.note("station.disconnected", record, {"why": lost.reason, "code": lost.code})
    if not record.quarantined:
        desk.centrals.station_offline(record.id)


def _noticed(desk: Desk, record: StationRecord, notice: Notice) -> None:
    """An answer that came too late: whether a limit is in force is shown by the next reading, not by this."""
    if isinstance(notice, Late):
        record.queue.answered_late()
        desk.note("station.answered_late", record, {"action": notice.action})
