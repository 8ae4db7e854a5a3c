"""The devices of one bus: what each needs, when a silent one is asked again, and how well each answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from sitectl.fieldbus.bus import Answer, Fault, ReadFailed, Registers

FIRST_REST_S, LONGEST_REST_S = 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Device:
    """One unit. `pause_s`: the silence that it wants before the next request. `vital`: a fuse depends on it, so it is
    never left alone for longer than the first rest."""

    pause_s: float = 0.0
    vital: bool = True


UNKNOWN = Device()


@dataclass(slots=True)
class Counts:
    """How a unit answered since the start; for whoever looks for a bad cable. `stray_bytes` belonged to no answer."""

    asked: int = 0
    answered: int = 0
    timeouts: int = 0
    checksum_errors: int = 0
    malformed: int = 0
    exceptions: int = 0
    unreachable: int = 0
    stray_bytes: int = 0

    def add(self, outcome: Answer) -> None:
        """Note how one request ended."""
        self.asked += 1
        if isinstance(outcome, Registers):
            self.answered += 1
        elif outcome.answered:
            self.exceptions += 1
        elif outcome.fault is Fault.SILENT:
            self.timeouts += 1
        elif outcome.fault is Fault.CHECKSUM:
            self.checksum_errors += 1
        elif outcome.fault is Fault.MALFORMED:
            self.malformed += 1
        else:
            self.unreachable += 1

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


RECENT = 200
FEWEST = 50
NOISY = 0.05
"""One in twenty of the latest answers spoilt is more than a sound line has."""


@dataclass(slots=True)
class Unit:
    """What is known of one unit. `spoilt`: of its latest answers, which came and were none."""

    device: Device = UNKNOWN
    counts: Counts = field(default_factory=Counts)
    spoilt: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))
    silences: int = 0
    rests_until: float = 0.0


class Units:
    """Every unit that was ever asked on one bus. One that is silent rests from its second silence on: 5, 10, 20, 40,
    60 s. A single lost answer must not make a meter stale."""

    def __init__(self, devices: Mapping[int, Device], first_rest_s: float = FIRST_REST_S) -> None:
        self._first_rest_s = first_rest_s
        self._units = {number: Unit(device) for number, device in devices.items()}
        self._known = frozenset(devices)

    def __getitem__(self, number: int) -> Unit:
        return self._units.setdefault(number, Unit())

    def is_known(self, number: int) -> bool:
        """Whether this unit is one that the bus is for; others are only looked at now and then."""
        return number in self._known

    def counts(self) -> Mapping[int, Counts]:
        """By unit, those that were asked."""
        return {number: unit.counts for number, unit in sorted(self._units.items()) if unit.counts.asked}

    def noisy(self) -> Mapping[int, float]:
        """Units of which many of the latest answers were spoilt, with their share."""
        shares = {
            number: sum(unit.spoilt) / len(unit.spoilt)
            for number, unit in self._units.items()
            if number in self._known and len(unit.spoilt) >= FEWEST
        }
        return {number: share for number, share in shares.items() if share > NOISY}

    def note(self, number: int, outcome: Answer, now: float) -> None:
        """How a request to this unit ended. One that is silent is left alone for a while where others share its bus:
        each silence costs them a time-out."""
        unit = self[number]
        unit.counts.add(outcome)
        unit.spoilt.append(isinstance(outcome, ReadFailed) and outcome.fault in (Fault.CHECKSUM, Fault.MALFORMED))
        if isinstance(outcome, Registers) or outcome.fault not in (Fault.SILENT, Fault.GATEWAY):
            unit.silences = 0
            return
        unit.silences += 1
        if len(self._known) > 1 and unit.silences > 1:
            unit.rests_until = now + self._rest_s(unit)

    def _rest_s(self, unit: Unit) -> float:
        if unit.device.vital:
            return self._first_rest_s
        return min(LONGEST_REST_S, self._first_rest_s * 2.0 ** min(unit.silences - 2, 10))
