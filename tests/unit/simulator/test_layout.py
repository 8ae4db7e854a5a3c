"""The installation fits its fuses, and its configuration says what was built."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sitectl.base.errors import ConfigurationError
from sitectl.simulator.layout import BASE_WORST_SHARE, GARAGE, ROOT, lay_out, site_yaml


@pytest.mark.parametrize("stations", [0, 201, -1])
def test_sites_out_of_bounds_are_refused(stations: int) -> None:
    with pytest.raises(ConfigurationError, match="1 to 200 stations"):
        lay_out(stations)


@pytest.mark.parametrize("stations", [1, 2, 3, 4, 6, 8, 10, 17, 30, 54, 100, 200])
def test_fallbacks_fit_and_wishes_do_not(stations: int) -> None:
    layout = lay_out(stations)
    assert len({s.spec.id for s in layout.stations}) == stations
    for name, circuit in layout.circuits.items():
        fed = [s for s in layout.stations if name in (ROOT, s.circuit)]
        connectors = [c for s in fed for c in s.spec.connectors]
        base_a = layout.base_load_worst_a if name == ROOT else 0
        assert 6 * len(connectors) + base_a <= circuit.rated_a
        if len(connectors) > 2:
            assert sum(c.max_a for c in connectors) > circuit.rated_a
    assert layout.base_load_worst_a == pytest.approx(layout.circuits[ROOT].rated_a * BASE_WORST_SHARE, abs=0.1)


def test_the_default_site_is_varied() -> None:
    layout = lay_out(6)
    assert {c.wiring for s in layout.stations for c in s.spec.connectors} == {"L1L2L3", "L2L3L1", "L3L1L2", "L3"}
    assert {s.circuit for s in layout.stations} == {ROOT, GARAGE}
    assert [s.spec.id for s in layout.stations if s.is_post] == ["CP04"]
    assert ("CP04", 2) in layout.places


def test_the_configuration_describes_the_installation(tmp_path: Path) -> None:
    layout = lay_out(6)
    text = site_yaml(layout, tmp_path, ocpp_port=8887, meter_port=1502, csms_url="ws://127.0.0.1:9000/ocpp")
    site = YAML(typ="safe").load(text)
    assert site["ocpp"] == {"listen": "127.0.0.1:8887", "security_profile": 0}
    assert site["circuits"][ROOT] == {"rated_a": 80.0, "meter": "main", "base_load_worst_a": 26.4}
    assert site["circuits"][GARAGE] == {"parent": ROOT, "rated_a": 50.0}
    assert site["meters"]["main"]["connection"] == "tcp://127.0.0.1:1502"
    assert site["stations"]["CP01"] == {
        "circuit": ROOT,
        "max_a": 32.0,
        "profile_storage": "ram",
        "phases": "L1L2L3",
    }
    assert site["stations"]["CP04"]["evses"][2] == {"max_a": 32.0, "phases": "L2L3L1"}
    assert site["uplinks"]["central"]["ocpp"] == "1.6"
    assert site["site"]["data_dir"] == str(tmp_path / "data")
