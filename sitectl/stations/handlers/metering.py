"""MeterValues: every reading goes to the site at once; on disk goes what belongs to a transaction and is worth it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from functools import partial

from sitectl.base.errors import EnvironmentFault
from sitectl.model.events import EvseMetered
from sitectl.model.ids import EvseId, TransactionId
from sitectl.model.metering import MeterSample
from sitectl.model.transaction import ClockQuality
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import copies, encode, meter_values
from sitectl.stations.clocks import LATE_S
from sitectl.stations.desk import Desk
from sitectl.stations.record import MOST_EVSES, Running, SampleToStore, StationRecord, as_bytes
from sitectl.wire.outcomes import Reply, Silence, Upon

_WORTH_IT = frozenset({"Transaction.Begin", "Transaction.End"})
EARLY_S = 1.0
"""A sample that comes so much before its time is the one of that time."""


def metered(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply | Upon | Awaitable[Reply]:
    """MeterValues: answered at once when nothing is to be stored, else when it is stored."""
    told = meter_values.meter_values(call.payload).value
    received, now = desk.clock.wall(), desk.clock.monotonic()
    named = told.station_transaction_id or None
    claimed = named if named is not None and named > 0 else None
    evse, running = _place(record, told.evse, claimed)
    if told.samples and 0 < evse <= MOST_EVSES:
        _tell(desk, record, EvseId(record.id, evse), told.samples[-1], received, now)
    if not told.samples or (running is None and named is None):
        return encode.empty_answer()
    sample = _to_store(desk, record, call, raw, told.samples, received)
    if running is not None:
        _thin(desk, record, running, told.samples, sample, now)
        if not sample.due and not _worth_storing(desk, record, running, told.samples, sample.sampled, now):
            running.unstored = sample
            return encode.empty_answer()
    return _answer_when_stored(desk, record, running, sample, _store(desk, record, evse, running or named, sample))


def _to_store(
    desk: Desk,
    record: StationRecord,
    call: Call,
    raw: bytes | str,
    samples: tuple[MeterSample, ...],
    received: datetime,
) -> SampleToStore:
    """The call as the ledger wants it: the newest register, and business times where the station's cannot be."""
    sampled, register_wh, wrong = received, None, {}
    for n, sample in enumerate(samples):
        sampled, clock = received, ClockQuality.RECEIPT
        if sample.sampled is not None:
            form = ClockQuality.STATION if sample.zoned else ClockQuality.ZONE
            sampled, clock = desk.business_time(record, sample.sampled, received, form)
        if clock is not ClockQuality.STATION and not sample.signed:
            wrong[n] = sampled
        if sample.register_wh is not None:
            register_wh = sample.register_wh
    return SampleToStore(copies.meter_values(call.payload, wrong), raw, register_wh, sampled)


def _place(record: StationRecord, evse: int, claimed: int | None) -> tuple[int, Running | None]:
    """Which EVSE and transaction are meant: the id that we gave wins, then the only one that runs there."""
    found = record.running_by(claimed) if claimed is not None else None
    if found is not None:
        return found
    meant = record.meant(evse).evse
    return meant, record.running.get(meant) if claimed is None else None


def _tell(desk: Desk, record: StationRecord, evse: EvseId, sample: MeterSample, received: datetime, now: float) -> None:
    """Post the newest sample as what is drawn now, unless it waited in the station: then it tells of the past."""
    if sample.sampled is not None:
        desk.learn_skew(record, sample.sampled, received, queued=True)
        if record.clock.skew.late_s(sample.sampled, received) > LATE_S:
            return
    reading = sample.reading(evse, now)
    record.readings[evse.evse] = reading
    desk.inbox.post(EvseMetered(reading))


def _worth_storing(
    desk: Desk,
    record: StationRecord,
    running: Running,
    samples: tuple[MeterSample, ...],
    sampled: datetime,
    now: float,
) -> bool:
    """The first, those at begin and end, signed ones, and one an interval, by the station's own time or by ours.

    By its own, because what a station kept while it was offline comes all at once; by ours, because some clocks stand.
    """
    if running.stored_sampled is None:
        return True
    every_s = desk.store_samples_every_s(record.id)
    if now - running.stored_at >= every_s or abs((sampled - running.stored_sampled).total_seconds()) >= every_s:
        return True
    return any(sample.signed or sample.context in _WORTH_IT for sample in samples)


def _thin(
    desk: Desk,
    record: StationRecord,
    running: Running,
    samples: tuple[MeterSample, ...],
    sample: SampleToStore,
    now: float,
) -> None:
    """Note which centrals this sample is for: each at its own interval, and all where it is more than a sample."""
    if any(one.signed or one.context in _WORTH_IT for one in samples):
        return
    for uplink, every_s in desk.centrals.samples_every_s(record.id).items():
        told, told_at = running.told.get(uplink, (running.began, running.since))
        after_s = now - told_at
        if told is not None:
            after_s = max(after_s, abs((sample.sampled - told).total_seconds()))
        if after_s >= every_s - EARLY_S:
            sample.due += (uplink,)
        else:
            sample.without += (uplink,)


def _store(
    desk: Desk, record: StationRecord, evse: int, of: Running | int | None, sample: SampleToStore
) -> Awaitable[TransactionId | None]:
    """Hand meter values to the ledger; `of` is the transaction, or the id that the station claims."""
    return desk.ledger.samples(
        record.id,
        evse,
        of.station_transaction_id if isinstance(of, Running) else of,
        sample.register_wh,
        sample.sampled,
        sample.message,
        as_bytes(sample.raw),
        sample.without,
    )


def store_last_sample(
    desk: Desk, record: StationRecord, station_transaction_id: int | None
) -> Awaitable[TransactionId | None] | None:
    """Hand the newest sample of an ending transaction to the ledger, if it is not there yet; before the stop itself."""
    found = record.running_by(station_transaction_id)
    if found is None or found[1].unstored is None:
        return None
    evse, running = found
    return _store(desk, record, evse, running, found[1].unstored)


# --- the answer, once the commit is there ----------------------------------------------------------------------------


def _answer_when_stored(
    desk: Desk,
    record: StationRecord,
    running: Running | None,
    sample: SampleToStore,
    stored: Awaitable[TransactionId | None],
) -> Upon | Awaitable[Reply]:
    """A task a message would cost more than the message."""
    if not isinstance(stored, asyncio.Future):
        return _await(desk, record, running, sample, stored)
    return Upon(stored, partial(_reply_of, desk, record, running, sample))


def _reply_of(
    desk: Desk,
    record: StationRecord,
    running: Running | None,
    sample: SampleToStore,
    stored: asyncio.Future[TransactionId | None],
) -> Reply:
    if stored.cancelled():
        return Silence()
    try:
        return _stored(desk, record, running, sample, stored.result())
    except EnvironmentFault:
        return Silence()


async def _await(
    desk: Desk,
    record: StationRecord,
    running: Running | None,
    sample: SampleToStore,
    stored: Awaitable[TransactionId | None],
) -> Reply:
    try:
        return _stored(desk, record, running, sample, await stored)
    except EnvironmentFault:
        return Silence()


def _stored(
    desk: Desk, record: StationRecord, running: Running | None, sample: SampleToStore, transaction: TransactionId | None
) -> Reply:
    # Noted only now: a sample that could not be stored is not answered, comes again, and must count as new then.
    if running is not None:
        running.unstored = None
        running.stored_sampled, running.stored_at = sample.sampled, desk.clock.monotonic()
        for uplink in sample.due:
            running.told[uplink] = running.stored_sampled, running.stored_at
    if transaction is not None and not record.quarantined:
        desk.centrals.outbox_grew(record.id)
    return encode.empty_answer()
