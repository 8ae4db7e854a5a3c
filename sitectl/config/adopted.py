"""Stations that a person took in at run time: they stand in no file, and are read as if they stood in one more.

So they are judged by the same rules as everything else, and can never raise what a file bounds. A station that a file
lists meanwhile is taken from there. What no longer fits (its circuit was renamed) is left out with a warning, for a
site must start: that station is a stranger again, and counted on the root.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as FilePath

from sitectl.config import merge
from sitectl.config.issues import Issue
from sitectl.config.load import Broken, Loaded, load

Adopted = Mapping[str, Mapping[str, object]]
"""By station, the keys of its section in the configuration."""

PLACE = FilePath("adopted")
"""What stands in the place of a file's name, in messages and as the origin of values."""


def load_with(path: FilePath, adopted: Adopted) -> Loaded | Broken:
    """As `load`, and with stations that were adopted. Never raises for what any file holds or lacks."""
    mine = unlisted(path, adopted)
    if not mine:
        return load(path)
    whole = load(path, _draft(mine))
    if isinstance(whole, Loaded):
        return whole
    without = load(path)
    if isinstance(without, Broken):
        return without
    fitting: dict[str, Mapping[str, object]] = {}
    left_out: list[Issue] = []
    for station, section in mine.items():
        tried = load(path, _draft(fitting | {station: section}))
        if isinstance(tried, Loaded):
            fitting[station], without = section, tried
        else:
            left_out.append(_warning(station, tried))
    return replace(without, warnings=(*without.warnings, *left_out))


def refused(path: FilePath, adopted: Adopted, station: str, section: Mapping[str, object]) -> tuple[Issue, ...]:
    """Why one more station cannot be adopted; nothing: it can."""
    mine = unlisted(path, adopted) | {station: section}
    tried = load(path, _draft(mine))
    return tried.errors if isinstance(tried, Broken) else ()


def unlisted(path: FilePath, adopted: Adopted) -> dict[str, Mapping[str, object]]:
    """Those of them that no file lists."""
    if not adopted:
        return {}
    data = merge.read_all(path).data
    stations = data.get("stations") if isinstance(data, dict) else None
    listed = stations if isinstance(stations, dict) else {}
    return {station: section for station, section in adopted.items() if station not in listed}


def _draft(adopted: Adopted) -> merge.Drafts:
    return {PLACE: json.dumps({"stations": dict(adopted)}).encode()}  # JSON is YAML


def _warning(station: str, tried: Broken) -> Issue:
    why = tried.errors[0]
    cure = f"adopt it again (`sitectl station adopt {station}`), or list it under stations"
    return Issue(str(PLACE), None, None, f"stations.{station}", f"left out: {why.path}: {why.message}", cure)
