"""What the healing sees of the site at one moment: frozen pictures, one a station.

A station that has not changed must be the *same object* as in the round before: `heal` looks at it again only when it
is another one, or when a wait of its own is over. So no field here changes with every reading.

All moments are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sitectl.model.health import AttemptOutcome, Fault, HealingMode, RemedyKind
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.station import ChargingState, ConnectorStatus, StationIdentity

NOBODY = StationIdentity()


@dataclass(frozen=True, slots=True)
class Moments:
    """Now, on both clocks. `wall` is aware and in the site's time zone: maintenance windows follow it."""

    at: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class EvseHealth:
    """One EVSE.

    * `status_since`: since when connector status, charging state and `preparing` are the same.
    * `offered_since`: since when the offers let it charge without a break; None: no offer, or of nothing.
    * `draws`: whether the station's own newest reading shows current; None: there is none that is fresh.
    * `no_power_since`: the first of the readings in a row that show none; None: the newest shows some, or none came.
    * `metered`: what a site meter says: True, it surely draws; False, it surely draws nothing; None, it cannot tell.
    * `read_at`: its newest reading, to about half a minute.
    * `taken_wh`: what the car took in this transaction. `sleeps`: the car did not go on after a pause.
    """

    id: EvseId
    connector_status: ConnectorStatus | None = None
    charging_state: ChargingState | None = None
    preparing: bool = False
    status_since: float = 0.0
    transaction: TransactionId | None = None
    transaction_since: float | None = None
    offered_since: float | None = None
    draws: bool | None = None
    no_power_since: float | None = None
    metered: bool | None = None
    read_at: float | None = None
    taken_wh: float | None = None
    sleeps: bool = False
    ignores_limit: bool = False


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command that somebody else gave to a station: an uplink, a technician. Budgets and spacing count it."""

    kind: RemedyKind
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class StationFacts:
    """What the station rooms know of one station beside the site's state; the same object while nothing of it changed.

    * `faults`: by EVSE (0: the station), the error that stands. NoError takes it away. A tamper alarm stands at 0 until
      a person has looked.
    * `connects`, `boots`: the newest moments of accepted connections and of boots (20 at most), without those that
      somebody asked for.
    * `unanswered`: how many of our calls in a row had no answer while the station was heard; `unanswered_since`: the
      first of them.
    * `foreign_transactions`: by EVSE, since when the station speaks of a transaction that the ledger does not know.
    * `out_of_service`: EVSEs (0: all) that somebody has taken out of service, or that wait for it.
    * `drifted`: configuration keys that are not as they were set; `clock_error_s`: how far its clock is off.
    * `firmware`: the newest FirmwareStatus, "" when there was none; `firmware_since`: since when.
    * `commanded`: what others told it in the last 24 h. `busy`: who is at work on it ("phase test"), "" nobody.
    * `paused`: somebody said that healing shall leave it alone. `has_relay`: its power can be cut and given back.
    """

    faults: Mapping[int, Fault] = field(default_factory=dict)
    connects: tuple[float, ...] = ()
    boots: tuple[float, ...] = ()
    unanswered: int = 0
    unanswered_since: float | None = None
    foreign_transactions: Mapping[int, float] = field(default_factory=dict)
    out_of_service: frozenset[int] = frozenset()
    drifted: tuple[str, ...] = ()
    drifted_since: float | None = None
    clock_error_s: float | None = None
    clock_wrong_since: float | None = None
    certificate_ends: datetime | None = None
    firmware: str = ""
    firmware_since: float | None = None
    temperature_c: float | None = None
    commanded: tuple[Commanded, ...] = ()
    busy: str = ""
    paused: bool = False
    has_relay: bool = False


NO_FACTS = StationFacts()


@dataclass(frozen=True, slots=True)
class StationHealth:
    """One station. `away_until`: it was told to reboot and may be away until then. `starts_pass_us`: nobody can start
    to charge there without us, connected or not."""

    id: StationId
    evses: tuple[EvseHealth, ...] = ()
    identity: StationIdentity = NOBODY
    online: bool = True
    online_since: float | None = None
    offline_since: float | None = None
    away_until: float = 0.0
    starts_pass_us: bool = False
    facts: StationFacts = NO_FACTS

    def evse(self, number: int) -> EvseHealth | None:
        """One of its EVSEs."""
        return next((evse for evse in self.evses if evse.id.evse == number), None)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an attempt, told once by the hand that made it. `text`: the station's own words, if any."""

    attempt: str
    station: StationId
    outcome: AttemptOutcome
    at: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class HealthView:
    """The site at one moment. `done`: what the hands have reported since the last round.

    `mode` and `StationFacts.paused` may change at run time; the rules' own mode is only where the mode starts.
    """

    stations: Mapping[StationId, StationHealth]
    done: tuple[Done, ...] = ()
    mode: HealingMode = HealingMode.OBSERVE
