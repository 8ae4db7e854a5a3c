"""Stations that play a scenario: what happens to them is told in words, and how they react to remedies too.

Each holds the truth (does current really flow?) beside what it shows, so that a play can be judged by the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sitectl.healing.view import Commanded, EvseHealth, StationFacts, StationHealth
from sitectl.model.health import Fault, RemedyKind
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.station import ConnectorStatus, StationIdentity
from sitectl.ocpp.v16.statuses import evse_status
from tests.unit.healing.sites import BEGAN

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
METERS = {"flows": True, "nothing": False, "unknown": None}
READS = {"power": True, "nothing": False, "unknown": None}


def seconds(text: object) -> float:
    """`90`, `15m`, `2h`, `1d` → seconds."""
    if isinstance(text, str) and text[-1] in UNITS:
        return float(text[:-1]) * UNITS[text[-1]]
    return float(str(text))


class Actor:
    """One station. `happens` changes it; `picture` is the same object until something did."""

    def __init__(self, id: str, evses: int = 1, relay: bool = False, starts_pass_us: bool = False, **who: str) -> None:
        self.id = StationId(id)
        self.now = 0.0
        self.draws_really: set[int] = set()
        numbers = range(1, evses + 1)
        identity = StationIdentity(who.get("vendor", ""), who.get("model", ""), who.get("firmware", ""))
        free = evse_status("Available")
        self.picture = StationHealth(
            self.id,
            tuple(
                EvseHealth(
                    EvseId(self.id, number),
                    free.connector_status,
                    free.charging_state,
                    draws=False,
                    no_power_since=0.0,
                )
                for number in numbers
            ),
            identity,
            online_since=0.0,
            starts_pass_us=starts_pass_us,
            facts=StationFacts(has_relay=relay),
        )

    def happens(self, now: float, what: Mapping[str, Any]) -> None:
        """Something happens to it; each key of `what` is the name of a method, its value what it is told."""
        self.now = now
        number = int(what.get("evse", 1))
        for word, value in what.items():
            if word not in ("at", "evse", "station", "stations", "outcome"):
                getattr(self, f"on_{word}")(number, value)

    def evse(self, number: int) -> EvseHealth:
        found = self.picture.evse(number)
        assert found is not None, f"{self.id} has no EVSE {number}"
        return found

    def change_evse(self, number: int, **fields: Any) -> None:
        new = replace(self.evse(number), **fields)
        evses = tuple(new if evse.id.evse == number else evse for evse in self.picture.evses)
        self.picture = replace(self.picture, evses=evses)

    def change_facts(self, **fields: Any) -> None:
        self.picture = replace(self.picture, facts=replace(self.picture.facts, **fields))

    # --- what may happen ----------------------------------------------------------------------------------------------

    def on_fault(self, number: int, code: str, vendor: str = "", info: str = "") -> None:
        """It reports an error, and says Faulted."""
        before = self.picture.facts.faults.get(number)
        at = before.at if before is not None and before.code == code else self.now
        faults = {**self.picture.facts.faults, number: Fault(self.id, number, code, vendor, info, at)}
        self.change_facts(faults=faults)
        if number:
            self.on_status(number, "Faulted")

    def on_vendor_fault(self, number: int, code: str) -> None:
        """The same with a vendor's code under OtherError."""
        self.on_fault(number, "OtherError", vendor=code)

    def on_info_fault(self, number: int, info: str) -> None:
        self.on_fault(number, "OtherError", info=info)

    def on_error_while_charging(self, number: int, code: str) -> None:
        """It reports an error and goes on as it was."""
        status = self.evse(number)
        self.on_fault(number, code)
        self.change_evse(number, connector_status=status.connector_status, charging_state=status.charging_state)

    def on_clear(self, number: int, _: object) -> None:
        """NoError, and free again."""
        faults = {evse: fault for evse, fault in self.picture.facts.faults.items() if evse != number}
        self.change_facts(faults=faults)
        if number and self.evse(number).connector_status is ConnectorStatus.FAULTED:
            self.on_status(number, "Available")

    def on_status(self, number: int, word: str) -> None:
        told = evse_status(word)
        old = self.evse(number)
        same = (old.connector_status, old.charging_state, old.preparing) == (
            told.connector_status,
            told.charging_state,
            told.preparing,
        )
        self.change_evse(
            number,
            connector_status=told.connector_status,
            charging_state=told.charging_state,
            preparing=told.preparing,
            status_since=old.status_since if same else self.now,
        )

    def on_transaction(self, number: int, runs: bool) -> None:
        self.change_evse(
            number,
            transaction=TransactionId(f"t{number}") if runs else None,
            transaction_since=self.now if runs else None,
            offered_since=self.now if runs else None,
            taken_wh=0.0 if runs else None,
            sleeps=False,
            read_at=self.now if runs else None,
        )

    def on_offered(self, number: int, offered: bool) -> None:
        self.change_evse(number, offered_since=self.now if offered else None)

    def on_reads(self, number: int, word: str) -> None:
        """What its own readings show."""
        draws = READS[word]
        since = self.evse(number).no_power_since
        none_since = {True: None, False: self.now if since is None else since, None: since}[draws]
        self.change_evse(number, draws=draws, no_power_since=none_since)

    def on_readings(self, number: int, comes: bool) -> None:
        """Its readings stop, or go on for ever."""
        self.change_evse(number, read_at=1e12 if comes else self.now)

    def on_flows(self, number: int, flows: bool) -> None:
        """What is true."""
        (self.draws_really.add if flows else self.draws_really.discard)(number)

    def on_meter(self, number: int, word: str) -> None:
        """What the site's meter says of it."""
        self.change_evse(number, metered=METERS[word])

    def on_taken_wh(self, number: int, taken_wh: float) -> None:
        self.change_evse(number, taken_wh=float(taken_wh))

    def on_sleeps(self, number: int, sleeps: bool) -> None:
        self.change_evse(number, sleeps=sleeps)

    def on_charges(self, number: int, charges: bool) -> None:
        """A car charges, and everything says so; or it drives away."""
        self.on_transaction(number, charges)
        self.on_status(number, "Charging" if charges else "Available")
        self.on_reads(number, "power" if charges else "nothing")
        self.on_readings(number, charges)
        self.on_flows(number, charges)

    def on_ghost(self, number: int, _: object) -> None:
        """A transaction begins, and no power flows."""
        self.on_transaction(number, True)
        self.on_status(number, "Charging")
        self.change_evse(number, draws=False, no_power_since=self.now, read_at=1e12)

    def on_ignores_limit(self, number: int, ignores: bool) -> None:
        self.change_evse(number, ignores_limit=ignores)

    def on_foreign(self, number: int, speaks: bool) -> None:
        """It speaks of a transaction that the ledger does not know."""
        self.change_facts(foreign_transactions={number: self.now} if speaks else {})

    def on_out_of_service(self, _: int, numbers: list[int]) -> None:
        self.change_facts(out_of_service=frozenset(numbers))

    def on_offline(self, _: int, __: object) -> None:
        self.picture = replace(self.picture, online=False, offline_since=self.now, online_since=None)
        for evse in self.picture.evses:
            self.change_evse(evse.id.evse, draws=None)

    def on_online(self, _: int, __: object) -> None:
        self.picture = replace(self.picture, online=True, offline_since=None, online_since=self.now)
        for evse in self.picture.evses:
            self.on_reads(evse.id.evse, "power" if evse.id.evse in self.draws_really else "nothing")

    def on_away_s(self, _: int, wait: object) -> None:
        """Somebody told it to reboot."""
        self.picture = replace(self.picture, away_until=self.now + seconds(wait))

    def on_boot(self, _: int, __: object) -> None:
        """It boots, unasked."""
        self.change_facts(boots=(*self.picture.facts.boots, self.now)[-20:])
        self.on_online(0, True)

    def on_connect(self, _: int, __: object) -> None:
        self.change_facts(connects=(*self.picture.facts.connects, self.now)[-20:])

    def on_unanswered(self, _: int, many: int) -> None:
        since = self.picture.facts.unanswered_since
        self.change_facts(unanswered=many, unanswered_since=(self.now if since is None else since) if many else None)

    def on_firmware(self, _: int, word: str) -> None:
        self.change_facts(firmware=word, firmware_since=self.now)

    def on_commanded(self, _: int, told: Mapping[str, str]) -> None:
        given = Commanded(RemedyKind(told["do"]), told["by"], self.now)
        self.change_facts(commanded=(*self.picture.facts.commanded, given))

    def on_busy(self, _: int, who: str) -> None:
        self.change_facts(busy=who)

    def on_paused(self, _: int, paused: bool) -> None:
        self.change_facts(paused=paused)

    def on_drifted(self, _: int, keys: list[str]) -> None:
        self.change_facts(drifted=tuple(keys), drifted_since=self.now)

    def on_clock_s(self, _: int, error_s: float) -> None:
        self.change_facts(clock_error_s=float(error_s), clock_wrong_since=self.now)

    def on_certificate_days(self, _: int, days: float) -> None:
        self.change_facts(certificate_ends=BEGAN + timedelta(seconds=self.now + days * 86_400))

    def on_temperature_c(self, _: int, now_c: float) -> None:
        self.change_facts(temperature_c=float(now_c))
