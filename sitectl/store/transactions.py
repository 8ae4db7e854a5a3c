"""The ledger: what stations said of transactions, each message once, on disk before the answer.

One code path, whether the central is there or not: a message becomes rows here, and rows in the outbox for the
uplinks that got the start. The ids handed to stations are always ours; what a central calls a transaction is bound in
when the message is sent (`outbox`).

A message is known by its content, since stations repeat what was not answered and number their messages anew after a
reboot: a start by EVSE, token, time stamp and meter, a stop by everything that it says.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Collection, Container, Sequence
from datetime import datetime
from random import Random
from typing import Any

from sitectl.base.clock import Clock
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.transaction import (
    IdTokenInfo,
    OpenTransaction,
    OutboxKind,
    OutboxMessage,
    StartedTransaction,
    StoppedTransaction,
    Stopper,
    TransactionStart,
    TransactionStop,
)
from sitectl.store.counters import next_station_transaction_id
from sitectl.store.database import Database
from sitectl.store.moments import from_us, to_us
from sitectl.store.records import (
    answer_again,
    begins_anew,
    end_transaction,
    extend_frames,
    find,
    insert_anomaly,
    insert_transaction,
    is_known_anomaly,
    known_start,
    known_stop,
    remember_sample,
    repeats_last_sample,
    stop_key,
)
from sitectl.store.rows import Encoded, Received, Stamp, insert_copy, insert_event, insert_frame
from sitectl.store.running import Running, RunningTransactions, meant_by_place, meant_by_stop, told_late, with_id
from sitectl.store.strays import Strays
from sitectl.store.synthetic import concluded, is_replaceable, replace_concluded
from sitectl.store.thinning import makes_room
from sitectl.store.verdicts import to_columns

ComposeStop = Callable[[TransactionStop, str], OutboxMessage]
"""Words a stop that the station never sent, for the OCPP version named. Pure: it runs in the writer's thread."""


class Ledger:
    """Transactions on disk. Futures resolve after the commit and fail with `StoreUnavailable` without one."""

    def __init__(
        self, database: Database, stamp: Stamp, clock: Clock, random: Random, compose_stop: ComposeStop
    ) -> None:
        self._database = database
        self._stamp = stamp
        self._clock = clock
        self._random = random
        self._compose_stop = compose_stop
        self._running = RunningTransactions()
        self._strays = Strays()
        database.on_undo(self.forget)
        self.crowded: Container[StationId] = frozenset()
        """Stations whose messages take all the room there is: new meter values must not make them more."""

    def forget(self) -> None:
        """In the writer's thread: what is held of running transactions is read again from the file."""
        self._running.clear()
        self._strays.clear()

    def start(
        self, start: TransactionStart, copies: Sequence[UplinkId], message: OutboxMessage, raw: bytes
    ) -> Awaitable[StartedTransaction]:
        """Store a start, its copies and its frame; a known start changes nothing and gets the answer of the first.

        What still runs on the same EVSE is ended synthetically: the station lost its stop. But a start that is older
        than what runs there was only told late, and ends nothing.
        """
        encoded, received = Encoded.of(message), self._received(raw)
        return self._database.run(lambda connection: self._start(connection, start, tuple(copies), encoded, received))

    def stop(self, stop: TransactionStop, message: OutboxMessage, raw: bytes) -> Awaitable[StoppedTransaction]:
        """Store a stop and its copies; equal content changes nothing, different content is kept as an anomaly.

        Without a usable id it ends the one transaction that fits, else it goes to quarantine.
        """
        encoded, received = Encoded.of(message), self._received(raw)
        return self._database.run(lambda connection: self._stop(connection, stop, encoded, received))

    def samples(
        self,
        station: StationId,
        evse: int,
        station_transaction_id: int | None,
        register_wh: float | None,
        sampled: datetime,
        message: OutboxMessage,
        raw: bytes,
        without: Collection[UplinkId] = (),
        *,
        patient: bool = False,
    ) -> asyncio.Future[TransactionId | None]:
        """Store meter values and their copies (not for the uplinks `without`); the newest told again change nothing.

        After the stop only the frame is kept, and of those that name a transaction which is not known. None: of none.
        `patient`: they may wait for company.
        """
        encoded, received, sampled_us = Encoded.of(message), self._received(raw, packs=patient), to_us(sampled)

        def job(connection: sqlite3.Connection) -> TransactionId | None:
            at_station = self._running.of(connection, station)
            one = with_id(at_station, station_transaction_id)
            if one is None:
                ended = find(connection, station, station_transaction_id)
                if ended is not None:
                    frame = insert_frame(connection, self._stamp, station, ended[0], OutboxKind.METER, received)
                    extend_frames(connection, ended[0], frame)
                    return ended[0]
                self._strays.met(station, station_transaction_id, evse)
                one = meant_by_place(at_station, evse)
            if one is None:
                self._keep_stray(connection, station, evse, station_transaction_id, received)
                return None
            if repeats_last_sample(connection, one, received.raw):
                return one.transaction
            insert_frame(connection, self._stamp, station, one.transaction, OutboxKind.METER, received)
            self._copy_samples(connection, one, encoded, received, without)
            if register_wh is not None:
                remember_sample(connection, one, sampled_us, register_wh)
            return one.transaction

        return self._database.run(job, patient=patient)

    def conclude(self, evse: EvseId, meant: TransactionId, why: str) -> Awaitable[TransactionId | None]:
        """End a transaction of which its station knows nothing, at its last sample. None: it does not run there."""
        received = self._received(b"")

        def job(connection: sqlite3.Connection) -> TransactionId | None:
            one = next((one for one in self._running.of(connection, evse.station) if one.evse == evse), None)
            if one is not None and one.transaction != meant:
                one = None
            if one is not None:
                (frame,) = connection.execute("SELECT coalesce(max(id), 0) FROM raw_frames").fetchone()
                stop = concluded(one, one.started_us, one.meter_start_wh)
                self._end_synthetically(connection, one, stop, received, frame, why)
            return None if one is None else one.transaction

        return self._database.run(job)

    def verdict(self, transaction: TransactionId, info: IdTokenInfo) -> Awaitable[None]:
        """Store what was answered to the station about the token of a transaction."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE transactions SET verdict = ?, verdict_expires_us = ?, verdict_parent = ? WHERE id = ?",
                (*to_columns(info), transaction),
            )

        return self._database.run(job)

    def open_transactions(self, station: StationId) -> Awaitable[Sequence[OpenTransaction]]:
        """All transactions of a station that have no stop yet, oldest first."""

        def job(connection: sqlite3.Connection) -> Sequence[OpenTransaction]:
            rows = connection.execute(
                "SELECT id, evse, station_transaction_id, id_token, started_us, meter_start_wh FROM transactions"
                " WHERE station = ? AND state = 'open' ORDER BY rowid",
                (station,),
            )
            return [
                OpenTransaction(TransactionId(row[0]), EvseId(station, row[1]), row[2], row[3], from_us(row[4]), row[5])
                for row in rows.fetchall()
            ]

        return self._database.query(job)

    def _received(self, raw: bytes, *, packs: bool = False) -> Received:
        return Received(raw, to_us(self._clock.wall()), self._clock.monotonic(), packs)

    # --- jobs, in the writer's thread --------------------------------------------------------------------------------

    def _start(
        self,
        connection: sqlite3.Connection,
        start: TransactionStart,
        copies: tuple[UplinkId, ...],
        message: Encoded,
        received: Received,
    ) -> StartedTransaction:
        key = start.start_key
        known = known_start(connection, start, key)
        at_station = self._running.of(connection, start.evse.station)
        if known is not None and not begins_anew(start, known):
            return answer_again(start, known, told_late(at_station, start))
        if known is not None:
            key = f"{key}|{start.message_id}"
            if (known := known_start(connection, start, key)) is not None:
                return answer_again(start, known, told_late(at_station, start))

        late = told_late(at_station, start)
        id = TransactionId(str(uuid.UUID(int=self._random.getrandbits(128), version=4)))
        frame = insert_frame(connection, self._stamp, start.evse.station, id, OutboxKind.START, received)
        lost = [] if late else [one for one in at_station if one.evse == start.evse]
        for one in lost:
            stop = concluded(one, to_us(start.started), start.meter_start_wh)
            self._end_synthetically(connection, one, stop, received, frame, "the EVSE started another")
        closed = max(lost, key=lambda one: one.started_us).transaction if lost else None

        one = Running(
            transaction=id,
            evse=start.evse,
            station_transaction_id=next_station_transaction_id(connection, start.evse.station, self._random),
            version=message.version,
            id_token=start.id_token,
            started_us=to_us(start.started),
            start_clock_trusted=start.clock.trusted,
            meter_start_wh=start.meter_start_wh,
            uplinks=copies,
            first_frame=frame,
            last_said=b"",
        )
        insert_transaction(connection, self._stamp, one, start, key, received)
        self._copy(connection, one, message, received.wall_us)
        at_station.append(one)
        if late:
            self._event(connection, received, "transaction.told_late", one, {"started": start.started_raw})
        return StartedTransaction(one.transaction, one.station_transaction_id, one.evse, None, closed=closed, late=late)

    def _end_synthetically(
        self,
        connection: sqlite3.Connection,
        lost: Running,
        stop: TransactionStop,
        received: Received,
        frame: int,
        why: str,
    ) -> None:
        """End what the station forgot."""
        message = Encoded.of(self._compose_stop(stop, lost.version))
        self._end(connection, lost, stop, message, received, frame, synthetic=True)
        data = {"meter_stop_wh": stop.meter_stop_wh, "stopped": stop.stopped_raw, "why": why}
        self._event(connection, received, "transaction.ended_synthetically", lost, data)

    def _stop(
        self, connection: sqlite3.Connection, stop: TransactionStop, message: Encoded, received: Received
    ) -> StoppedTransaction:
        at_station = self._running.of(connection, stop.station)
        one = with_id(at_station, stop.station_transaction_id)
        if one is None:
            ended = find(connection, stop.station, stop.station_transaction_id)
            if ended is not None:
                return self._stop_again(connection, stop, ended, message, received)
            if (answer := known_stop(connection, stop)) is not None:
                return answer
            one = meant_by_stop(self._strays.fitting(at_station, stop.station, stop.station_transaction_id), stop)
        if one is None:
            self._keep_anomaly(connection, "unmatched_stop", stop, None, message, received)
            return StoppedTransaction(None, None)
        frame = insert_frame(connection, self._stamp, stop.station, one.transaction, OutboxKind.STOP, received)
        by = self._end(connection, one, stop, message, received, frame, synthetic=False)
        if one.station_transaction_id != stop.station_transaction_id:
            data = {"named": stop.station_transaction_id, "id": one.station_transaction_id}
            self._event(connection, received, "transaction.stop_matched", one, data)
        if stop.meter_known and stop.meter_stop_wh < one.meter_start_wh:
            data = {"meter_start_wh": one.meter_start_wh, "meter_stop_wh": stop.meter_stop_wh}
            self._event(connection, received, "transaction.meter_backwards", one, data)
        return StoppedTransaction(one.transaction, one.evse, stopped_by=by)

    def _stop_again(
        self,
        connection: sqlite3.Connection,
        stop: TransactionStop,
        ended: tuple[TransactionId, int, str | None],
        message: Encoded,
        received: Received,
    ) -> StoppedTransaction:
        """A stop of a transaction that has one: the first holds."""
        transaction, evse, key = ended
        if key == stop_key(stop):
            return StoppedTransaction(transaction, EvseId(stop.station, evse), repeated=True)
        if key is None and self._true_stop(connection, transaction, evse, stop, message, received):
            return StoppedTransaction(transaction, EvseId(stop.station, evse))
        new = self._keep_anomaly(connection, "conflicting_stop", stop, transaction, message, received)
        return StoppedTransaction(transaction, EvseId(stop.station, evse), repeated=not new, conflicting=True)

    def _true_stop(
        self,
        connection: sqlite3.Connection,
        transaction: TransactionId,
        evse: int,
        stop: TransactionStop,
        message: Encoded,
        received: Received,
    ) -> bool:
        """The station's own stop after all, of a transaction that we ended: it counts, if no central has heard ours."""
        if stop.names_nothing or not is_replaceable(connection, transaction):
            return False
        frame = insert_frame(connection, self._stamp, stop.station, transaction, OutboxKind.STOP, received)
        replace_concluded(connection, transaction, stop, message, received.wall_us, frame)
        data = {"transaction": transaction, "meter_stop_wh": stop.meter_stop_wh, "stopped": stop.stopped_raw}
        insert_event(connection, self._stamp, received.wall_us, "transaction.stop_corrected", stop.station, evse, data)
        return True

    def _keep_anomaly(
        self,
        connection: sqlite3.Connection,
        kind: str,
        stop: TransactionStop,
        transaction: TransactionId | None,
        message: Encoded,
        received: Received,
    ) -> bool:
        """Keep a stop that changes nothing where people see it; False when it is there already."""
        if is_known_anomaly(connection, stop):
            return False
        frame = insert_frame(connection, self._stamp, stop.station, transaction, OutboxKind.STOP, received)
        if transaction is not None:
            extend_frames(connection, transaction, frame)
        insert_anomaly(connection, self._stamp, kind, stop, transaction, message.payload, frame, received.wall_us)
        data = {"transaction": transaction, "meter_stop_wh": stop.meter_stop_wh, "stopped": stop.stopped_raw}
        insert_event(connection, self._stamp, received.wall_us, f"transaction.{kind}", stop.station, None, data)
        return True

    def _end(
        self,
        connection: sqlite3.Connection,
        one: Running,
        stop: TransactionStop,
        message: Encoded,
        received: Received,
        frame: int,
        synthetic: bool,
    ) -> Stopper | None:
        by = end_transaction(connection, one, stop, received.wall_us, frame, synthetic)
        self._copy(connection, one, message, received.wall_us)
        self._running.of(connection, stop.station).remove(one)
        return by

    def _copy(self, connection: sqlite3.Connection, one: Running, message: Encoded, created_us: int) -> None:
        for uplink in one.uplinks:
            insert_copy(connection, self._stamp, uplink, one.evse.station, one.transaction, message, created_us)

    def _copy_samples(
        self,
        connection: sqlite3.Connection,
        one: Running,
        message: Encoded,
        received: Received,
        without: Collection[UplinkId],
    ) -> None:
        """Meter values join the queues; where these are full, they take the place of the newest, or stay out."""
        station, crowded = one.evse.station, one.evse.station in self.crowded
        at, packs = received.wall_us, received.packs
        for uplink in one.uplinks:
            if uplink in without:
                continue
            if not crowded or makes_room(connection, uplink, station, one.transaction, message.payload):
                insert_copy(connection, self._stamp, uplink, station, one.transaction, message, at, packs=packs)

    def _keep_stray(
        self, connection: sqlite3.Connection, station: StationId, evse: int, named: int | None, received: Received
    ) -> None:
        """Values of a transaction that is not known here: its start was lost, or this ledger is older than it. Whoever
        has to find out what it took finds the frames, one a minute."""
        if not named or (news := self._strays.keep(station, named, received.at)) is None:
            return
        insert_frame(connection, self._stamp, station, None, OutboxKind.METER, received)
        if news:
            type, data = "transaction.unmatched_values", {"named": named}
            insert_event(connection, self._stamp, received.wall_us, type, station, evse or None, data)

    def _event(
        self, connection: sqlite3.Connection, received: Received, type: str, one: Running, data: dict[str, Any]
    ) -> None:
        insert_event(
            connection,
            self._stamp,
            received.wall_us,
            type,
            one.evse.station,
            one.evse.evse,
            {"transaction": one.transaction, **data},
        )
