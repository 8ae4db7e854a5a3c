"""Real days, where the data is: sessions of two sites, a building, households. Found by SITECTL_DATA, else in `data`
beside the folder of the project; what is not there gives None, and a generated day is always there.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from zlib import crc32

from tests.onehertz.cars import NOMINAL_V, CarSpec

ABSENT = "no real days: SITECTL_DATA names no folder that holds them"
DAY_S = 86_400.0


def folder() -> Path:
    """Where the extracts are looked for."""
    named = os.environ.get("SITECTL_DATA")
    return Path(named) if named else Path(__file__).parents[3] / "data"


def _rows(name: str) -> Iterator[dict[str, str]] | None:
    path = folder() / name
    if not path.is_file():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return iter(list(csv.DictReader(lines)))


@dataclass(frozen=True)
class Visit:
    """One stay of one car. Seconds from midnight; `says_s`: the departure that its driver typed."""

    place: str
    arrives_s: float
    departs_s: float
    says_s: float
    asks_wh: float
    phases: int
    max_a: float

    @property
    def wants_wh(self) -> float:
        """What it can take in its time at best."""
        return min(self.asks_wh, (self.departs_s - self.arrives_s) / 3600.0 * self.max_a * self.phases * NOMINAL_V)

    def car(self) -> CarSpec:
        """It charges without taper, so that the clairvoyant bound holds for it."""
        return CarSpec(
            self.phases, self.max_a, slow_reactions=0.0, shortfall_a=0.0, wish_wh=self.asks_wh, capacity_wh=1e9
        )


def kind_of(text: str) -> tuple[int, float]:
    """Phases and ampere of a car, by a hash of what is known of it: 45 % one phase of 32 A, 10 % two and 45 % three of
    16 A."""
    part = crc32(text.encode()) % 100
    return (1, 32.0) if part < 45 else (2, 16.0) if part < 55 else (3, 16.0)


@cache
def real_days(site: str) -> dict[str, list[Visit]] | None:
    """The workdays of "jpl" or "caltech", each as the visits that begin on it, by date; None: the data is not here."""
    rows = _rows(f"acn_{site}_2019-05_2019-08.csv.gz")
    if rows is None:
        return None
    days: dict[str, list[Visit]] = {}
    for row in rows:
        arrival, departure = datetime.fromisoformat(row["arrival"]), datetime.fromisoformat(row["departure"])
        midnight = arrival.replace(hour=0, minute=0, second=0)
        says = datetime.fromisoformat(row["estimated_departure"]) if row["estimated_departure"] else departure
        begins, ends = (arrival - midnight).total_seconds(), (departure - midnight).total_seconds()
        said = (says - midnight).total_seconds()
        asks_wh = float(row["delivered_kwh"]) * 1000.0
        if ends - begins < 300.0 or asks_wh < 500.0 or arrival.weekday() >= 5:
            continue
        phases, max_a = kind_of(row["arrival"] + row["station_id"])
        visit = Visit(row["station_id"], begins, ends, max(said, begins + 300.0), asks_wh, phases, max_a)
        days.setdefault(row["arrival"][:10], []).append(visit)
    return {day: visits for day, visits in sorted(days.items()) if len(visits) >= 30}


def generated_visits(seed: int, places: int = 54, visits: int = 70) -> list[Visit]:
    """A working day that needs no data: most come at nine, some at noon, and stay a few hours."""
    random, free_at = Random(seed), dict.fromkeys(range(places), 0.0)
    comes: list[float] = []
    found: list[Visit] = []
    morning, noon = (8.7, 1.0), (12.8, 1.5)
    for _ in range(visits):
        hour, spread = morning if random.random() < 0.65 else noon
        comes.append(min(max(random.gauss(hour, spread), 5.0), 18.0) * 3600.0)
    for arrives_s in sorted(comes):
        place = next((p for p in free_at if free_at[p] <= arrives_s), None)
        if place is None:
            continue
        stays_s = min(max(random.gauss(5.0, 2.5), 0.7), 10.0) * 3600.0
        phases, max_a = kind_of(f"{seed} {arrives_s} {place}")
        says_s = arrives_s + stays_s * random.uniform(0.6, 1.4)
        asks_wh = min(max(random.lognormvariate(2.3, 0.7), 1.5), 60.0) * 1000.0
        found.append(Visit(f"P{place:02}", arrives_s, arrives_s + stays_s, says_s, asks_wh, phases, max_a))
        free_at[place] = arrives_s + stays_s + 120.0
    return found


@cache
def office_hours() -> list[float] | None:
    """The hourly power of a medium office on a working day (a Wednesday in July); None: the data is not here."""
    rows = _rows("building_medium_office_hourly.csv.gz")
    if rows is None:
        return None
    return [
        float(row["electricity_facility_kw"])
        for row in rows
        if row["month_day_hour_ending"].strip().startswith("07/12")
    ]


@cache
def household_minutes() -> list[list[float]] | None:
    """Three days of a house by the minute, as three phases; None: the data is not here."""
    rows = _rows("household_1min_2007-02.csv.gz")
    if rows is None:
        return None
    days: dict[str, list[float]] = {}
    for row in rows:
        values = days.setdefault(row["timestamp"][:10], [])
        values.append(float(row["current_a"]) if row["current_a"] else values[-1])
    return [values for values in days.values() if len(values) == 1440][:3]
