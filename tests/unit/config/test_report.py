from io import StringIO
from pathlib import Path

from sitectl.config.report import check_command
from tests.unit.config.sites import write

SITE = """
site: {name: depot}
authorization: {mode: free}
circuits:
  grid: {rated_a: 50, base_load_worst_a: 40}
stations:
  A: {circuit: grid, max_a: 16, phases: L1}
  B: {circuit: grid, max_a: 16, phases: L1}
  C: {circuit: grid, max_a: 16}
"""


def test_a_sound_configuration_is_summed_up(tmp_path: Path) -> None:
    out, err = StringIO(), StringIO()
    assert check_command(write(tmp_path, SITE), out, err) == 0
    assert out.getvalue().splitlines() == [
        "depot: well; 1 circuit, 0 meters, 3 stations with 3 EVSEs, 0 uplinks",
        "  grid: fallbacks L1 6, L2 0, L3 0 A + base load at worst 40 A within 50 A",
        "  binding: grid L1, with 4 A left",
        "  fallback 0 A, so charging only while sitectl runs: B:1, C:1 (grid L1 has no 6 A left)",
        "  could be fallback_a: 10, up to grid L1: A:1",
        "  1 warning",
    ]
    assert err.getvalue().startswith(f"warning: {tmp_path}/site.yaml:9:3: stations.C: phases not said")


def test_errors_and_warnings_go_to_standard_error(tmp_path: Path) -> None:
    out, err = StringIO(), StringIO()
    assert check_command(write(tmp_path, SITE + "nonsense: 1\nmqtt: {topic: x}\n"), out, err) == 2
    assert out.getvalue() == ""
    lines = err.getvalue().splitlines()
    assert lines[0].startswith(f"{tmp_path}/site.yaml:10:1: nonsense: no such key; ")
    assert lines[1] == f"{tmp_path}/site.yaml:11:1: mqtt.host: required, but absent; write host: …"
    assert lines[2].startswith("warning: ")
    assert lines[-1] == "2 errors: the configuration is not used"
