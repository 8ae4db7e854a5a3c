"""What alerts remember over a restart: who was told what, and what waits.

Memory leads and the disk follows: what is wrong with the disk must be told, too. Each write is the difference to what
is known to be on disk, so that one that failed goes with the next.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from sitectl.model.alerts import KeptChannel, Notice, NoticeKind, key_of
from sitectl.model.health import Problem
from sitectl.store.database import Database
from sitectl.store.errors import StoreUnavailable
from sitectl.store.moments import from_us, to_us

log = logging.getLogger(__name__)

RETRY_S = 5.0

_TOLD = "INSERT OR REPLACE INTO alerts_told (channel, place, name, what, cure, since_us) VALUES (?, ?, ?, ?, ?, ?)"
_NOT_TOLD = "DELETE FROM alerts_told WHERE channel = ? AND place = ? AND name = ?"
_WAITS = (
    "INSERT OR REPLACE INTO alerts_waiting (channel, id, kind, place, what, cure, since_us, until_us, made_us, count)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_WAITS_NOT = "DELETE FROM alerts_waiting WHERE channel = ? AND id = ? AND kind = ?"
_KEY = 3
"""Both tables have a key of three columns, which stand first."""

_Row = tuple[Any, ...]


class AlertShelf:
    """The tables of alerts. Meets `Shelf` of the room."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted: Mapping[str, KeptChannel] = {}
        self._told: frozenset[_Row] = frozenset()
        self._waiting: frozenset[_Row] = frozenset()
        self._saving = False
        database.on_replaced(self._restore)

    async def load(self) -> Mapping[str, KeptChannel]:
        """What was kept, by channel; nothing where the disk does not say: then all that stands is told again."""
        try:
            told, waiting = await self._database.query(_read)
        except StoreUnavailable:
            log.warning("which alerts went out cannot be read now: what stands is told again")
            return {}
        self._told, self._waiting = frozenset(told), frozenset(waiting)
        channels = dict.fromkeys([row[0] for row in (*told, *waiting)])
        return {
            channel: KeptChannel(
                tuple(_problem(row) for row in told if row[0] == channel),
                tuple(_notice(row) for row in waiting if row[0] == channel),
            )
            for channel in channels
        }

    def keep(self, channels: Mapping[str, KeptChannel]) -> None:
        """Keep exactly this; never waits. While a write runs, or fails, the newest goes next."""
        self._wanted = channels
        if not self._saving:
            self._save()

    def _save(self) -> None:
        told, waiting = _rows(self._wanted)
        if (told, waiting) == (self._told, self._waiting):
            return
        before_told, before_waiting = self._told, self._waiting

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_NOT_TOLD, _keys(before_told - told))
            connection.executemany(_TOLD, told - before_told)
            connection.executemany(_WAITS_NOT, _keys(before_waiting - waiting))
            connection.executemany(_WAITS, waiting - before_waiting)

        def done(writing: asyncio.Future[None]) -> None:
            self._saving = False
            if writing.cancelled():
                return
            if writing.exception() is None:
                self._told, self._waiting = told, waiting
                self._save()
            else:
                self._saving = True
                asyncio.get_running_loop().call_later(RETRY_S, self._again)

        self._saving = True
        self._database.run(job).add_done_callback(done)

    def _again(self) -> None:
        self._saving = False
        self._save()

    def _restore(self, connection: sqlite3.Connection) -> None:
        """Into a file that came into the place of a damaged one: what memory holds is all there was."""
        told, waiting = _rows(self._wanted)
        connection.execute("DELETE FROM alerts_told")
        connection.execute("DELETE FROM alerts_waiting")
        connection.executemany(_TOLD, told)
        connection.executemany(_WAITS, waiting)


def _read(connection: sqlite3.Connection) -> tuple[list[_Row], list[_Row]]:
    told = connection.execute(
        "SELECT channel, place, name, what, cure, since_us FROM alerts_told ORDER BY since_us, place, name"
    ).fetchall()
    waiting = connection.execute(
        "SELECT channel, id, kind, place, what, cure, since_us, until_us, made_us, count FROM alerts_waiting"
        " ORDER BY made_us, kind, since_us, place"
    ).fetchall()
    return told, waiting


def _rows(channels: Mapping[str, KeptChannel]) -> tuple[frozenset[_Row], frozenset[_Row]]:
    told = frozenset(
        (channel, *key_of(problem), problem.what, problem.do, to_us(problem.since))
        for channel, kept in channels.items()
        for problem in kept.told
    )
    waiting = frozenset(_waiting_row(channel, notice) for channel, kept in channels.items() for notice in kept.waiting)
    return told, waiting


def _waiting_row(channel: str, notice: Notice) -> _Row:
    problem = notice.problem
    moments = (to_us(problem.since), to_us(notice.until), to_us(notice.made))
    return (channel, notice.id, notice.kind.value, problem.where, problem.what, problem.do, *moments, notice.count)


def _keys(rows: Iterable[_Row]) -> list[_Row]:
    return [row[:_KEY] for row in rows]


def _problem(row: _Row) -> Problem:
    _, place, _, what, cure, since_us = row
    return Problem(what, place, from_us(since_us), cure)


def _notice(row: _Row) -> Notice:
    _, _, kind, place, what, cure, since_us, until_us, made_us, count = row
    problem = Problem(what, place, from_us(since_us), cure)
    return Notice(NoticeKind(kind), problem, from_us(made_us), from_us(until_us), count)
