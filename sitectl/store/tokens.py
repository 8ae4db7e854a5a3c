"""Verdicts that centrals gave, remembered for when they are away. Read from memory, written behind."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable
from datetime import timedelta

from sitectl.base.clock import Clock
from sitectl.model.authorization import Heard, folded
from sitectl.model.ids import UplinkId
from sitectl.model.transaction import IdTokenInfo
from sitectl.store.database import Database
from sitectl.store.moments import from_us, to_us
from sitectl.store.verdicts import from_columns, to_columns

MAX_TOKENS = 50_000
"""Of all uplinks together."""

RememberedTokens = dict[tuple[UplinkId, str], Heard]


class TokenCache:
    """At most `MAX_TOKENS` verdicts, the longest unheard leaves first; an expiry inside a verdict is the asker's."""

    def __init__(self, database: Database, clock: Clock, remembered: RememberedTokens) -> None:
        self._database = database
        self._clock = clock
        self._remembered = remembered

    def get(self, uplink: UplinkId, id_token: str, within: timedelta) -> IdTokenInfo | None:
        """The last verdict of this central on a token, None when unknown or older."""
        found = self._remembered.get((uplink, folded(id_token)))
        return None if found is None or self._clock.wall() - found.at > within else found.info

    def put(self, uplink: UplinkId, id_token: str, info: IdTokenInfo) -> None:
        """Remember a verdict. Losing the newest in a crash is harmless."""
        now, key = self._clock.wall(), (uplink, folded(id_token))
        self._remembered.pop(key, None)
        self._remembered[key] = Heard(info, now)
        leaves = next(iter(self._remembered)) if len(self._remembered) > MAX_TOKENS else None
        if leaves is not None:
            del self._remembered[leaves]
        values = (*key, *to_columns(info), to_us(now))

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO authorization_cache (uplink, id_token, status, expires_us, parent, received_us)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
            if leaves is not None:
                connection.execute("DELETE FROM authorization_cache WHERE uplink = ? AND id_token = ?", leaves)

        self._database.post(job, "a token's verdict")

    def clear(self, uplink: UplinkId) -> Awaitable[None]:
        """Forget all verdicts of this central, at once; on disk when it resolves."""
        for key in [key for key in self._remembered if key[0] == uplink]:
            del self._remembered[key]

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM authorization_cache WHERE uplink = ?", (uplink,))

        return asyncio.shield(self._database.run(job))


def load_tokens(connection: sqlite3.Connection) -> RememberedTokens:
    """All verdicts, the longest unheard first."""
    remembered: RememberedTokens = {}
    for uplink, id_token, status, expires_us, parent, received_us in connection.execute(
        "SELECT uplink, id_token, status, expires_us, parent, received_us FROM authorization_cache ORDER BY received_us"
    ):
        if (info := from_columns(status, expires_us, parent)) is not None:
            remembered[UplinkId(uplink), id_token] = Heard(info, from_us(received_us))
    return remembered
