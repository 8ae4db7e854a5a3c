"""Verdicts that a central gave, remembered for when it is away. Read from memory, written behind."""

import sqlite3
from datetime import datetime, timedelta

from sitectl.base.clock import Clock
from sitectl.model.transaction import IdTokenInfo
from sitectl.store.database import Database
from sitectl.store.moments import from_us, to_us
from sitectl.store.verdicts import from_columns, to_columns

MAX_TOKENS = 50_000

RememberedTokens = dict[str, tuple[IdTokenInfo, datetime]]


class TokenCache:
    """At most `MAX_TOKENS` verdicts, the longest unheard leaves first; an expiry inside a verdict is the asker's."""

    def __init__(self, database: Database, clock: Clock, cache_days: float, remembered: RememberedTokens) -> None:
        self._database = database
        self._clock = clock
        self._age = timedelta(days=cache_days)
        self._remembered = remembered

    def get(self, id_token: str) -> IdTokenInfo | None:
        """The remembered verdict, None when unknown or older than the cache's days."""
        found = self._remembered.get(id_token)
        if found is None or self._clock.wall() - found[1] > self._age:
            return None
        return found[0]

    def put(self, id_token: str, info: IdTokenInfo) -> None:
        """Remember a verdict. Losing the newest in a crash is harmless."""
        now = self._clock.wall()
        self._remembered.pop(id_token, None)
        self._remembered[id_token] = (info, now)
        leaves = next(iter(self._remembered)) if len(self._remembered) > MAX_TOKENS else None
        if leaves is not None:
            del self._remembered[leaves]
        values = (id_token, *to_columns(info), to_us(now))

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO token_cache (id_token, status, expires_us, parent, received_us)"
                " VALUES (?, ?, ?, ?, ?)",
                values,
            )
            if leaves is not None:
                connection.execute("DELETE FROM token_cache WHERE id_token = ?", (leaves,))

        self._database.post(job, "a token's verdict")


def load_tokens(connection: sqlite3.Connection) -> RememberedTokens:
    """All verdicts, the longest unheard first."""
    remembered: RememberedTokens = {}
    for id_token, status, expires_us, parent, received_us in connection.execute(
        "SELECT id_token, status, expires_us, parent, received_us FROM token_cache ORDER BY received_us"
    ):
        if (info := from_columns(status, expires_us, parent)) is not None:
            remembered[id_token] = (info, from_us(received_us))
    return remembered
