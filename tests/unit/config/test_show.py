import json
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sitectl.config import document
from sitectl.config.load import load
from sitectl.config.show import json_schema, json_schema_text, show_command, text
from tests.unit.config.sites import loaded, write

CONFIG = Path(__file__).parents[3] / "config"
SITE = """
site: {name: "on"}
circuits:
  grid: {rated_a: 100, base_load_worst_a: 40}
stations:
  "1001":
    circuit: grid
    max_a: 16
    phases: L1
  POST:
    circuit: grid
    max_a: 32
    phases: L2
    evses: {1: {}, 2: {phases: L3, fallback_a: auto}}
"""


def printed(path: Path, **wish: Any) -> str:
    out, err = StringIO(), StringIO()
    wishes = {"effective": True, "origin": False, "as_json": False, "running": None} | wish
    assert show_command(path, **wishes, out=out, err=err) == 0
    assert err.getvalue() == ""
    return out.getvalue()


def test_every_value_has_its_origin(tmp_path: Path) -> None:
    outcome = loaded(tmp_path, SITE)
    origins = {path: origin.replace(f"{tmp_path}/", "") for path, origin in outcome.origins.items()}
    assert origins["site.name"] == "site.yaml:2"
    assert origins["site.timezone"] == "default"
    assert origins["stations.1001.fallback_a"] == "default, solved"
    assert origins["stations.POST.evses.1.phases"] == "site.yaml:13"
    assert origins["stations.POST.evses.2.fallback_a"] == "site.yaml:14, solved"
    lines = text(outcome.effective, outcome.origins).splitlines()
    assert all("  # " in line or line.endswith(":") for line in lines)


def test_it_can_be_loaded_again_and_means_the_same(tmp_path: Path) -> None:
    first = loaded(tmp_path, SITE)
    second = loaded(tmp_path, text(first.effective, first.origins))
    assert second.settings == first.settings
    assert second.effective == first.effective


def test_without_effective_only_what_was_written(tmp_path: Path) -> None:
    shown = printed(write(tmp_path, SITE), effective=False)
    written = document.parse(shown.encode(), "shown").data
    assert isinstance(written, dict)
    assert written["site"] == {"name": "on"}
    assert written["stations"]["1001"] == {"circuit": "grid", "max_a": 16, "phases": "L1"}


def test_as_json(tmp_path: Path) -> None:
    answer = json.loads(printed(write(tmp_path, SITE), as_json=True))
    assert answer["schema"] == 1
    assert answer["settings"]["stations"]["1001"]["fallback_a"] == 6
    assert answer["origins"]["site.timezone"] == "default"


def test_what_the_daemon_answers_goes_first(tmp_path: Path) -> None:
    running = {"settings": {"site": {"name": "running"}}, "origins": {"site.name": "overlay"}}
    assert printed(tmp_path / "nowhere", running=running, origin=True).split() == [
        "site:",
        "name:",
        "running",
        "#",
        "overlay",
    ]


def test_a_broken_configuration_is_not_shown(tmp_path: Path) -> None:
    out, err = StringIO(), StringIO()
    path = write(tmp_path, "nonsense: 1\n")
    status = show_command(path, effective=True, origin=True, as_json=False, running=None, out=out, err=err)
    assert (status, out.getvalue()) == (2, "")
    assert "nonsense: no such key" in err.getvalue()


def test_the_schema_file_is_fresh() -> None:
    assert (CONFIG / "site.schema.json").read_text() == json_schema_text()


def test_the_sample_meets_the_schema() -> None:
    sample = document.parse((CONFIG / "site.yaml").read_bytes(), "site.yaml").data
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(sample, json_schema())


@pytest.mark.parametrize(
    "wrong",
    [
        {"mqtt": {"port": 1883}},
        {"nonsense": 1},
        {"circuits": {"grid": {"rated_a": "100"}}},
        {"stations": {"A": {"circuit": "grid", "max_a": 16, "kind": "pv"}}},
        {"stations": {"A": {"circuit": "grid", "max_a": 16, "fallback_a": "some"}}},
    ],
)
def test_the_schema_refuses_what_check_refuses(wrong: dict[str, object]) -> None:
    assert list(jsonschema.Draft202012Validator(json_schema()).iter_errors(wrong))


def test_the_effective_configuration_is_plain_data() -> None:
    outcome = load(CONFIG / "site.yaml")
    assert hasattr(outcome, "effective")
    assert json.loads(json.dumps(outcome.effective)) == outcome.effective
