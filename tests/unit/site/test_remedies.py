"""Each remedy as it is done: what is asked of the station, and what comes of each answer."""

import asyncio
from pathlib import Path

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.healing.view import Done
from sitectl.model import events
from sitectl.model.commands import (
    Answered,
    NotSent,
    Refused,
    RequestStop,
    ResetKind,
    TriggerMessage,
    Unanswered,
    UnlockConnector,
)
from sitectl.model.events import LimitsDoubted, RebootExpected
from sitectl.model.health import Attempt, AttemptOutcome, Remedy, RemedyKind, SymptomKind
from sitectl.model.ids import EvseId, TransactionId
from sitectl.model.station import ConnectorStatus, EvseStatus
from sitectl.site.remedies import OUT_FOR_S, OWNER, Doors, Remedies
from tests.unit.api.quiet_site import CP01, POST, WALL
from tests.unit.site.healing_ward import Ward

FIRST = EvseId(CP01, 1)
REJECTED = Answered("Rejected", {})


@pytest.fixture
async def ward(tmp_path: Path) -> Ward:
    ward = Ward(tmp_path)
    await ward.begins()
    return ward


def hands(ward: Ward) -> Remedies:
    door, site = ward.door, ward.quiet.site
    return Remedies(Doors(lambda: site.state, ward._post, door, door, door, door), ward.quiet.clock)


async def done(ward: Ward, kind: RemedyKind, evse: int | None = 1, station: object = CP01) -> Done:
    remedy = Remedy(kind, station, evse, SymptomKind.FAULT, "rule", 0)  # type: ignore[arg-type]
    running = {id: e.transaction.id for id, e in ward.quiet.site.state.evses.items() if e.transaction is not None}
    return await hands(ward).do(Attempt("a", remedy, WALL, 0.0, ()), running)


async def test_asking_again_means_the_status_and_readings_where_a_transaction_runs(ward: Ward) -> None:
    assert (await done(ward, RemedyKind.TRIGGER)).outcome is AttemptOutcome.DONE
    assert ward.door.asked == [TriggerMessage(FIRST, "StatusNotification")]
    ward.quiet.charge(FIRST, 10.0)
    await done(ward, RemedyKind.TRIGGER)
    assert ward.door.asked[-1] == TriggerMessage(FIRST, "MeterValues")
    ward.door.asked.clear()
    await done(ward, RemedyKind.TRIGGER, None, POST)
    assert [command.evse.evse for command in ward.door.asked] == [1, 2]
    assert (await done(ward, RemedyKind.TRIGGER, 9)).outcome is AttemptOutcome.NOT_DONE


@pytest.mark.parametrize(
    ("came", "outcome"),
    [
        (Answered("Unlocked", {}), AttemptOutcome.DONE),
        (Answered("UnlockFailed", {}), AttemptOutcome.REFUSED),
        (Refused("NotSupported"), AttemptOutcome.REFUSED),
        (Unanswered("no answer"), AttemptOutcome.UNANSWERED),
        (NotSent("offline"), AttemptOutcome.NOT_DONE),
    ],
)
async def test_what_the_station_says_is_the_outcome(ward: Ward, came: object, outcome: AttemptOutcome) -> None:
    ward.door.outcome = lambda asked: came  # type: ignore[assignment, return-value]
    told = await done(ward, RemedyKind.UNLOCK)
    assert (told.outcome, ward.door.asked) == (outcome, [UnlockConnector(FIRST)])


async def test_limits_are_said_again_by_the_next_cycle(ward: Ward) -> None:
    ward.quiet.charge(FIRST, 10.0)
    ward.quiet.pass_s(3, 11.0, 12.0, 13.0)
    before = ward.quiet.site.state.evses[FIRST].newest_offer
    assert before is not None
    assert (await done(ward, RemedyKind.RESEND_LIMIT)).outcome is AttemptOutcome.DONE
    assert isinstance(ward.posted[-1], LimitsDoubted)
    assert ward.quiet.site.state.evses[FIRST].resend
    ward.quiet.site.cycle()
    newest = ward.quiet.site.state.evses[FIRST].newest_offer
    assert newest is not None
    assert newest.seq > before.seq


async def test_connection_and_configuration(ward: Ward) -> None:
    await done(ward, RemedyKind.RECONNECT, None)
    await done(ward, RemedyKind.RESEND_CONFIGURATION, None)
    await done(ward, RemedyKind.TELL, None)
    assert ward.door.asked == [("hang up", CP01), ("configure", CP01)]


def test_out_of_service_comes_back_whatever_is_between(tmp_path: Path) -> None:
    async def main() -> None:
        ward = Ward(tmp_path)
        await ward.begins()
        cycling = asyncio.create_task(done(ward, RemedyKind.AVAILABILITY_CYCLE))
        await asyncio.sleep(OUT_FOR_S / 2)
        assert ward.door.asked == [("inoperative", FIRST, OWNER)]
        cycling.cancel()
        await asyncio.gather(cycling, return_exceptions=True)
        assert ward.door.asked[-1] == ("operative", FIRST, OWNER)
        assert (await done(ward, RemedyKind.AVAILABILITY_CYCLE)).outcome is AttemptOutcome.DONE

        async def refuses(evse: object, operative: bool, owner: object) -> str:
            ward.door.asked.append(operative)
            return "Rejected"

        ward.door.asked.clear()
        ward.door.wish = refuses  # type: ignore[method-assign, assignment]
        assert (await done(ward, RemedyKind.AVAILABILITY_CYCLE)).outcome is AttemptOutcome.REFUSED
        assert ward.door.asked == [False]

        async def is_full(evse: object, operative: bool, owner: object) -> str:
            ward.door.asked.append(operative)
            return "Rejected" if ward.door.asked in ([False, True], [False, True, True]) else "Accepted"

        ward.door.asked.clear()
        ward.door.wish = is_full  # type: ignore[method-assign, assignment]
        assert (await done(ward, RemedyKind.AVAILABILITY_CYCLE)).outcome is AttemptOutcome.DONE
        assert ward.door.asked == [False, True, True, True], "it does not stay out of service"

    run_virtual(main())


# --- transactions that are not what they seem ---


async def test_a_transaction_is_stopped_by_its_station_where_that_knows_it(ward: Ward) -> None:
    ward.quiet.charge(FIRST, 0.0)
    assert (await done(ward, RemedyKind.END_TRANSACTION)).outcome is AttemptOutcome.DONE
    assert ward.door.asked == [RequestStop(CP01, 7)]


async def test_one_that_the_station_knows_nothing_of_is_closed_in_the_ledger(ward: Ward) -> None:
    ward.quiet.charge(FIRST, 0.0)
    ward.door.outcome = lambda asked: REJECTED
    assert (await done(ward, RemedyKind.END_TRANSACTION)).outcome is AttemptOutcome.REFUSED, "a car is there"
    assert ("conclude", FIRST) not in ward.door.asked
    free = EvseStatus(ConnectorStatus.AVAILABLE)
    ward.quiet.site.post(events.EvseStatusChanged(FIRST, ward.quiet.clock.at, free))
    ward.door.runs.add(FIRST)
    assert (await done(ward, RemedyKind.END_TRANSACTION)).outcome is AttemptOutcome.DONE
    assert ward.door.asked[-1] == ("conclude", FIRST)
    ward.door.broken = True
    told = await done(ward, RemedyKind.END_TRANSACTION)
    assert (told.outcome, told.text) == (AttemptOutcome.NOT_DONE, "disk full")


async def test_a_car_that_charges_after_all_is_not_ended_and_neither_is_the_next_one(ward: Ward) -> None:
    ward.quiet.charge(FIRST, 0.0)
    remedy = Remedy(RemedyKind.END_TRANSACTION, CP01, 1, SymptomKind.GHOST_TRANSACTION, "rule", 0)
    told = await hands(ward).do(Attempt("a", remedy, WALL, 0.0, ()), {FIRST: TransactionId("the one before")})
    assert (told.outcome, told.text) == (AttemptOutcome.NOT_DONE, "a car has begun to charge at EVSE 1")
    ward.quiet.charge(FIRST, 10.0)
    told = await done(ward, RemedyKind.END_TRANSACTION)
    assert (told.outcome, told.text) == (AttemptOutcome.NOT_DONE, "EVSE 1 draws current")
    assert not ward.door.asked


async def test_one_that_another_follows_while_its_station_is_asked_is_not_closed(ward: Ward) -> None:
    ward.quiet.charge(FIRST, 0.0)
    ward.quiet.site.post(events.EvseStatusChanged(FIRST, ward.quiet.clock.at, EvseStatus(ConnectorStatus.AVAILABLE)))

    def answer(asked: object) -> Answered:
        ward.quiet.site.post(events.TransactionStarted(FIRST, TransactionId("next"), ward.quiet.clock.at, 8))
        return REJECTED

    ward.door.outcome = answer
    assert (await done(ward, RemedyKind.END_TRANSACTION)).outcome is AttemptOutcome.NOT_DONE
    assert ("conclude", FIRST) not in ward.door.asked


async def test_where_none_of_ours_runs_there_is_nothing_to_end(ward: Ward) -> None:
    assert (await done(ward, RemedyKind.END_TRANSACTION)).outcome is AttemptOutcome.NOT_DONE
    assert not ward.door.asked


# --- restarts ---


async def test_resets_go_where_all_resets_are_ordered(ward: Ward) -> None:
    await done(ward, RemedyKind.SOFT_RESET)
    await done(ward, RemedyKind.HARD_RESET)
    assert ward.door.asked == [(ResetKind.ON_IDLE, CP01, "healing"), (ResetKind.IMMEDIATE, CP01, "healing")]


async def test_a_car_at_the_other_evse_of_a_post_spares_the_whole_post(ward: Ward) -> None:
    remedy = Remedy(RemedyKind.HARD_RESET, POST, 1, SymptomKind.FAULT, "rule", 0)
    ward.quiet.charge(EvseId(POST, 2), 10.0)
    told = await hands(ward).do(Attempt("a", remedy, WALL, 0.0, ()), {})
    assert (told.outcome, told.text) == (AttemptOutcome.NOT_DONE, "a car has begun to charge at EVSE 2")
    unlock = Remedy(RemedyKind.UNLOCK, POST, 1, SymptomKind.FAULT, "rule", 0)
    assert (await hands(ward).do(Attempt("a", unlock, WALL, 0.0, ()), {})).outcome is AttemptOutcome.DONE


async def test_power_is_cut_only_where_nobody_draws_and_the_boot_is_expected(ward: Ward) -> None:
    told = await done(ward, RemedyKind.POWER_CYCLE, None)
    assert told.outcome is AttemptOutcome.DONE
    assert ward.door.asked == [("power", CP01), ("cycled", CP01, "healing")]
    (expected,) = [event for event in ward.posted if isinstance(event, RebootExpected)]
    assert expected.until > ward.quiet.clock.at
    ward.door.asked.clear()
    ward.door.outcome = lambda asked: NotSent("no relay feeds this station")
    assert (await done(ward, RemedyKind.POWER_CYCLE, None)).outcome is AttemptOutcome.NOT_DONE
    assert ward.posted[-1].until <= ward.quiet.clock.at  # type: ignore[union-attr]
    ward.quiet.charge(FIRST, 10.0)
    assert "draws current" in (await done(ward, RemedyKind.POWER_CYCLE, None)).text
    ward.door.under_way = lambda station: "central main"  # type: ignore[method-assign]
    assert "central main" in (await done(ward, RemedyKind.POWER_CYCLE, None, POST)).text
