"""GetConfiguration and ChangeConfiguration of a central, by the class of each key."""

from __future__ import annotations

from sitectl.base.errors import EnvironmentFault
from sitectl.model.commands import Answered, GetVariables, SetVariable, Urgency
from sitectl.model.ids import StationId
from sitectl.ocpp.v16 import central_encode, decode
from sitectl.ocpp.v16.configuration import KeyClass, boolean, csv, integer, key_class
from sitectl.ocpp.v16.virtual_keys import KEYS, MOST_KEYS, Form, canonical
from sitectl.ocpp.versions import ErrorCode
from sitectl.uplinks import virtual
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.measurands import Measurands
from sitectl.uplinks.ports import Rooms
from sitectl.wire.outcomes import Refuse, Reply

READ, WRITE = "GetConfiguration", "ChangeConfiguration"
FEW_KEYS = 20
"""Keys asked of a station at a time, where it does not say how many it takes: some cut long answers in the middle."""

_TAKEN = ("Accepted", "RebootRequired")


class Variables:
    """The keys of all virtual stations of one central."""

    __slots__ = ("_measurands", "_rooms")

    def __init__(self, rooms: Rooms, measurands: Measurands) -> None:
        self._rooms = rooms
        self._measurands = measurands

    # --- reading ------------------------------------------------------------------------------------------------------

    async def get(self, asker: Asker, asked: GetVariables) -> Reply:
        """Answer from what is known; the station is asked only for what is not, and for all when all is asked."""
        if len(asked.keys) > MOST_KEYS:
            return Refuse(ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, f"at most {MOST_KEYS} keys at a time")
        known = virtual.configuration(self._rooms, asker)
        lower = {key.lower(): key for key in known}
        unknown = [key for key in dict.fromkeys(asked.keys) if key.lower() not in lower]
        foreign = [key for key in unknown if key_class(key) is not KeyClass.CREDENTIAL]
        if (foreign or not asked.keys) and self._rooms.facts.online(asker.station):
            await self._read(asker.station, foreign)
            known = virtual.configuration(self._rooms, asker)
            lower = {key.lower(): key for key in known}
        if not asked.keys:
            return central_encode.configuration(known)
        found = {lower[key.lower()]: known[lower[key.lower()]] for key in asked.keys if key.lower() in lower}
        return central_encode.configuration(found, [key for key in unknown if key.lower() not in lower])

    async def _read(self, station: StationId, keys: list[str]) -> None:
        """Ask the station, a few keys at a time, and remember what it says; no keys: for all."""
        most = integer(virtual.station_value(self._rooms, station, "GetConfigurationMaxKeys")) or FEW_KEYS
        few = max(1, min(most, FEW_KEYS))
        for start in range(0, max(1, len(keys)), few):
            question = GetVariables(station, tuple(keys[start : start + few]))
            outcome = await self._rooms.door.execute(station, question, Urgency.HOUSEKEEPING)
            if not isinstance(outcome, Answered):
                return
            told = decode.configuration(outcome.payload).value.values
            secret = [key for key in told if key_class(key) is KeyClass.CREDENTIAL]
            self._rooms.facts.learn(station, {key: held for key, held in told.items() if key not in secret})

    # --- writing ------------------------------------------------------------------------------------------------------

    async def set(self, asker: Asker, asked: SetVariable) -> Reply:
        """Keep it, pass it on, or refuse it, by the key's class."""
        kind, key = key_class(asked.key), canonical(asked.key)
        if not self._fits(key, asked.value):
            return central_encode.answer("Rejected")
        match kind:
            case KeyClass.VIRTUAL:
                return central_encode.answer(await self._virtual(asker, key, asked.value.strip()))
            case KeyClass.BOTH:
                return central_encode.answer(await self._both(asker, key, asked))
            case KeyClass.REFUSED if not virtual.is_known(self._rooms, asker.station, asked.key):
                return central_encode.answer("NotSupported")
            case _:
                return central_encode.answer("Rejected")

    def _fits(self, key: str, value: str) -> bool:
        held = KEYS.get(key)
        if held is None:
            return True
        withheld = boolean(value) is True and key in virtual.withheld(self._rooms)
        return held.takes(value) and not withheld and not held.read_only

    async def _virtual(self, asker: Asker, key: str, value: str) -> str:
        """Kept for the virtual station; measurands may need the real one."""
        status = "Accepted"
        if key in KEYS and KEYS[key].form is Form.MEASURANDS:
            status = await self._measurands.set(asker.station, key, csv(value))
        if status not in _TAKEN or not await self._keep(asker, key, value):
            return "Rejected"
        return self._hold(asker, key, value, status)

    async def _both(self, asker: Asker, key: str, asked: SetVariable) -> str:
        """Kept, and written to the station; one that we can honour ourselves needs no station that knows it."""
        outcome = await self._rooms.door.execute(asker.station, asked, Urgency.HOUSEKEEPING)
        status = (central_encode.outcome(WRITE, outcome) or {}).get("status", "Rejected")
        if status == "NotSupported" and key in KEYS:
            status = "Accepted"
        elif status in _TAKEN:
            self._rooms.facts.learn(asker.station, {asked.key.strip(): (asked.value, False)})
        if status not in _TAKEN:
            return str(status)
        return str(status) if await self._keep(asker, key, asked.value.strip()) else "Rejected"

    def _hold(self, asker: Asker, key: str, value: str, status: str) -> str:
        """What a key steers is steered from now on."""
        match key:
            case "HeartbeatInterval":
                asker.link.beat_every(float(value))
            case "WebSocketPingInterval":
                asker.link.ping_every(float(value))
            case "ClockAlignedDataInterval":
                asker.link.news.align(int(value))
        return status

    async def _keep(self, asker: Asker, key: str, value: str) -> bool:
        """Under one spelling of the key, so that there is one of it."""
        held = {known.lower(): known for known in self._rooms.virtual.variables(asker.uplink, asker.station)}
        try:
            await self._rooms.virtual.set_variable(asker.uplink, asker.station, held.get(key.lower(), key), value)
        except EnvironmentFault:
            return False
        return True
