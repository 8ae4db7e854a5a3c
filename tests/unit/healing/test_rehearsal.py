"""A journal played through the rules: what would have been done, when, and what is not concluded from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sitectl.healing.policy import HealingRules, Rule, Step
from sitectl.healing.rehearsal import rehearse
from sitectl.model.health import HealingMode, RemedyKind, SymptomKind
from sitectl.model.ids import StationId
from sitectl.model.journal import JournalEntry

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CP1 = StationId("CP1")
LADDER = (Step(RemedyKind.TRIGGER, 20.0), Step(RemedyKind.SOFT_RESET, 60.0), Step(RemedyKind.TELL))


def rule(kind: SymptomKind, after_s: float = 5.0) -> Rule:
    what = f"It shows {kind.value}"
    return Rule(kind.value, kind, LADDER, after_s=after_s, settle_s=10.0, what=what, cure="Go there.")


RULES = HealingRules(tuple(rule(kind) for kind in SymptomKind if kind is not SymptomKind.DANGER), HealingMode.ACT)


def entry(at: float, type: str, evse: int | None = None, **data: Any) -> JournalEntry:
    return JournalEntry(0, NOON + timedelta(seconds=at), type, CP1, evse, data)


ARRIVES = (
    entry(0, "station.connected"),
    entry(1, "station.booted", vendor="Acme", firmware="1.2"),
    entry(2, "evse.status", 1, status="Available", error="NoError", charging="Idle"),
)


def done(*entries: JournalEntry) -> list[tuple[float, str]]:
    came = rehearse([*ARRIVES, *entries], RULES)
    assert all(attempt.dry for attempt in came.attempts if attempt.remedy.kind is not RemedyKind.TELL)
    return [((a.begun - NOON).total_seconds(), a.remedy.kind.value) for a in came.attempts]


def faulted(at: float, code: str = "OtherError") -> JournalEntry:
    return entry(at, "evse.status", 1, status="Faulted", error=code, vendor_error="E1", info="x")


def well(at: float) -> JournalEntry:
    return entry(at, "evse.status", 1, status="Available", error="NoError", charging="Idle")


def test_an_error_that_lasts_climbs_its_ladder_by_its_waits() -> None:
    assert done(faulted(100.0)) == [(105.0, "trigger"), (125.0, "soft_reset"), (185.0, "tell")]
    came = rehearse([*ARRIVES, faulted(100.0)], RULES)
    ((what, where, do),) = came.told
    assert (what.partition(":")[0], where, do, came.stations) == ("It shows fault", "CP1:1", "Go there.", 1)


def test_one_that_went_away_by_itself_needs_nothing_more() -> None:
    assert done(faulted(100.0), well(103.0)) == []
    assert done(faulted(100.0), faulted(101.0), well(110.0)) == [(105.0, "trigger")]


def test_a_station_that_stays_away_is_silent() -> None:
    (told,) = done(entry(50.0, "station.disconnected"))
    assert told[1] == "tell", "nothing can be asked of it"
    assert done(entry(50.0, "station.disconnected"), entry(52.0, "station.connected")) == []


def test_boots_one_after_the_other_are_a_loop() -> None:
    boots = [entry(10.0 * n, "station.booted") for n in range(1, 6)]
    kinds = [attempt.remedy.symptom for attempt in rehearse([*ARRIVES, *boots], RULES).attempts]
    assert SymptomKind.REBOOT_LOOP in kinds


def test_states_that_should_pass_and_do_not() -> None:
    waits = {"status": "Occupied", "charging": "EVConnected", "preparing": True, "error": "NoError"}
    preparing = entry(10.0, "evse.status", 1, **waits)
    kinds = {attempt.remedy.symptom for attempt in rehearse([*ARRIVES, preparing], RULES).attempts}
    assert kinds == {SymptomKind.STUCK_PREPARING}


def test_what_readings_would_show_is_not_concluded_from_a_journal() -> None:
    charges = [
        entry(10.0, "transaction.started", 1, transaction="t"),
        entry(11.0, "evse.status", 1, status="Occupied", charging="Charging", error="NoError"),
        entry(90_000.0, "transaction.ended", 1, transaction="t"),
    ]
    assert done(*charges) == []


def test_rubbish_and_nothing_do_no_harm() -> None:
    assert rehearse([], RULES).attempts == ()
    odd = [entry(5.0, "evse.status", 1, status=7, error=None, charging=[]), entry(6.0, "something.else")]
    rehearse([*ARRIVES, *odd], RULES)
