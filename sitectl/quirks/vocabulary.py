"""Every deviation that a sheet may state, what it means, and where it was seen. The default of each is the standard.

A flag says what a station does, never what to do about it, and stands here only if something acts by it. Sources are
threads of public projects (repository and number) where people reported it, or a section of the standard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sitectl.model.ladder import NO_TRAITS, LimitTraits


class IdentityPlace(StrEnum):
    """Where an upgrade request names the station."""

    PATH = "path"
    """The last segment of the path, as the standard has it."""
    URL = "url"
    """Anywhere in it: another segment, or the value of a query."""
    USER = "user"
    """The user of its password."""
    ADDRESS = "address"
    """Nowhere: it is known by its network address."""


class Zone(StrEnum):
    """What the time stamps of a station mean."""

    STAMPED = "stamped"
    """What they say."""
    SITE = "site"
    """The local time of the site, whatever zone they name."""
    NONE = "none"
    """Nothing: its clock is never set."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """What is known of a station beyond the standard: the flags of all sheets that fit it, flat."""

    identity: IdentityPlace = IdentityPlace.PATH
    pongs: bool = True
    call_timeout_s: float | None = None
    settle_s: float | None = None
    calls_before_boot: bool = True
    redials: bool = True
    connectionless: bool = False

    wrap: frozenset[str] = frozenset()
    error_codes: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    keys_per_call: int | None = None
    measurands: tuple[str, ...] | None = None
    sample_interval_s: int | None = None
    writable: bool = True
    refused_triggers: frozenset[str] = frozenset()
    hard_reset_only: bool = False
    availability_by_evse: bool = False

    stale_transaction_ids: bool = False
    zone: Zone = Zone.STAMPED

    register_of_transaction: bool = False
    register_unit: str | None = None
    readings: bool = True

    available_while_charging: bool = False
    harmless_faults: frozenset[str] = frozenset()

    limits: LimitTraits = NO_TRAITS

    @property
    def mends_payloads(self) -> bool:
        """Whether a payload of it may need `repair_payload` or `meant`; the others are never looked at."""
        form = self.wrap or self.error_codes or self.units
        meaning = self.stale_transaction_ids or self.register_of_transaction or self.register_unit
        return bool(form or meaning or self.available_while_charging or self.harmless_faults)


STANDARD = Quirks()


@dataclass(frozen=True, slots=True)
class Flag:
    """One word of the vocabulary. `name` as in a sheet (`group.key`), `seen`: where it was reported."""

    name: str
    says: str
    seen: str


def _flags(group: str, *words: tuple[str, str, str]) -> tuple[Flag, ...]:
    return tuple(Flag(f"{group}.{key}", says, seen) for key, says, seen in words)


FLAGS: tuple[Flag, ...] = (
    *_flags(
        "transport",
        (
            "identity",
            "where an upgrade request names it: path, url, user or address",
            "lbbrhzn/ocpp #442, #1019",
        ),
        (
            "pongs",
            "false: it never answers pings, so none are sent, and any frame shows that it lives",
            "lbbrhzn/ocpp #211, #553; EVerest/libocpp #1135",
        ),
        ("call_timeout_s", "it answers, but takes up to so long", "evcc-io/evcc #26837, #27418"),
        ("settle_s", "after its boot it must be left alone for so long", "evcc-io/evcc #26060, #27203"),
        (
            "calls_before_boot",
            "false: it drops a connection on which it is called before it has booted",
            "evcc-io/evcc #27203, #27309; lbbrhzn/ocpp #1510",
        ),
        (
            "redials",
            "false: after a connection was ended it stays away for long, so none is ended to help it",
            "lbbrhzn/ocpp #2050, #2073",
        ),
        (
            "connectionless",
            "true: a connection for every message; it cannot be called, and is not away between two",
            "openWB/core, its client of OCPP",
        ),
    ),
    *_flags(
        "json",
        ("wrap", "fields that come as an object where the standard has a list of them", "lbbrhzn/ocpp #1144"),
        ("error_codes", "its own error codes, and what they are in the standard", "lbbrhzn/ocpp #1248"),
        (
            "units",
            "its own units of sampled values, and what they are in the standard",
            "lbbrhzn/ocpp #726, #1576, #1627",
        ),
    ),
    *_flags(
        "config",
        ("keys_per_call", "it cuts the answer where more keys are asked for at once", "lbbrhzn/ocpp #176"),
        ("measurands", "the only measurands that it may be asked for", "evcc-io/evcc #15492; lbbrhzn/ocpp #1275"),
        ("sample_interval_s", "it sends no meter values more often than so", "evcc-io/evcc #29783"),
        (
            "writable",
            "false: writing its configuration does harm, so none is written",
            "evcc-io/evcc #26837; lbbrhzn/ocpp #1275",
        ),
        (
            "refused_triggers",
            "messages that it does not send on demand",
            "goecharger/go-eCharger-API-v2 #134; evcc-io/evcc #15768, #16327, #32039",
        ),
        (
            "hard_reset_only",
            "true: it accepts a soft reset and does none",
            "OCPP 1.6 errata 3.36: what is done first; a hard one where nothing follows a soft one",
        ),
        (
            "availability_by_evse",
            "true: it takes ChangeAvailability for each connector, not for itself",
            "evcc-io/evcc #23713; lbbrhzn/ocpp #1736, #1787",
        ),
    ),
    *_flags(
        "tx",
        (
            "stale_ids",
            "true: the transaction ids in its meter values are of other transactions",
            "evcc-io/evcc #14673; mobilityhouse/ocpp #478; steve-community/steve #1415",
        ),
    ),
    *_flags(
        "clock",
        (
            "zone",
            "what its stamps mean: stamped, site (local time, marked Z) or none (never set)",
            "steve-community/steve #135; evcc-io/evcc #10399, #20881; matth-x/MicroOcpp #311",
        ),
    ),
    *_flags(
        "meter",
        (
            "register",
            "transaction: the energy register of its samples begins at 0 with each transaction",
            "lbbrhzn/ocpp #919",
        ),
        (
            "register_unit",
            "what the register really counts in, whatever unit is named",
            "lbbrhzn/ocpp #703, #1617; evcc-io/evcc #19420",
        ),
        (
            "readings",
            "false: its currents never come, whatever it is set to",
            "evcc-io/evcc #18215, #28541; lbbrhzn/ocpp #1517",
        ),
    ),
    *_flags(
        "limit",
        (
            "steps",
            "the messages that limit it, the best first; no other does",
            "lbbrhzn/ocpp #221, #677, #1703, #1851, #2050",
        ),
        (
            "unit",
            "the only unit of charging profiles that it takes: A or W",
            "lbbrhzn/ocpp #1635, #2084; goecharger/go-eCharger-API-v2 #190",
        ),
        (
            "kind",
            "the only kind of charging profile that it takes: absolute or relative",
            "lbbrhzn/ocpp #677, #1019, #1565; evcc-io/evcc #22139, #25042",
        ),
        (
            "lowest_stack",
            "true: it takes stack level 0 alone",
            "evcc-io/evcc #15493, #15801; lbbrhzn/ocpp #1737; mobilityhouse/ocpp #372",
        ),
        (
            "number_phases",
            "false: it does not switch phases by a profile",
            "goecharger/go-eCharger-API-v2 #154; evcc-io/evcc #31412",
        ),
        (
            "forgets",
            "true: every limit, its fallback too, is gone with the connection",
            "goecharger/go-eCharger-API-v2 #217",
        ),
        ("storage", "where it keeps profiles: ram or flash", "EVerest/libocpp #543; lbbrhzn/ocpp #442"),
        ("zero", "ends: a limit of 0 ends its transaction", "evcc-io/evcc #15752, #29272, #33020"),
    ),
    *_flags(
        "status",
        (
            "available_while_charging",
            "true: it says Available while a transaction runs",
            "lbbrhzn/ocpp #2050, #2073, #2076",
        ),
        (
            "harmless_faults",
            "vendor error codes that it reports as Faulted, and which stop nothing",
            "lbbrhzn/ocpp #337, #1987",
        ),
    ),
)
"""The vocabulary, in the order in which sheets are written."""
