"""What rooms are told of a configuration: plain values, each made from the settings alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sitectl.allocator.rules import Mode, SharingRules
from sitectl.config.load import Loaded
from sitectl.config.settings import AllocationMode, DeadController, Settings
from sitectl.model.ids import MeterId
from sitectl.state.site_state import SiteRules


def new_meters(before: Settings, after: Settings) -> frozenset[MeterId]:
    """Meters that are other ones now under the same name."""
    read = {id for id, meter in after.meters.items() if before.meters.get(id) != meter}
    roles = after.meter_roles.virtual
    return frozenset(read | {id for id, made_of in roles.items() if before.meter_roles.virtual.get(id) != made_of})


def shown(loaded: Loaded) -> Mapping[str, Any]:
    """The configuration, as the interface tells it to people."""
    return {
        "file": str(loaded.file),
        "settings": loaded.effective,
        "origins": loaded.origins,
        "warnings": [str(warning) for warning in loaded.warnings],
        "fallback_sum_a": {id: list(sums) for id, sums in loaded.fallback_sum_a.items()},
        "tokens": len(loaded.settings.authorization.tokens),
    }


def site_rules(settings: Settings) -> SiteRules:
    """By what the state is kept."""
    return SiteRules(
        meter_intervals_s={
            **{id: meter.interval_s for id, meter in settings.meters.items()},
            **{id: meter.interval_s for id, meter in settings.meter_roles.virtual.items()},
            **dict.fromkeys(settings.meter_roles.stations, 1.0),
        },
        substitutes=settings.meter_roles.substitutes,
        parts={id: made_of.parts for id, made_of in settings.meter_roles.virtual.items()},
        station_meters=frozenset(settings.meter_roles.stations),
        worst_case_meters=settings.meter_roles.worst_cases(),
        unknown_reserve_a=settings.ocpp.unknown_reserve_a,
        proven=settings.allocation.dead_controller is DeadController.PROVEN,
    )


def sharing_rules(settings: Settings) -> SharingRules:
    """By what current is shared."""
    strict = settings.allocation.mode is AllocationMode.STRICT_PRIORITY
    mode: Mode = "strict-priority" if strict else "minimum-first"
    return SharingRules(mode, dwell_s=settings.allocation.dwell_s, share=settings.allocation.share)
