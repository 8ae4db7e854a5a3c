"""The policy: rules as data, which of them claims a symptom, and the bounds within which remedies are done.

A rule says for one symptom (of one vendor, model, firmware, code) which remedies are tried one after the other, and how
long each is waited for. The more specific rule wins; two that could claim the same symptom are refused where they are
read (`config.healing`), as is a ladder that does not end with a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from sitectl.healing.windows import Window
from sitectl.model.health import Fault, HealingMode, RemedyKind, Symptom, SymptomKind
from sitectl.model.station import StationIdentity

_NUMBER = re.compile(r"\d+")
_BOUND = re.compile(r"\s*(<=|>=|<|>|==)\s*(\S+)\s*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CODE = re.compile(r"\w+")
_WORD = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r"[,\s]+(?=[<>=])")


@dataclass(frozen=True, slots=True)
class Match:
    """Which stations a rule is for; "" matches every one. Case is ignored, `*` stands for any text.

    `firmware` may also be bounds: `<=1.8.21`, `>=2.0,<3`; versions are compared number by number.
    """

    vendor: str = ""
    model: str = ""
    firmware: str = ""

    def fits(self, identity: StationIdentity) -> bool:
        """Whether a station is meant."""
        return (
            like(self.vendor, identity.vendor)
            and like(self.model, identity.model)
            and firmware_fits(self.firmware, identity.firmware)
        )

    @property
    def specific(self) -> tuple[bool, bool, bool]:
        """The more of a station it names, the more specific; firmware before model before vendor."""
        return bool(self.firmware), bool(self.model), bool(self.vendor)


ANYBODY = Match()


@dataclass(frozen=True, slots=True)
class Step:
    """One remedy, and how long (s) it is waited for before it counts as of no help."""

    do: RemedyKind
    wait_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One symptom and its ladder, whose last step is always to tell a person.

    * `codes`, `vendor_codes`: of a fault, in lower case; empty: any. `after_s`: how long the symptom must last first.
    * `settle_s`: so long it must stay away before a remedy is said to have helped. `relapse_s`: when it comes back
      within that time after, the ladder goes on behind the remedy that helped so briefly.
    * `what`, `cure`: what a person is told: what is wrong (up to the first colon it names the problem), what to do.
    * `origin`: in which file the rule is written. `source`: what it rests on.
    """

    name: str
    symptom: SymptomKind
    steps: tuple[Step, ...]
    codes: frozenset[str] = frozenset()
    vendor_codes: frozenset[str] = frozenset()
    match: Match = ANYBODY
    after_s: float = 5.0
    settle_s: float = 60.0
    relapse_s: float = 3600.0
    what: str = ""
    cure: str = ""
    origin: str = ""
    source: str = ""

    @property
    def specific(self) -> tuple[bool, ...]:
        """The order in which rules are asked, the highest first."""
        return (*self.match.specific, bool(self.vendor_codes), bool(self.codes))

    def claims(self, symptom: Symptom, fault: Fault | None, identity: StationIdentity) -> bool:
        """Whether the rule is for this symptom of this station."""
        if self.symptom is not symptom.kind or not self.match.fits(identity):
            return False
        if self.codes and symptom.code.lower() not in self.codes:
            return False
        return not self.vendor_codes or (fault is not None and fault.vendor_code.strip().lower() in self.vendor_codes)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be done. Resets are soft and hard ones and power cycles, of others (uplinks, people) too; a day is
    any 24 h. `spacing_s`: between two disruptive remedies of one station; `at_once`: disruptive ones under way on the
    site at the same time."""

    station_resets_per_day: int = 4
    site_resets_per_day: int = 60
    station_remedies_per_day: int = 30
    spacing_s: float = 120.0
    at_once: int = 10


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on something counts as a symptom; how long it must last is the rule's `after_s`."""

    reconnects: int = 6
    reconnects_in_s: float = 600.0
    reboots: int = 4
    reboots_in_s: float = 1800.0
    unanswered: int = 3
    clock_error_s: float = 120.0
    certificate_days: float = 30.0
    readings_stop_s: float = 300.0
    ghost_without_meter_s: float = 900.0
    """So much longer a ghost must last where no site meter confirms that nothing flows."""
    full_wh: float = 100.0
    """A car that took so much in its transaction was there: when nothing flows any more, it is full or sleeps."""
    failures: int = 3
    failures_in_s: float = 604_800.0
    danger_holds_s: float = 3600.0
    """So long after a danger was last reported no reset is done either, though the station has taken it back."""
    firmware_s: float = 7200.0
    """From here on an update that has begun and not ended is stuck."""
    temperature_rise_c: float = 15.0
    temperature_days: int = 3
    site_wide: int = 5
    site_wide_share: float = 0.2
    site_wide_in_s: float = 120.0
    site_wide_hold_s: float = 300.0
    """When so many stations, and such a share of all, show the same at nearly the same time, one cause is behind it:
    nothing disruptive is done about it for so long."""


@dataclass(frozen=True, slots=True)
class Dangers:
    """What no machine may reset: error codes (lower case), and words by which a vendor's own text gives it away.

    A code may also stand within that text, where a station says it in the wrong place. A word means itself, not a part
    of another (fire is not in firmware); with a `*` at its end, what begins so.
    """

    codes: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()

    def of(self, fault: Fault, code: str) -> str | None:
        """What is dangerous about a fault (`code`: as the rules name it), None when nothing is."""
        for told in (code, fault.code, fault.vendor_code):
            if told.strip().lower() in self.codes:
                return told
        for word in _CODE.finditer(f"{fault.vendor_code} {fault.info}"):
            if word[0].lower() in self.codes and not word[0].isdecimal():
                return word[0]
        if not self.words:
            return None
        found = _any_of(self.words).search(plain(f"{fault.code} {fault.vendor_code} {fault.info}"))
        return None if found is None else found[0].strip()


@dataclass(frozen=True, slots=True)
class HealingRules:
    """All that healing goes by. `names`: other names of error codes (lower case) and the one that the rules use."""

    rules: tuple[Rule, ...] = ()
    mode: HealingMode = HealingMode.OBSERVE
    budget: Budget = Budget()
    windows: tuple[Window, ...] = ()
    thresholds: Thresholds = Thresholds()
    dangers: Dangers = Dangers()
    names: Mapping[str, str] = field(default_factory=dict)

    def code_of(self, fault: Fault) -> str:
        """The error code as the rules name it: the vendor's code where that is a public one, else the station's."""
        for told in (fault.vendor_code, fault.code):
            name = self.names.get(told.strip().lower())
            if name is not None:
                return name
        return fault.code.strip()

    def rule_for(self, symptom: Symptom, fault: Fault | None, identity: StationIdentity) -> Rule | None:
        """The most specific rule that claims a symptom."""
        claiming = [rule for rule in self.rules if rule.claims(symptom, fault, identity)]
        return max(claiming, key=lambda rule: rule.specific, default=None)


def plain(text: str) -> str:
    """`RCDTripped`, `over-temp`, `GROUND_FAULT` as words: lower case, a blank before each and at the end."""
    return f" {' '.join(_WORD.findall(_HUMP.sub(' ', text))).lower()} "


@cache
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """Any of these, each a word or several in a row."""
    each = (re.escape(plain(word).strip()) + ("" if word.endswith("*") else "(?= )") for word in words)
    return re.compile(f" (?:{'|'.join(each)})")


def like(pattern: str, text: str) -> bool:
    """Whether a text is what a pattern of a rule means."""
    if not pattern:
        return True
    expression = ".*".join(re.escape(part) for part in pattern.strip().split("*"))
    return re.fullmatch(expression, text.strip(), re.IGNORECASE | re.DOTALL) is not None


def version(text: str) -> tuple[int, ...]:
    """The numbers of a version, in order."""
    return tuple(int(number) for number in _NUMBER.findall(text)[:8])


def firmware_fits(wanted: str, firmware: str) -> bool:
    """Whether a firmware is within the bounds, or like the pattern."""
    bounds = firmware_bounds(wanted)
    if not bounds:
        return like(wanted, firmware)
    have = version(firmware)
    return bool(have) and all(_holds(have, sign, number) for sign, number in bounds)


def firmware_bounds(wanted: str) -> list[tuple[str, tuple[int, ...]]]:
    """`>=2.0,<3` (or with a blank between) as signs and numbers; empty when it is a pattern."""
    found = [_BOUND.fullmatch(part) for part in _BETWEEN.split(wanted)]
    return [(bound[1], version(bound[2])) for bound in found if bound] if all(found) else []


def _holds(have: tuple[int, ...], sign: str, number: tuple[int, ...]) -> bool:
    length = max(len(have), len(number))
    mine, other = (parts + (0,) * (length - len(parts)) for parts in (have, number))
    return {"<=": mine <= other, ">=": mine >= other, "<": mine < other, ">": mine > other, "==": mine == other}[sign]
