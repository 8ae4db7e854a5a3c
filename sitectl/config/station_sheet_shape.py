"""The shape of a sheet of a station model: every flag of the vocabulary (`quirks.vocabulary`), its type and bounds.

What a sheet does not state has no value here: another sheet that fits the station may state it, or the standard holds.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sitectl.config.fields import Section, Text, parses
from sitectl.config.issues import shown
from sitectl.config.notation import Refusal
from sitectl.quirks.sheet import Bounds, parse_bounds


def bounds(text: str) -> Bounds | Refusal:
    """Bounds of firmware."""
    return parse_bounds(text) or Refusal(f"{shown(text)} is not a range of versions", 'write ">=6 <7" or "<=1.8.21"')


BoundsText = Annotated[str, parses(bounds)]
Step = Literal["tx_profile", "tx_default", "tx_default_station", "charge_point_max", "start_stop", "none"]
Word = Annotated[str, Field(min_length=1, max_length=64)]


class MatchSection(Section):
    """Whom the sheet fits, as the station names itself when it boots."""

    vendor: Annotated[str, Field(max_length=64)]
    model: Text | None = None
    """Ends in * for a beginning; absent: any."""
    firmware: BoundsText | None = None
    """Bounds on the first number in its name; absent: any."""


class TransportFlags(Section):
    """How it connects."""

    identity: Literal["path", "url", "user", "address"] | None = None
    pongs: bool | None = None
    call_timeout_s: Annotated[float, Field(ge=5, le=90, allow_inf_nan=False)] | None = None
    settle_s: Annotated[float, Field(ge=0, le=120, allow_inf_nan=False)] | None = None
    calls_before_boot: bool | None = None
    redials: bool | None = None
    connectionless: bool | None = None


class JsonFlags(Section):
    """How it words what it says."""

    wrap: list[Literal["meterValue", "transactionData", "sampledValue"]] | None = None
    error_codes: dict[Word, Word] | None = None
    units: dict[Word, Word] | None = None


class ConfigFlags(Section):
    """What it takes of configuration and commands."""

    keys_per_call: Annotated[int, Field(ge=1, le=50)] | None = None
    measurands: Annotated[list[Text], Field(min_length=1, max_length=8)] | None = None
    sample_interval_s: Annotated[int, Field(ge=10, le=3600)] | None = None
    writable: bool | None = None
    refused_triggers: list[Literal["BootNotification", "Heartbeat", "MeterValues", "StatusNotification"]] | None = None
    hard_reset_only: bool | None = None
    availability_by_evse: bool | None = None


class TxFlags(Section):
    """How it tells transactions."""

    stale_ids: bool | None = None


class ClockFlags(Section):
    """What time it has."""

    zone: Literal["stamped", "site", "none"] | None = None


class MeterFlags(Section):
    """What it measures."""

    register_of: Annotated[Literal["lifetime", "transaction"] | None, Field(alias="register")] = None
    register_unit: Literal["Wh", "kWh"] | None = None
    readings: bool | None = None


class LimitFlags(Section):
    """How it takes limits."""

    steps: Annotated[list[Step], Field(min_length=1)] | None = None
    unit: Literal["A", "W"] | None = None
    kind: Literal["absolute", "relative"] | None = None
    lowest_stack: bool | None = None
    number_phases: bool | None = None
    forgets: bool | None = None
    storage: Literal["ram", "flash"] | None = None
    zero: Literal["pauses", "ends"] | None = None


class StatusFlags(Section):
    """What its statuses mean."""

    available_while_charging: bool | None = None
    harmless_faults: list[Word] | None = None


class StationSheetSection(Section):
    """One model, or one firmware of it."""

    id: Text
    title: Text
    match: list[MatchSection] = Field(default=[])
    """Absent: it fits nobody by itself; a station names it: stations.X.sheet."""
    transport: TransportFlags = TransportFlags()
    json_: Annotated[JsonFlags, Field(alias="json")] = JsonFlags()
    config: ConfigFlags = ConfigFlags()
    tx: TxFlags = TxFlags()
    clock: ClockFlags = ClockFlags()
    meter: MeterFlags = MeterFlags()
    limit: LimitFlags = LimitFlags()
    status: StatusFlags = StatusFlags()
    notes: list[str] = Field(default=[])
    """For who installs it."""
    sources: list[str] = Field(default=[])


GROUPS = {
    "transport": "transport",
    "json": "json_",
    "config": "config",
    "tx": "tx",
    "clock": "clock",
    "meter": "meter",
    "limit": "limit",
    "status": "status",
}
"""Groups of flags, and the attribute of each."""
