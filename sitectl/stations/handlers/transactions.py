"""StartTransaction and StopTransaction: on disk before anything is answered, never refused, always with our own id."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import AuthorizationMode
from sitectl.model.events import StartExpected, TransactionEnded, TransactionStarted
from sitectl.model.ids import UplinkId
from sitectl.model.transaction import (
    AuthorizationStatus,
    ClockQuality,
    IdTokenInfo,
    StartedTransaction,
    TransactionStart,
    TransactionStop,
)
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import copies, decode, encode
from sitectl.routing.verdicts import INVALID, RESERVED, Source, Verdict
from sitectl.stations.clocks import OLDEST_YEAR
from sitectl.stations.desk import Desk, relay_deadline_s
from sitectl.stations.handlers.authorization import START_WITHIN_S, judge, parent_of
from sitectl.stations.handlers.metering import store_last_sample
from sitectl.stations.record import Running, StationRecord, as_bytes
from sitectl.wire.outcomes import Reply, Silence


async def start(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply:
    """StartTransaction: stored, then the verdict (a central's, if it comes in time), stored too, then the answer."""
    received, now = desk.clock.wall(), desk.clock.monotonic()
    told = decode.start_transaction(call.payload, record.id, received, call.message_id).value
    started, clock = desk.business_time(record, told.started, received, told.clock)
    evse = told.evse if told.names_nothing else record.meant(told.evse.evse)
    nobody = record.quarantined or told.names_nothing
    recurs = told.clock is ClockQuality.RECEIPT or told.started.year < OLDEST_YEAR
    told = replace(told, evse=evse, started=started, clock=clock, stamp_recurs=recurs)
    # The car may draw from now on, whatever the answer will be.
    desk.inbox.post(StartExpected(told.evse, now, now + START_WITHIN_S))
    uplinks = () if nobody else desk.centrals.copies(record.id, told.id_token)
    claimed = {} if nobody else _claimed(desk, told)
    message = copies.start(call.payload, None if clock is ClockQuality.STATION else started, claimed)
    try:
        stored = await desk.ledger.start(told, uplinks, message, as_bytes(raw))
        verdict = await _verdict(desk, record, told, stored)
        await desk.ledger.verdict(stored.transaction, verdict.info)
    except EnvironmentFault as fault:
        desk.note("transaction.not_stored", record, {"why": str(fault)}, told.evse.evse)
        return Silence()
    await _began(desk, record, told, stored, verdict)
    return encode.start_answer(stored.station_transaction_id, verdict.info)


async def _verdict(desk: Desk, record: StationRecord, told: TransactionStart, stored: StartedTransaction) -> Verdict:
    """What to say of the token. A start that is told again gets the answer of the first time, or the central's since.

    Where the site itself decides, a central's word is not asked for, and not passed on either.
    """
    by_central = desk.authorization.mode is AuthorizationMode.UPLINK
    if by_central and stored.repeated and stored.id_token_info is not None:
        return _unless_reserved(desk, told, Verdict(stored.id_token_info, Source.CENTRAL))
    if record.quarantined or told.names_nothing:
        return Verdict(INVALID, Source.RULE)
    desk.centrals.outbox_grew(record.id)

    async def ask() -> IdTokenInfo | None:
        return await desk.centrals.verdict(record.id, stored.transaction, relay_deadline_s(record))

    return _unless_reserved(desk, told, await judge(desk, record.id, told.id_token, ask))


def _unless_reserved(desk: Desk, told: TransactionStart, verdict: Verdict) -> Verdict:
    """Nobody charges where we keep the EVSE for somebody else, whatever is thought of the token."""
    if verdict.info.status is AuthorizationStatus.ACCEPTED and desk.centrals.bars(
        told.evse, told.id_token, verdict.info.parent
    ):
        return Verdict(RESERVED, Source.RESERVATION)
    return verdict


def _claimed(desk: Desk, told: TransactionStart) -> Mapping[UplinkId, int]:
    """The reservation that a start uses."""
    parent = parent_of(desk, told.evse.station, told.id_token)
    return desk.centrals.claimed(told.evse, told.id_token, parent, told.started, told.reservation_id)


async def _began(
    desk: Desk, record: StationRecord, told: TransactionStart, stored: StartedTransaction, verdict: Verdict
) -> None:
    """Tell the site, unless the start is an old one told late, or told again, whose transaction is over."""
    evse = stored.evse.evse
    if stored.closed is not None:
        record.running.pop(evse, None)
        desk.inbox.post(TransactionEnded(stored.evse, stored.closed, desk.clock.monotonic()))
    if stored.repeated:
        desk.note("transaction.told_again", record, {"transaction": stored.transaction, "what": "start"}, evse)
        still_open = {one.transaction for one in await desk.ledger.open_transactions(record.id)}
        if stored.transaction not in still_open:
            return
    if not stored.late:
        now = desk.clock.monotonic()
        desk.vitals.covered(record.id, evse)
        record.running[evse] = Running(
            stored.transaction, stored.station_transaction_id, now, told.started, told.meter_start_wh
        )
        began = TransactionStarted(
            stored.evse,
            stored.transaction,
            now,
            stored.station_transaction_id,
            told.id_token,
            started=told.started,
            meter_start_wh=told.meter_start_wh,
        )
        # After the answer has left: a limit that overtook it would name a transaction unknown to the station as yet.
        asyncio.get_running_loop().call_soon(desk.inbox.post, began)
    if not stored.repeated:
        data = {"transaction": stored.transaction, "meter_start_wh": told.meter_start_wh}
        said = {"verdict": verdict.info.status.value, "by": verdict.source.value}
        desk.note("transaction.started", record, data | said, evse)


def _with_meter(record: StationRecord, told: TransactionStop) -> TransactionStop:
    """A stop without a meter value ends at the newest register that the station has shown of this transaction."""
    found = None if told.meter_known else record.running_meant(told.station_transaction_id)
    reading = None if found is None else record.readings.get(found[0])
    if reading is None or reading.register_wh is None:
        return told
    return replace(told, meter_stop_wh=int(reading.register_wh))


async def stop(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply:
    """StopTransaction: only the commit precedes the answer, no network."""
    received = desk.clock.wall()
    told = decode.stop_transaction(call.payload, record.id, received, call.message_id).value
    stopped, clock = desk.business_time(record, told.stopped, received, told.clock)
    told = _with_meter(record, replace(told, stopped=stopped, clock=clock))
    if told.id_token is not None:
        told = replace(told, parent=parent_of(desk, record.id, told.id_token))
    payload = call.payload if told.meter_known else {**call.payload, "meterStop": told.meter_stop_wh}
    message = copies.stop(payload, None if clock is ClockQuality.STATION else stopped)
    try:
        last_sample = store_last_sample(desk, record, told.station_transaction_id)
        stopping = desk.ledger.stop(told, message, as_bytes(raw))
        stored = await stopping if last_sample is None else (await asyncio.gather(last_sample, stopping))[1]
    except EnvironmentFault as fault:
        desk.note("transaction.not_stored", record, {"why": str(fault)})
        return Silence()
    if not record.quarantined:
        desk.centrals.outbox_grew(record.id)
    if stored.repeated and not stored.conflicting:
        evse = 0 if stored.evse is None else stored.evse.evse
        desk.note("transaction.told_again", record, {"transaction": stored.transaction, "what": "stop"}, evse)
    if stored.transaction is not None and stored.evse is not None and not (stored.repeated or stored.conflicting):
        desk.vitals.covered(record.id, stored.evse.evse)
        running = record.running.get(stored.evse.evse)
        if running is not None and running.transaction == stored.transaction:
            del record.running[stored.evse.evse]
        desk.inbox.post(TransactionEnded(stored.evse, stored.transaction, desk.clock.monotonic()))
        data = {"transaction": stored.transaction, "meter_stop_wh": told.meter_stop_wh, "reason": told.reason}
        if stored.stopped_by is not None:
            data["stopped_by"] = stored.stopped_by.value
        desk.note("transaction.ended", record, data, stored.evse.evse)
    return encode.stop_answer()
