"""The shape of `io_boxes`, `signals` and `schedules`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sitectl.config.fields import Ampere, Connection, Name, Seconds, Section, parses
from sitectl.config.inputs import parse_hour, parse_input

SignalInputText = Annotated[str, parses(parse_input)]
Hour = Annotated[str, parses(parse_hour)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class IoBox(Section):
    """A box with inputs (and relays) on a field bus."""

    connection: Connection
    """As of a meter; it may share a meter's line."""
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Modbus unit."""
    inputs: Literal["discrete", "coils"] = "discrete"
    """What its inputs are there: discrete inputs (function 2), or coils (function 1)."""
    interval_s: Annotated[float, Field(ge=0.1, le=2, allow_inf_nan=False)] = 0.5
    """Time between readings."""
    pause_s: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    """Silence that it wants after an answer."""


class BoundSection(Section):
    """What a signal asks for."""

    circuit: Name
    """The circuit that it bounds, base load and stations together."""
    ceiling_a: Ampere
    """At most so much, per phase."""


class SignalSection(Section):
    """A relay contact that bounds what may be drawn."""

    input: SignalInputText
    """modbus:BOX:NUMBER (an input of an entry of io_boxes, from 0), or gpio:CHIP:LINE (a pin of this gateway)."""
    when_open: BoundSection | None = None
    """What holds while the contact is open; a cut cable is an open contact."""
    when_closed: BoundSection | None = None
    """What holds while it is closed."""
    lost: Literal["dim"] = "dim"
    """An input that is not heard counts as whatever asks for the least."""
    debounce_s: Annotated[Seconds, Field(le=60)] = 0.5
    """So long a change must last."""
    bias: Literal["pull-up", "pull-down", "none"] = "pull-up"
    """Of a pin: pull-up where the contact leads to ground, pull-down or none where it leads to the supply."""


class ScheduleSection(Section):
    """A bound by time of day, in the site's time zone."""

    circuit: Name
    """The circuit that it bounds, base load and stations together."""
    begins: Annotated[Hour, Field(alias="from")]
    """HH:MM"""
    ends: Annotated[Hour, Field(alias="to")]
    """HH:MM, 24:00 for midnight; before `from`: on the next day."""
    ceiling_a: Ampere
    """At most so much, per phase."""
    days: Annotated[list[Day], Field(min_length=1)] | None = None
    """On which it begins; default: every day."""
