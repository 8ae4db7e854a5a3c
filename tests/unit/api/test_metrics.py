"""The site in numbers over the real socket; the dashboard and the alert rules that are shipped go by its names."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

from sitectl.api.app import make_app
from sitectl.api.server import ApiServer
from sitectl.base.tasks import Tasks
from sitectl.config.connections import parse_connection
from sitectl.fieldbus.units import Counts
from sitectl.model.ids import EvseId, StationId, UplinkId
from sitectl.model.storage import DiskUse, StoreHealth
from sitectl.model.uplink import UplinkState, UplinkView
from tests.house.source import ROOT
from tests.unit.api.openmetrics import Metric, read
from tests.unit.api.quiet_site import CP01, behind
from tests.unit.api.test_alerts import Desk
from tests.unit.api.test_app import Served

ASK = {"Accept": "application/openmetrics-text;version=1.0.0"}
RULES = ROOT / "packaging" / "prometheus" / "sitectl.rules.yml"
DASHBOARD = ROOT / "packaging" / "grafana" / "sitectl.json"
BY_PROMETHEUS = {"site", "instance", "job"}
"""Labels that the scrape adds."""


@pytest.fixture
async def measured(tmp_path: Path) -> AsyncIterator[Served]:
    """A site with one of everything."""
    served, tasks = Served(tmp_path), Tasks()
    served.quiet.all_well()
    served.quiet.charge(EvseId(CP01, 1), 10.0)
    served.quiet.pass_s(2, 11.0, 12.0, 13.0)
    served.quiet.site.times.add(1.2)
    served.overview.disk = StoreHealth(disk=DiskUse(free=10**9, total=10**10, file=10**6, wal=10**5, reserve=True))
    served.overview.centrals = {UplinkId("central"): UplinkView(UplinkState.OFFLINE, 3, 17, 60.0, 2)}
    bus = SimpleNamespace(counts={1: Counts(asked=10, answered=9, timeouts=1)})
    buses: Any = SimpleNamespace(all={parse_connection("tcp://10.0.0.5:502"): bus})
    rooms = replace(behind(served.quiet, served.ledger, served.overview), alerts=Desk, buses=lambda: buses)
    served.server = ApiServer(make_app(rooms), served.path, rooms.closing)
    served.server.open()
    running = tasks.spawn(served.server.serve(), "api")
    yield served
    served.server.stop()
    await asyncio.wait_for(running, 5)


async def metrics(served: Served, target: str = "/metrics") -> dict[str, Metric]:
    answer = await served.get(target, **ASK)
    assert (answer.status, answer.kind) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    return read(answer.text)


def values(metric: Metric) -> dict[str, float]:
    return {" ".join(value for _, value in labels): number for (_, labels), number in metric.samples.items()}


async def test_the_site_in_numbers(measured: Served) -> None:
    found = await metrics(measured)
    assert all(name.startswith("sitectl_") for name in found)
    assert values(found["sitectl_state"]) == {"ok": 0, "degraded": 1, "failsafe": 0}
    assert values(found["sitectl_stations"]) == {"online": 3, "offline": 0, "never_seen": 0, "quarantined": 0}
    assert values(found["sitectl_evses"])["Charging"] == 1
    assert values(found["sitectl_transactions"]) == {"open": 3, "unsent": 2, "dead": 1}
    assert values(found["sitectl_circuit_rated_amperes"]) == {"grid": 100, "garage": 40}
    assert values(found["sitectl_circuit_measured_amperes"]) == {"grid L1": 11, "grid L2": 12, "grid L3": 13}
    assert values(found["sitectl_evse_measured_amperes"]) == {f"CP01 1 L{n}": 10 for n in (1, 2, 3)}
    assert values(found["sitectl_evse_transaction"])["CP01 1"] == 1
    assert values(found["sitectl_uplink_backlog"]) == {"central": 17}
    assert values(found["sitectl_bus_requests"])["10.0.0.5:502 1 timeouts"] == 1
    assert values(found["sitectl_alerts_failing"]) == {"webhook chat": 0, "mail ops@example.com": 1}
    assert values(found["sitectl_store_free_bytes"]) == {"": 10**9}
    (memory,) = found["sitectl_process_resident_memory_bytes"].samples.values()
    assert 10**7 < memory < 10**10


async def test_who_asks_for_nothing_gets_the_older_text(measured: Served) -> None:
    answer = await measured.get("/metrics")
    assert (answer.status, answer.kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "sitectl_cycles_total " in answer.text


async def test_single_stations_can_be_left_away(measured: Served) -> None:
    found = await metrics(measured, "/metrics?evses=false")
    assert not [name for name in found if name.startswith(("sitectl_evse_", "sitectl_station_"))]
    assert "sitectl_stations" in found


async def test_a_disk_that_fails_leaves_its_numbers_away_and_the_rest_stands(measured: Served) -> None:
    measured.ledger.broken = True
    found = await metrics(measured)
    assert found["sitectl_transactions"].samples == {}
    assert found["sitectl_circuit_rated_amperes"].samples


async def test_before_the_first_cycle_there_is_nothing_to_tell(served: Served) -> None:
    assert (await served.get("/metrics")).status == 503


async def test_labels_are_names_of_the_configuration_and_fixed_words(measured: Served) -> None:
    """A stranger, and what a station says of itself, make no series."""
    stranger = StationId("STRANGER")
    measured.quiet.connect(stranger)
    measured.quiet.pass_s(1, 11.0, 12.0, 13.0)
    found = await metrics(measured)
    assert values(found["sitectl_stations"])["quarantined"] == 1
    told = {value for metric in found.values() for _, labels in metric.samples for _, value in labels}
    assert stranger not in told


# --- what is shipped --------------------------------------------------------------------------------------------------

_SELECTOR = re.compile(r"(sitectl_[a-z0-9_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|ignoring|without) \(([^)]*)\)")


def expressions() -> Iterator[tuple[str, str]]:
    for group in YAML(typ="safe").load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", ()))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


async def test_rules_and_dashboard_go_by_names_labels_and_states_that_there_are(measured: Served) -> None:
    samples: dict[str, list[dict[str, str]]] = {}
    for metric in (await metrics(measured)).values():
        for name, labels in metric.samples:
            samples.setdefault(name, []).append(dict(labels))
    seen = 0
    for title, expression in expressions():
        known = set(BY_PROMETHEUS)
        for name, matchers in _SELECTOR.findall(expression):
            assert name in samples, f"{title}: no metric {name}"
            has = {label for labels in samples[name] for label in labels}
            known |= has
            for label, operator, value in _MATCHER.findall(matchers):
                assert label in has | BY_PROMETHEUS, f"{title}: {name} has no label {label}"
                if label in has and "$" not in value:
                    wanted = value.split("|") if operator.endswith("~") else [value]
                    values_of = {labels[label] for labels in samples[name]}
                    assert set(wanted) <= values_of, f"{title}: {label} of {name} is never {value}"
            seen += 1
        for grouped in _GROUPING.findall(expression):
            assert {label.strip() for label in grouped.split(",")} <= known, f"{title}: {grouped}"
        assert expression.count("(") == expression.count(")")
    assert seen > 60


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    names = []
    for group in YAML(typ="safe").load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            names.append(rule["alert"])
            assert rule["labels"]["severity"] in ("info", "warning", "critical")
            assert set(rule["annotations"]) == {"summary", "description"}
            assert all(len(text) > 20 for text in rule["annotations"].values()), rule
    assert len(set(names)) == len(names) >= 15


def test_the_dashboard_is_one_that_can_be_imported() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    assert (dashboard["uid"], dashboard["title"]) == ("sitectl", "sitectl")
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["targets"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
