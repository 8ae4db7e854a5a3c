"""Signals and schedules bound circuits that exist, by inputs that exist, and ask for something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from sitectl.config.draft import Draft
from sitectl.config.inputs import parse_coil, parse_hour, parse_input
from sitectl.config.issues import Path, did_you_mean, shown
from sitectl.config.models_signals import BoundSection, ScheduleSection
from sitectl.config.notation import Refusal
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.signals import DAY_MIN, GpioInput, ModbusInput


def check(draft: Draft) -> None:
    """Report references to nothing, signals that ask for nothing, hours that are none, and what binds nothing."""
    used: set[str] = set()
    pins: dict[str, tuple[str, object]] = {}
    for name, body in draft.section("signals").items():
        if isinstance(body, Mapping):
            _check_input(draft, name, body, used, pins)
            _check_asks(draft, name, body)
    _check_power_relays(draft, used)
    for name in draft.section("io_boxes"):
        if name not in used:
            message = "no signal and no power_relay uses this box"
            cure = f'name it in a signal: input: "modbus:{name}:0", or remove it'
            draft.findings.warn(("io_boxes", name), message, cure, at_key=True)
    for path, body in _schedules(draft):
        _check_circuit(draft, path, body)
        _check_hours(draft, path, body)


def check_against_fallbacks(draft: Draft, fallback_sum_a: Mapping[str, PhaseCurrents]) -> None:
    """Warn where stations that hear nobody may draw more than a bound leaves: nothing can hold them to it.

    `fallback_sum_a`: what all fallbacks below each circuit make together.
    """
    for path, bound in _bounds(draft):
        sums = fallback_sum_a.get(bound.circuit)
        if sums is not None and max(sums) > bound.ceiling_a:
            message = f"stations that are cut off fall back to {max(sums):g} A on {bound.circuit}, above this"
            draft.findings.warn((*path, "ceiling_a"), message, "where the bound must hold even then, lower fallback_a")


def _bounds(draft: Draft) -> Iterator[tuple[Path, BoundSection | ScheduleSection]]:
    for name, signal in draft.config.signals.items():
        for key, bound in (("when_open", signal.when_open), ("when_closed", signal.when_closed)):
            if bound is not None:
                yield ("signals", name, key), bound
    for number, schedule in enumerate(draft.config.schedules):
        yield ("schedules", number), schedule


def _check_input(
    draft: Draft, name: str, body: Mapping[str, object], used: set[str], pins: dict[str, tuple[str, object]]
) -> None:
    text, path = body.get("input"), ("signals", name, "input")
    parsed = parse_input(text) if isinstance(text, str) else None
    if isinstance(parsed, ModbusInput):
        used.add(parsed.box)
        boxes = draft.section("io_boxes")
        if parsed.box not in boxes:
            cure = did_you_mean(parsed.box, boxes) if boxes else "describe it: io_boxes: {NAME: {connection: …}}"
            draft.findings.error(path, f"no I/O box {shown(parsed.box)}", cure)
    elif isinstance(parsed, GpioInput):
        bias = body.get("bias")
        other, its_bias = pins.setdefault(str(parsed), (name, bias))
        if its_bias != bias:
            message = f"signals.{other} reads the same pin with another bias"
            draft.findings.error(path, message, "a pin has one: write the same for both")
        if find_spec("gpiod") is None:
            message = "the package gpiod is not installed on this machine"
            draft.findings.warn(path, message, "the gateway needs it: pip install 'sitectl[gpio]'")


def _check_power_relays(draft: Draft, used: set[str]) -> None:
    """A coil of a box that exists, which feeds one station alone."""
    feeds: dict[str, str] = {}
    boxes = draft.section("io_boxes")
    for name, station in draft.config.stations.items():
        if station.power_relay is None:
            continue
        coil, path = parse_coil(station.power_relay.coil), ("stations", name, "power_relay", "coil")
        if isinstance(coil, Refusal):
            continue
        used.add(coil.box)
        if coil.box not in boxes:
            cure = did_you_mean(coil.box, boxes) if boxes else "describe it: io_boxes: {NAME: {connection: …}}"
            draft.findings.error(path, f"no I/O box {shown(coil.box)}", cure)
        other = feeds.setdefault(str(coil), name)
        if other != name:
            message = f"stations.{other} hangs on the same relay, and would lose its power too"
            draft.findings.error(path, message, "give each its own, or none")


def _check_asks(draft: Draft, name: str, body: Mapping[str, object]) -> None:
    bounds = [(key, body[key]) for key in ("when_open", "when_closed") if body.get(key) is not None]
    if not bounds:
        cure = "write when_open: {circuit: …, ceiling_a: …}, or when_closed"
        draft.findings.error(("signals", name), "asks for nothing", cure, at_key=True)
    for key, bound in bounds:
        if isinstance(bound, Mapping):
            _check_circuit(draft, ("signals", name, key), bound)


def _check_circuit(draft: Draft, path: Path, body: Mapping[str, object]) -> None:
    circuit, circuits = body.get("circuit"), draft.section("circuits")
    if not isinstance(circuit, str):
        return
    if circuit not in circuits:
        draft.findings.error((*path, "circuit"), f"no circuit {shown(circuit)}", did_you_mean(circuit, circuits))
        return
    known, ceiling_a = draft.config.circuits.get(circuit), body.get("ceiling_a")
    if known is not None and isinstance(ceiling_a, int | float) and ceiling_a >= known.rated_a:
        message = f"{ceiling_a:g} A binds nothing: {circuit} is rated {known.rated_a:g} A"
        draft.findings.warn((*path, "ceiling_a"), message, "write a lower one, or remove it")


def _schedules(draft: Draft) -> Iterator[tuple[Path, Mapping[str, object]]]:
    written = draft.data.get("schedules")
    for number, body in enumerate(written if isinstance(written, list) else ()):
        if isinstance(body, Mapping):
            yield ("schedules", number), body


def _check_hours(draft: Draft, path: Path, body: Mapping[str, object]) -> None:
    begins, ends = (parse_hour(text) if isinstance(text := body.get(key), str) else None for key in ("from", "to"))
    if begins == DAY_MIN:
        draft.findings.error((*path, "from"), "24:00 is an end, not a beginning", 'write "00:00"')
    elif isinstance(begins, int) and begins == ends:
        cure = 'for the whole day write from: "00:00", to: "24:00"'
        draft.findings.error((*path, "to"), "ends where it begins", cure)
