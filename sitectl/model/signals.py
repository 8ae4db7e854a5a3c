"""Signals from outside and hours of the day, and the ceilings that they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sitectl.model.ids import CircuitId

DAY_MIN = 24 * 60


class Contact(StrEnum):
    """A relay contact as we see it. `lost`: nobody can say; it counts as whatever asks for the least current."""

    OPEN = "open"
    CLOSED = "closed"
    LOST = "lost"


class Bias(StrEnum):
    """What a pin is drawn to while its contact is open. `pull-up`: the contact leads to ground, so that a closed one
    reads low; the others: to the supply."""

    PULL_UP = "pull-up"
    PULL_DOWN = "pull-down"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ModbusInput:
    """Input `number` (from 0) of an I/O box on a field bus, by the box's name in the configuration."""

    box: str
    number: int

    def __str__(self) -> str:
        return f"modbus:{self.box}:{self.number}"


@dataclass(frozen=True, slots=True)
class GpioInput:
    """A pin of this gateway: `line` of the chip `/dev/<chip>`."""

    chip: str
    line: int
    bias: Bias = Bias.PULL_UP

    def __str__(self) -> str:
        return f"gpio:{self.chip}:{self.line}"


SignalInput = ModbusInput | GpioInput


@dataclass(frozen=True, slots=True)
class Bound:
    """What somebody asks for: at most `ceiling_a` per phase on a circuit, base load and stations together."""

    circuit: CircuitId
    ceiling_a: float


@dataclass(frozen=True, slots=True)
class Signal:
    """One relay contact with what it asks for. A contact that is lost asks for all that it could ask for."""

    name: str
    input: SignalInput
    when_open: Bound | None = None
    when_closed: Bound | None = None
    debounce_s: float = 0.5
    """So long a change must last before it counts."""

    def asks(self, contact: Contact) -> tuple[Bound, ...]:
        """What holds while the contact is so."""
        wanted = {Contact.OPEN: (self.when_open,), Contact.CLOSED: (self.when_closed,)}
        either = (self.when_open, self.when_closed)
        return tuple(bound for bound in wanted.get(contact, either) if bound is not None)


@dataclass(frozen=True, slots=True)
class SignalView:
    """One signal as it stands. `contact` None: nothing was known of it for long enough yet; `since`: by the wall clock;
    `why`: it is lost; `asks`: what holds by it now."""

    name: str
    input: str
    contact: Contact | None
    since: datetime | None
    why: str
    asks: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """A bound by time of day, in the site's time zone: from minute `begins` to before minute `ends` of a day.

    `ends` 1440 is midnight; `ends` below `begins` lies on the next day. `days`: on which it begins, 0 is Monday.
    """

    bound: Bound
    begins: int
    ends: int
    days: frozenset[int] = frozenset(range(7))

    def __str__(self) -> str:
        return f"{self.begins // 60:02}:{self.begins % 60:02} to {self.ends // 60:02}:{self.ends % 60:02}"
