"""Arithmetic of amperes, watts and wire timestamps: pure functions, no clock.

Currents are floats in ampere; whatever is compared or sent on a step grid goes through whole micro-amperes first, so
that binary fractions never drift a limit off its step (0.1 + 0.2 counts as 0.3).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

MICRO = 1_000_000


def floor_step(a: float, step: float = 0.1) -> float:
    """The greatest multiple of `step` not above `a`, as the float nearest to it; differences below 1 µA are none."""
    step_micro = round(step * MICRO)
    return round(a * MICRO) // step_micro * step_micro / MICRO


def deci(a: float) -> int:
    """Whole tenths of an ampere at or below `a`: the step grid as integers."""
    return round(a * MICRO) // (MICRO // 10)


def from_deci(tenths: int) -> float:
    """Amperes of whole tenths."""
    return tenths / 10


def watts(a: float, voltage_v: float, phases: int) -> float:
    """Power at `a` ampere on each of `phases` phases of nominal phase-to-neutral voltage and unity power factor."""
    return a * voltage_v * phases


def amperes(w: float, voltage_v: float, phases: int) -> float:
    """Current per phase that carries `w` watt on `phases` phases of nominal phase-to-neutral voltage."""
    return w / (voltage_v * phases)


def format_utc(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`, the one form that every OCPP peer reads; fractions of a second are cut."""
    if moment.tzinfo is None:
        raise ValueError("a wire timestamp needs an aware datetime")
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"  # three times as fast as strftime


_TIMESTAMP = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,18}))?)?"
    r" ?(?:(?P<utc>[Zz])|(?P<sign>[+-])(?P<zone_hours>\d\d)(?::?(?P<zone_minutes>\d\d))?)?",
    re.ASCII,
)


def parse_timestamp(text: str) -> tuple[datetime, bool] | None:
    """Read a timestamp as stations write them: (aware UTC, whether it named its zone), or None when it is none.

    Accepted beyond RFC 3339: a blank for the T, no seconds, any number of fractional digits (cut to microseconds),
    offsets `+02`, `+0200`, a leap second (as the second before it), and no zone at all, which is read as UTC and
    reported as False.
    """
    if len(text) == 20 and text[4::3] == "--T::Z":
        # What nearly every station writes, with every meter value: the library reads it ten times faster.
        try:
            return datetime.fromisoformat(text), True
        except ValueError:
            pass  # a leap second, or no timestamp at all
    match = _TIMESTAMP.fullmatch(text.strip())
    if match is None:
        return None
    part = match.groupdict(default="0")
    offset = timedelta(hours=int(part["zone_hours"]), minutes=int(part["zone_minutes"]))
    try:
        moment = datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            59 if part["second"] == "60" else int(part["second"]),
            int(part["fraction"][:6].ljust(6, "0")),
            tzinfo=timezone(-offset if part["sign"] == "-" else offset),
        )
        return moment.astimezone(UTC), match["utc"] is not None or match["sign"] is not None
    except (ValueError, OverflowError):
        return None
