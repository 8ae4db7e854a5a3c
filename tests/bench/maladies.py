"""What is wrong with stations in the simulated month, how often, and what cures it. Published before any figure of it.

The mix: each malady weighs as much as there are public issue threads that tell of it; the threads are named. What no
project's threads count (hardware, dangers) stands with a weight that is set by hand and says so. What cures a malady
follows from what the threads report ("until it is reset", "until it is unplugged"), with a chance for each remedy; the
chances are set by hand too, and no figure of the month is better than they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RATE_PER_STATION_DAY = 0.14
"""One malady a station and week: an assumption, about what operators report of public sites."""


@dataclass(frozen=True)
class Malady:
    """One way to be ill.

    `begins`: what is seen, in the words of the scenarios; `ends`: what takes that away. `cures`: by remedy, the chance
    that it helps; one roll for each case, so that a remedy that did not help will not the second time. `alone`: the
    chance that it goes by itself, and after how long on average (s). `returns`: the chance that it comes back within
    half an hour of a cure. `blocks`: no car can charge meanwhile. `at`: an EVSE that is free, or one where a car
    charges. `danger`: no machine may reset it.
    """

    name: str
    weight: float
    threads: str
    begins: Mapping[str, Any]
    ends: Mapping[str, Any]
    cures: Mapping[str, float] = field(default_factory=dict)
    alone: tuple[float, float] = (0.0, 0.0)
    returns: float = 0.0
    blocks: bool = True
    at: str = "any"
    whole: bool = False
    danger: bool = False


RESETS = {"soft_reset": 0.65, "hard_reset": 0.85, "power_cycle": 0.95}

MALADIES = (
    Malady(
        "internal error until it is restarted",
        7,
        "evcc-io/evcc 26837, 27418, 28540, 31192; lbbrhzn/ocpp 2030, 2075; goecharger/go-eCharger-API-v2 243",
        {"fault": "InternalError"},
        {"clear": True},
        RESETS,
        alone=(0.15, 1800),
        returns=0.08,
    ),
    Malady(
        "an error that passes",
        6,
        "lbbrhzn/ocpp 337, 1248, 1987; evcc-io/evcc 33020, 29272, 29274",
        {"fault": "OtherError"},
        {"clear": True},
        RESETS,
        alone=(0.9, 90),
    ),
    Malady(
        "the lock of a plug",
        2,
        "dingo35/SmartEVSE-3.5 403; ConnectorIO/connectorio-addons 151",
        {"fault": "ConnectorLockFailure"},
        {"clear": True},
        {"unlock": 0.6, "availability_cycle": 0.2, **RESETS, "soft_reset": 0.3},
        alone=(0.2, 900),
    ),
    Malady(
        "car and station do not come together",
        3,
        "evcc-io/evcc 15752; EVerest/libocpp 811; goecharger/go-eCharger-API-v2 155",
        {"vendor_fault": "CX014"},
        {"clear": True},
        {"availability_cycle": 0.5, "soft_reset": 0.7, "hard_reset": 0.8},
        alone=(0.7, 400),
    ),
    Malady(
        "energy meter or reader inside",
        2,
        "evcc-io/evcc 28541, 30655",
        {"fault": "PowerMeterFailure"},
        {"clear": True},
        {"soft_reset": 0.4, "hard_reset": 0.6, "power_cycle": 0.7},
    ),
    Malady(
        "out of service and nobody asked for it",
        4,
        "evcc-io/evcc 30217, 23713; lbbrhzn/ocpp 1787, 1736",
        {"status": "Unavailable"},
        {"status": "Available"},
        {"availability_cycle": 0.5, **RESETS},
        alone=(0.1, 3600),
        at="free",
    ),
    Malady(
        "held back although current is offered",
        4,
        "goecharger/go-eCharger-API-v2 155, 249; evcc-io/evcc 31597; lbbrhzn/ocpp 2050",
        {"status": "SuspendedEVSE", "reads": "nothing", "flows": False},
        {},
        {"resend_limit": 0.6, "soft_reset": 0.6},
        alone=(0.2, 1200),
        at="charging",
    ),
    Malady(
        "a ghost",
        6,
        "steve-community/steve 61, 395, 1415; mobilityhouse/ocpp 478; evcc-io/evcc 14673; lbbrhzn/ocpp 1000",
        {"ghost": True},
        {"transaction": False, "status": "Available"},
        {"end_transaction": 0.8, **RESETS},
        alone=(0.1, 7200),
        at="free",
    ),
    Malady(
        "a transaction whose stop was lost",
        9,
        "steve-community/steve 292; goecharger/go-eCharger-API-v2 106; dallmann-consulting/OCPP.Core 55; "
        "mikuso/ocpp-rpc 82; EVerest/libocpp 495; c-jimenez/open-ocpp 24; matth-x/MicroOcpp 454; "
        "ConnectorIO/connectorio-addons 199; lbbrhzn/ocpp 2075",
        {"ghost": True, "status": "Available"},
        {"transaction": False},
        {"end_transaction": 0.95, "soft_reset": 0.3, "hard_reset": 0.3},
        alone=(0.1, 7200),
        blocks=False,
        at="free",
    ),
    Malady(
        "hangs: silent until its power is switched",
        3,
        "lbbrhzn/ocpp 1975, 2050; goecharger/go-eCharger-API-v2 289",
        {"offline": True},
        {"online": True},
        {"power_cycle": 0.9},
        alone=(0.45, 900),
        at="free",
        whole=True,
    ),
    Malady(
        "deaf: heard, and answers nothing",
        2,
        "mobilityhouse/ocpp 626; evcc-io/evcc 32039",
        {"unanswered": 3},
        {"unanswered": 0},
        {"reconnect": 0.7, "power_cycle": 0.95},
        blocks=False,
        whole=True,
    ),
    Malady(
        "readings that stop",
        4,
        "evcc-io/evcc 18215, 15768, 28541; goecharger/go-eCharger-API-v2 134",
        {"readings": False, "reads": "unknown"},
        {"readings": True, "reads": "power"},
        {"trigger": 0.3, "resend_configuration": 0.6},
        alone=(0.1, 1800),
        blocks=False,
        at="charging",
    ),
    Malady(
        "configuration that is lost",
        3,
        "lbbrhzn/ocpp 877; evcc-io/evcc 16186; goecharger/go-eCharger-API-v2 217",
        {"drifted": ["MeterValueSampleInterval"]},
        {"drifted": []},
        {"resend_configuration": 0.85},
        blocks=False,
        whole=True,
    ),
    Malady(
        "a clock that is wrong",
        6,
        "evcc-io/evcc 10399, 20881; steve-community/steve 135, 136; matth-x/MicroOcpp 311",
        {"clock_s": 3600},
        {"clock_s": 0},
        {"trigger": 0.5, "resend_configuration": 0.2},
        blocks=False,
        whole=True,
    ),
    Malady(
        "limits that are ignored",
        5,
        "goecharger/go-eCharger-API-v2 105, 249; evcc-io/evcc 31597; lbbrhzn/ocpp 2152, 492",
        {"ignores_limit": True},
        {"ignores_limit": False},
        {"resend_limit": 0.5},
        alone=(0.2, 3600),
        blocks=False,
        at="charging",
    ),
    Malady(
        "broken inside: faults again after each reset",
        2,
        "lbbrhzn/ocpp 1275, 1099 (reboots and faults until its firmware is changed)",
        {"fault": "InternalError"},
        {"clear": True},
        {},
    ),
    Malady(
        "ground, contactor, current, temperature, emergency stop",
        4,
        "set by hand: hardware is no issue of a software project; the breaker of lbbrhzn/ocpp 492",
        {"fault": "GroundFailure"},
        {"clear": True},
        {},
        danger=True,
    ),
    Malady(
        "a danger under another name",
        2,
        "set by hand: OtherError with the danger in the vendor's own words",
        {"info_fault": "RCD tripped"},
        {"clear": True},
        {},
        danger=True,
    ),
)
