"""The rules of healing: shipped as data of the package, and the site's own on top. Read, checked, frozen.

A rule of the site with the name of a shipped one takes its place; dangers can only be added. What cannot be used is
refused with its place: unknown symptoms, remedies and codes, a ladder that does not end with a person, a remedy that is
forbidden against a danger, and two rules that could claim the same symptom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files as package_files
from itertools import combinations
from pathlib import Path as FilePath

from sitectl.config import document, files, shape
from sitectl.config.healing_shape import RuleSection, RulesFile
from sitectl.config.issues import Findings, Issue, Path, did_you_mean, shown
from sitectl.healing.guards import harmless
from sitectl.healing.overlap import overlap
from sitectl.healing.policy import Dangers, HealingRules, Match, Rule, Step, Thresholds
from sitectl.model.health import RemedyKind, SymptomKind

_LIMIT_BYTES = 1024 * 1024
_OF_CODES = (SymptomKind.FAULT, SymptomKind.DANGER)


@dataclass(slots=True)
class _File:
    """One file as it was read; `places` by the name of each rule."""

    section: RulesFile
    findings: Findings
    places: dict[str, int] = field(default_factory=dict)


def load_rules(own: FilePath | None) -> HealingRules | list[Issue]:
    """The shipped rules with those of the site's file; every fault of it when they cannot be used."""
    read: list[_File] = []
    issues: list[Issue] = []
    for path in (*shipped_files(), *([] if own is None else [own])):
        one = _read(path)
        if isinstance(one, _File):
            read.append(one)
        else:
            issues += one
    return issues or _joined(read, own is not None)


def shipped_files() -> list[FilePath]:
    """The rules that come with the package, found, not imported."""
    return sorted(FilePath(str(package_files("sitectl") / "healing" / "rules")).glob("*.yaml"))


def _read(path: FilePath) -> _File | list[Issue]:
    content = files.read(path, _LIMIT_BYTES)
    if isinstance(content, files.Unreadable):
        return [Issue(str(path), None, None, "", content.reason, content.cure)]
    parsed = document.parse(content.data, str(path))
    if not isinstance(parsed.data, dict):
        return parsed.errors or [Issue(parsed.file, 1, 1, "", "not a file of rules", "begin with rules:")]
    findings = Findings(parsed.marks, parsed.file, list(parsed.errors), lost=parsed.lost)
    section = shape.validate(RulesFile, parsed.data, findings)
    if section is None or findings.errors:
        return findings.errors
    one = _File(section, findings)
    for number, rule in enumerate(section.rules):
        if rule.name in one.places:
            findings.error(("rules", number, "name"), f"a second rule {shown(rule.name)}", "give it another name")
        one.places.setdefault(rule.name, number)
    return findings.errors or one


def _joined(read: Sequence[_File], own: bool) -> HealingRules | list[Issue]:
    """`own`: the last file is the site's. What it calls a danger, a shipped rule may name all the same: dangers are
    seen first."""
    names, dangers = _names(read), _dangers(read)
    shipped_dangers = _dangers(read[:-1]) if own else dangers
    thresholds = Thresholds()
    rules: dict[str, tuple[Rule, _File]] = {}
    for one in read:
        told = {f.name: getattr(one.section.thresholds, f.name) for f in fields(Thresholds)}
        thresholds = replace(thresholds, **{name: value for name, value in told.items() if value is not None})
        known = dangers if own and one is read[-1] else shipped_dangers
        for number, section in enumerate(one.section.rules):
            rule = _rule(section, FilePath(one.findings.file).name, names)
            _check(rule, section, number, one.findings, names, known)
            rules[rule.name] = (rule, one)
    _check_claims(list(rules.values()))
    issues = [issue for one in read for issue in one.findings.errors]
    return issues or HealingRules(
        rules=tuple(rule for rule, _ in rules.values()), thresholds=thresholds, dangers=dangers, names=names
    )


def _names(read: Sequence[_File]) -> dict[str, str]:
    return {key.strip().lower(): name for one in read for key, name in one.section.names.items()}


def _dangers(read: Sequence[_File]) -> Dangers:
    """By all their names, those included that a later file gives to something else."""
    codes: set[str] = set()
    for many in range(1, len(read) + 1):
        names = _names(read[:many])
        for code in read[many - 1].section.dangers.codes:
            codes |= {code.strip().lower(), names.get(code.strip().lower(), code).lower()}
        codes |= {alias for alias, name in names.items() if name.lower() in codes}
    words = (word.lower() for one in read for word in one.section.dangers.words)
    return Dangers(frozenset(codes), tuple(dict.fromkeys(words)))


def _rule(section: RuleSection, origin: str, names: dict[str, str]) -> Rule:
    return Rule(
        name=section.name,
        symptom=SymptomKind(section.symptom),
        steps=tuple(Step(RemedyKind(step.do), step.wait_s) for step in section.ladder),
        codes=frozenset(names.get(code.strip().lower(), code.strip()).lower() for code in section.codes),
        vendor_codes=frozenset(code.strip().lower() for code in section.vendor_codes),
        match=Match(section.match.vendor or "", section.match.model or "", section.match.firmware or ""),
        after_s=section.after_s,
        settle_s=section.settle_s,
        relapse_s=section.relapse_s,
        what=section.tell.what,
        cure=section.tell.do,
        origin=origin,
        source=section.source,
    )


def _check(
    rule: Rule, section: RuleSection, number: int, findings: Findings, names: dict[str, str], dangers: Dangers
) -> None:
    path: Path = ("rules", number)
    ladder: Path = (*path, "ladder")
    if rule.steps[-1].do is not RemedyKind.TELL:
        findings.error(ladder, "the ladder has no end", "let the last step be {do: tell}")
    seen: set[RemedyKind] = set()
    for place, step in enumerate(rule.steps):
        if step.do is RemedyKind.TELL and place < len(rule.steps) - 1:
            findings.error((*ladder, place), "nothing comes after a person is told", "put tell last")
        elif step.do in seen and step.do is not RemedyKind.TELL:
            message = f"{step.do.value} a second time: what did not help is not repeated"
            findings.error((*ladder, place, "do"), message, "remove it")
        seen.add(step.do)
    for key, told in (("codes", section.codes), ("vendor_codes", section.vendor_codes)):
        if told and rule.symptom not in _OF_CODES:
            findings.error((*path, key), f"{rule.symptom.value} has no codes", "remove them")
    for place, code in enumerate(section.codes):
        if code.strip().lower() not in names:
            findings.error((*path, "codes", place), f"no code {shown(code)}", did_you_mean(code, _known(names)))
    _check_dangers(rule, path, findings, dangers)


def _check_dangers(rule: Rule, path: Path, findings: Findings, dangers: Dangers) -> None:
    """No rule may do to a danger what a person must see first."""
    named = rule.codes & dangers.codes | rule.vendor_codes & dangers.codes
    if rule.symptom is SymptomKind.FAULT and named:
        message = f"{', '.join(sorted(named))} is a danger, which rules for faults never see"
        findings.error((*path, "codes"), message, "write symptom: danger, with {do: tell}")
    elif rule.symptom is SymptomKind.DANGER and not harmless(rule):
        findings.error((*path, "ladder"), "a danger is never reset by itself", "leave only trigger and tell")


def _known(names: dict[str, str]) -> list[str]:
    return sorted(set(names.values()))


def _check_claims(rules: list[tuple[Rule, _File]]) -> None:
    """Two rules of the same rank that could claim the same symptom of the same station: nobody could say which."""
    for (one, _), (other, place) in combinations(rules, 2):
        if overlap(one, other):
            number = place.places[other.name]
            message = f"claims the same {other.symptom.value} as rule {shown(one.name)} ({one.origin})"
            cure = "name other codes or another device, or give it that name to take its place"
            place.findings.error(("rules", number, "symptom"), message, cure)
