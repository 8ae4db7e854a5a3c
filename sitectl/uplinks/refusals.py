"""Refusals that come too late: the central says no to a token after the station was let start.

By the errata of OCPP 1.6 (3.17) such a no counts as if it had come in time: the transaction is stopped, or goes on
without energy where the central set StopTransactionOnInvalidId to false.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sitectl.model.commands import RequestStop, Urgency
from sitectl.model.ids import StationId, TransactionId
from sitectl.model.transaction import AuthorizationStatus
from sitectl.uplinks import virtual
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.profiles import Profiles

log = logging.getLogger(__name__)

RETRY_S = 60.0


class Refusals:
    """The late refusals of one uplink. `replaying`: whether messages of the site still wait for it."""

    def __init__(self, rooms: Rooms, profiles: Profiles, replaying: Callable[[], bool]) -> None:
        self._rooms = rooms
        self._profiles = profiles
        self._replaying = replaying
        self._stopping: set[TransactionId] = set()

    def late(self, station: StationId, transaction: TransactionId, status: AuthorizationStatus) -> None:
        """Act on a refusal that nobody waited for."""
        data = {"uplink": self._profiles.uplink, "transaction": transaction, "verdict": status.value}
        self._rooms.journal.record("transaction.refused_late", station, data=data)
        if status is AuthorizationStatus.CONCURRENT_TX and self._replaying():
            # The other transaction of this token may well be one whose stop has not reached the central yet.
            log.info("%s: %s of %s is put down to the backlog", station, status.value, transaction)
            return
        if virtual.flag(self._rooms, self._profiles.uplink, station, "StopTransactionOnInvalidId"):
            if transaction not in self._stopping:
                self._stopping.add(transaction)
                self._rooms.spawn(self._stop(station, transaction), f"refused {transaction}")
        else:
            self._profiles.pause(station, transaction)

    async def _stop(self, station: StationId, transaction: TransactionId) -> None:
        """Ask the station until it has stopped; it may be away, or busy."""
        while (running := self._rooms.facts.running_transaction(station, transaction)) is not None:
            await self._rooms.door.execute(station, RequestStop(station, running), Urgency.STOP)
            await asyncio.sleep(RETRY_S)
        self._stopping.discard(transaction)
