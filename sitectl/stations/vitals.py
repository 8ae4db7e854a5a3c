"""How well each station is, as far as this room sees it: faults, boots, reconnects, calls without an answer, and more.

Kept as the frozen facts that healing looks at; a station's are replaced when something of them changed, and whoever
listens is told at once. Nothing here happens with every reading.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sitectl.base.clock import Clock
from sitectl.healing.view import NO_FACTS, StationFacts
from sitectl.model.health import Fault
from sitectl.model.ids import StationId
from sitectl.model.security import TAMPER_ALARMS
from sitectl.model.station import ConnectorStatus, EvseStatus

MOST_MOMENTS = 20
"""Connections and boots that are remembered: more than any rule counts."""

NO_ERROR = "NoError"
FAULTED_ONLY = "OtherError"
"""What stands for a station that says Faulted and names no error."""

CLOCK_OFF_S = 60.0
"""From here on it is remembered since when a clock is off."""

HEAT_STEP_C = 2.0
ASKED_FOR_S = 300.0
"""A boot or a connection within this after it was asked for is no sign of anything."""

Listener = Callable[[StationId, bool], None]
"""Told which station changed, and whether that is urgent: a new fault."""


def _nobody(station: StationId, urgent: bool) -> None:
    return None


class Vitals:
    """The facts of all stations. `changed` is called with each change."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._facts: dict[StationId, StationFacts] = {}
        self._asked: dict[tuple[StationId, str], float] = {}
        self._beneath: dict[StationId, Fault] = {}
        """The error of a station as a whole while a tamper alarm stands in its place."""
        self.changed: Listener = _nobody

    def of(self, station: StationId) -> StationFacts:
        """What is known; the same object while nothing changed."""
        return self._facts.get(station, NO_FACTS)

    # --- what a station says -----------------------------------------------------------------------------------------

    def status(self, station: StationId, evse: int, status: EvseStatus) -> None:
        """A status: the error in it stands until the next one takes it away."""
        held = self.of(station)
        fault = self._fault(station, evse, status)
        before = held.faults.get(evse)
        if evse == 0 and self._is_tampered(station):
            self._beneath.pop(station, None)
            if fault is not None:
                self._beneath[station] = fault
        elif fault is None:
            if before is not None:
                self._put(station, replace(held, faults={n: f for n, f in held.faults.items() if n != evse}))
        elif before is None or (before.code, before.vendor_code) != (fault.code, fault.vendor_code):
            self._put(station, replace(held, faults={**held.faults, evse: fault}), urgent=True)
        elif _letters(before.info) != _letters(fault.info):  # the same error: its text may tell only now of a danger
            fault = replace(fault, at=before.at)
            self._put(station, replace(held, faults={**held.faults, evse: fault}), urgent=True)

    def _fault(self, station: StationId, evse: int, status: EvseStatus) -> Fault | None:
        code, faulted = status.error_code, status.connector_status is ConnectorStatus.FAULTED
        if code == NO_ERROR and not faulted:
            return None
        code = FAULTED_ONLY if code == NO_ERROR else code
        return Fault(station, evse, code, status.vendor_error_code, status.info, self._clock.monotonic())

    def security_event(self, station: StationId, type: str, info: str) -> None:
        """A security event of the station: a tamper alarm stands until a person has looked."""
        if type.lower() in TAMPER_ALARMS and not self._is_tampered(station):
            fault = Fault(station, 0, type, "", info, self._clock.monotonic())
            held = self.of(station)
            if 0 in held.faults:
                self._beneath[station] = held.faults[0]
            self._put(station, replace(held, faults={**held.faults, 0: fault}), urgent=True)

    def restore(self, station: StationId, faults: Sequence[Fault], firmware: str) -> None:
        """What was so before a restart of ours; what the station has said since goes first."""
        held, now = self.of(station), self._clock.monotonic()
        known = {fault.evse: replace(fault, at=now) for fault in faults} | dict(held.faults)
        held = replace(held, faults=known)
        if firmware and not held.firmware:
            held = replace(held, firmware=firmware, firmware_since=now)
        self._put(station, held, urgent=bool(faults))

    def looked_at(self, station: StationId) -> None:
        """A person has looked: a tamper alarm is over."""
        if self._is_tampered(station):
            held, beneath = self.of(station), self._beneath.pop(station, None)
            others = {n: f for n, f in held.faults.items() if n}
            self._put(station, replace(held, faults=others if beneath is None else {**others, 0: beneath}))

    def _is_tampered(self, station: StationId) -> bool:
        fault = self.of(station).faults.get(0)
        return fault is not None and fault.code.lower() in TAMPER_ALARMS

    def firmware(self, station: StationId, status: str) -> None:
        """How an update goes, in the station's word."""
        if status != self.of(station).firmware:
            self._put(station, replace(self.of(station), firmware=status, firmware_since=self._clock.monotonic()))

    def temperature(self, station: StationId, heat_c: float) -> None:
        """How warm it is; a change of a degree is none."""
        held = self.of(station)
        if held.temperature_c is None or abs(heat_c - held.temperature_c) >= HEAT_STEP_C:
            self._put(station, replace(held, temperature_c=heat_c))

    def foreign_transaction(self, station: StationId, evse: int) -> None:
        """It speaks of a transaction that the ledger does not know."""
        held = self.of(station)
        if evse not in held.foreign_transactions:
            known = {**held.foreign_transactions, evse: self._clock.monotonic()}
            self._put(station, replace(held, foreign_transactions=known))

    def covered(self, station: StationId, evse: int) -> None:
        """What it speaks of at this EVSE is known again, or is over."""
        held = self.of(station)
        if evse in held.foreign_transactions:
            left = {n: since for n, since in held.foreign_transactions.items() if n != evse}
            self._put(station, replace(held, foreign_transactions=left))

    # --- how it comes and goes ---------------------------------------------------------------------------------------

    def restart_asked(self, station: StationId) -> None:
        """It was told to boot: the next boot, and the connection before it, are no sign of anything."""
        now = self._clock.monotonic()
        self._asked[station, "connects"] = self._asked[station, "boots"] = now

    def reconnect_asked(self, station: StationId) -> None:
        """We closed its connection: the next one is no sign of anything."""
        self._asked[station, "connects"] = self._clock.monotonic()

    def connected(self, station: StationId, certificate_ends: datetime | None) -> None:
        """A connection was accepted; by a certificate that ends then, if by one."""
        held = self.of(station)
        if not self._was_asked(station, "connects"):
            held = replace(held, connects=self._with_now(held.connects))
        self._put(station, replace(held, certificate_ends=certificate_ends))

    def booted(self, station: StationId) -> None:
        """It booted, and knows nothing any more of what it spoke of before."""
        held = self.of(station)
        if not self._was_asked(station, "boots"):
            held = replace(held, boots=self._with_now(held.boots))
        self._put(station, replace(held, foreign_transactions={}))

    def _was_asked(self, station: StationId, what: str) -> bool:
        asked_at = self._asked.pop((station, what), None)
        return asked_at is not None and self._clock.monotonic() - asked_at < ASKED_FOR_S

    def _with_now(self, moments: tuple[float, ...]) -> tuple[float, ...]:
        return (*moments[-MOST_MOMENTS + 1 :], self._clock.monotonic())

    def silence(self, station: StationId, heard: bool) -> None:
        """A call had no answer though the station was heard meanwhile; or (`heard`) one was answered again."""
        held = self.of(station)
        if heard:
            if held.unanswered:
                self._put(station, replace(held, unanswered=0, unanswered_since=None))
            return
        since = held.unanswered_since if held.unanswered else self._clock.monotonic()
        self._put(station, replace(held, unanswered=held.unanswered + 1, unanswered_since=since))

    # --- what we find out about it -----------------------------------------------------------------------------------

    def configuration(self, station: StationId, drifted: Collection[str]) -> None:
        """Which keys are not as they were set."""
        held, keys = self.of(station), tuple(sorted(drifted))
        if keys != held.drifted:
            since = held.drifted_since if held.drifted and keys else self._clock.monotonic()
            self._put(station, replace(held, drifted=keys, drifted_since=since if keys else None))

    def clock(self, station: StationId, error_s: float) -> None:
        """How far its clock is off."""
        held = self.of(station)
        off = abs(error_s) >= CLOCK_OFF_S
        since = (held.clock_wrong_since or self._clock.monotonic()) if off else None
        self._put(station, replace(held, clock_error_s=error_s, clock_wrong_since=since))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _put(self, station: StationId, facts: StationFacts, *, urgent: bool = False) -> None:
        if facts != self._facts.get(station):
            self._facts[station] = facts
            self.changed(station, urgent)


def _letters(text: str) -> str:
    """What is said without its numbers: readings and counters in it change all the time."""
    return "".join(letter for letter in text.lower() if letter.isalpha())
