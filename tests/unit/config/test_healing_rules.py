"""The rules of healing as a site gets them: shipped, its own on top, its budgets and hours."""

from pathlib import Path

from sitectl.config.healing_rules import load_rules, shipped_files
from sitectl.config.settings import Settings
from sitectl.healing.policy import HealingRules
from sitectl.model.health import Fault, HealingMode, RemedyKind
from sitectl.model.ids import StationId
from tests.unit.config.sites import loaded

SITE = """
circuits:
  grid: {rated_a: 100, base_load_worst_a: 40}
"""
OWN = """
rules:
  - name: internal-error
    symptom: fault
    codes: [InternalError]
    ladder: [{do: hard_reset, wait_s: 90}, {do: tell}]
    tell: {what: Sick, do: Look.}
dangers: {codes: [ReaderFailure], words: [vapour]}
names: {X9: InternalError}
thresholds: {failures: 5}
"""


def site(tmp_path: Path, more: str) -> Settings:
    return loaded(tmp_path, SITE + more).settings


def test_without_a_word_it_observes_by_the_shipped_rules(tmp_path: Path) -> None:
    healing = site(tmp_path, "").healing
    assert healing.mode is HealingMode.OBSERVE
    assert len(healing.rules) >= 30
    assert len(shipped_files()) == 5


def test_a_rule_of_the_site_takes_the_place_of_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    healing = site(tmp_path, "healing: {mode: act, rules_file: own.yaml}\n").healing
    (rule,) = [rule for rule in healing.rules if rule.name == "internal-error"]
    assert [step.do for step in rule.steps] == [RemedyKind.HARD_RESET, RemedyKind.TELL]
    assert rule.origin == "own.yaml"
    assert "vapour" in healing.dangers.words
    assert "groundfailure" in healing.dangers.codes
    assert healing.names["x9"] == "InternalError"
    assert (healing.thresholds.failures, healing.thresholds.reboots) == (5, 4)


def test_what_the_site_calls_a_danger_is_one_by_all_its_names(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace("ReaderFailure", "CX001"))
    rules = load_rules(path)
    assert isinstance(rules, HealingRules)
    locked = Fault(StationId("CP01"), 1, "ConnectorLockFailure")
    assert rules.dangers.of(locked, rules.code_of(locked)) is not None


def test_no_other_name_makes_a_danger_harmless(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("names: {GroundFailure: InternalError, CX002: InternalError}\n")
    rules = load_rules(path)
    assert isinstance(rules, HealingRules)
    for fault in (Fault(StationId("CP01"), 1, "GroundFailure"), Fault(StationId("CP01"), 1, "OtherError", "CX002")):
        assert rules.dangers.of(fault, rules.code_of(fault)) is not None


def test_budget_hours_and_ghosts_are_the_sites(tmp_path: Path) -> None:
    healing = site(
        tmp_path,
        """
healing:
  mode: act
  ghost_after_s: 300
  budget: {station_resets_per_day: 2, at_once: 3}
  maintenance: [{from: "22:00", to: "05:00", days: [sun]}]
""",
    ).healing
    assert (healing.budget.station_resets_per_day, healing.budget.at_once, healing.budget.site_resets_per_day) == (
        2,
        3,
        60,
    )
    (window,) = healing.windows
    assert (window.begins, window.ends, window.days) == (22 * 60, 5 * 60, frozenset({6}))
    assert window.remedies == {RemedyKind.HARD_RESET, RemedyKind.POWER_CYCLE}
    assert [rule.after_s for rule in healing.rules if rule.name == "ghost-transaction"] == [300]
