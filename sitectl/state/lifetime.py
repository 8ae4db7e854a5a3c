"""How long a limit may live in a station before it must be renewed.

Where profiles are kept in RAM: 300 s, renewed after 120 s. Else every renewal may wear flash: up to 1800 s, and never
so short that the renewals of all EVSEs of a station exceed 500 writes a day.
"""

from __future__ import annotations

from sitectl.model.station import ProfileStorage, StationPlan

RAM_LIFETIME_S = 300
RAM_SHORTEST_S = 240
FLASH_LIFETIME_S = 1800

PAUSE_LIFETIME_S, PAUSE_RENEWED_BEFORE_S = 1800, 900.0
"""Of limits below the fallback, wherever they are kept: where the others lapse first, nobody rises to its fallback
while they still hold."""

LOST_TO_CLOCKS_S = 180.0
"""Of a lifetime, what is not used: it begins 60 s ago, an unknown clock is 60 s off, it is renewed 60 s before."""

RENEWALS_PER_DAY = 400.0
"""The rest of the writes is for raises."""


PERSISTENT_RENEWALS_PER_DAY = 160.0
"""The same of the 200 that a day bears of purposes that outlive a power cut."""


def in_ram(plan: StationPlan | None) -> bool:
    """Whether profiles cost the station nothing."""
    return plan is not None and plan.profile_storage is ProfileStorage.RAM


def longest_s(plan: StationPlan | None) -> int:
    """The lifetime that is used where nothing asks for a shorter one."""
    return RAM_LIFETIME_S if in_ram(plan) else FLASH_LIFETIME_S


def shortest_s(plan: StationPlan | None) -> int:
    """The shortest lifetime that a station bears."""
    if in_ram(plan):
        return RAM_SHORTEST_S
    evses = len(plan.evses) if plan is not None else 1
    return min(FLASH_LIFETIME_S, int(LOST_TO_CLOCKS_S + evses * 86400.0 / RENEWALS_PER_DAY))


def shortest_persistent_s(evses: int) -> int:
    """The same for limits of purposes that outlive a power cut, in a station of so many EVSEs."""
    return min(FLASH_LIFETIME_S, int(LOST_TO_CLOCKS_S + evses * 86400.0 / PERSISTENT_RENEWALS_PER_DAY))
