"""Every transaction in order, a page at a time: what an export reads, in the background."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from sitectl.model.transaction import TransactionView
from sitectl.store.background import Background
from sitectl.store.moments import to_us
from sitectl.store.queries import transactions_after
from sitectl.store.writer import Job

PAGE = 500
_Page = tuple[Sequence[TransactionView], int | None]


class TransactionHistory:
    """Years of it hold up nobody."""

    def __init__(self, background: Background) -> None:
        self._background = background

    async def pages(self, since: datetime | None, until: datetime | None) -> AsyncIterator[Sequence[TransactionView]]:
        """Those that began from a moment on and before another (None: all), in the order in which they came."""
        span_us = (-(2**62) if since is None else to_us(since), 2**62 if until is None else to_us(until))
        after: int | None = 0
        while after is not None:
            page, after = await self._background.ask(_paging(after, span_us))
            if page:
                yield page


def _paging(after: int, span_us: tuple[int, int]) -> Job[_Page]:
    def ask(connection: sqlite3.Connection) -> _Page:
        return transactions_after(connection, after, span_us, PAGE)

    return ask
