"""Cases as data: what happens at stations, how they react to remedies, and what healing must and must not do.

A case names its stations (one, CP01, unless said otherwise), what `happens` (`at`: seconds, or 15m, 2h, 1d), how it
`reacts` to a remedy (`after` so long; a list: one reaction each time; `then`: what follows), how long it is played
(`until`), and what to `expect`. The shipped rules hold. No case may ever see a reset under a car that charges in truth.
"""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.unit.healing.plays import judged, played

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "healing"
CASES = [
    (path.stem, case) for path in sorted(SCENARIOS.glob("*.yaml")) for case in YAML(typ="safe").load(path.read_text())
]


def test_there_are_enough_of_them_and_each_has_its_own_name() -> None:
    names = [case["name"] for _, case in CASES]
    assert len(names) >= 60
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{file}: {case['name']}") for file, case in CASES])
def test_scenario(case: dict[str, Any]) -> None:
    judged(played(case), case["expect"])
