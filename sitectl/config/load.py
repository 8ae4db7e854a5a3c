"""The one way in: a path gives the settings, or everything that is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from sitectl.config import (
    checks_alerts,
    checks_charging,
    checks_fallbacks,
    checks_healing,
    checks_lines,
    checks_meters,
    checks_mqtt,
    checks_references,
    checks_security,
    checks_signals,
    checks_stations,
    checks_topology,
    effective,
    files,
    merge,
    shape,
)
from sitectl.config.build import build
from sitectl.config.draft import Draft
from sitectl.config.gather import gather
from sitectl.config.issues import Findings, Issue
from sitectl.config.models import Api, Configuration, Site
from sitectl.config.quick import KEPT_FROM
from sitectl.config.settings import Settings
from sitectl.config.solve import Solution
from sitectl.model.electrical import PhaseCurrents

_CHECKS = (
    checks_topology.check,
    checks_references.check,
    checks_lines.check,
    checks_signals.check,
    checks_healing.check,
    checks_stations.check,
    checks_security.check,
    checks_alerts.check,
    checks_mqtt.check,
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A usable configuration.

    `effective`: plain mappings, lists and scalars under the names of the file, every default and solved value in them.
    `origins`: by the dotted path of each value in `effective`, `site.yaml:12` or `default`.
    `fallback_sum_a`: by circuit, what all fallbacks together may draw on each phase (A); `fallbacks`: how they were
    solved. `file`: where it was read. `files`: all that was read for it, with a digest of each.
    """

    settings: Settings
    warnings: tuple[Issue, ...]
    origins: Mapping[str, str]
    effective: Mapping[str, object]
    fallback_sum_a: Mapping[str, PhaseCurrents]
    fallbacks: Solution
    file: FilePath
    files: Mapping[FilePath, bytes]


@dataclass(frozen=True, slots=True)
class Broken:
    """A configuration that cannot be used: every error found, in the order of the files."""

    errors: tuple[Issue, ...]
    warnings: tuple[Issue, ...]


def load(path: FilePath, drafts: merge.Drafts | None = None) -> Loaded | Broken:
    """Read `path` with `conf.d/*.yaml` beside it. Never raises for what any file holds or lacks.

    `drafts`: files that are taken as if they held this, so that a change can be judged before it is written.
    """
    with files.noted() as read:
        return _load(path, drafts, read)


def _load(path: FilePath, drafts: merge.Drafts | None, read: Mapping[FilePath, bytes]) -> Loaded | Broken:
    document = merge.read_all(path, drafts)
    findings = Findings(document.marks, str(path), list(document.errors), lost=document.lost)
    if not isinstance(document.data, dict):
        return _broken(findings)
    config = shape.validate(Configuration, document.data, findings) or Configuration()
    draft = Draft(config, document.data, findings, _directory(path), _home(_directory(path)))
    for check in _CHECKS:
        check(draft)
    gathered = gather(draft)
    checks_meters.check(draft, gathered.sheets)
    checks_lines.check_speeds(draft, gathered.sheets)
    checks_charging.check(draft, len(gathered.tokens))
    if document.errors or findings.has_errors_in("circuits"):
        return _broken(findings)
    solution = checks_fallbacks.check(draft)
    if findings.errors:
        return _broken(findings)
    checks_signals.check_against_fallbacks(draft, checks_fallbacks.circuit_sums(solution))
    shown = effective.values(config, solution.fallback_a, gathered.sheets)
    return Loaded(
        settings=build(draft, gathered, solution.fallback_a),
        warnings=_ordered(findings.warnings),
        origins=effective.origins(shown, document.marks, effective.solved(config)),
        effective=shown,
        fallback_sum_a=checks_fallbacks.circuit_sums(solution),
        fallbacks=solution,
        file=path.absolute(),
        files=read,
    )


def api_socket(path: FilePath) -> FilePath:
    """Where the daemon of this configuration listens: `api.socket`, or its default when that cannot be read."""
    return _named(path, "api", "socket") or FilePath(Api().socket)


def data_dir(path: FilePath, otherwise: str | None = None) -> FilePath:
    """Where the daemon of this configuration keeps its data; `otherwise`, or the default, when that cannot be read."""
    return _named(path, "site", "data_dir") or FilePath(otherwise or Site.model_fields["data_dir"].default)


def _named(path: FilePath, section: str, key: str) -> FilePath | None:
    data = merge.read_all(path).data
    body = data.get(section) if isinstance(data, dict) else None
    name = body.get(key) if isinstance(body, dict) else None
    return _home(_directory(path)) / name if isinstance(name, str) else None


def _directory(path: FilePath) -> FilePath:
    return path.absolute().parent


def _home(directory: FilePath) -> FilePath:
    """The directory itself, or the one that it holds a copy of."""
    try:
        return FilePath(os.fsdecode((directory / KEPT_FROM).read_bytes()))
    except OSError:
        return directory


def _broken(findings: Findings) -> Broken:
    return Broken(_ordered(findings.errors), _ordered(findings.warnings))


def _ordered(issues: list[Issue]) -> tuple[Issue, ...]:
    """File by file as they came up, by line, each once."""
    files = list(dict.fromkeys(issue.file for issue in issues))
    unique = dict.fromkeys(issues)
    return tuple(sorted(unique, key=lambda issue: (files.index(issue.file), issue.line or 0, issue.column or 0)))
