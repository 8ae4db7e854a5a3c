"""Moments as people write them on the command line."""

from __future__ import annotations

import re
from datetime import timedelta

from sitectl.base.clock import SystemClock
from sitectl.base.units import format_utc, parse_timestamp
from sitectl.cli.asking import USAGE, fail


def day_or_time(since: str | None, option: str = "--since") -> str | None:
    """The same; a date is left to the daemon, which knows in which zone it is."""
    if since is not None and re.fullmatch(r"\d{4}-\d\d-\d\d", since.strip(), re.ASCII):
        return since.strip()
    return begin_of(since, option)


def begin_of(since: str | None, option: str = "--since") -> str | None:
    """The moment that `--since` (or another option) means, as the daemon takes it."""
    if since is None:
        return None
    if (moment := parse_timestamp(since)) is not None:
        return format_utc(moment[0])
    found = re.fullmatch(r"(\d{1,6})([smhd])", since.strip(), re.ASCII)
    if found is None:
        raise fail(f"{option} {since!r}: write a number and s, m, h or d, like 1h, or a time (ISO 8601)", USAGE)
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    try:
        return (SystemClock().wall() - timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return "1970-01-01T00:00:00Z"
