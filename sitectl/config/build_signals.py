"""From the checked draft to signals, I/O boxes and hours of the day."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from sitectl.base.errors import InternalError
from sitectl.config.connections import parse_connection
from sitectl.config.inputs import parse_coil, parse_hour, parse_input
from sitectl.config.models import Configuration
from sitectl.config.models_signals import BoundSection, Day, IoBox, ScheduleSection, SignalSection
from sitectl.config.notation import Refusal
from sitectl.config.settings import IoBoxSettings, PowerRelaySettings
from sitectl.model.ids import CircuitId, StationId
from sitectl.model.signals import Bias, Bound, GpioInput, Hours, Signal

_FUNCTIONS = {"coils": 1, "discrete": 2}
_DAYS: tuple[str, ...] = get_args(Day)


def io_boxes(config: Configuration) -> dict[str, IoBoxSettings]:
    """Every I/O box by its name."""
    return {name: _box(name, box) for name, box in config.io_boxes.items()}


def power_relays(config: Configuration) -> dict[StationId, PowerRelaySettings]:
    """The relays that feed stations."""
    found = {}
    for name, station in config.stations.items():
        if (relay := station.power_relay) is not None:
            coil = parse_coil(relay.coil)
            if isinstance(coil, Refusal):
                raise _unexpected(coil)
            found[StationId(name)] = PowerRelaySettings(coil.box, coil.number, relay.off_s, relay.normally_closed)
    return found


def signals(config: Configuration) -> dict[str, Signal]:
    """Every signal by its name."""
    return {name: _signal(name, signal) for name, signal in config.signals.items()}


def schedules(config: Configuration) -> tuple[Hours, ...]:
    """The timetable, in the order of the file."""
    return tuple(_hours(schedule) for schedule in config.schedules)


def _box(name: str, box: IoBox) -> IoBoxSettings:
    connection = parse_connection(box.connection)
    if isinstance(connection, Refusal):
        raise _unexpected(connection)
    return IoBoxSettings(name, connection, box.unit, _FUNCTIONS[box.inputs], box.interval_s, box.pause_s)


def _signal(name: str, signal: SignalSection) -> Signal:
    input = parse_input(signal.input)
    if isinstance(input, Refusal):
        raise _unexpected(input)
    if isinstance(input, GpioInput):
        input = replace(input, bias=Bias(signal.bias))
    return Signal(name, input, _bound(signal.when_open), _bound(signal.when_closed), signal.debounce_s)


def _bound(section: BoundSection | None) -> Bound | None:
    return None if section is None else Bound(CircuitId(section.circuit), section.ceiling_a)


def _hours(schedule: ScheduleSection) -> Hours:
    days = schedule.days or _DAYS
    return Hours(
        bound=Bound(CircuitId(schedule.circuit), schedule.ceiling_a),
        begins=_minutes(schedule.begins),
        ends=_minutes(schedule.ends),
        days=frozenset(_DAYS.index(day) for day in days),
    )


def _minutes(text: str) -> int:
    minutes = parse_hour(text)
    if isinstance(minutes, Refusal):
        raise _unexpected(minutes)
    return minutes


def _unexpected(refusal: Refusal) -> InternalError:
    return InternalError(f"passed the shape and does not parse: {refusal.message}")
