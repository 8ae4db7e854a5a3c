"""The shape of `healing`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sitectl.config.fields import FileName, Seconds, Section
from sitectl.config.healing_shape import RemedyName
from sitectl.config.models_signals import Day, Hour

Budgeted = Annotated[int, Field(ge=1, le=10_000)]


class BudgetSection(Section):
    """How much may be done. A day is any 24 h; resets by centrals and people count too."""

    station_resets_per_day: Budgeted = 4
    """Resets and power cycles of one station."""
    site_resets_per_day: Budgeted = 60
    """The same of all together."""
    station_remedies_per_day: Budgeted = 30
    """Remedies of any kind, of one station."""
    spacing_s: Annotated[Seconds, Field(ge=10)] = 120.0
    """Between two remedies of one station that somebody would notice."""
    at_once: Budgeted = 10
    """How many of those may be under way on the site."""


class MaintenanceSection(Section):
    """Hours in which the harder remedies may be done; without any: always."""

    begins: Annotated[Hour, Field(alias="from")]
    """HH:MM, in the site's time zone."""
    ends: Annotated[Hour, Field(alias="to")]
    """HH:MM, 24:00 for midnight; before `from`: on the next day."""
    days: Annotated[list[Day], Field(min_length=1)] | None = None
    """On which it begins; default: every day."""
    remedies: Annotated[list[RemedyName], Field(min_length=1)] = Field(default=["hard_reset", "power_cycle"])
    """Which remedies wait for these hours."""


class Healing(Section):
    """What is done about sick stations."""

    mode: Literal["observe", "act", "off"] = "observe"
    """observe: says what it would do; act: does it."""
    rules_file: FileName | None = None
    """YAML file of rules, beside the shipped ones; one with the name of a shipped rule takes its place."""
    ghost_after_s: Annotated[Seconds, Field(ge=60)] = 900.0
    """From when on a transaction in which no power flows is a ghost."""
    budget: BudgetSection = BudgetSection()
    maintenance: list[MaintenanceSection] = Field(default=[])
