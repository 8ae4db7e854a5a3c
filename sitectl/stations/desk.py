"""What serving a call needs: the ports of this room and the few settings that matter to it, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.gateway_clock import TOLD_ESTIMATE, GatewayClock
from sitectl.config.settings import AuthorizationSettings
from sitectl.model.events import ClockSkewLearned
from sitectl.model.ids import StationId
from sitectl.model.transaction import ClockQuality
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.v16.configuration import integer
from sitectl.quirks.vocabulary import Zone
from sitectl.stations.book import Book
from sitectl.stations.certificates import StationCertificates
from sitectl.stations.ports import Centrals, Journal, Ledger, SiteInbox
from sitectl.stations.record import StationRecord
from sitectl.stations.rounds import Rounds
from sitectl.stations.vitals import Vitals
from sitectl.wire.ports import Tap

STORE_SAMPLES_EVERY_S = 60.0
"""Samples of a transaction go to disk at most this often (and at the central's interval, if that is longer)."""

RELAY_DEADLINE_S = 10.0
RELAY_SHARE = 0.4
"""How long a station waits for a central through us, at most, and of its own time-out."""


def _default_interval(station: StationId) -> float:
    return STORE_SAMPLES_EVERY_S


def _nobody(station: StationId) -> None:
    return None


@dataclass(slots=True)
class Desk:
    """Where calls of stations are served. A changed configuration replaces `authorization` and `zone`.

    `gateway` is `clock`, where that may not know the time. `store_samples_every_s` gives seconds a station; 0
    stores every sample. `tap_of` gives who hears the frames of a station.
    """

    book: Book
    inbox: SiteInbox
    journal: Journal
    ledger: Ledger
    centrals: Centrals
    clock: Clock
    authorization: AuthorizationSettings
    validator: Validator
    certificates: StationCertificates
    vitals: Vitals
    store_samples_every_s: Callable[[StationId], float] = _default_interval
    zone: tzinfo = UTC
    gateway: GatewayClock | None = None
    tap_of: Callable[[StationId], Tap | None] = _nobody
    rounds: Rounds = field(init=False)

    def __post_init__(self) -> None:
        self.rounds = Rounds(self.clock)

    def note(self, type: str, record: StationRecord, data: Mapping[str, Any] | None = None, evse: int = 0) -> None:
        """Record an event of this station for people."""
        self.journal.record(type, record.id, evse or None, data)

    def business_time(
        self, record: StationRecord, told: datetime, received: datetime, quality: ClockQuality
    ) -> tuple[datetime, ClockQuality]:
        """When something happened that a station stamped `told`, and whose word that is."""
        mistake = None if self.gateway is None else self.gateway.mistake
        known = self.gateway is None or self.gateway.known
        zone = record.quirks.zone
        if zone is Zone.NONE:
            quality = ClockQuality.RECEIPT
        elif zone is Zone.SITE and quality is ClockQuality.STATION:
            quality = ClockQuality.ZONE  # whatever zone it names
        return record.clock.business_time(told, received, quality, self.zone, mistake, known)

    def tell_time(self, record: StationRecord) -> datetime:
        """What we tell a station that the time is."""
        now = self.clock.wall()
        if record.clock.told(now, self.gateway is None or self.gateway.known):
            self.note(TOLD_ESTIMATE, record)
        return now

    def learn_skew(self, record: StationRecord, stamped: datetime, received: datetime, *, queued: bool = False) -> None:
        """Learn from a time stamp how far the station's clock is off; the site hears of it when it is news."""
        if not queued:
            record.clock.shows(stamped, received)
        skew_s = record.clock.skew.learn(stamped, received, queued=queued)
        if skew_s is not None:
            self.vitals.clock(record.id, skew_s)
            self.inbox.post(ClockSkewLearned(record.id, self.clock.monotonic(), skew_s))


def relay_deadline_s(record: StationRecord) -> float:
    """How long this station may wait for a central: it must have our answer well before its own patience ends.

    It tells that by its key MessageTimeout (errata of 1.6, 3.83); most do not, and wait 30 s and more.
    """
    told = next((value for key, (value, _) in record.configuration.items() if key.lower() == "messagetimeout"), "")
    own_s = integer(told) or 0
    return min(RELAY_DEADLINE_S, RELAY_SHARE * own_s) if own_s > 0 else RELAY_DEADLINE_S
