"""The room as a whole: what the daemon builds, starts and stops, and what the other rooms get of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from socket import socket as Socket
from zoneinfo import ZoneInfo

from sitectl.base.clock import Clock
from sitectl.base.gateway_clock import GatewayClock, Mistake
from sitectl.base.tasks import Tasks
from sitectl.config.schemas import load_schemas
from sitectl.config.settings import AuthorizationSettings, Settings, UnknownStations
from sitectl.model.commands import (
    Answered,
    ChangeAvailability,
    Command,
    NotSent,
    Outcome,
    ResetStation,
    TriggerMessage,
    Urgency,
)
from sitectl.model.events import ClockSkewLearned, TransactionEnded
from sitectl.model.hands import HandKind
from sitectl.model.health import Problem
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.security import SecurityEventType
from sitectl.model.station import StationIdentity
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.versions import Version
from sitectl.quirks.vocabulary import IdentityPlace
from sitectl.stations.book import Book
from sitectl.stations.certificates import StationCertificates
from sitectl.stations.desk import STORE_SAMPLES_EVERY_S, Desk
from sitectl.stations.hands import Hands
from sitectl.stations.handshake import Rules
from sitectl.stations.limits import LimitDesk
from sitectl.stations.listeners import Doors
from sitectl.stations.models import Models
from sitectl.stations.onboarding import configure_again
from sitectl.stations.outbound import Done, Guard
from sitectl.stations.ports import Centrals, CertificateAuthority, Journal, Ledger, SiteInbox, StationBook
from sitectl.stations.record import StationRecord
from sitectl.stations.server import StationServer
from sitectl.stations.vitals import Vitals
from sitectl.wire.limits import LIMITS, Limits
from sitectl.wire.ports import Tap


class Stations:
    """All charging stations.

    `limits` is the site's actuator, `book` the facts for the uplinks, `execute` the door for everybody and `hands` who
    uses it, `server` the listeners. Build it inside a running loop; `load`, then `start`, at the end `stop`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        inbox: SiteInbox,
        journal: Journal,
        ledger: Ledger,
        centrals: Centrals,
        store: StationBook,
        clock: Clock,
        authority: CertificateAuthority | None = None,
        commissioning: Callable[[StationId], bool] = lambda station: False,
        store_samples_every_s: Callable[[StationId], float] = lambda station: STORE_SAMPLES_EVERY_S,
        connection_limits: Limits = LIMITS,
        gateway: GatewayClock | None = None,
        tap_of: Callable[[StationId], Tap | None] = lambda station: None,
    ) -> None:
        self._tasks = Tasks()
        self._keeps_strangers = settings.ocpp.unknown_stations is UnknownStations.QUARANTINE
        models = Models(settings.station_sheets)
        self.vitals = Vitals(clock)
        self.book = Book(settings.topology.stations, store, inbox, clock, self._tasks, self.vitals.silence, models)
        self.hands = Hands(clock)
        certificates = StationCertificates(authority, self.book, journal, self._tasks, clock)
        self._desk = Desk(
            self.book,
            inbox,
            journal,
            ledger,
            centrals,
            clock,
            settings.authorization,
            Validator(load_schemas(Version.V16)),
            certificates,
            self.vitals,
            store_samples_every_s,
            zone_of(settings),
            gateway,
            tap_of,
        )
        self.limits = LimitDesk(self.put, inbox, clock)
        self.server = StationServer(
            settings.ocpp, rules(settings), self._desk, self._tasks, commissioning, connection_limits
        )
        certificates.trust = self.server.trust
        certificates.listens_encrypted = lambda: self.server.is_encrypted

    @property
    def authorization(self) -> AuthorizationSettings:
        """Who may charge, by the configuration that holds now."""
        return self._desk.authorization

    async def load(self) -> None:
        """Know every station that was here before, and what runs; before `start`."""
        await self.book.load(self._desk.ledger, quarantine=self._keeps_strangers)

    async def start(self, inherited: Sequence[tuple[str, Socket]] = ()) -> None:
        """Let stations in."""
        await self.server.start(inherited)

    async def prepare(self, settings: Settings) -> Doors:
        """Open the doors of another configuration, for `reconfigure`. Raises as `start`, and changes nothing."""
        return await self.server.prepare(settings.ocpp, rules(settings))

    def reconfigure(self, settings: Settings, listeners: Doors) -> Sequence[StationId]:
        """Go on by another configuration; the listed stations that are connected.

        A station that is listed now and was not, or the other way round, connects anew: what it may do is decided
        when it comes.
        """
        self._keeps_strangers = settings.ocpp.unknown_stations is UnknownStations.QUARANTINE
        self._desk.authorization, self._desk.zone = settings.authorization, zone_of(settings)
        moved = self.book.replan(
            settings.topology.stations, quarantine=self._keeps_strangers, models=Models(settings.station_sheets)
        )
        for record, was_listed in moved:
            if record.present is None:
                continue
            if was_listed:
                self._desk.centrals.station_offline(record.id)
            again = record.present.peer.close(1012, "the configuration has changed")
            self._tasks.spawn(again, f"{record.id} comes anew")
        self.server.reconfigure(settings.ocpp, rules(settings), listeners)
        return [record.id for record in self.book.records.values() if record.plan is not None and record.present]

    def clock_set(self, mistake: Mistake) -> Mapping[StationId, datetime]:
        """Our clock is known now. Who was told a wrong time, and since when by it; they are asked to look again."""
        told: dict[StationId, datetime] = {}
        for record in self.book.records.values():
            since = record.clock.told_wrongly_at
            record.clock.put_right()
            for running in record.running.values():
                running.unstored = None  # stamped by what we thought; the next one comes soon
            if since is None:
                continue
            told[record.id] = since
            self.put(record.id, TriggerMessage(EvseId(record.id, 0), "Heartbeat"), Urgency.HOUSEKEEPING, _unheard)
        self.clock_moved(mistake.correction)
        return told

    def recall(self, told: Mapping[StationId, datetime]) -> None:
        """Since when stations have gone by a time that we told them before a restart, and do not know yet."""
        for station, since in told.items():
            if (record := self.book.records.get(station)) is not None:
                record.clock.told(since, known=False)

    def clock_moved(self, by: timedelta) -> None:
        """Our clock was set, those of the stations were not: what limits are dated by moves the other way."""
        now = self._desk.clock.monotonic()
        for record in self.book.records.values():
            skew_s, sure = record.clock.skew.own_moved(by.total_seconds())
            self._desk.inbox.post(ClockSkewLearned(record.id, now, skew_s, sure))

    async def stop(self) -> None:
        """Let them go, and end what is under way."""
        self._desk.rounds.stop()
        await self.server.stop()
        await self._tasks.cancel_all()

    async def execute(
        self, station: StationId, command: Command, urgency: Urgency, by: str = "", guard: Guard | None = None
    ) -> Outcome:
        """Queue a command and wait for its outcome; never raises for a station that is away or unknown (NotSent).

        `by`: who wants it; "" is the site itself. `guard` is asked just before it leaves whether it still may.
        """
        record = self.book.records.get(station)
        if record is None or record.quarantined:
            return NotSent("the station is not listed")
        hand, outcome = self.hands.take(station, command, by), None
        try:
            outcome = await _execute(record, command, urgency, guard)
        finally:
            if hand is not None:
                self.hands.end(hand, outcome)
        if isinstance(command, ResetStation) and isinstance(outcome, Answered) and outcome.accepted:
            self.vitals.restart_asked(station)
            said = f"{command.kind.value} reset was ordered{f' by {by}' if by else ''}"
            self._desk.centrals.security_event(station, SecurityEventType.RESET_OR_REBOOT, said)
        return outcome

    async def configure_again(self, station: StationId) -> Outcome:
        """Write again what a station has lost of its configuration, have it ask for the time, and read back."""
        record = self.book.records.get(station)
        if record is None or record.quarantined or record.present is None:
            return NotSent("the station is offline")
        record.clock.restart()
        beat = TriggerMessage(EvseId(station, 0), "Heartbeat")
        await record.queue.execute(beat, Urgency.HOUSEKEEPING)
        holds = await configure_again(self._desk, record)
        return Answered("Accepted" if holds else "Rejected", {})

    async def conclude(self, evse: EvseId, meant: TransactionId, why: str) -> bool:
        """End in the ledger this transaction, of which its station knows nothing. False: it does not run there.

        Raises EnvironmentFault where the disk does not take it.
        """
        transaction = await self._desk.ledger.conclude(evse, meant, why)
        record = self.book.records.get(evse.station)
        if transaction is None or record is None:
            return False
        record.running.pop(evse.evse, None)
        self._desk.centrals.outbox_grew(evse.station)
        self._desk.inbox.post(TransactionEnded(evse, transaction, self._desk.clock.monotonic()))
        return True

    def power_cycled(self, station: StationId, by: str) -> None:
        """Its power was cut and given back: it will boot, and its centrals hear why."""
        self.vitals.restart_asked(station)
        hand = self.hands.begin(station, HandKind.POWER_CYCLE, by)
        self.hands.end(hand, Answered("Accepted", {}))
        said = f"its power was cut and given back by {by}"
        self._desk.centrals.security_event(station, SecurityEventType.RESET_OR_REBOOT, said)

    async def hang_up(self, station: StationId, why: str, by: str) -> Outcome:
        """Close the connection of a station, which is expected to come anew."""
        record = self.book.records.get(station)
        if record is None or record.quarantined or record.present is None:
            return NotSent("the station is offline")
        if not record.quirks.redials:
            return NotSent("its model stays away for long after a connection was ended")
        hand = self.hands.begin(station, HandKind.RECONNECT, by)
        self.vitals.reconnect_asked(station)
        await record.present.peer.close(1000, why)
        outcome = Answered("Accepted", {})
        self.hands.end(hand, outcome)
        return outcome

    def put(self, station: StationId, command: Command, urgency: Urgency, done: Done) -> None:
        """Queue a command without waiting; `done` gets its outcome once."""
        record = self.book.records.get(station)
        if record is None or record.quarantined:
            done(NotSent("the station is not listed"))
        else:
            record.queue.put(command, urgency, done)

    def problems(self) -> Sequence[Problem]:
        """What is wrong with stations, as far as this room knows."""
        return self.book.problems()


async def _execute(record: StationRecord, command: Command, urgency: Urgency, guard: Guard | None) -> Outcome:
    """Through the queue; for every EVSE by itself, where the station does not take that for all of them at once. The
    first that says no is the outcome."""
    by_evse = isinstance(command, ChangeAvailability) and not command.evse.evse and record.quirks.availability_by_evse
    if not (by_evse and isinstance(command, ChangeAvailability)):
        return await record.queue.execute(command, urgency, guard)
    outcome: Outcome = NotSent("it has no EVSE")
    for evse in record.evses():
        outcome = await record.queue.execute(replace(command, evse=EvseId(record.id, evse)), urgency, guard)
        if not (isinstance(outcome, Answered) and outcome.accepted):
            break
    return outcome


def _unheard(outcome: Outcome) -> None:
    """A station that cannot be asked will beat by itself."""


def zone_of(settings: Settings) -> tzinfo:
    """The site's, for stations whose time stamps name none; UTC is known without time zone data."""
    name = settings.site.timezone
    return UTC if name == "UTC" else ZoneInfo(name)


def rules(settings: Settings) -> Rules:
    """The rules of the handshake in a configuration."""
    ocpp = settings.ocpp
    models = Models(settings.station_sheets)
    places = {
        id: models.of(plan, StationIdentity()).quirks.identity
        for id, plan in settings.topology.stations.items()
        if plan.sheet is not None
    }
    return Rules(
        settings.topology.stations,
        settings.passwords,
        ocpp.allow_from,
        tuple(Version(version) for version in ocpp.versions),
        ocpp.security_profile,
        ocpp.unknown_stations is UnknownStations.QUARANTINE,
        {id: place for id, place in places.items() if place is not IdentityPlace.PATH},
    )
