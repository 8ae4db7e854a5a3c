"""Cases as data: one cycle, who gets what, what goes out, and why."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.verify import verify
from sitectl.model.ids import CircuitId
from sitectl.model.limits import Ceiling
from tests.unit.allocator.site import build, evse_id, moment

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "allocator"
CASES = [
    (path.stem, case) for path in sorted(SCENARIOS.glob("*.yaml")) for case in YAML(typ="safe").load(path.read_text())
]


def ceiling(number: int, facts: dict[str, Any]) -> Ceiling:
    return Ceiling(
        str(number),
        facts["source"],
        float(facts["ceiling_a"]),
        evse_id(facts["evse"]) if "evse" in facts else None,
        CircuitId(facts["circuit"]) if "circuit" in facts else None,
        facts.get("expires_at"),
    )


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{file}: {case['name']}") for file, case in CASES])
def test_scenario(case: dict[str, Any]) -> None:
    site = build(case["circuits"], case["stations"])
    snapshot = moment(
        site,
        case.get("evses"),
        case.get("base_load_a"),
        case.get("circuit_facts"),
        tuple(ceiling(n, facts) for n, facts in enumerate(case.get("ceilings", ()))),
        **case.get("site", {}),
    )
    rules = SharingRules(**case.get("rules", {}))
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), rules)
    assert verify(site, snapshot, allocation.offers, rules.step_a) == []
    assert {e: t.limit_a for e, t in allocation.targets.items()} == named(case["targets"])
    if "offers" in case:
        assert {e: o.limit_a for e, o in allocation.offers.items()} == named(case["offers"])
    for name, reason in case.get("reasons", {}).items():
        assert allocation.targets[evse_id(name)].reason == reason
    for name, reason in case.get("reasons_of_offers", {}).items():
        assert allocation.offers[evse_id(name)].reason == reason
    assert list(allocation.alarms) == case.get("alarms", [])


def named(values: dict[str, float]) -> dict[Any, float]:
    return {evse_id(name): value for name, value in values.items()}
