"""What Home Assistant is told of the site and of its stations: one device each, by its device discovery. Pure.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload. Ids are hashes of the topic and of what it is
about: the same over restarts, renamed stations of the maker, and new firmware.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import StationSnapshot
from sitectl.model.station import ChargingState, ConnectorStatus
from sitectl.model.uplink import UplinkState
from sitectl.mqtt.commands import LAPSES_S
from sitectl.mqtt.states import Seen, Source
from sitectl.mqtt.topics import Topics

NAME = "sitectl"
ONLINE = "online"
"""What Home Assistant says at `<prefix>/status` when it is born."""
_PHASES = ("L1", "L2", "L3")

Component = dict[str, Any]


@dataclass(slots=True)
class Discovery:
    """`prefix`: where Home Assistant looks; `commands`: whether it may ask for something; `version`: of sitectl."""

    topics: Topics
    prefix: str
    commands: bool
    version: str
    _shape: tuple[object, ...] = ()
    """What the device of the site was made of last."""

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it is there."""
        return f"{self.prefix}/status"

    def sources(self, seen: Seen) -> Iterator[Source]:
        """The devices, each at its topic."""
        snapshot, circuits = seen.decision.snapshot, seen.state.topology.circuits
        shape = (seen.name, circuits, tuple(snapshot.meters), tuple(seen.uplinks))
        if shape != self._shape:
            self._shape = shape
        yield self._topic("site", ""), (self._shape,), partial(self.site, seen)
        for id, station in snapshot.stations.items():
            if not station.quarantined:
                yield self._topic("station", id), (station, circuits), partial(self.station, seen, id)

    def site(self, seen: Seen) -> dict[str, Any]:
        """The site with its circuits, meters and centrals."""
        topic = self.topics.site
        components = {
            **self._made("site", "state", _enum(topic, "State", "state", ("ok", "degraded", "failsafe"))),
            **self._made("site", "problems", _count(topic, "Problems", "problem_count")),
            **self._made("site", "problem", _problem(topic)),
            **self._made("site", "online", _count(topic, "Stations online", "stations_online")),
            **self._made("site", "charging", _count(topic, "EVSEs charging", "evses_charging")),
        }
        for circuit in seen.state.topology.circuits.values():
            components |= self._circuit(circuit.id, circuit.rated_a, measured=circuit.meter is not None)
        for meter in seen.decision.snapshot.meters:
            components |= self._meter(meter)
        for uplink in seen.uplinks:
            label, topic = f"Uplink {uplink}", self.topics.uplink(uplink)
            states = tuple(state.value for state in UplinkState)
            components |= self._made("uplink", uplink, _enum(topic, label, "state", states, diagnostic=True))
        device = {"ids": [self._id("site", "")], "name": seen.name, "mf": NAME, "mdl": "Site", "sw": self.version}
        return self._payload(device, components)

    def station(self, seen: Seen, id: StationId) -> dict[str, Any]:
        """One station with its EVSEs."""
        station, topic = seen.decision.snapshot.stations[id], self.topics.station(id)
        components = self._made("station", id, _connectivity(topic), "online")
        if self.commands:
            components |= self._buttons(id, topic)
        for evse in station.evses:
            view = seen.decision.snapshot.evses.get(evse)
            if view is not None:
                components |= self._evse(evse, view.plan.max_a, alone=len(station.evses) == 1)
        return self._payload(self._device(station), components)

    def _topic(self, kind: str, id: str) -> str:
        return f"{self.prefix}/device/{self._id(kind, id)}/config"

    def _id(self, kind: str, id: str, field: str = "") -> str:
        text = "\0".join((self.topics.base, kind, id, field))
        return f"{NAME}_{sha256(text.encode()).hexdigest()[:20]}"

    def _made(self, kind: str, id: str, component: Component, field: str = "") -> dict[str, Component]:
        unique = self._id(kind, id, field)
        return {unique: {**component, "uniq_id": unique}}

    def _payload(self, device: Mapping[str, Any], components: Mapping[str, Component]) -> dict[str, Any]:
        return {
            "dev": dict(device),
            "o": {"name": NAME, "sw": self.version},
            "avty": [{"t": self.topics.availability}],
            "cmps": dict(components),
        }

    def _device(self, station: StationSnapshot) -> dict[str, Any]:
        identity = station.identity
        known = {"mf": identity.vendor, "mdl": identity.model, "sw": identity.firmware, "sn": identity.serial}
        return {
            "ids": [self._id("station", station.id)],
            "name": station.id,
            "via_device": self._id("site", ""),
            **{key: value for key, value in known.items() if value},
        }

    def _circuit(self, id: CircuitId, rated_a: float, *, measured: bool) -> dict[str, Component]:
        topic, label = self.topics.circuit(id), f"Circuit {id}"
        made: dict[str, Component] = {}
        for place, phase in enumerate(_PHASES):
            name = f"{label} allocated {phase}"
            made |= self._made("circuit", id, _current(topic, name, f"allocated_a[{place}]"), f"allocated {phase}")
            if measured:
                name = f"{label} {phase}"
                made |= self._made("circuit", id, _phase_current(topic, name, place), f"measured {phase}")
        if self.commands:
            number = _number(topic, f"{label} ceiling", "ceiling_a | min", f"{topic}/set/ceiling_a", rated_a)
            made |= self._made("circuit", id, number, "ceiling")
        return made

    def _meter(self, id: MeterId) -> dict[str, Component]:
        topic, label = self.topics.meter(id), f"Meter {id}"
        states = tuple(state.value for state in Freshness)
        made = self._made("meter", id, _enum(topic, label, "state", states, diagnostic=True), "state")
        made |= self._made("meter", id, _power(topic, f"{label} power"), "power")
        for place, phase in enumerate(_PHASES):
            current = _current(topic, f"{label} {phase}", f"current_a[{place}] if value_json.current_a else None")
            made |= self._made("meter", id, current, phase)
        return made

    def _evse(self, id: EvseId, max_a: float, *, alone: bool) -> dict[str, Component]:
        topic, key = self.topics.evse(id), f"{id.station}/{id.evse}"
        label = "" if alone else f"EVSE {id.evse} "
        statuses, states = tuple(s.value for s in ConnectorStatus), tuple(s.value for s in ChargingState)
        made = {
            **self._made("evse", key, _enum(topic, f"{label}Connector", "connector_status", statuses), "connector"),
            **self._made("evse", key, _enum(topic, f"{label}Charging", "charging_state", states), "charging"),
            **self._made("evse", key, _current(topic, f"{label}Limit", "limit_a"), "limit"),
        }
        for place, phase in enumerate(_PHASES):
            made |= self._made("evse", key, _phase_current(topic, f"{label}{phase}", place), phase)
        if self.commands:
            number = _number(topic, f"{label}Limit asked", "limit_a", f"{topic}/set/limit_a", max_a)
            made |= self._made("evse", key, number, "set limit")
        return made

    def _buttons(self, id: StationId, topic: str) -> dict[str, Component]:
        orders: tuple[tuple[str, str, str, Component], ...] = (
            ("Reset", "reset", "soft", {"dev_cla": "restart"}),
            ("Out of service", "availability", "inoperative", {}),
            ("Into service", "availability", "operative", {}),
        )
        made: dict[str, Component] = {}
        for name, command, press, more in orders:
            button: Component = {"p": "button", "name": name, "cmd_t": f"{topic}/set/{command}", "pl_prs": press}
            made |= self._made("station", id, {**button, **more, "ent_cat": "config"}, press)
        return made


def _sensor(topic: str, name: str, value: str, **more: Any) -> Component:
    return {"p": "sensor", "name": name, "stat_t": topic, "val_tpl": f"{{{{ value_json.{value} }}}}", **more}


def _enum(topic: str, name: str, key: str, options: tuple[str, ...], *, diagnostic: bool = False) -> Component:
    more = {"ent_cat": "diagnostic"} if diagnostic else {}
    return _sensor(topic, name, key, dev_cla="enum", ops=list(options), **more)


def _count(topic: str, name: str, key: str) -> Component:
    return _sensor(topic, name, key, stat_cla="measurement")


def _current(topic: str, name: str, value: str) -> Component:
    return _sensor(topic, name, value, dev_cla="current", unit_of_meas="A", stat_cla="measurement")


def _phase_current(topic: str, name: str, place: int) -> Component:
    return _current(topic, name, f"measured_a[{place}] if value_json.measured_a else None")


def _power(topic: str, name: str) -> Component:
    return _sensor(topic, name, "power_w", dev_cla="power", unit_of_meas="W", stat_cla="measurement")


def _problem(topic: str) -> Component:
    return {
        "p": "binary_sensor",
        "name": "Problem",
        "stat_t": topic,
        "val_tpl": "{{ 'ON' if value_json.problem_count else 'OFF' }}",
        "dev_cla": "problem",
        "json_attr_t": topic,
        "json_attr_tpl": "{{ {'problems': value_json.problems} | tojson }}",
    }


def _connectivity(topic: str) -> Component:
    return {
        "p": "binary_sensor",
        "name": "Connection",
        "stat_t": topic,
        "val_tpl": "{{ 'ON' if value_json.online else 'OFF' }}",
        "dev_cla": "connectivity",
        "ent_cat": "diagnostic",
    }


def _number(topic: str, name: str, value: str, command: str, most_a: float) -> Component:
    """What is asked for lapses."""
    return {
        "p": "number",
        "name": name,
        "stat_t": topic,
        "val_tpl": f"{{{{ value_json.{value} }}}}",
        "cmd_t": command,
        "cmd_tpl": f'{{"value": {{{{ value }}}}, "valid_s": {LAPSES_S:.0f}}}',
        "dev_cla": "current",
        "unit_of_meas": "A",
        "min": 0,
        "max": most_a,
        "step": 0.1,
        "mode": "box",
    }
