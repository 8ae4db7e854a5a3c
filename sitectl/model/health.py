"""Health: what a device reports (Fault), what we conclude (Symptom), propose (Remedy) and have done (Attempt).

And problems: what is wrong, where, since when, and what a person should do about it. Monotonic moments end in `_at` or
`since` and are floats; wall times are aware datetimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sitectl.model.ids import StationId

Finding = tuple[str, str, str]
"""What, where, what to do: a problem that nobody has noted yet."""

Evidence = tuple[tuple[str, str], ...]
"""What something was concluded from, as pairs of a word and its value, for people and for the record."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `what` and `do` are whole sentences for a technician; `where` is an id."""

    what: str
    where: str
    since: datetime
    do: str


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that a station reports and has not taken back. `evse` 0: the station as a whole.

    `code` in the words of OCPP 1.6 (ChargePointErrorCode), or of 2.x (the tech code of NotifyEvent, the type of a
    security event), as it came; `at`: the first report of it since there was none (monotonic s).
    """

    station: StationId
    evse: int
    code: str
    vendor_code: str = ""
    info: str = ""
    at: float = 0.0


class SymptomKind(StrEnum):
    """What can be wrong with a station, as the rules name it."""

    FAULT = "fault"
    """It reports an error; which one, the rule says by its codes."""
    DANGER = "danger"
    """It reports what no machine may reset: ground, contactor, current, temperature, emergency stop, tamper."""
    SILENT = "silent"
    """Its connection is gone, and nobody told it to reboot."""
    DEAF = "deaf"
    """It is heard, and answers none of our calls."""
    RECONNECT_LOOP = "reconnect_loop"
    REBOOT_LOOP = "reboot_loop"
    """It boots again and again, and nobody told it to."""
    STUCK_PREPARING = "stuck_preparing"
    STUCK_FINISHING = "stuck_finishing"
    STUCK_SUSPENDED = "stuck_suspended"
    """SuspendedEVSE although it is offered current."""
    STUCK_UNAVAILABLE = "stuck_unavailable"
    """Unavailable, and nobody has taken it out of service."""
    GHOST_TRANSACTION = "ghost_transaction"
    """A transaction runs, and no power has ever flowed; neither a full car nor one that sleeps."""
    ORPHAN_TRANSACTION = "orphan_transaction"
    """We hold a transaction open that the station has no car for, or it speaks of one that we do not know."""
    UNCOVERED_DRAW = "uncovered_draw"
    """Current flows, and no transaction covers it."""
    IGNORED_LIMIT = "ignored_limit"
    """It accepts limits and draws more."""
    METER_SILENT = "meter_silent"
    """A transaction runs, and its readings have stopped."""
    CONFIGURATION_DRIFT = "configuration_drift"
    CLOCK_DRIFT = "clock_drift"
    CERTIFICATE_ENDS = "certificate_ends"
    FIRMWARE_STUCK = "firmware_stuck"
    """A firmware update has begun and does not end, or has failed."""
    RISING_ERRORS = "rising_errors"
    """It failed again and again within a week: it will fail for good."""
    RISING_TEMPERATURE = "rising_temperature"
    """Its daily peak is well above what it was on the days before."""


class RemedyKind(StrEnum):
    """What can be done about it; the order of a ladder is the rule's, these are from mild to hard."""

    TRIGGER = "trigger"
    """Ask again: TriggerMessage, for the status, and for the readings where a transaction runs."""
    RECONNECT = "reconnect"
    """Close its connection, so that it opens a new one."""
    RESEND_LIMIT = "resend_limit"
    RESEND_CONFIGURATION = "resend_configuration"
    """Configuration, and the time of day where the clock drifts."""
    AVAILABILITY_CYCLE = "availability_cycle"
    """ChangeAvailability to Inoperative and back."""
    UNLOCK = "unlock"
    END_TRANSACTION = "end_transaction"
    """Ask the station to stop it; where it knows of none, close it in the ledger with the last known register."""
    SOFT_RESET = "soft_reset"
    HARD_RESET = "hard_reset"
    POWER_CYCLE = "power_cycle"
    """By the station's power relay, where the site has one."""
    TELL = "tell"
    """A person is told. The end of every ladder."""


RESETS = frozenset({RemedyKind.SOFT_RESET, RemedyKind.HARD_RESET, RemedyKind.POWER_CYCLE})
"""What restarts a whole station: all its EVSEs are interrupted."""

DISRUPTIVE = RESETS | {RemedyKind.AVAILABILITY_CYCLE, RemedyKind.UNLOCK, RemedyKind.END_TRANSACTION}
"""What somebody who charges would notice."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """Something that is wrong with a station, or one of its EVSEs (None: the station as a whole), `since` when
    (monotonic s). `code`: the error code of a fault, in the words of the rules."""

    kind: SymptomKind
    station: StationId
    evse: int | None
    since: float
    evidence: Evidence = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What shall be done, against which symptom, by which rule, as the how-manieth step of its ladder (from 0)."""

    kind: RemedyKind
    station: StationId
    evse: int | None
    symptom: SymptomKind
    rule: str
    step: int
    code: str = ""


class AttemptOutcome(StrEnum):
    """What became of a remedy, as far as the hand that did it knows. Whether it helped is judged by the symptom."""

    DONE = "done"
    """Accepted by the station, or done without it."""
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    """It may or may not have been done."""
    NOT_DONE = "not done"
    """Nothing left us: the station is away, or there is no hand for it."""
    TOLD = "told"
    DRY = "dry"
    """`healing.mode` is observe: it would have been done."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A remedy that was begun. `helped` None: not judged yet, or there is nothing to judge (dry, told).

    `begun` is wall time, `begun_at` the same moment on the monotonic clock of this process. `before` and `after`: the
    evidence then. `ended`: when it was judged (wall time); an attempt to tell ends when its symptom does.
    """

    id: str
    remedy: Remedy
    begun: datetime
    begun_at: float
    before: Evidence
    dry: bool = False
    outcome: AttemptOutcome | None = None
    ended: datetime | None = None
    after: Evidence = ()
    helped: bool | None = None


class HealingMode(StrEnum):
    """`observe` says what it would do, `act` does it."""

    OBSERVE = "observe"
    ACT = "act"
    OFF = "off"
