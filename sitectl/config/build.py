"""From the checked draft to frozen settings. Nothing is decided here: whatever could be wrong has been refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path as FilePath
from typing import TypeVar

from sitectl.base.errors import InternalError
from sitectl.config import build_alerts, build_healing, build_mqtt, build_signals
from sitectl.config.build_meters import meter_roles, on_buses
from sitectl.config.checks_references import NO_UPLINK
from sitectl.config.draft import Draft, EvseDraft, evses_of
from sitectl.config.gather import Gathered
from sitectl.config.models import Configuration, Uplink
from sitectl.config.models_station import Station
from sitectl.config.notation import Refusal, parse_address, parse_host_address, parse_network
from sitectl.config.settings import (
    AllocationMode,
    AllocationSettings,
    ApiGroups,
    ApiSettings,
    AuthorizationMode,
    AuthorizationSettings,
    DeadController,
    Network,
    OcppSettings,
    OfflineUnknown,
    RetentionSettings,
    Settings,
    SiteSettings,
    TlsSettings,
    UnknownStations,
    UplinkSettings,
)
from sitectl.model.circuit import Circuit, MeterLoss, Topology, Wiring, topology
from sitectl.model.electrical import PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId, UplinkId
from sitectl.model.ladder import LadderStep
from sitectl.model.station import EvsePlan, ProfileStorage, StationPlan
from sitectl.model.uplink import DeadStart, Right, ZeroId

T = TypeVar("T")
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def build(draft: Draft, gathered: Gathered, fallback_a: Mapping[tuple[str, int], float]) -> Settings:
    """The whole configuration as the rest of the house sees it."""
    config = draft.config
    return Settings(
        site=SiteSettings(
            name=config.site.name,
            timezone=config.site.timezone,
            nominal_voltage_v=config.site.nominal_voltage_v,
            data_dir=draft.place(config.site.data_dir),
        ),
        ocpp=_ocpp(draft),
        topology=_topology(draft, fallback_a),
        meters=on_buses(config, gathered.sheets),
        meter_roles=meter_roles(config, gathered.sheets),
        allocation=AllocationSettings(
            mode=AllocationMode(config.allocation.mode),
            dwell_s=config.allocation.dwell_s,
            dead_controller=DeadController(config.allocation.dead_controller),
            share=config.allocation.share,
        ),
        authorization=AuthorizationSettings(
            mode=AuthorizationMode(config.authorization.mode),
            offline_unknown=OfflineUnknown(config.authorization.offline_unknown),
            tokens=gathered.tokens,
            cache_days=config.authorization.cache_days,
        ),
        uplinks={
            UplinkId(name): _uplink(draft, name, uplink, gathered.uplink_passwords.get(name, {}))
            for name, uplink in config.uplinks.items()
        },
        default_uplink=_default_uplink(config),
        api=ApiSettings(
            socket=draft.place(config.api.socket),
            groups=ApiGroups(config.api.groups.viewer, config.api.groups.technician, config.api.groups.admin),
        ),
        retention=RetentionSettings(
            raw_days=config.retention.raw_days,
            transactions_days=config.retention.transactions_days,
            energy_15min_days=config.retention.energy_15min_days,
            max_mb_per_day=config.retention.max_mb_per_day,
            backlog_mb=config.retention.backlog_mb,
            backlog_station_mb=config.retention.backlog_station_mb,
        ),
        io_boxes=build_signals.io_boxes(config),
        power_relays=build_signals.power_relays(config),
        signals=build_signals.signals(config),
        schedules=build_signals.schedules(config),
        alerts=build_alerts.alerts(draft, gathered.secrets),
        station_sheets=tuple(gathered.station_sheets.values()),
        healing=build_healing.healing(config.healing, gathered.rules),
        mqtt=build_mqtt.mqtt(draft, gathered.secrets),
        passwords={StationId(name): password for name, password in gathered.passwords.items()},
    )


def _parsed(parse: Callable[[str], T | Refusal], text: str) -> T:
    value = parse(text)
    if isinstance(value, Refusal):
        raise InternalError(f"{text!r} passed the shape and does not parse")
    return value


def _network(text: str) -> Network:
    network = parse_network(text)
    if isinstance(network, Refusal):
        raise InternalError(f"{text!r} passed the shape and is no network")
    return network


def _optional(draft: Draft, name: str | None) -> FilePath | None:
    return None if name is None else draft.file(name)


def _ocpp(draft: Draft) -> OcppSettings:
    ocpp = draft.config.ocpp
    tls = (
        None
        if ocpp.tls is None
        else TlsSettings(
            listen=_parsed(parse_address, ocpp.tls.listen),
            certificate=draft.file(ocpp.tls.certificate),
            key=draft.file(ocpp.tls.key),
            client_ca=_optional(draft, ocpp.tls.client_ca),
        )
    )
    return OcppSettings(
        listen=_parsed(parse_address, ocpp.listen),
        allow_from=(*_LOOPBACK, *(_network(text) for text in ocpp.allow_from)),
        tls=tls,
        versions=tuple(ocpp.versions),
        security_profile=ocpp.security_profile,
        commissioning_s=ocpp.commissioning_s,
        unknown_stations=UnknownStations(ocpp.unknown_stations),
        unknown_reserve_a=ocpp.unknown_reserve_a,
    )


def _topology(draft: Draft, fallback_a: Mapping[tuple[str, int], float]) -> Topology:
    config = draft.config
    wiring = draft.wiring
    circuits = {
        CircuitId(name): Circuit(
            id=CircuitId(name),
            parent=None if circuit.parent is None else CircuitId(circuit.parent),
            rated_a=circuit.rated_a,
            meter=None if circuit.meter is None else MeterId(circuit.meter),
            generation_a=circuit.generation_a,
            base_load_worst_a=circuit.base_load_worst_a or 0.0,
            on_meter_lost=MeterLoss(config.meters[circuit.meter].on_lost) if circuit.meter else MeterLoss.STATIC,
            reserve_a=circuit.reserve_a,
            imbalance_a=circuit.imbalance_a,
            wiring=wiring,
        )
        for name, circuit in config.circuits.items()
    }
    stations = {
        StationId(name): _station(draft, name, station, fallback_a) for name, station in config.stations.items()
    }
    return topology(circuits, stations, config.site.nominal_voltage_v)


def _station(draft: Draft, name: str, station: Station, fallback_a: Mapping[tuple[str, int], float]) -> StationPlan:
    profile = draft.config.ocpp.security_profile if station.security_profile is None else station.security_profile
    return StationPlan(
        id=StationId(name),
        circuit=CircuitId(station.circuit),
        max_a=station.max_a,
        evses=tuple(
            EvsePlan(
                id=EvseId(StationId(name), evse.number),
                circuit=CircuitId(evse.circuit),
                max_a=evse.max_a,
                min_a=evse.min_a,
                rotation=_rotation(evse, draft.wiring),
                fallback_a=fallback_a.get((name, evse.number), evse.fallback_a or 0.0),
                priority=evse.priority,
                kind=evse.kind,
                max_w=evse.max_w,
                min_w=evse.min_w,
                w_per_a=evse.w_per_a,
                switches_phases=station.switches_phases,
            )
            for evse in evses_of(name, station, draft.config.site.nominal_voltage_v)
        ),
        priority=station.priority,
        labels=dict(station.labels),
        security_profile=profile,
        password_file=None if station.password_file is None else str(draft.file(station.password_file)),
        profile_storage=ProfileStorage(station.profile_storage),
        installed=station.installed,
        ocpp=station.ocpp,
        sheet=station.sheet,
        address=None if station.address is None else _parsed(parse_host_address, station.address),
        control=None if station.control == "auto" else LadderStep(station.control),
    )


def _rotation(evse: EvseDraft, wiring: Wiring) -> PhaseRotation:
    """With what the wiring says of it: whether its current flows between its lines."""
    phases = evse.rotation
    between = wiring.is_triangle or (wiring is Wiring.SPLIT and len(phases.phases) == 2)
    return replace(phases, line_to_line=between and phases.known)


def _uplink(draft: Draft, name: str, uplink: Uplink, passwords: Mapping[str, str]) -> UplinkSettings:
    return UplinkSettings(
        id=UplinkId(name),
        url=uplink.url,
        ocpp=uplink.ocpp,
        passwords=dict(passwords),
        certificate=_optional(draft, uplink.certificate),
        key=_optional(draft, uplink.key),
        ca=_optional(draft, uplink.ca),
        identities={StationId(station): identity for station, identity in uplink.identities.items()},
        rights=frozenset(Right) if uplink.rights is None else frozenset(Right(right) for right in uplink.rights),
        replay_per_s=uplink.replay_per_s,
        zero_id=ZeroId(uplink.zero_id),
        on_dead_start=DeadStart(uplink.on_dead_start),
        data_transfer=None if uplink.data_transfer is None else frozenset(map(str.lower, uplink.data_transfer)),
    )


def _default_uplink(config: Configuration) -> UplinkId | None:
    """With one uplink and nothing said, that one."""
    target = config.routing.default or next(iter(config.uplinks), NO_UPLINK)
    return None if target == NO_UPLINK else UplinkId(target)
