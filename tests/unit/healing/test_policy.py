"""Which rule claims a symptom, what a code means, and which rules cannot stand beside each other."""

import pytest

from sitectl.healing.overlap import overlap
from sitectl.healing.policy import Match, Rule, Step, firmware_fits
from sitectl.model.health import Fault, RemedyKind, Symptom, SymptomKind
from sitectl.model.ids import StationId
from sitectl.model.station import StationIdentity
from tests.unit.healing.plays import shipped

CP = StationId("CP01")
TELL = (Step(RemedyKind.TELL),)


def rule(name: str = "one", codes: set[str] | None = None, **match: str) -> Rule:
    return Rule(name, SymptomKind.FAULT, TELL, codes=frozenset(codes or ()), match=Match(**match))


@pytest.mark.parametrize(
    ("wanted", "firmware", "fits"),
    [
        ("", "anything", True),
        ("<=1.8.21", "1.8.21", True),
        ("<=1.8.21", "v1.8.3", True),
        ("<=1.8.21", "1.10.0", False),
        (">=2.0,<3", "2.9.9", True),
        (">=2.0 <3", "3.1", False),
        (">= 2.0, < 3", "2.1", True),
        (">=2.0,<3", "3.0", False),
        ("==2", "2.0.0", True),
        (">1", "unnamed", False),
        ("1.8.*", "1.8.4-beta", True),
        ("1.8.*", "1.9", False),
    ],
)
def test_firmware(wanted: str, firmware: str, fits: bool) -> None:
    assert firmware_fits(wanted, firmware) is fits


def test_names_are_matched_without_regard_to_case_and_with_stars() -> None:
    match = Match(vendor="acme*", model="*x2*")
    assert match.fits(StationIdentity("ACME Ltd", "Model X2 pro", "1"))
    assert not match.fits(StationIdentity("Other", "Model X2 pro", "1"))
    assert not Match(vendor="a.me").fits(StationIdentity("acme"))


def test_the_more_specific_rule_wins() -> None:
    rules = shipped()
    plain, special = rule("plain"), rule("special", {"internalerror"}, vendor="Acme")
    both = type(rules)(rules=(plain, special))
    symptom = Symptom(SymptomKind.FAULT, CP, 1, 0.0, code="InternalError")
    assert both.rule_for(symptom, None, StationIdentity("Acme")) is special
    assert both.rule_for(symptom, None, StationIdentity("Other")) is plain


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(CP, 1, "InternalError"), "InternalError"),
        (Fault(CP, 1, "internalerror"), "InternalError"),
        (Fault(CP, 1, "OtherError", "CX014"), "PilotFault"),
        (Fault(CP, 1, "OtherError", "cx002"), "GroundFailure"),
        (Fault(CP, 1, "Error"), "OtherError"),
        (Fault(CP, 1, "SomethingNew", "0x17"), "SomethingNew"),
    ],
)
def test_what_a_code_means(fault: Fault, code: str) -> None:
    assert shipped().code_of(fault) == code


@pytest.mark.parametrize(
    ("fault", "danger"),
    [
        (Fault(CP, 1, "GroundFailure"), True),
        (Fault(CP, 1, "OtherError", "CX017"), True),
        (Fault(CP, 1, "OtherError", "EmergencyStop"), True),
        (Fault(CP, 1, "OtherError", "", "Contactor welded"), True),
        (Fault(CP, 1, "OtherError", "E17 earth fault"), True),
        (Fault(CP, 1, "OtherError", "RCDTripped"), True),
        (Fault(CP, 1, "OtherError", "GROUND_FAULT_2"), True),
        (Fault(CP, 1, "OtherError", "overTemperature"), True),
        (Fault(CP, 1, "OtherError", "", "E-Stop pressed"), True),
        (Fault(CP, 1, "InternalError", "", "firmware task in the background"), False),
        (Fault(CP, 1, "InternalError", "", "task watchdog"), False),
        (Fault(CP, 1, "UnderVoltage"), False),
        (Fault(CP, 1, "OtherError", "", "BrokenLatch: check 12"), True),
        (Fault(CP, 1, "OtherError", "", "see CX025"), True),
        (Fault(CP, 1, "OtherError", "", "see CX011"), False),
    ],
)
def test_what_a_danger_is(fault: Fault, danger: bool) -> None:
    rules = shipped()
    assert (rules.dangers.of(fault, rules.code_of(fault)) is not None) is danger


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (rule(), rule(), True),
        (rule(codes={"a"}), rule(codes={"b"}), False),
        (rule(codes={"a", "b"}), rule(codes={"b"}), True),
        (rule(codes={"a"}), rule(), False),
        (rule(vendor="Acme"), rule(vendor="acme"), True),
        (rule(vendor="Acme*"), rule(vendor="Acme Ltd"), True),
        (rule(vendor="Acme"), rule(vendor="Other"), False),
        (rule(vendor="Ac*"), rule(vendor="Acme*"), True),
        (rule(vendor="Ac*"), rule(vendor="Be*"), False),
        (rule(firmware="<2"), rule(firmware=">=2"), False),
        (rule(firmware="<=2"), rule(firmware=">=2.0"), True),
        (rule(firmware="<1,>3"), rule(firmware="2"), False),
        (rule(vendor="Acme", firmware="<2"), rule(vendor="Acme"), False),
    ],
)
def test_two_rules_that_claim_the_same(one: Rule, other: Rule, both: bool) -> None:
    assert overlap(one, other) is both
    assert overlap(other, one) is both


def test_the_shipped_rules_know_every_symptom_and_end_with_a_person() -> None:
    rules = shipped()
    assert {rule.symptom for rule in rules.rules} == set(SymptomKind)
    assert all(rule.steps[-1].do is RemedyKind.TELL and rule.what and rule.cure for rule in rules.rules)
    faults = [rule for rule in rules.rules if rule.symptom in (SymptomKind.FAULT, SymptomKind.DANGER)]
    assert max(rule.after_s for rule in faults) <= 10.0
    assert {f"cx{number:03d}" for number in range(1, 27)} <= set(rules.names)
