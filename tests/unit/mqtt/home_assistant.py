"""Home Assistant's published rules for MQTT device discovery, as a check of a topic and its payload.

From https://www.home-assistant.io/integrations/mqtt/ (device discovery payload, supported abbreviations), the pages of
the platforms, and the tables of units and state classes by device class of its sensor integration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

TOPIC = re.compile(r"[^+#]+/device/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config")

ROOT = {"dev": "device", "o": "origin", "cmps": "components", "avty": "availability", "avty_mode": "availability_mode"}
DEVICE = {
    "ids": "identifiers", "cns": "connections", "name": "name", "mf": "manufacturer", "mdl": "model",
    "mdl_id": "model_id", "hw": "hw_version", "sw": "sw_version", "sa": "suggested_area", "sn": "serial_number",
    "cu": "configuration_url", "via_device": "via_device",
}  # fmt: skip
ORIGIN = {"name": "name", "sw": "sw_version", "url": "support_url"}
COMPONENT = {
    "p": "platform", "name": "name", "uniq_id": "unique_id", "stat_t": "state_topic", "val_tpl": "value_template",
    "dev_cla": "device_class", "unit_of_meas": "unit_of_measurement", "stat_cla": "state_class", "ops": "options",
    "ent_cat": "entity_category", "cmd_t": "command_topic", "cmd_tpl": "command_template", "pl_prs": "payload_press",
    "min": "min", "max": "max", "step": "step", "mode": "mode", "json_attr_t": "json_attributes_topic",
    "json_attr_tpl": "json_attributes_template",
}  # fmt: skip
REQUIRED = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "number": {"command_topic"},
    "button": {"command_topic"},
}
TAKES = {
    "sensor": {"device_class", "unit_of_measurement", "state_class", "options"},
    "binary_sensor": {"device_class"},
    "number": {"device_class", "unit_of_measurement", "min", "max", "step", "mode", "command_template"},
    "button": {"device_class", "payload_press"},
}
EVERY = {
    "platform", "name", "unique_id", "entity_category", "json_attributes_topic", "json_attributes_template",
    "state_topic", "value_template",
}  # fmt: skip
UNITS = {"current": {"A", "mA"}, "power": {"mW", "W", "kW", "MW", "GW", "TW"}, "energy": {"Wh", "kWh", "MWh"}}
STATE_CLASSES = {"current": {"measurement"}, "power": {"measurement"}, "energy": {"total", "total_increasing"}}
DEVICE_CLASSES = {
    "sensor": {*UNITS, "enum"},
    "number": set(UNITS),
    "binary_sensor": {"connectivity", "problem", "plug", "power", "running"},
    "button": {"restart", "identify", "update"},
}


def faults(topic: str, payload: Mapping[str, Any]) -> list[str]:
    """All that Home Assistant would refuse or warn of."""
    return [*_root_faults(topic, payload), *_component_faults(payload.get("cmps", {}))]


def _root_faults(topic: str, payload: Mapping[str, Any]) -> Iterator[str]:
    if not TOPIC.fullmatch(topic):
        yield f"topic {topic}"
    yield from (f"{key} at the root" for key in payload if key not in ROOT)
    yield from (f"no {key}" for key in ("dev", "o", "cmps") if not payload.get(key))
    device, origin = payload.get("dev", {}), payload.get("o", {})
    yield from (f"device: {key}" for key in device if key not in DEVICE)
    yield from (f"origin: {key}" for key in origin if key not in ORIGIN)
    if not (device.get("ids") or device.get("cns")):
        yield "a device without identifiers"
    if not origin.get("name"):
        yield "an origin without a name"
    yield from (f"device: {key} is empty" for key, value in device.items() if not value)
    for one in payload.get("avty", []):
        if set(one) - {"t", "pl_avail", "pl_not_avail", "val_tpl"} or "t" not in one:
            yield f"availability {one}"


def _component_faults(components: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    ids = [component.get("uniq_id") for component in components.values()]
    if len(set(ids)) != len(ids):
        yield "a unique id twice"
    for key, short in components.items():
        yield from (f"{key}: unknown {name}" for name in short if name not in COMPONENT)
        component = {COMPONENT.get(name, name): value for name, value in short.items()}
        platform = component.get("platform", "")
        if platform not in REQUIRED:
            yield f"{key}: platform {platform!r}"
            continue
        yield from (f"{key}: no {name}" for name in {*REQUIRED[platform], "unique_id"} if not component.get(name))
        taken = EVERY | TAKES[platform] | REQUIRED[platform]
        yield from (f"{key}: {platform} takes no {name}" for name in component if name not in taken)
        yield from (f"{key}: {fault}" for fault in _class_faults(platform, component))
        for name in ("state_topic", "command_topic"):
            if any(c in component.get(name, "") for c in "+#"):
                yield f"{key}: wildcards in {name}"


def _class_faults(platform: str, component: Mapping[str, Any]) -> Iterator[str]:
    kind, unit, state_class = (component.get(k) for k in ("device_class", "unit_of_measurement", "state_class"))
    if kind is not None and kind not in DEVICE_CLASSES[platform]:
        yield f"device class {kind}"
    if kind in UNITS and unit not in UNITS[kind]:
        yield f"{kind} in {unit}"
    if state_class is not None and state_class not in STATE_CLASSES.get(kind or "", {"measurement", "total"}):
        yield f"state class {state_class} of {kind}"
    if kind == "enum" and (not component.get("options") or unit or state_class):
        yield "an enum has options, and neither unit nor state class"
    if "options" in component and kind != "enum":
        yield "options without enum"
    if platform == "number" and not component["min"] < component["max"]:
        yield "min is not below max"
    if component.get("entity_category") not in (None, "config", "diagnostic"):
        yield f"entity category {component['entity_category']}"
    if component.get("entity_category") == "config" and platform in ("sensor", "binary_sensor"):
        yield "a sensor configures nothing"
