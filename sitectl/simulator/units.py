"""Stations as they are found on real sites: how each names itself, and all that it does wrong.

The flags are those that its sheet states; a test compares the two. Beside them what is borne without a sheet. Sources
stand in the sheets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sitectl.simulator.charge_point import ConnectorSpec, StationSpec
from sitectl.simulator.misbehaviour import Misbehaviour


@dataclass(frozen=True)
class Unit:
    """One kind of station. `sheet`: its sheet, where the configuration has to name it because the station does not say
    who it is before that must be known; `at_own_address`: it names itself nowhere at all."""

    name: str
    vendor: str
    model: str
    firmware: str
    misbehaviour: Misbehaviour
    boots_on_reconnect: bool = True
    sheet: str | None = None
    at_own_address: bool = False

    def spec(self, id: str, number: int = 0, connectors: tuple[ConnectorSpec, ...] = (ConnectorSpec(),)) -> StationSpec:
        """One such station; of several that go by their address each needs its own `number`."""
        address = f"127.0.0.{9 + number}" if self.at_own_address else None
        return StationSpec(
            id,
            connectors,
            vendor=self.vendor,
            model=self.model,
            firmware=self.firmware,
            boots_on_reconnect=self.boots_on_reconnect,
            misbehaviour=replace(self.misbehaviour, address=address),
        )

    def keys(self, spec: StationSpec) -> dict[str, Any]:
        """What the configuration has to say of such a station beside the usual."""
        address = spec.misbehaviour.address
        return ({"sheet": self.sheet} if self.sheet else {}) | ({"address": address} if address else {})


UNITS = {
    unit.name: unit
    for unit in (
        Unit(
            "grizzl-e",
            "United Chargers",
            "GRS-*",
            "05.43",
            Misbehaviour(
                flags={
                    "transport.identity": "address",
                    "transport.pongs": False,
                    "config.keys_per_call": 1,
                    "meter.register": "transaction",
                    "limit.steps": ("tx_profile", "tx_default", "tx_default_station"),
                    "limit.storage": "ram",
                },
                subprotocols=(),
            ),
            sheet="grizzl-e",
            at_own_address=True,
        ),
        Unit(
            "wallbox",
            "Wall Box Chargers",
            "PLP1-0-2-4",
            "6.7.38",
            Misbehaviour(
                flags={
                    "transport.calls_before_boot": False,
                    "config.measurands": ("Current.Import", "Energy.Active.Import.Register"),
                    "limit.lowest_stack": True,
                    "limit.kind": "relative",
                }
            ),
            boots_on_reconnect=False,
        ),
        Unit(
            "autel",
            "Autel",
            "MaxiChargerAC",
            "PFA0102|V0.00.00|V1.38.00||2.4.3.0",
            Misbehaviour(
                flags={
                    "transport.identity": "url",
                    "limit.steps": ("tx_profile", "tx_default", "tx_default_station"),
                    "limit.kind": "absolute",
                    "status.available_while_charging": True,
                },
                starts_from_finishing=True,
            ),
            sheet="autel-maxicharger",
        ),
        Unit(
            "huawei",
            "",
            "ACChargePoint",
            "V100R023C10SPC120",
            Misbehaviour(
                flags={"json.wrap": ("meterValue",), "limit.unit": "W", "limit.zero": "ends"},
                starts_from_finishing=True,
            ),
        ),
        Unit(
            "go-e",
            "go-e",
            "go-eCharger_V4",
            "055.5",
            Misbehaviour(
                flags={
                    "config.refused_triggers": ("MeterValues",),
                    "limit.unit": "A",
                    "limit.number_phases": False,
                    "limit.forgets": True,
                },
                stop_id=-1,
            ),
        ),
        Unit(
            "en-plus",
            "EN+",
            "AC011K",
            "1.0.25.130",
            Misbehaviour(
                flags={
                    "transport.pongs": False,
                    "config.availability_by_evse": True,
                    "tx.stale_ids": True,
                    "meter.readings": False,
                    "limit.steps": ("tx_profile", "tx_default"),
                    "limit.zero": "ends",
                },
                starts_from_finishing=True,
            ),
            boots_on_reconnect=False,
        ),
        Unit(
            "foxess",
            "FoxESS",
            "A022KP1-E-2",
            "1.10",
            Misbehaviour(
                flags={
                    "transport.redials": False,
                    "limit.number_phases": False,
                    "status.available_while_charging": True,
                },
                subprotocols=("ocpp2.0.1", "ocpp1.6"),
            ),
        ),
        Unit(
            "openwb",
            "openWB",
            "openWB 2.0",
            "2.1",
            Misbehaviour(flags={"transport.connectionless": True, "limit.steps": ("none",)}),
            sheet="openwb",
        ),
    )
}
"""The eight, by name."""


def without_its_sheet(unit: Unit) -> Unit:
    """The same station under a name that no sheet knows."""
    return replace(unit, vendor="Acme", model="One", firmware="1")
