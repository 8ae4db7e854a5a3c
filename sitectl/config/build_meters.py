"""From the checked draft to the settings of meters: those on a bus, those that are reckoned, and who stands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sitectl.base.errors import InternalError
from sitectl.config.checks_meters import is_virtual
from sitectl.config.connections import parse_connection
from sitectl.config.models import Configuration, Meter
from sitectl.config.notation import Refusal
from sitectl.config.settings import MeterRoles, MeterSettings, VirtualMeter
from sitectl.model.connection import Connection
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.sheets import MeterSheet, Protocol

LOWEST, HIGHEST = 150.0 / 230.0, 270.0 / 230.0


def on_buses(config: Configuration, sheets: Mapping[str, MeterSheet]) -> Mapping[MeterId, MeterSettings]:
    """The meters that are read over a bus."""
    roles, voltage_v = meter_roles(config, sheets), _voltages(config)
    return {
        MeterId(name): replace(
            _device(name, meter, sheets[meter.sheet or ""]),
            rated_a=_smallest_circuit_a(config, roles, MeterId(name)),
            voltage_v=voltage_v,
        )
        for name, meter in config.meters.items()
        if not is_virtual(meter) and MeterId(name) not in roles.stations
    }


def meter_roles(config: Configuration, sheets: Mapping[str, MeterSheet]) -> MeterRoles:
    """What meters are to each other."""
    stations: dict[MeterId, CircuitId] = {}
    for name, circuit in config.circuits.items():
        meter = config.meters.get(circuit.meter or "")
        sheet = sheets.get(meter.sheet or "") if meter is not None else None
        if circuit.meter is not None and sheet is not None and sheet.protocol is Protocol.STATIONS:
            stations[MeterId(circuit.meter)] = CircuitId(name)
    return MeterRoles(
        virtual={
            MeterId(name): VirtualMeter(
                sum=tuple(map(MeterId, meter.sum or ())),
                minus=tuple(map(MeterId, meter.minus or ())),
                interval_s=_interval_s(config, name),
            )
            for name, meter in config.meters.items()
            if is_virtual(meter)
        },
        stations=stations,
        substitutes={
            MeterId(name): MeterId(meter.substitute)
            for name, meter in config.meters.items()
            if meter.substitute is not None
        },
    )


def _interval_s(config: Configuration, name: str) -> float:
    """A virtual meter is as slow as the slowest of its parts."""
    meter = config.meters[name]
    parts = [*(meter.sum or ()), *(meter.minus or ())]
    return max([meter.interval_s, *(_interval_s(config, part) for part in parts)])


def _voltages(config: Configuration) -> tuple[float, float]:
    """What a phase in use may show, 65 to 117 % of the nominal voltage. Where stations hang between lines, a device may
    show either voltage, that between the lines or the other."""
    nominal_v = config.site.nominal_voltage_v
    between = any((circuit.wiring or "wye") != "wye" for circuit in config.circuits.values())
    spread = 3**0.5 if between else 1.0
    return LOWEST * nominal_v / spread, HIGHEST * nominal_v * spread


def _device(name: str, meter: Meter, sheet: MeterSheet) -> MeterSettings:
    direction = {None: None, "import": 1, "export": -1}[meter.positive]
    return MeterSettings(
        id=MeterId(name),
        sheet=sheet if direction is None else replace(sheet, power_sign=direction),
        connection=_connection(meter.connection or ""),
        unit=sheet.unit if meter.unit is None else meter.unit,
        interval_s=meter.interval_s,
        device=meter.device,
        direction=direction,
        max_a=meter.max_a,
    )


def _smallest_circuit_a(config: Configuration, roles: MeterRoles, meter: MeterId) -> float | None:
    """The rating of the smallest circuit that it measures, by itself or as a substitute."""
    places = [meter, *(id for id, substitute in roles.substitutes.items() if substitute == meter)]
    return min((c.rated_a for c in config.circuits.values() if c.meter in places), default=None)


def _connection(text: str) -> Connection:
    connection = parse_connection(text)
    if isinstance(connection, Refusal):
        raise InternalError(f"{text!r} passed the shape and is no connection")
    return connection
