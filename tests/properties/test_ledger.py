"""The ledger and its outbox under any order of starts, retries, samples, stops, deliveries and crashes.

A crash is a copy of the file and its log as they lie on the disk at that moment, opened as a new store. Two centrals
listen: what they hear is kept here and compared with what the rules of the ledger promise.
"""

import asyncio
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sitectl.base.clock import LoopClock
from sitectl.model.ids import EvseId, StationId, UplinkId
from sitectl.model.transaction import (
    OutboxItem,
    OutboxKind,
    OutboxMessage,
    StartedTransaction,
    TransactionStart,
    TransactionStop,
)
from sitectl.store import thinning
from sitectl.store.executor import InlineExecutor
from sitectl.store.opening import Store, open_store

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STATIONS = [StationId("CP1"), StationId("CP2")]
UPLINKS = [UplinkId("central"), UplinkId("mirror")]
BOOKKEEPING = ("epochs", "meta", "sqlite_sequence")

stations = st.sampled_from(STATIONS)
evses = st.integers(1, 2)
uplinks = st.sampled_from(UPLINKS)
tokens = st.sampled_from(["RED", "BLUE"])
nameless = st.sampled_from([None, -1, 0, 4711])
picks = st.integers(0, 1000)
thinnings = st.sampled_from([thinning.but_quarters, thinning.every_second])


def compose_stop(stop: TransactionStop, version: str) -> OutboxMessage:
    return OutboxMessage("Stop", {"synthetic": True, "meter": stop.meter_stop_wh}, version, OutboxKind.STOP, True)


class LedgerMachine(RuleBasedStateMachine):
    """Two stations of two EVSEs, two centrals, one gateway that may die at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        memory = Path("/dev/shm")  # a crash is a copy here, so that nothing hangs on real syncs
        self.directory = Path(tempfile.mkdtemp(prefix="ledger-", dir=memory if memory.is_dir() else None))
        self.lives = 0
        self.minute = 0
        self.store = self.runner.run(self.open())
        self.starts: list[tuple[TransactionStart, StartedTransaction]] = []
        self.stops: list[tuple[TransactionStop, Any]] = []
        self.sampled: dict[Any, int] = {}
        """In which minute each open transaction was sampled last."""
        self.named: dict[StationId, set[int]] = {}
        """From which EVSEs the values came, in this life, that named the id which nobody gave (4711)."""
        self.copies = self.acked = 0
        self.heard: dict[tuple[UplinkId, StationId], list[OutboxItem]] = {}
        self.texts: dict[int, str] = {}
        self.centrals_id = 0

    @property
    def path(self) -> Path:
        return self.directory / f"life-{self.lives}" / "ledger.sqlite"

    async def open(self) -> Store:
        self.path.parent.mkdir(exist_ok=True)
        return await open_store(
            self.path, LoopClock(NOON), Random(self.lives), compose_stop, executor=lambda name: InlineExecutor()
        )

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.directory)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        async def ask() -> list[tuple[Any, ...]]:
            return await self.store.database.query(lambda connection: connection.execute(statement, values).fetchall())

        return self.runner.run(ask())

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        names = [row[0] for row in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: self.rows(f"SELECT * FROM {name}") for name in names if name not in BOOKKEEPING}

    def next_moment(self) -> datetime:
        self.minute += 1
        return NOON + timedelta(minutes=self.minute)

    # --- what stations do --------------------------------------------------------------------------------------------

    async def say_start(self, start: TransactionStart) -> StartedTransaction:
        message = OutboxMessage("Start", {"meter": start.meter_start_wh}, "1.6", OutboxKind.START)
        return await self.store.ledger.start(start, UPLINKS, message, b"start")

    async def say_stop(self, stop: TransactionStop) -> Any:
        message = OutboxMessage("Stop", {"meter": stop.meter_stop_wh}, "1.6", OutboxKind.STOP, True)
        return await self.store.ledger.stop(stop, message, b"stop")

    async def say_samples(self, station: StationId, evse: int, id: int | None, again: int = 0) -> Any:
        moment = self.next_moment()
        minute = again or self.minute
        raw = b'[2,"%d","MeterValues",{"minute":%d}]' % (self.minute, minute)
        message = OutboxMessage("Meter", {"minute": minute}, "1.6", OutboxKind.METER, True)
        return await self.store.ledger.samples(station, evse, id, minute * 10.0, moment, message, raw)

    @initialize(mine=tokens, yours=tokens)
    def begin(self, mine: str, yours: str) -> None:
        for station in STATIONS:
            self.start(station, 1, mine)
            self.start(station, 2, yours)

    @rule(station=stations, evse=evses, token=tokens)
    def start(self, station: StationId, evse: int, token: str) -> None:
        moment = self.next_moment()
        start = TransactionStart(EvseId(station, evse), token, moment, moment.isoformat(), self.minute * 10)
        started = self.runner.run(self.say_start(start))
        assert not started.repeated
        self.copies += len(UPLINKS) * (1 if started.closed is None else 2)
        self.starts.append((start, started))

    @rule(pick=picks, message_id=st.sampled_from(["", "9"]))
    def retry_start(self, pick: int, message_id: str) -> None:
        start, started = self.starts[pick % len(self.starts)]
        before = self.tables()
        again = self.runner.run(self.say_start(replace(start, message_id=message_id)))
        assert again.repeated
        assert (again.transaction, again.station_transaction_id) == (
            started.transaction,
            started.station_transaction_id,
        )
        assert self.tables() == before

    @rule(pick=picks)
    def sample(self, pick: int) -> None:
        start, started = self.starts[pick % len(self.starts)]
        (state,) = self.rows("SELECT state FROM transactions WHERE id=?", started.transaction)[0]
        self.copies += len(UPLINKS) if state == "open" else 0
        found = self.runner.run(self.say_samples(start.evse.station, start.evse.evse, started.station_transaction_id))
        assert found == started.transaction
        if state == "open":
            self.sampled[started.transaction] = self.minute

    @rule(pick=picks)
    def retry_sample(self, pick: int) -> None:
        start, started = self.starts[pick % len(self.starts)]
        (state,) = self.rows("SELECT state FROM transactions WHERE id=?", started.transaction)[0]
        if state == "open" and (minute := self.sampled.get(started.transaction)) is not None:
            before, id = self.tables(), started.station_transaction_id
            self.runner.run(self.say_samples(start.evse.station, start.evse.evse, id, again=minute))
            assert self.tables() == before

    @rule(station=stations, evse=evses, id=nameless)
    def sample_without_id(self, station: StationId, evse: int, id: int | None) -> None:
        running = self.rows("SELECT id FROM transactions WHERE station=? AND evse=? AND state='open'", station, evse)
        found = self.runner.run(self.say_samples(station, evse, id))
        if id == 4711:
            self.named.setdefault(station, set()).add(evse)
        assert found == (running[0][0] if running else None)
        self.copies += len(UPLINKS) * len(running)
        self.sampled |= {row[0]: self.minute for row in running}

    @rule(pick=picks, token=st.none() | tokens)
    def stop(self, pick: int, token: str | None) -> None:
        start, started = self.starts[pick % len(self.starts)]
        moment = self.next_moment()
        id, meter = started.station_transaction_id, self.minute * 10
        stop = TransactionStop(start.evse.station, id, moment, moment.isoformat(), meter, "Local", token)
        columns = "SELECT state, meter_stop_wh, synthetic FROM transactions WHERE id=?"
        ended, waiting = self.rows(columns, started.transaction)[0], self.rows("SELECT count(*) FROM outbox")[0][0]
        stopped = self.runner.run(self.say_stop(stop))
        assert stopped.transaction == started.transaction
        if stopped.conflicting:
            assert ended[0] == "stopped"
            assert self.rows(columns, started.transaction) == [ended]
        else:
            # Of one that was ended synthetically the true stop counts, as long as no central has heard the other.
            assert ended[0] == "open" or ended[2]
            assert self.rows(columns, started.transaction) == [("stopped", meter, 0)]
        new = self.rows("SELECT count(*) FROM outbox")[0][0] - waiting
        assert new == (len(UPLINKS) if ended[0] == "open" else 0)
        self.copies += new
        self.stops.append((stop, stopped))

    @rule(station=stations, id=nameless, token=st.none() | tokens, meter=st.integers(0, 400))
    def stop_without_id(self, station: StationId, id: int | None, token: str | None, meter: int) -> None:
        moment = self.next_moment()
        stop = TransactionStop(station, id, moment, moment.isoformat(), meter, "Local", token)
        before = self.rows("SELECT * FROM transactions ORDER BY rowid")
        running = self.rows(
            "SELECT id, id_token, max(meter_start_wh, ifnull(register_wh, 0)), evse FROM transactions"
            " LEFT JOIN last_samples ON last_samples.first_frame = transactions.first_frame"
            " WHERE station=? AND state='open'",
            station,
        )
        stopped = self.runner.run(self.say_stop(stop))
        after = self.rows("SELECT * FROM transactions ORDER BY rowid")
        changed = [new[0] for old, new in zip(before, after, strict=True) if old != new]
        assert changed == ([] if stopped.transaction is None else [stopped.transaction])
        if id == 4711 and station in self.named:
            running = [one for one in running if one[3] in self.named[station]]
        same_token = [one for one in running if one[1] == token] or running
        metered = [one for one in same_token if one[2] <= meter]
        unique = next((found for found in (running, same_token, metered) if len(found) == 1), None)
        assert stopped.transaction == (unique[0][0] if unique else None)
        self.copies += len(UPLINKS) if stopped.transaction is not None and not stopped.conflicting else 0
        self.stops.append((stop, stopped))

    @precondition(lambda self: self.stops)
    @rule(pick=picks)
    def retry_stop(self, pick: int) -> None:
        stop, stopped = self.stops[pick % len(self.stops)]
        before = self.tables()
        again = self.runner.run(self.say_stop(stop))
        assert again.repeated
        assert again.transaction == stopped.transaction
        assert self.tables() == before

    # --- what centrals do --------------------------------------------------------------------------------------------

    def next_item(self, uplink: UplinkId, station: StationId) -> OutboxItem | None:
        async def take() -> OutboxItem | None:
            item = await self.store.outbox.head(uplink, station)
            if item is not None:
                await self.store.outbox.sending(item.seq, f"text {item.seq} at {self.next_moment()}")
            return item

        waiting = self.rows(
            "SELECT min(seq) FROM outbox WHERE uplink=? AND station=? AND state IN ('queued', 'sent')", uplink, station
        )
        item = self.runner.run(take())
        assert waiting == [(None if item is None else item.seq,)]
        return item

    @rule(uplink=uplinks, station=stations, count=st.integers(1, 4))
    def deliver(self, uplink: UplinkId, station: StationId, count: int) -> None:
        for _ in range(count):
            if (item := self.next_item(uplink, station)) is None:
                return
            self.hear(item)
            self.centrals_id += 1
            self.runner.run(self.ack(item, str(self.centrals_id)))
            self.acked += 1

    async def ack(self, item: OutboxItem, id: str) -> None:
        await self.store.outbox.acked(item.seq, id if item.message.kind == OutboxKind.START else None)

    @rule(uplink=uplinks, station=stations)
    def lose_the_answer(self, uplink: UplinkId, station: StationId) -> None:
        if (item := self.next_item(uplink, station)) is not None:
            self.hear(item)

    @rule(uplink=uplinks, station=stations, dead=st.booleans())
    def refuse(self, uplink: UplinkId, station: StationId, dead: bool) -> None:
        if (item := self.next_item(uplink, station)) is not None:
            self.runner.run(self.fail(item, dead))

    async def fail(self, item: OutboxItem, dead: bool) -> None:
        await self.store.outbox.failed(item.seq, "refused", dead)

    def hear(self, item: OutboxItem) -> None:
        """The central sees a message: order, dependants and frozen text as promised."""
        (rendered,) = self.rows("SELECT rendered FROM outbox WHERE seq=?", item.seq)[0]
        assert self.texts.setdefault(item.seq, rendered) == rendered
        heard = self.heard.setdefault((item.uplink, item.station), [])
        if heard and heard[-1].seq == item.seq:
            return
        assert all(earlier.seq < item.seq for earlier in heard)
        if item.message.kind != OutboxKind.START:
            statement = "SELECT start_state, uplink_transaction_id FROM transaction_uplinks"
            where = " WHERE transaction_id=? AND uplink=?"
            (state, id) = self.rows(statement + where, item.transaction, item.uplink)[0]
            assert state in ("acked", "dead")
            assert item.uplink_transaction_id == id
            assert item.start_dead == (state == "dead")
        heard.append(item)

    # --- what the keeper of the backlog does -------------------------------------------------------------------------

    @rule(uplink=uplinks, station=stations, choose=thinnings)
    def thin(self, uplink: UplinkId, station: StationId, choose: Any) -> None:
        kept = (
            "SELECT min(seq), max(seq), transaction_id FROM outbox WHERE uplink=? AND station=? AND kind='meter'"
            " AND state <> 'dead' GROUP BY transaction_id"
        )
        others = "SELECT seq, state, rendered FROM outbox WHERE kind <> 'meter' OR state <> 'queued' ORDER BY seq"
        ends, untouched = self.rows(kept, uplink, station), self.rows(others)

        def job(connection: Any) -> int:
            found = thinning.queued(connection, uplink, station)
            taken = [thinning.take_out(connection, one, choose(thinning.samples_of(connection, one))) for one in found]
            return sum(messages for messages, _ in taken)

        async def run() -> int:
            return await self.store.database.run(job)

        self.copies -= self.runner.run(run())
        assert self.rows(kept, uplink, station) == ends
        assert self.rows(others) == untouched

    # --- what the machine does ---------------------------------------------------------------------------------------

    @rule()
    def crash(self) -> None:
        before, files = self.tables(), list(self.path.parent.glob("ledger.sqlite*"))
        old = self.store
        self.named.clear()
        self.lives += 1
        self.path.parent.mkdir()
        for file in files:
            if not file.name.endswith(("-shm", ".lock")):
                shutil.copy(file, self.path.parent)
        self.runner.run(old.close())
        self.store = self.runner.run(self.open())
        assert self.tables() == before

    # --- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def ids_are_ours_and_unique(self) -> None:
        rows = self.rows("SELECT station, station_transaction_id, id FROM transactions")
        assert len({row[:2] for row in rows}) == len({row[2] for row in rows}) == len(rows)
        assert all(2_000_000_000 <= row[1] < 2_147_000_000 for row in rows)
        mapped = self.rows(
            "SELECT uplink, station, uplink_transaction_id FROM transaction_uplinks"
            " WHERE uplink_transaction_id IS NOT NULL"
        )
        assert len(set(mapped)) == len(mapped)

    @invariant()
    def a_start_is_one_transaction(self) -> None:
        known = {(started.transaction, started.station_transaction_id) for _, started in self.starts}
        assert known == set(self.rows("SELECT id, station_transaction_id FROM transactions"))
        assert len(known) == len(self.starts)

    @invariant()
    def at_most_one_runs_on_an_evse(self) -> None:
        rows = self.rows("SELECT station, evse FROM transactions WHERE state='open'")
        assert len(set(rows)) == len(rows)

    @invariant()
    def what_a_central_hears_of_a_transaction_is_start_samples_stop(self) -> None:
        for heard in self.heard.values():
            kinds: dict[str | None, list[OutboxKind]] = {}
            for item in heard:
                kinds.setdefault(item.transaction, []).append(item.message.kind)
            for said in kinds.values():
                assert said.count(OutboxKind.START) <= 1
                assert OutboxKind.START not in said[1:]
                assert OutboxKind.STOP not in said[:-1]

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every copy that was committed is waiting, dead, or was acknowledged."""
        assert self.rows("SELECT count(*) FROM outbox") == [(self.copies - self.acked,)]
        assert (
            self.runner.run(self.totals())
            == self.rows(
                "SELECT (SELECT count(*) FROM transactions WHERE stopped_us IS NULL),"
                " (SELECT count(*) FROM outbox WHERE state IN ('queued', 'sent')),"
                " (SELECT count(*) FROM outbox WHERE state = 'dead')"
            )[0]
        )

    async def totals(self) -> tuple[int, int, int]:
        totals = await self.store.queries.totals()
        return totals.open, totals.unsent, totals.dead


LedgerMachine.TestCase.settings = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestLedger = LedgerMachine.TestCase
