from ipaddress import ip_network
from pathlib import Path

import pytest

from sitectl.config.load import Broken, api_socket, load
from sitectl.config.settings import (
    Address,
    AllocationMode,
    AuthorizationMode,
    DeadController,
    RetentionSettings,
    UnknownStations,
)
from sitectl.model.circuit import MeterLoss
from sitectl.model.electrical import ALL_PHASES, UNKNOWN_ROTATION, Phase, PhaseRotation
from sitectl.model.ids import CircuitId, MeterId, StationId, UplinkId
from sitectl.model.station import EvsePlan, ProfileStorage, StationKind, StationPlan
from sitectl.model.uplink import DeadStart, Right, ZeroId
from tests.unit.config.sites import GRID, loaded, write

SAMPLE = Path(__file__).parents[3] / "config" / "site.yaml"
STATION = GRID + "stations:\n  CP01: {circuit: grid, max_a: 16, phases: L1}\n"
UPLINK = "uplinks:\n  central: {url: 'wss://csms.example.com/ocpp'}\n"


def evses(plan: StationPlan) -> dict[int, EvsePlan]:
    return {evse.id.evse: evse for evse in plan.evses}


def test_the_sample_configuration_is_well() -> None:
    outcome = load(SAMPLE)
    assert not isinstance(outcome, Broken), [str(error) for error in outcome.errors]
    assert outcome.warnings == ()
    assert len(outcome.settings.topology.evses()) == 5


def test_little_is_enough(tmp_path: Path) -> None:
    settings = loaded(tmp_path, GRID).settings
    assert settings.site.data_dir == Path("/var/lib/sitectl")
    assert settings.site.nominal_voltage_v == 230
    assert settings.ocpp.listen == Address("127.0.0.1", 8887)
    assert settings.ocpp.security_profile == 1
    assert settings.ocpp.unknown_stations is UnknownStations.QUARANTINE
    assert settings.ocpp.tls is None
    assert settings.api.socket == Path("/run/sitectl/sitectl.sock")
    assert settings.default_uplink is None
    assert (settings.allocation.mode, settings.allocation.dwell_s) == (AllocationMode.MINIMUM_FIRST, 300)
    assert settings.allocation.dead_controller is DeadController.LIFETIMES
    assert settings.authorization.mode is AuthorizationMode.UPLINK


def test_loopback_is_always_allowed(tmp_path: Path) -> None:
    allowed = loaded(tmp_path, "ocpp: {allow_from: [10.20.0.0/24]}" + GRID).settings.ocpp.allow_from
    assert set(allowed) == {ip_network("127.0.0.0/8"), ip_network("::1/128"), ip_network("10.20.0.0/24")}
    assert ip_network("192.168.0.0/16") in loaded(tmp_path, GRID).settings.ocpp.allow_from


def test_a_station_without_evses_has_one_with_its_own_values(tmp_path: Path) -> None:
    text = "  CP01: {circuit: grid, max_a: 20, min_a: 8, phases: L3L1, fallback_a: 10, priority: 3, labels: {row: a}}\n"
    plan = loaded(tmp_path, GRID + "stations:\n" + text).settings.topology.stations[StationId("CP01")]
    (evse,) = plan.evses
    assert evse.id == ("CP01", 1)
    assert (evse.max_a, evse.min_a, evse.fallback_a, evse.priority) == (20, 8, 10, 3)
    assert evse.rotation.phases == (Phase.L3, Phase.L1)
    assert plan.labels == {"row": "a"}
    assert plan.profile_storage is ProfileStorage.UNKNOWN


def test_evses_have_from_their_post_what_they_do_not_say(tmp_path: Path) -> None:
    text = """
    circuits:
      grid: {rated_a: 100, base_load_worst_a: 40}
    stations:
      POST:
        circuit: grid
        max_a: 25
        min_a: 7
        phases: L1L2L3
        priority: 4
        fallback_a: 8
        evses: {2: {max_a: 32, phases: L2L3L1, fallback_a: auto, min_a: 6}, 1: {priority: 5}}
    """
    plan = loaded(tmp_path, text).settings.topology.stations[StationId("POST")]
    one, two = evses(plan)[1], evses(plan)[2]
    assert (one.max_a, one.min_a, one.priority, one.fallback_a) == (25, 7, 5, 8)
    assert (two.max_a, two.min_a, two.priority, two.fallback_a) == (32, 6, 4, 6)
    assert two.rotation.phases == (Phase.L2, Phase.L3, Phase.L1)
    assert plan.max_a == 25


def test_fallbacks_fit_circuits_below_and_posts(tmp_path: Path) -> None:
    text = """
    circuits:
      grid: {rated_a: 100, base_load_worst_a: 40}
      garage: {parent: grid, rated_a: 32, base_load_worst_a: 20}
    stations:
      A: {circuit: garage, max_a: 16, phases: L1L2L3}
      B: {circuit: garage, max_a: 16, phases: L1L2L3}
      C: {circuit: garage, max_a: 16, phases: unknown, priority: 2}
      P: {circuit: grid, max_a: 10, phases: L1L2L3, evses: {1: {}, 2: {}}}
    """
    outcome = loaded(tmp_path, text)
    plans = outcome.settings.topology.evses()
    assert {str(evse): plan.fallback_a for evse, plan in plans.items()} == {
        "A:1": 6, "B:1": 0, "C:1": 6, "P:1": 6, "P:2": 0,
    }  # fmt: skip
    assert outcome.fallback_sum_a["grid"] == (18, 18, 18)
    assert outcome.fallback_sum_a["garage"] == (12, 12, 12)


def test_a_station_that_is_not_installed_counts_for_nothing(tmp_path: Path) -> None:
    text = GRID + "stations:\n  A: {circuit: grid, max_a: 80, fallback_a: 80, installed: false}\n"
    outcome = loaded(tmp_path, text)
    assert outcome.settings.topology.evses() == {}
    assert outcome.fallback_sum_a["grid"] == (0, 0, 0)
    assert not [warning for warning in outcome.warnings if warning.path.startswith("stations")]


def test_security_profile_of_a_station(tmp_path: Path) -> None:
    text = (
        "ocpp: {security_profile: 1}"
        + STATION
        + "  CP02: {circuit: grid, max_a: 16, phases: L1, security_profile: 0}\n"
    )
    stations = loaded(tmp_path, text).settings.topology.stations
    assert [plan.security_profile for plan in stations.values()] == [1, 0]


def test_tls(tmp_path: Path) -> None:
    write(tmp_path, "-----BEGIN CERTIFICATE-----\n", "tls/server.pem")
    text = "ocpp: {security_profile: 2, tls: {listen: '[::]:8443', certificate: tls/server.pem, key: tls/server.pem}}"
    tls = loaded(tmp_path, text + GRID).settings.ocpp.tls
    assert tls is not None
    assert (tls.listen, tls.certificate, tls.client_ca) == (Address("::", 8443), tmp_path / "tls/server.pem", None)


def test_a_meter(tmp_path: Path) -> None:
    text = """
    circuits:
      grid: {rated_a: 100, base_load_worst_a: 40, meter: main}
    meters:
      main: {sheet: janitza-umg604, connection: "tcp://10.0.0.5", on_lost: stop, interval_s: 0.5}
    """
    settings = loaded(tmp_path, text).settings
    meter = settings.meters[MeterId("main")]
    assert (meter.sheet.id, str(meter.connection), meter.unit, meter.interval_s) == (
        "janitza-umg604", "tcp://10.0.0.5:502", 1, 0.5,
    )  # fmt: skip
    circuit = settings.topology.circuits[CircuitId("grid")]
    assert (circuit.meter, circuit.on_meter_lost) == ("main", MeterLoss.STOP)


@pytest.mark.parametrize(
    ("routing", "expected"),
    [("", "central"), ("routing: {default: central}\n", "central"), ("routing: {default: none}\n", None)],
)
def test_which_uplink_stations_are_shown_to(tmp_path: Path, routing: str, expected: str | None) -> None:
    settings = loaded(tmp_path, STATION + UPLINK + routing).settings
    assert settings.default_uplink == expected
    assert list(settings.uplinks) == ["central"]


@pytest.mark.parametrize(
    ("identities", "second"),
    [
        ("{CP01: CP02, CP02: CP01}", "{circuit: grid, max_a: 16, phases: L1}"),
        ("{CP01: CP02}", "{circuit: grid, max_a: 16, phases: L1, installed: false}"),
    ],
)
def test_a_station_may_take_the_name_that_another_gave_up(tmp_path: Path, identities: str, second: str) -> None:
    uplink = f"uplinks:\n  central: {{url: 'wss://csms.example.com/ocpp', identities: {identities}}}\n"
    settings = loaded(tmp_path, STATION + f"  CP02: {second}\n" + uplink).settings
    assert settings.uplinks[UplinkId("central")].identities[StationId("CP01")] == "CP02"


def test_an_uplink(tmp_path: Path) -> None:
    write(tmp_path, "# of the central\nCP01:se:cret\n", "secrets/central")
    text = """
    circuits: {grid: {rated_a: 100, base_load_worst_a: 40}}
    stations: {CP01: {circuit: grid, max_a: 16, phases: L1}}
    uplinks:
      central:
        url: wss://csms.example.com/{station}
        passwords_file: secrets/central
        identities: {CP01: DE*ABC*E01}
        rights: [start_stop, read]
        zero_id: suppress
        on_dead_start: hold
        data_transfer: [ACME, com.example]
    """
    uplink = loaded(tmp_path, text).settings.uplinks[UplinkId("central")]
    assert uplink.passwords == {"CP01": "se:cret"}
    assert uplink.identities == {"CP01": "DE*ABC*E01"}
    assert uplink.rights == {Right.START_STOP, Right.READ}
    assert (uplink.zero_id, uplink.on_dead_start) == (ZeroId.SUPPRESS, DeadStart.HOLD)
    assert uplink.data_transfer == {"acme", "com.example"}
    plain = loaded(tmp_path, STATION + UPLINK).settings.uplinks[UplinkId("central")]
    assert plain.rights == set(Right)
    assert (plain.zero_id, plain.on_dead_start, plain.data_transfer) == (ZeroId.MINUS_ONE, DeadStart.MINUS_ONE, None)


def test_retention(tmp_path: Path) -> None:
    assert loaded(tmp_path, GRID).settings.retention == RetentionSettings(30, 730, 730, 1000, 2000, 200)
    text = (
        "retention: {raw_days: 7, transactions_days: 90, energy_15min_days: 365, max_mb_per_day: 300, backlog_mb: 500,"
        " backlog_station_mb: 50}"
    )
    assert loaded(tmp_path, text + GRID).settings.retention == RetentionSettings(7, 90, 365, 300, 500, 50)


def test_no_rights_at_all_can_be_granted(tmp_path: Path) -> None:
    text = "uplinks:\n  central: {url: 'wss://csms.example.com/ocpp', rights: []}\n"
    assert loaded(tmp_path, STATION + text).settings.uplinks[UplinkId("central")].rights == frozenset()


def test_values_that_this_version_has_anyway_are_accepted(tmp_path: Path) -> None:
    text = """
    circuits:
      grid: {rated_a: 100, base_load_worst_a: 40, wiring: wye, imbalance_a: null}
    stations:
      CP01: {circuit: grid, max_a: 16, phases: L1, kind: ac, ocpp: "1.6"}
    allocation: {share: current}
    api: {listen: null}
    healing: {mode: off}
    mqtt:
    signals: {}
    schedules: []
    alerts: []
    routing: {stations: [], tokens: []}
    """
    assert loaded(tmp_path, text).settings.topology.stations[StationId("CP01")].ocpp == "1.6"


def test_the_wiring_of_the_root_is_that_of_all_and_tells_what_flows_between_lines(tmp_path: Path) -> None:
    text = """
    circuits:
      grid: {rated_a: 200, base_load_worst_a: 60, wiring: WIRING}
      garage: {parent: grid, rated_a: 100}
    stations:
      CP01: {circuit: garage, max_a: 32, phases: L2L1}
      CP02: {circuit: garage, max_a: 32, phases: unknown}
    """
    for wiring, between in (("delta", True), ("it", True), ("split", True), ("wye", False)):
        topology = loaded(tmp_path, text.replace("WIRING", wiring)).settings.topology
        assert [circuit.wiring for circuit in topology.circuits.values()] == [wiring, wiring]
        assert topology.wiring == wiring
        first, second = (topology.stations[StationId(name)].evses[0].rotation for name in ("CP01", "CP02"))
        assert first == PhaseRotation((Phase.L2, Phase.L1), line_to_line=between)
        assert second == UNKNOWN_ROTATION


def test_the_watts_of_a_dc_station_bound_its_amperes(tmp_path: Path) -> None:
    text = """
    circuits: {grid: {rated_a: 400, base_load_worst_a: 40}}
    stations:
      DC1: {circuit: grid, kind: dc, max_a: 125, max_w: 75000, min_w: 5000}
      DC2: {circuit: grid, kind: dc, max_a: 63}
    """
    stations = loaded(tmp_path, text).settings.topology.stations
    first, second = stations[StationId("DC1")].evses[0], stations[StationId("DC2")].evses[0]
    assert (first.kind, first.max_a, first.min_a, first.fallback_a) == (StationKind.DC, 120.8, 8.1, 0.0)
    assert (second.max_a, second.min_a, second.fallback_a) == (63.0, 6.0, 6.0)
    assert first.rotation == PhaseRotation(ALL_PHASES)
    assert [first.limit_w(a) for a in (120.8, 100.0, 8.1, 0.0)] == [75000.0, 62100.0, 5030.0, 0.0]


def test_who_switches_phases_falls_back_to_nothing(tmp_path: Path) -> None:
    text = """
    circuits: {grid: {rated_a: 100, base_load_worst_a: 40}}
    stations:
      CP01: {circuit: grid, max_a: 32, phases: L1L2L3, switches_phases: true}
      CP02: {circuit: grid, max_a: 32, phases: L1L2L3}
    """
    stations = loaded(tmp_path, text).settings.topology.stations
    found = [stations[StationId(name)].evses[0] for name in ("CP01", "CP02")]
    assert [(evse.switches_phases, evse.fallback_a) for evse in found] == [(True, 0.0), (False, 6.0)]


def test_empty_values_are_as_good_as_absent(tmp_path: Path) -> None:
    text = "site:\n  timezone:\nocpp:\nmeters:\nuplinks:\nauthorization:\n  tokens_file:\n"
    assert loaded(tmp_path, text + GRID).settings.site.timezone == "UTC"


def test_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    text = "site: {data_dir: data}\napi: {socket: run/s.sock}\n" + GRID
    settings = loaded(tmp_path, text).settings
    assert settings.site.data_dir == tmp_path / "data"
    assert settings.api.socket == tmp_path / "run/s.sock"


def test_the_socket_is_found_even_in_a_broken_configuration(tmp_path: Path) -> None:
    assert api_socket(write(tmp_path, "api: {socket: s.sock}\nnonsense: 1\n")) == tmp_path / "s.sock"
    assert api_socket(write(tmp_path, "api: 5\n")) == Path("/run/sitectl/sitectl.sock")
    assert api_socket(write(tmp_path, "api: [\n")) == Path("/run/sitectl/sitectl.sock")
    assert api_socket(tmp_path / "nowhere.yaml") == Path("/run/sitectl/sitectl.sock")


def test_what_is_no_configuration_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "a\0b", Path("/dev/zero"), tmp_path / ("x" * 5000)):
        outcome = load(path)
        assert isinstance(outcome, Broken)
        assert [error.line for error in outcome.errors] == [None]


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    outcome = load(path)
    assert isinstance(outcome, Broken)
    assert "larger" in outcome.errors[0].message
