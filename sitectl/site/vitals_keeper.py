"""What must not be forgotten of a station: a danger that it reported, and that its firmware is being written.

Both forbid what a restart of ours would otherwise allow again, and a station that is away says neither again. Written
behind, once a round and only where it differs from what is kept; what the station says next takes its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.healing.policy import HealingRules
from sitectl.healing.symptoms import FIRMWARE_UNDER_WAY
from sitectl.healing.view import StationFacts
from sitectl.model.health import Fault
from sitectl.model.ids import StationId
from sitectl.model.security import TAMPER_ALARMS
from sitectl.site.healing_ports import Vitals
from sitectl.site.ports import OverlayStore

log = logging.getLogger(__name__)

KIND = "heal_vitals"


class VitalsKeeper:
    """Hears which stations changed; `look` writes down what has to be."""

    def __init__(self, vitals: Vitals, overlay: OverlayStore, tasks: Tasks, rules: Callable[[], HealingRules]) -> None:
        self._vitals = vitals
        self._overlay = overlay
        self._tasks = tasks
        self._rules = rules
        self._changed: set[StationId] = set()
        self._writing: set[StationId] = set()

    def changed(self, station: StationId) -> None:
        """Something of a station is not as it was."""
        self._changed.add(station)

    def look(self) -> None:
        """Write down what differs, one write a station at a time."""
        due, self._changed = self._changed - self._writing, self._changed & self._writing
        kept = self._overlay.of(KIND)
        for station in due:
            now = kept_of(self._vitals.of(station), self._rules())
            before = kept[station].value if station in kept else None
            if now != before:
                self._writing.add(station)
                self._tasks.spawn(self._write(station, now), f"vitals of {station}")

    def recall(self) -> None:
        """Tell the stations room what was so before the restart."""
        for key, entry in self._overlay.of(KIND).items():
            held = entry.value if isinstance(entry.value, dict) else {}
            faults = [fault for one in held.get("faults", []) if (fault := _fault(StationId(key), one)) is not None]
            self._vitals.restore(StationId(key), faults, str(held.get("firmware", "")))

    async def _write(self, station: StationId, value: Mapping[str, Any] | None) -> None:
        try:
            if value is None:
                await self._overlay.forget(KIND, station)
            else:
                await self._overlay.keep(KIND, station, value, source=station)
        except EnvironmentFault as fault:
            self._changed.add(station)  # with the next round
            log.debug("%s: how it is is not on disk yet: %s", station, fault)
        finally:
            self._writing.discard(station)


def kept_of(facts: StationFacts, rules: HealingRules) -> dict[str, Any] | None:
    """What is worth keeping of a station, as JSON has it; None: nothing. A tamper alarm is kept elsewhere, until
    somebody has looked."""
    faults = [
        {"evse": fault.evse, "code": fault.code, "vendor_code": fault.vendor_code, "info": fault.info}
        for fault in facts.faults.values()
        if fault.code.lower() not in TAMPER_ALARMS and rules.dangers.of(fault, rules.code_of(fault)) is not None
    ]
    firmware = facts.firmware if facts.firmware.lower() in FIRMWARE_UNDER_WAY else ""
    return {"faults": faults, "firmware": firmware} if faults or firmware else None


def _fault(station: StationId, one: Any) -> Fault | None:
    """A fault as it was kept; None for what cannot be read."""
    try:
        return Fault(station, int(one["evse"]), str(one["code"]), str(one["vendor_code"]), str(one["info"]), 0.0)
    except (KeyError, TypeError, ValueError):
        return None
