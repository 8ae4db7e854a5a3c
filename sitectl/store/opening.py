"""Open the file and hand out its parts."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from sitectl.base.clock import Clock
from sitectl.model.storage import StoreHealth
from sitectl.store.attempts import Attempts
from sitectl.store.ballast import BALLAST_BYTES, Ballast
from sitectl.store.database import Database
from sitectl.store.deadletters import DeadLetters
from sitectl.store.documents import RememberedDocuments, VirtualDocuments, load_documents
from sitectl.store.energy import EnergyBook
from sitectl.store.executor import Executor, ThreadExecutor
from sitectl.store.identity import begin_epoch, coming_epoch, continue_epoch
from sitectl.store.journal import GATHER_S, Journal
from sitectl.store.limits import LimitStore
from sitectl.store.lists import KeptLists, LocalLists, load_lists
from sitectl.store.migrate import migrate, require_newest
from sitectl.store.moments import to_us
from sitectl.store.outbox import Outbox
from sitectl.store.overlay import Entries, Overlay, load_overlay
from sitectl.store.queries import Queries
from sitectl.store.rectify import Rectifier, begin_time, newest_moment
from sitectl.store.refusals import Refusals
from sitectl.store.rows import Stamp
from sitectl.store.stations import StationBook
from sitectl.store.tokens import RememberedTokens, TokenCache, load_tokens
from sitectl.store.transactions import ComposeStop, Ledger
from sitectl.store.virtual import Remembered, VirtualSettings, load_virtual
from sitectl.store.writer import Job

log = logging.getLogger(__name__)


Remembrance = tuple[Stamp, RememberedTokens, KeptLists, Remembered, RememberedDocuments, Entries]


@dataclass(frozen=True, slots=True)
class Store:
    """All parts on one file."""

    database: Database
    stamp: Stamp
    ledger: Ledger
    outbox: Outbox
    refusals: Refusals
    dead_letters: DeadLetters
    limits: LimitStore
    stations: StationBook
    tokens: TokenCache
    lists: LocalLists
    virtual: VirtualSettings
    documents: VirtualDocuments
    overlay: Overlay
    attempts: Attempts
    energy: EnergyBook
    journal: Journal
    queries: Queries
    rectifier: Rectifier

    def health(self) -> StoreHealth:
        """How the disk under it stands."""
        return self.database.health()

    async def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, then close; never takes longer than `timeout_s`, whatever the disk does."""
        try:
            async with asyncio.timeout(timeout_s / 2):
                await self.journal.drain()
        except TimeoutError:
            log.error("the journal was not written to its end")
        await self.database.close(timeout_s / 2)


async def open_store(
    path: Path | None,
    clock: Clock,
    random: Random,
    compose_stop: ComposeStop,
    *,
    on_state: Callable[[bool, str], None] = lambda usable, why: None,
    begin: Callable[[datetime | None], bool] = lambda newest: True,
    executor: Callable[[str], Executor] = ThreadExecutor,
    ballast_bytes: int = BALLAST_BYTES,
    patience_s: float = 0.0,
) -> Store:
    """Open or create the file, bring its schema up to date and begin an epoch.

    `compose_stop` words the stop of a transaction that its station forgot. `on_state(usable, why)` tells that the disk
    stopped taking writes, and that it takes them again. `begin` (in the writer's thread) is told the newest moment of
    the ledger before the clock is asked for the first time, and says whether the time is known. Meter values of
    stations in no hurry, and what is noted of them as they go up, may wait `patience_s` to be written with others.
    `path` None is a store in memory, which needs an executor that runs in the loop's thread. Where the disk takes
    nothing, what the file says is read, and the store opens as one that cannot write until it can. Raises
    `StoreUnavailable` or `SchemaTooNew`.
    """
    prepare, glance = _ways_in(path, clock, random, begin)
    database = Database(path, clock, executor, Ballast(path, ballast_bytes))
    remembrance = await database.open(prepare, glance, lambda opened: stamp.become(opened[0]))
    stamp = remembrance[0]
    database.on_replaced(lambda connection: migrate(connection, path))
    database.on_replaced(lambda connection: continue_epoch(connection, path, random, stamp, to_us(clock.wall())))
    store = _assembled(database, remembrance, clock, random, compose_stop)
    database.company.patience_s, store.journal.gather_s = patience_s, min(patience_s, GATHER_S)
    _tell(store, on_state)
    await database.watch()
    return store


def _ways_in(
    path: Path | None, clock: Clock, random: Random, begin: Callable[[datetime | None], bool]
) -> tuple[Job[Remembrance], Job[Remembrance]]:
    """How a file is opened to be written, and how one is read that takes no writes yet."""
    known: bool | None = None

    def judge(connection: sqlite3.Connection) -> bool:
        nonlocal known
        if known is None:
            known = begin(newest_moment(connection, clock.monotonic()))
        return known

    def remembered(connection: sqlite3.Connection, stamp: Stamp) -> Remembrance:
        tokens, lists = load_tokens(connection), load_lists(connection)
        virtual, documents = load_virtual(connection), load_documents(connection)
        return stamp, tokens, lists, virtual, documents, load_overlay(connection)

    def prepare(connection: sqlite3.Connection) -> Remembrance:
        migrate(connection, path)
        newest, known = newest_moment(connection), judge(connection)
        stamp = begin_epoch(connection, path, random, to_us(clock.wall()))
        begin_time(connection, stamp, clock.monotonic(), newest, known=known)
        return remembered(connection, stamp)

    def glance(connection: sqlite3.Connection) -> Remembrance:
        require_newest(connection, path)
        judge(connection)
        return remembered(connection, coming_epoch(connection, path))

    return prepare, glance


def _assembled(
    database: Database, remembrance: Remembrance, clock: Clock, random: Random, compose_stop: ComposeStop
) -> Store:
    stamp, tokens, lists, virtual, documents, overlay = remembrance
    journal = Journal(database, stamp, clock)
    ledger = Ledger(database, stamp, clock, random, compose_stop)
    limits = LimitStore(database, stamp)

    def forget() -> None:
        ledger.forget()
        limits.forget()

    return Store(
        database=database,
        stamp=stamp,
        ledger=ledger,
        outbox=Outbox(database, stamp, clock),
        refusals=Refusals(database),
        dead_letters=DeadLetters(database, stamp, clock),
        limits=limits,
        stations=StationBook(database),
        tokens=TokenCache(database, clock, tokens),
        lists=LocalLists(database, lists),
        virtual=VirtualSettings(database, virtual),
        documents=VirtualDocuments(database, documents),
        overlay=Overlay(database, clock, overlay),
        attempts=Attempts(database, stamp, clock),
        energy=EnergyBook(database),
        journal=journal,
        queries=Queries(database),
        rectifier=Rectifier(database, stamp, forget),
    )


def _tell(store: Store, on_state: Callable[[bool, str], None]) -> None:
    """Note each change of the store's state, and tell the site when it becomes able or unable to write."""
    wrote = True

    def changed(health: StoreHealth) -> None:
        nonlocal wrote
        data = {"why": health.why or None, "free_bytes": health.disk.free if health.disk is not None else None}
        store.journal.record(f"store.{health.state.value}", data=data)
        if health.state.writes:
            store.stations.save_again()
        if health.state.writes is not wrote:
            wrote = health.state.writes
            on_state(wrote, health.why)

    store.database.on_state = changed
    if not store.database.ample:
        changed(store.health())
