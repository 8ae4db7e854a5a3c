"""What is read from a 1.6 station once it has settled, and what is set on it so that it reports what control needs.

Few keys a call (some answers are cut in the middle when they grow), few measurands (some stations restart for ever when
all are asked for), and nothing is written whose value already holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sitectl.ocpp.v16.charging_profiles import ProfileStyle
from sitectl.ocpp.v16.configuration import START_KEYS, csv, integer

SAMPLE_INTERVAL_S = 10

CONTROLLED = ("Current.Import", "Current.Offered", "Energy.Active.Import.Register", "Power.Active.Import")
"""Measurands that control reads."""

READ: tuple[tuple[str, ...], ...] = (
    START_KEYS,
    ("NumberOfConnectors", "MeterValueSampleInterval", "MeterValuesSampledData", "HeartbeatInterval", "MessageTimeout"),
    ("ChargeProfileMaxStackLevel", "ChargingScheduleAllowedChargingRateUnit", "SupportedFeatureProfiles"),
    ("ReserveConnectorZeroSupported",),
    # Names under which stations keep free charging. Unknown ones cost a word in the answer.
    ("FreevendEnabled", "FreeVend", "FreeCharging", "FreeMode", "AutoStart", "PlugAndChargeIdentifier"),
)
"""Keys to read, call by call."""


def reads(most: int | None = None) -> Sequence[tuple[str, ...]]:
    """The same with at most so many keys a call, for who cuts a longer answer."""
    if most is None:
        return READ
    keys = [key for call in READ for key in call]
    return [tuple(keys[n : n + most]) for n in range(0, len(keys), most)]


@dataclass(frozen=True, slots=True)
class Setting:
    """One key to write: the first of `values` that the station accepts."""

    key: str
    values: tuple[str, ...]


def sampling(
    values: Mapping[str, str], measurands: Sequence[str] | None = None, every_s: int = SAMPLE_INTERVAL_S
) -> Sequence[Setting]:
    """What to write so that currents per phase and the register come every ten seconds. `values`: what was read.

    `measurands`, `every_s`: all that its model may be asked for, and how often at most.
    """
    read = {key.lower(): value for key, value in values.items()}
    wanted = []
    interval_s = integer(read.get("metervaluesampleinterval", ""))
    if interval_s is None or not 0 < interval_s <= every_s:
        intervals_s = (every_s, *(longer for longer in (15, 30, 60) if longer > every_s))
        wanted.append(Setting("MeterValueSampleInterval", tuple(map(str, intervals_s))))
    held = set(csv(read.get("metervaluessampleddata", "")))
    if measurands is not None:
        if held != set(measurands):
            wanted.append(Setting("MeterValuesSampledData", (",".join(measurands),)))
    elif not {"Current.Import", "Energy.Active.Import.Register"} <= held:
        wanted.append(
            Setting(
                "MeterValuesSampledData",
                (
                    ",".join(CONTROLLED),
                    "Current.Import,Energy.Active.Import.Register",
                    "Current.Import",
                    "Energy.Active.Import.Register,Power.Active.Import",
                ),
            )
        )
    return wanted


def heartbeat(values: Mapping[str, str], interval_s: int) -> Sequence[Setting]:
    """What to write so that heartbeats come at least every `interval_s` seconds."""
    read = {key.lower(): value for key, value in values.items()}
    held_s = integer(read.get("heartbeatinterval", ""))
    if held_s is not None and 0 < held_s <= interval_s:
        return ()
    return (Setting("HeartbeatInterval", (str(interval_s),)),)


def connectors(values: Mapping[str, str]) -> int | None:
    """How many connectors the station says it has."""
    return integer(next((value for key, value in values.items() if key.lower() == "numberofconnectors"), ""))


def profile_style(values: Mapping[str, str], nominal_voltage_v: float = 230.0) -> ProfileStyle:
    """How the station wants its charging profiles, by what was read. In ampere unless it names power only."""
    read = {key.lower(): value for key, value in values.items()}
    stack = integer(read.get("chargeprofilemaxstacklevel", ""))
    units = [unit[0].lower() for unit in csv(read.get("chargingscheduleallowedchargingrateunit", ""))]
    style = ProfileStyle(watts=bool(units) and all(unit in "wp" for unit in units), nominal_voltage_v=nominal_voltage_v)
    if stack is None or stack < 1:
        return style
    return ProfileStyle(stack, style.watts, style.phases, nominal_voltage_v)
