"""One station as we hold it: connected or not, who it says it is, and what was read back from its configuration."""

from __future__ import annotations

from dataclasses import dataclass

from sitectl.model.ids import StationId
from sitectl.model.ladder import NO_TRAITS, LimitTraits
from sitectl.model.records import replace
from sitectl.model.station import ProfileStorage, StationIdentity, StationPlan

NOBODY = StationIdentity()

UNKNOWN_CLOCK_S = 60.0
"""Error assumed of a station's clock before its own time stamps were seen."""


@dataclass(frozen=True, slots=True)
class StationState:
    """Everything held about one station. `plan` None: an identity that nobody listed (quarantined)."""

    id: StationId
    plan: StationPlan | None = None
    online: bool = False
    ocpp: str | None = None
    address: str = ""
    identity: StationIdentity = NOBODY
    seen: bool = False
    booted: bool = False
    connected_at: float | None = None
    booted_at: float | None = None
    offline_since: float | None = None
    reboot_until: float = 0.0
    starts_pass_us: bool = False
    skew_s: float | None = None
    skew_sure: bool = False
    pinned_now: bool = False
    traits: LimitTraits = NO_TRAITS
    """How its model takes limits."""

    def connected_for(self, seconds: float, now: float) -> bool:
        """Whether it has been connected for so long without a break."""
        return self.online and self.connected_at is not None and now - self.connected_at >= seconds

    def clock_error_s(self) -> float:
        """How far its clock may be off what we assume when a profile is dated by it."""
        return 5.0 if self.skew_sure else UNKNOWN_CLOCK_S


def with_traits(station: StationState, traits: LimitTraits) -> StationState:
    """Take what is known of its model. Where it keeps profiles is believed where nobody has said it."""
    plan = station.plan
    if plan is not None and traits.in_ram is not None and plan.profile_storage is ProfileStorage.UNKNOWN:
        storage = ProfileStorage.RAM if traits.in_ram else ProfileStorage.FLASH
        plan = replace(plan, profile_storage=storage)
    return replace(station, plan=plan, traits=traits)
