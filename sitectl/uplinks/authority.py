"""Tokens, as the authoritative central of a station sees them: asked, told before, or asked about behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sitectl.model.authorization import Remembered
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import IdTokenInfo
from sitectl.uplinks.asking import VirtualStation
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.remembered import remember, remembered

VERIFY_WITHIN_S = 30.0


class Authority:
    """`copies`: the uplinks that get a transaction, the authoritative one first; `link`: the virtual station there."""

    def __init__(
        self,
        rooms: Rooms,
        copies: Callable[[StationId, str], Sequence[UplinkId]],
        link: Callable[[UplinkId, StationId], VirtualStation],
    ) -> None:
        self._rooms = rooms
        self._copies = copies
        self._link = link
        self._verifying: set[tuple[StationId, str]] = set()

    async def authorize(self, station: StationId, id_token: str, deadline_s: float) -> IdTokenInfo | None:
        """Ask the authoritative central; None when it is away or does not answer in time."""
        copies = self._copies(station, id_token)
        return await self.ask(copies[0], station, id_token, deadline_s) if copies else None

    async def ask(self, uplink: UplinkId, station: StationId, id_token: str, deadline_s: float) -> IdTokenInfo | None:
        """Ask one central, and remember what it says."""
        info = await self._link(uplink, station).authorize(id_token, deadline_s)
        remember(self._rooms, uplink, station, id_token, info)
        return info

    def remembered(self, station: StationId, id_token: str) -> Remembered:
        """What the authoritative central has told of a token, and how it wants that used."""
        copies = self._copies(station, id_token)
        return remembered(self._rooms, copies[0], station, id_token) if copies else Remembered()

    def verify(self, station: StationId, id_token: str) -> None:
        """Ask about a token that was let in without asking; what is said is remembered, and acted on at its start.

        Once at a time, however often a card is shown.
        """
        if (station, id_token) not in self._verifying:
            self._verifying.add((station, id_token))
            self._rooms.spawn(self._verify(station, id_token), f"verify a token of {station}")

    async def _verify(self, station: StationId, id_token: str) -> None:
        try:
            await self.authorize(station, id_token, VERIFY_WITHIN_S)
        finally:
            self._verifying.discard((station, id_token))
