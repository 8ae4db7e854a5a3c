"""What is remembered of a commissioning beside what can be seen: confirmations, tests of meters, the newest record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.units import format_utc
from sitectl.site.ports import Journal, OverlayStore

CONFIRMED, METER_TEST, RECORD = "confirmed", "meter_test", "commission_record"
LONGEST_NOTE = 500
NEWEST = "newest"


class CommissionNotes:
    """Each raises EnvironmentFault where the disk takes nothing, and then nothing has changed."""

    def __init__(self, overlay: OverlayStore, clock: Clock, journal: Journal) -> None:
        self._overlay = overlay
        self._clock = clock
        self._journal = journal

    async def confirm(self, step: str, note: str, by: str, of: Mapping[str, Mapping[str, str]]) -> None:
        """A person says that a step is done, or does not apply. `of`: what was left to do, and what each is."""
        await self._overlay.keep(CONFIRMED, step, {"note": note[:LONGEST_NOTE], "of": _plain(of)}, source=by)
        self._journal.record("commissioning.confirmed", data={"step": step, "note": note[:LONGEST_NOTE], "by": by})

    async def withdraw(self, step: str, by: str) -> None:
        """It is as it is seen again."""
        await self._overlay.forget(CONFIRMED, step)
        self._journal.record("commissioning.withdrawn", data={"step": step, "by": by})

    def confirmed(self) -> Mapping[str, tuple[str, str, str, Any]]:
        """By step: who, when, the note, and of what; that is None where nobody noted it."""
        return {
            step: (entry.source, format_utc(entry.set_at), str(entry.value["note"]), entry.value.get("of"))
            for step, entry in self._overlay.of(CONFIRMED).items()
        }

    async def meter_tested(self, meter: str, outcome: Mapping[str, Any], by: str, of: Mapping[str, str]) -> None:
        """How a test of a meter went; the newest counts. `of`: how it is configured."""
        await self._overlay.keep(METER_TEST, meter, {**outcome, "of": dict(of)}, source=by)
        self._journal.record("meter.tested", data={"meter": meter, "ok": outcome["ok"], "by": by})

    def meter_tests(self) -> Mapping[str, tuple[bool, str, Any]]:
        """By meter: whether its test passed, when it was, and of what."""
        return {
            meter: (entry.value["ok"] is True, format_utc(entry.set_at), entry.value.get("of"))
            for meter, entry in self._overlay.of(METER_TEST).items()
        }

    async def recorded(self, by: str, of: Mapping[str, Mapping[str, str]]) -> None:
        """A record was made and signed now. `of`: all that it speaks of."""
        await self._overlay.keep(RECORD, NEWEST, {"of": _plain(of)}, source=by)
        self._journal.record("commissioning.recorded", data={"by": by})

    def newest_record(self) -> tuple[str, Any]:
        """When the last record was made ("": never), and of what."""
        entry = self._overlay.of(RECORD).get(NEWEST)
        return ("", None) if entry is None else (format_utc(entry.set_at), entry.value.get("of"))


def _plain(of: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {name: dict(basis) for name, basis in of.items()}
