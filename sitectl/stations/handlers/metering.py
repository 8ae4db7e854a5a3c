"""MeterValues: every reading goes to the site at once; on disk goes what belongs to a transaction and is worth it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

from sitectl.base.errors import EnvironmentFault
from sitectl.model.events import EvseMetered
from sitectl.model.ids import EvseId, TransactionId
from sitectl.model.metering import MeterSample
from sitectl.model.transaction import ClockQuality
from sitectl.ocpp.frame import Call
from sitectl.ocpp.v16 import copies, encode, meter_values
from sitectl.ocpp.v16.temperatures import temperature_c
from sitectl.stations.clocks import LATE_S
from sitectl.stations.desk import Desk
from sitectl.stations.record import MOST_EVSES, Running, SampleToStore, StationRecord, as_bytes
from sitectl.stations.rounds import ROUND_S
from sitectl.wire.outcomes import Reply, Silence, Upon

_WORTH_IT = frozenset({"Transaction.Begin", "Transaction.End"})
EARLY_S = 1.0
"""A sample that comes so much before its time is the one of that time."""

OFTEN_S = 40.0
"""Samples that come closer than this are more than are stored."""

UNHURRIED_S = 5.0
"""A station whose last sample was heard so long ago is not telling a queue: the answer may wait a little, so that its
sample is stored together with others."""


def metered(desk: Desk, record: StationRecord, call: Call, raw: bytes | str) -> Reply | Upon:
    """MeterValues: answered at once when it need not be stored, else when it is stored."""
    told = meter_values.meter_values(call.payload).value
    received, now = desk.clock.wall(), desk.clock.monotonic()
    named = told.station_transaction_id or None
    claimed = named if named is not None and named > 0 else None
    evse, running = _place(record, told.evse, claimed)
    if told.samples and 0 < evse <= MOST_EVSES:
        _tell(desk, record, EvseId(record.id, evse), told.samples[-1], received, now)
    if not told.samples or (running is None and named is None):
        return encode.empty_answer()
    if running is None and 0 < evse <= MOST_EVSES:
        desk.vitals.foreign_transaction(record.id, evse)
    sample, unhurried = _to_store(desk, record, call, raw, told.samples, received), False
    if running is not None:
        special = any(one.signed or one.context in _WORTH_IT for one in told.samples)
        unhurried = not special and running.heard is not None and now - running.heard[1] >= UNHURRIED_S
        often = _is_one_of_many(running, sample.sampled, now)
        if not special:
            _share_out(desk, record, running, sample, now, often)
        if not (special or sample.due or _is_worth_storing(desk, record, running, sample, now, often)):
            running.unstored = sample
            if often:
                desk.rounds.put(record.id, evse, partial(_take_newest, desk, record, evse, running))
            return encode.empty_answer()
    if b"Temperature" in raw if isinstance(raw, bytes) else "Temperature" in raw:  # few stations tell it
        _note_temperature(desk, record, call)
    stored = _store(desk, record, evse, running or named, sample, patient=unhurried)
    return Upon(stored, partial(_reply_of, desk, record, running, sample))


def _note_temperature(desk: Desk, record: StationRecord, call: Call) -> None:
    """How warm the station is, with the samples that are stored: one a minute is enough."""
    if (heat_c := temperature_c(call.payload)) is not None:
        desk.vitals.temperature(record.id, heat_c)


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


def _is_worth_storing(
    desk: Desk, record: StationRecord, running: Running, sample: SampleToStore, now: float, often: bool
) -> bool:
    """Whether to store it before it is answered: the first, and one an interval."""
    last = running.stored_sampled, running.stored_at
    every_s = desk.store_samples_every_s(record.id)
    return running.stored_sampled is None or _has_passed(sample.sampled, now, last, every_s, often)


def _has_passed(
    sampled: datetime, now: float, last: tuple[datetime | None, float], every_s: float, often: bool
) -> bool:
    """Whether an interval is over, by the station's own time or by ours.

    By its own, because what a station kept while it was offline comes all at once; by ours, because some clocks stand.
    Where one sample soon follows another, the newest is taken at the full minute, except from what was kept.
    """
    since_s = now - last[1]
    own_s = 0.0 if last[0] is None else abs((sampled - last[0]).total_seconds())
    if often and _is_in_rounds(every_s) and own_s < since_s + every_s and since_s < every_s + 2 * ROUND_S:
        return False
    return max(own_s, since_s) >= every_s - EARLY_S


def _is_one_of_many(running: Running, sampled: datetime, now: float) -> bool:
    """Whether a sample soon followed another, so that most are not stored and it matters little which one is."""
    before, running.heard = running.heard, (sampled, now)
    return before is not None and max(now - before[1], abs((sampled - before[0]).total_seconds())) < OFTEN_S


def _share_out(
    desk: Desk, record: StationRecord, running: Running, sample: SampleToStore, now: float, often: bool
) -> None:
    """Note which centrals this sample is for, each at its own interval."""
    sample.due = sample.without = ()
    for uplink, every_s in desk.centrals.samples_every_s(record.id).items():
        last = running.told.get(uplink, (running.began, running.since))
        if _has_passed(sample.sampled, now, last, every_s, often):
            sample.due += (uplink,)
        else:
            sample.without += (uplink,)


def _take_newest(desk: Desk, record: StationRecord, evse: int, running: Running, now: float) -> bool:
    """At the full minute: store the newest sample if an interval is over."""
    sample = running.unstored
    if sample is None or record.running.get(evse) is not running:
        return True
    every_s = desk.centrals.samples_every_s(record.id)
    told_at = {uplink: running.told.get(uplink, (None, running.since))[1] for uplink in every_s}
    due = tuple(uplink for uplink in every_s if _is_turn(now - told_at[uplink], every_s[uplink]))
    if not due and not _is_turn(now - running.stored_at, desk.store_samples_every_s(record.id)):
        return False
    running.unstored, sample.due = None, due
    sample.without = tuple(uplink for uplink in every_s if uplink not in due)
    stored = _store(desk, record, evse, running, sample, patient=True)
    stored.add_done_callback(partial(_taken, desk, record, running, sample))
    return True


def _is_in_rounds(every_s: float) -> bool:
    """Whether an interval can be kept by looking at full minutes."""
    return every_s >= ROUND_S and every_s % ROUND_S == 0


def _is_turn(since_s: float, every_s: float) -> bool:
    """Whether an interval is over at this full minute; others than whole minutes are not looked after here."""
    return _is_in_rounds(every_s) and every_s < since_s + ROUND_S / 2


def _taken(
    desk: Desk,
    record: StationRecord,
    running: Running,
    sample: SampleToStore,
    stored: asyncio.Future[TransactionId | None],
) -> None:
    if isinstance(_reply_of(desk, record, running, sample, stored), Silence) and running.unstored is None:
        running.unstored = sample


def _store(
    desk: Desk,
    record: StationRecord,
    evse: int,
    of: Running | int | None,
    sample: SampleToStore,
    *,
    patient: bool = False,
) -> asyncio.Future[TransactionId | None]:
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
        patient=patient,
    )


def store_last_sample(
    desk: Desk, record: StationRecord, station_transaction_id: int | None
) -> asyncio.Future[TransactionId | None] | None:
    """Hand the newest sample of an ending transaction to the ledger, if it is not there yet; before the stop itself."""
    found = record.running_meant(station_transaction_id)
    if found is None or (sample := found[1].unstored) is None:
        return None
    evse, running = found
    _share_out(desk, record, running, sample, desk.clock.monotonic(), often=False)
    return _store(desk, record, evse, running, sample)


# --- the answer, once the commit is there ----------------------------------------------------------------------------


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


def _stored(
    desk: Desk, record: StationRecord, running: Running | None, sample: SampleToStore, transaction: TransactionId | None
) -> Reply:
    # Noted only now: a sample that could not be stored is not answered, comes again, and must count as new then.
    if running is not None:
        if running.unstored is not None and running.unstored.sampled <= sample.sampled:
            running.unstored = None
        running.stored_sampled, running.stored_at = sample.sampled, desk.clock.monotonic()
        for uplink in sample.due:
            running.told[uplink] = running.stored_sampled, running.stored_at
    if transaction is not None and not record.quarantined:
        desk.centrals.outbox_grew(record.id)
    return encode.empty_answer()
