"""The site at one moment, as one frozen value: what the minds decide on and what people are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sitectl.model.electrical import ALL_PHASES, NO_CURRENT, Phase, PhaseCurrents
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId, TransactionId
from sitectl.model.ladder import FIRST_FORM, FormVerdict, LimitForm
from sitectl.model.limits import Ceiling, Urgency, Wish
from sitectl.model.metering import Freshness
from sitectl.model.station import (
    ChargingState,
    ConnectorStatus,
    EvsePlan,
    Obeys,
    StationIdentity,
)


@dataclass(frozen=True, slots=True)
class EvseSnapshot:
    """One EVSE. All `_a` are ampere per phase; `measured_a` is on grid phases.

    * `preparing`: a cable or a token, no transaction yet.
    * `counts_a`: what it may lawfully draw (limit ledger): what everybody else must leave free for it.
    * `offered_a`: the newest limit told within the running transaction, None before the first.
    * `told_phases`: by how many phases that limit says to charge; None: it says nothing of it.
    * `phases`: the grid phases that it is counted on (all three while unknown).
    * `wants`: a transaction runs, so it takes part in the sharing.
    * `controllable`: it hears us and follows; otherwise it is only reserved at `counts_a`.
    * `draws_at_most_a`: what it has drawn at most for a while, where that is surely less than it is offered.
    * `sleeps`: its car did not go on after a pause of this transaction. `satisfied`: it drew nothing of its last offer.
    * `idle_since`: since when it draws nothing of an offer. `rounds_up`: it makes the next whole ampere of a limit.
    * `taken_wh`: what the car took in this transaction; `wish`: when it leaves and what it needs.
    """

    id: EvseId
    plan: EvsePlan
    online: bool
    obeys: Obeys = Obeys.UNKNOWN
    connector_status: ConnectorStatus | None = None
    charging_state: ChargingState | None = None
    preparing: bool = False
    transaction: TransactionId | None = None
    station_transaction_id: int | None = None
    transaction_since: float | None = None
    wants: bool = False
    controllable: bool = False
    phases: tuple[Phase, ...] = ALL_PHASES
    counts_a: float = 0.0
    offered_a: float | None = None
    told_phases: int | None = None
    offer_seq: int = 0
    offer_expires_at: float | None = None
    acknowledged_a: float | None = None
    fallback_installed_a: float | None = None
    measured_a: PhaseCurrents | None = None
    measured_at: float | None = None
    unplaced_a: PhaseCurrents | None = None
    """What it draws by its own labels of the phases, while nobody knows how it is wired: `measured_a` is then the most
    that it may draw of each grid phase."""
    last_raise_at: float | None = None
    last_cut_at: float | None = None
    state_since: float | None = None
    """When its offer last changed between zero and more than zero: the pause or run minimum counts from here."""
    form: LimitForm = FIRST_FORM
    form_verdict: FormVerdict | None = None
    """How limits are told to it, and what is known of that; None: not accepted yet."""
    first_phase: Phase | None = None
    """Where its L1 is wired, as it was learned where nobody has said it."""
    wiring_contradicted: bool = False
    """What was learned of that turned out wrong."""
    pinned: bool = False
    """The configuration says how it is controlled."""
    whole: bool = False
    """It can only be started and stopped: it gets its `max_a` or nothing."""
    lasting_a: float = 0.0
    """What it may draw for ever if nobody tells it anything any more, beside its fallback."""
    draws_at_most_a: float | None = None
    sleeps: bool = False
    satisfied: bool = False
    idle_since: float | None = None
    rounds_up: bool = False
    taken_wh: float | None = None
    wish: Wish | None = None

    @property
    def shown_a(self) -> PhaseCurrents | None:
        """What people are shown: what it draws on phases of the grid, or on its own as long as nobody knows more."""
        return self.measured_a if self.unplaced_a is None else self.unplaced_a


@dataclass(frozen=True, slots=True)
class CircuitSnapshot:
    """One circuit. `base_load_a` is the upper estimate of everything but stations, per phase.

    `unsure_a`: how far it may be above that, because stations that may draw are not heard: no raise rests on it.
    `meter` None: the circuit has none, and `base_load_a` is its configured worst. `stop`: nothing may charge here
    (its meter is lost and it was configured to stop). `settled` False: no raises (the reading is late or worse).
    `average_base_a`: the base load as it was measured over the last 45 s, generation counted; None: not known.
    `trips`: by phase, how much of its trip time the breaker has used up; `over_since`: since when the meter shows more
    than the rating.
    """

    id: CircuitId
    base_load_a: PhaseCurrents
    measured_a: PhaseCurrents | None = None
    measured_base_a: PhaseCurrents | None = None
    meter: Freshness | None = None
    settled: bool = True
    stop: bool = False
    unsure_a: PhaseCurrents = NO_CURRENT
    average_base_a: PhaseCurrents | None = None
    trips: tuple[float, float, float] = (0.0, 0.0, 0.0)
    over_since: tuple[float | None, float | None, float | None] = (None, None, None)

    @property
    def trip(self) -> float:
        """The fraction of its trip time that the breaker has used up, on the worst phase."""
        return max(self.trips)


@dataclass(frozen=True, slots=True)
class MeterSnapshot:
    """One meter as it stands."""

    id: MeterId
    state: Freshness
    age_s: float | None
    current_a: PhaseCurrents | None
    power_w: float | None


@dataclass(frozen=True, slots=True)
class StationSnapshot:
    """One station as it stands."""

    id: StationId
    online: bool
    ocpp: str | None
    identity: StationIdentity
    quarantined: bool
    obeys: Obeys
    evses: tuple[EvseId, ...]
    seen: bool
    skew_s: float = 0.0
    clock_error_s: float = 60.0
    profile_lifetime_s: int = 300
    shortest_lifetime_s: int = 240
    profiles_in_ram: bool = False
    booted: bool = False
    connected_at: float | None = None
    booted_at: float | None = None
    offline_since: float | None = None
    reboot_until: float = 0.0
    """Until when (monotonic s) it may be away because it was told to reboot."""
    pinned_now: bool = False
    starts_pass_us: bool = False


@dataclass(frozen=True, slots=True)
class SiteSnapshot:
    """Everything at the moment `at` (monotonic s). Mappings are never changed after they are built."""

    at: float
    circuits: Mapping[CircuitId, CircuitSnapshot]
    evses: Mapping[EvseId, EvseSnapshot]
    stations: Mapping[StationId, StationSnapshot]
    meters: Mapping[MeterId, MeterSnapshot]
    ceilings: tuple[Ceiling, ...] = ()
    quarantine_reserve_a: float = 0.0
    """Counted on the root, all phases, for identities that nobody listed."""
    raises_allowed: bool = True
    """False while the store cannot keep an offer."""
    urgency: Mapping[EvseId, Urgency] = field(default_factory=dict)
    """What wishes come to, of those EVSEs that have one; the control cycle fills it in."""
