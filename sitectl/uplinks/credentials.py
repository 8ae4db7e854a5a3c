"""Configuration keys that are credentials: they set up our own connection to the central that wrote them.

They never reach the station. The key itself is never read back and never logged; that of the profile is our own leg's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import UplinkSettings
from sitectl.model.commands import SetVariable
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.security import SecurityEventType
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16 import central_encode
from sitectl.ocpp.v16.configuration import boolean, integer
from sitectl.uplinks.asking import Asker, VirtualStation
from sitectl.uplinks.legs import MUTUAL_TLS, Form, Legs, is_hexadecimal
from sitectl.uplinks.ports import Rooms

ACTION = "ChangeConfiguration"
KEY, PROFILE = "AuthorizationKey", "SecurityProfile"
CPO_NAME, ADDITIONAL_CHECK = "CpoName", "AdditionalRootCertificateCheck"

SHORTEST_KEY, LONGEST_KEY = 16, 64
LONGEST_NAME = 64

RECONNECT_AFTER_S = 1.0
"""The answer has left by then."""

Report = Callable[[StationId, SecurityEventType, str], None]
"""Tell this central, and people, of a security event."""


class Credentials:
    """What one central may write of them. `report` tells that it was done."""

    def __init__(self, rooms: Rooms, settings: UplinkSettings, legs: Legs, report: Report) -> None:
        self._rooms = rooms
        self._settings = settings
        self._legs = legs
        self._report = report

    def reconfigure(self, settings: UplinkSettings) -> None:
        """Another configuration."""
        self._settings = settings

    async def write(self, asker: Asker, asked: SetVariable) -> Payload:
        """A ChangeConfiguration of one of the four keys."""
        value = asked.value.strip()
        names = {name.lower(): name for name in (KEY, PROFILE, CPO_NAME, ADDITIONAL_CHECK)}
        name = names[asked.key.strip().lower()]
        try:
            taken = await self._take(asker, name, value)
        except EnvironmentFault:
            taken = False
        if not taken:
            return central_encode.negative(ACTION) or {}
        self._rooms.journal.record("uplink.reconfigured", asker.station, data={"uplink": asker.uplink, "key": name})
        self._report(asker.station, SecurityEventType.RECONFIGURATION, f"{name} was set")
        return central_encode.accepted()

    async def _take(self, asker: Asker, name: str, value: str) -> bool:
        match name:
            case "AuthorizationKey":
                return await self._take_key(asker, value)
            case "SecurityProfile":
                return await self._take_profile(asker, integer(value))
            case "CpoName":
                if not 0 < len(value) <= LONGEST_NAME:
                    return False
                await self._rooms.virtual.set_variable(asker.uplink, asker.station, name, value)
            case _:
                if (flag := boolean(value)) is None:
                    return False
                await self._rooms.virtual.set_variable(asker.uplink, asker.station, name, "true" if flag else "false")
        return True

    async def _take_key(self, asker: Asker, key: str) -> bool:
        """As the white paper has it, hexadecimal digits of 16 bytes or more, or as text."""
        if not SHORTEST_KEY <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
            return False
        before = self._legs.current(asker.station)
        form = Form.UNKNOWN if is_hexadecimal(key) else Form.TEXT
        await self._legs.change(asker.station, key=key, form=form)
        if before.profile in (1, 2) or before.with_key:
            self.reconnect(asker.station, asker.link)
        return True

    async def _take_profile(self, asker: Asker, profile: int | None) -> bool:
        """It may only rise, and only to what everything is there for."""
        leg = self._legs.current(asker.station)
        if profile is None or not leg.profile < profile <= MUTUAL_TLS:
            return False
        certified = leg.certificate is not None or self._settings.certificate is not None
        if profile == MUTUAL_TLS and not certified:
            return False
        if profile < MUTUAL_TLS and leg.key is None:
            return False
        await self._legs.change(asker.station, profile=profile, with_key=False)
        self.reconnect(asker.station, asker.link)
        return True

    def reconnect(self, station: StationId, link: VirtualStation) -> None:
        """Dial anew, once the answer has left."""

        async def soon() -> None:
            await asyncio.sleep(RECONNECT_AFTER_S)
            link.reconnect()

        self._rooms.spawn(soon(), f"{station} dials anew")


def variables(rooms: Rooms, uplink: UplinkId, station: StationId, profile: int) -> dict[str, tuple[str, bool]]:
    """What a central may read of them; not the key."""
    held = rooms.virtual.variables(uplink, station)
    return {
        PROFILE: (str(profile), False),
        CPO_NAME: (held.get(CPO_NAME, ""), False),
        ADDITIONAL_CHECK: (held.get(ADDITIONAL_CHECK, "false"), False),
    }
