"""A twin of the centrals behind a site."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sitectl.base.errors import EnvironmentFault
from sitectl.model.authorization import Remembered
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.security import SecurityEventType
from sitectl.model.transaction import IdTokenInfo, OutboxMessage, Payload


class CentralsTwin:
    """A central that answers what it is told, after `delay_s`; None is away."""

    def __init__(self) -> None:
        self.info: IdTokenInfo | None = None
        self.answer: Payload | None = None
        self.delay_s = 0.0
        self.uplinks: tuple[UplinkId, ...] = (UplinkId("central"),)
        self.heard: list[tuple[Any, ...]] = []
        self.every_s: dict[UplinkId, float] = {}
        self.known: dict[str, Remembered] = {}
        self.usage = Remembered()
        self.reserved: dict[EvseId, str] = {}
        self.asked = 0
        self.full = False
        self.delivered: list[tuple[StationId, OutboxMessage]] = []
        self.security: list[tuple[StationId, SecurityEventType, str]] = []

    def copies(self, station: StationId, id_token: str) -> Sequence[UplinkId]:
        return self.uplinks

    async def authorize(self, station: StationId, id_token: str, deadline_s: float) -> IdTokenInfo | None:
        self.asked += 1
        await asyncio.sleep(min(self.delay_s, deadline_s))
        return self.info if self.delay_s <= deadline_s else None

    def remembered(self, station: StationId, id_token: str) -> Remembered:
        return self.known.get(id_token, self.usage)

    def verify(self, station: StationId, id_token: str) -> None:
        self.heard.append(("verify", station, id_token))

    def bars(self, evse: EvseId, id_token: str, parent: str | None) -> bool:
        return evse in self.reserved and self.reserved[evse] not in (id_token, parent)

    def claimed(
        self, evse: EvseId, id_token: str, parent: str | None, started: datetime, station_id: int | None
    ) -> Mapping[UplinkId, int]:
        return {self.uplinks[0]: 77} if self.reserved.get(evse) in (id_token, parent) or station_id == 5 else {}

    async def verdict(self, station: StationId, transaction: TransactionId, deadline_s: float) -> IdTokenInfo | None:
        return await self.authorize(station, "", deadline_s)

    async def transfer(self, station: StationId, payload: Payload, deadline_s: float) -> Payload | None:
        return self.answer

    def status(self, station: StationId, evse: int, payload: Payload) -> None:
        self.heard.append(("status", station, evse))

    def samples_every_s(self, station: StationId) -> dict[UplinkId, float]:
        return self.every_s

    async def file_status(self, station: StationId, action: str, payload: Payload) -> None:
        self.heard.append(("file", station, action))

    async def deliver(self, station: StationId, message: OutboxMessage) -> None:
        if self.full:
            raise EnvironmentFault("disk full")
        self.delivered.append((station, message))

    def security_event(self, station: StationId, event: SecurityEventType, info: str = "") -> None:
        self.security.append((station, event, info))

    def outbox_grew(self, station: StationId) -> None:
        self.heard.append(("outbox", station))

    def station_online(self, station: StationId, boot: Payload | None) -> None:
        self.heard.append(("online", station, boot is not None))

    def station_offline(self, station: StationId) -> None:
        self.heard.append(("offline", station))
