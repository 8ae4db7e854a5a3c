from pathlib import Path

import pytest

from tests.unit.config.sites import broken, loaded, warnings

SITE = """
circuits:
  grid: {rated_a: 100, base_load_worst_a: 10, meter: main}
"""


def meter(sheet: str, more: str = "") -> str:
    return SITE + f'meters:\n  main: {{sheet: {sheet}, connection: "tcp://10.0.0.5"{more}}}\n'


@pytest.mark.parametrize(
    ("sheet", "cure"),
    [
        ("eastron-sdm72d-m", "take an SDM72D-M-V2 or an SDM630"),
        ("eastron-sdm120", "take a three-phase model"),
        ("victron-vm-3p75ct", "read it through its GX device, sheet victron-gx-grid"),
    ],
)
def test_a_device_without_currents_of_every_phase_is_refused_with_what_to_take(
    tmp_path: Path, sheet: str, cure: str
) -> None:
    (error,) = broken(tmp_path, meter(sheet))
    assert error.startswith("site.yaml:5:17: meters.main.sheet: ")
    assert "cannot guard a fuse" in error
    assert cure in error


def test_what_one_source_says_is_usable_only_with_an_explicit_sign(tmp_path: Path) -> None:
    (error,) = broken(tmp_path, meter("finder-7m38"))
    assert error.startswith(
        "site.yaml:5:17: meters.main.sheet: what is known of Finder 7M.38 comes from one source only"
    )
    assert "positive: import or positive: export" in error
    usable = meter("finder-7m38", ", positive: export")
    assert next(iter(loaded(tmp_path, usable).settings.meters.values())).sheet.power_sign == -1
    assert any("one source only" in warning for warning in warnings(tmp_path, usable))


def test_a_direction_that_depends_on_the_setting_must_be_said(tmp_path: Path) -> None:
    (error,) = broken(tmp_path, meter("huawei-smartlogger"))
    assert "the direction depends on how the meter was set up; write positive: import" in error
    loaded(tmp_path, meter("huawei-smartlogger", ", positive: import"))


def test_the_direction_of_a_known_sheet_can_be_turned(tmp_path: Path) -> None:
    site = loaded(tmp_path, meter("huawei-sun2000", ", positive: import"))
    assert next(iter(site.settings.meters.values())).sheet.power_sign == 1
