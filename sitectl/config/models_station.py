"""The shape of one charging station and its EVSEs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sitectl.config import notation
from sitectl.config.fields import (
    EvseNumber,
    Fallback,
    FileName,
    Later,
    Only,
    PhasesText,
    PositiveAmpere,
    PositiveWatt,
    Section,
    Text,
    parses,
)
from sitectl.config.inputs import parse_coil

Priority = Annotated[int, Field(ge=0, le=1_000_000)]


class Evse(Section):
    """One EVSE of a post; what it does not say, it has from the station."""

    max_a: PositiveAmpere | None = None
    """Its own limit, per phase."""
    min_a: PositiveAmpere | None = None
    """The least it can offer, per phase."""
    phases: PhasesText | None = None
    """Where its L1, L2, L3 are wired."""
    fallback_a: Fallback = None
    """What it may draw when nobody tells it anything; auto: solved so that all fit."""
    priority: Priority | None = None
    """Larger goes first."""


class PowerRelaySection(Section):
    """A relay that feeds the station: switched off and on again where nothing else helps it."""

    coil: Annotated[str, parses(parse_coil)]
    """modbus:BOX:NUMBER: a coil (from 0) of an entry of io_boxes."""
    off_s: Annotated[float, Field(ge=1, le=300, allow_inf_nan=False)] = 10.0
    """So long it is left without power."""
    normally_closed: bool = False
    """true: the coil cuts the station off while it is on."""


class Station(Section):
    """One charging station. Without `evses` it has one EVSE, number 1."""

    circuit: Text
    """The circuit that feeds it."""
    max_a: PositiveAmpere
    """Its own fuse and cable, per phase."""
    min_a: PositiveAmpere = 6.0
    """The least it can offer, per phase."""
    phases: PhasesText | None = None
    """Where its L1, L2, L3 are wired: any rotation, one or two phases, or unknown (counted on all three)."""
    fallback_a: Fallback = None
    """Per EVSE, when nobody tells it anything; auto: solved so that all fit; 0: charges only under sitectl."""
    priority: Priority = 1
    """Larger goes first."""
    labels: dict[Text, Text] = Field(default={})
    """Free words for grouping."""
    password_file: FileName | None = None
    """UTF-8 text; a trailing newline is dropped."""
    security_profile: Annotated[int, Field(ge=0, le=3)] | None = None
    """The least accepted from this one; default: ocpp.security_profile."""
    sheet: Text | None = None
    """The sheet of its model (shipped, or a file in stations.d/), where it does not say who it is before it must be
    known; absent: whichever fit what it says when it boots."""
    address: Annotated[str, parses(notation.parse_host_address)] | None = None
    """Its network address, for one that names itself nowhere (its sheet says transport.identity: address)."""
    profile_storage: Literal["ram", "flash", "unknown"] = "unknown"
    """Where it keeps charging profiles: may limits be renewed often?"""
    control: Literal[
        "auto", "tx_profile", "tx_default", "tx_default_station", "charge_point_max", "start_stop", "none"
    ] = "auto"
    """By which message it is limited; auto: the first that it is seen to obey. start_stop, none: no profile works."""
    switches_phases: bool = False
    """Whether it charges by one phase where it is told so (numberPhases 1), and by three again: used where the minimum
    of three does not fit. Then its fallback is 0: it charges only under sitectl."""
    power_relay: PowerRelaySection | None = None
    """The relay that feeds it, where the site has one."""
    installed: bool = True
    """false: not there yet, counts for nothing."""
    ocpp: Annotated[Literal["1.6", "2.0.1", "2.1"], Only("1.6")] | None = None
    """Pin the version."""
    evses: Annotated[dict[EvseNumber, Evse], Field(min_length=1)] | None = None
    """Several EVSEs behind one connection: max_a of the station is its own row above them."""
    kind: Literal["ac", "dc"] = "ac"
    """dc: it draws on three phases, and is told watts at the vehicle and measured by its power."""
    max_w: PositiveWatt | None = None
    """The most that a DC station gives a vehicle, per EVSE; max_a, its fuse on the side of the grid, holds as well."""
    min_w: PositiveWatt | None = None
    """The least; it takes the place of min_a."""
    on_uplink_loss: Later = None
    transparent_config: Later = None
