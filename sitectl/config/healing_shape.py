"""The shape of a file of healing rules: every key, its type and bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from sitectl.config.fields import Seconds, Section, Text, fault
from sitectl.config.issues import did_you_mean, shown
from sitectl.model.health import RemedyKind, SymptomKind

Wait = Annotated[float, Field(ge=1, le=86_400 * 31, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=100_000)]


def _symptom(text: str) -> str:
    known = [kind.value for kind in SymptomKind]
    if text not in known:
        raise fault(f"no symptom {shown(text)}", did_you_mean(text, known))
    return text


def _remedy(text: str) -> str:
    known = [kind.value for kind in RemedyKind]
    if text not in known:
        raise fault(f"no remedy {shown(text)}", did_you_mean(text, known))
    return text


SymptomName = Annotated[str, AfterValidator(_symptom)]
RemedyName = Annotated[str, AfterValidator(_remedy)]


class StepSection(Section):
    """One remedy of a ladder."""

    do: RemedyName
    """trigger, reconnect, resend_limit, resend_configuration, availability_cycle, unlock, end_transaction, soft_reset,
    hard_reset, power_cycle or tell."""
    wait_s: Wait = 60.0
    """How long it is waited for before the next one."""


class MatchSection(Section):
    """Which stations; * stands for any text, case is ignored."""

    vendor: Text | None = None
    model: Text | None = None
    firmware: Text | None = None
    """A pattern, or bounds such as >=2.0,<3."""


class TellSection(Section):
    """What a person is told."""

    what: Annotated[Text, Field(pattern=r"^[^:]+$")]
    """What is wrong, without a colon: up to there it names the problem."""
    do: Text
    """What to do about it."""


class RuleSection(Section):
    """One symptom and what is done about it."""

    name: Text
    symptom: SymptomName
    codes: list[Text] = Field(default=[])
    """Of a fault: which error codes; none: all that no other rule claims."""
    vendor_codes: list[Text] = Field(default=[])
    """Of a fault: which vendor error codes."""
    match: MatchSection = MatchSection()
    after_s: Seconds = 5.0
    """How long the symptom must last before the first remedy."""
    settle_s: Wait = 60.0
    """How long it must stay away before a remedy is said to have helped."""
    relapse_s: Seconds = 3600.0
    """When it comes back within this time, the ladder goes on where it was."""
    ladder: Annotated[list[StepSection], Field(min_length=1, max_length=12)]
    """Remedies, from mild to hard; the last is tell."""
    tell: TellSection
    source: str = ""
    """What the rule rests on."""


class DangersSection(Section):
    """What no machine may reset."""

    codes: list[Text] = Field(default=[])
    words: list[Annotated[Text, Field(min_length=3)]] = Field(default=[])
    """In the vendor's own code or text; a word means itself, with a * at its end all that begins so."""


class ThresholdsSection(Section):
    """From where on something counts as a symptom."""

    reconnects: Count | None = None
    reconnects_in_s: Wait | None = None
    reboots: Count | None = None
    reboots_in_s: Wait | None = None
    unanswered: Count | None = None
    clock_error_s: Wait | None = None
    certificate_days: Annotated[float, Field(ge=1, le=3650, allow_inf_nan=False)] | None = None
    readings_stop_s: Wait | None = None
    ghost_without_meter_s: Seconds | None = None
    full_wh: Annotated[float, Field(ge=1, le=100_000, allow_inf_nan=False)] | None = None
    failures: Count | None = None
    failures_in_s: Wait | None = None
    danger_holds_s: Seconds | None = None
    firmware_s: Wait | None = None
    temperature_rise_c: Annotated[float, Field(gt=0, le=200, allow_inf_nan=False)] | None = None
    temperature_days: Annotated[int, Field(ge=1, le=30)] | None = None
    site_wide: Count | None = None
    site_wide_share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    site_wide_in_s: Wait | None = None
    site_wide_hold_s: Seconds | None = None


class RulesFile(Section):
    """A file of rules. One with the name of a shipped rule takes its place."""

    names: dict[Text, Text] = Field(default={})
    """Other names of error codes, and the ones that the rules use."""
    dangers: DangersSection = DangersSection()
    """Added to the shipped ones, which nothing takes away."""
    thresholds: ThresholdsSection = ThresholdsSection()
    rules: list[RuleSection] = Field(default=[])
