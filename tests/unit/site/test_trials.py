"""Trials on a car that charges, on virtual time: the probe, the limit test, the phase test; they only lower."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

import pytest

from sitectl.model import events
from sitectl.model.electrical import Phase, PhaseRotation
from sitectl.model.ladder import FormVerdict, LadderStep
from sitectl.model.station import Obeys
from sitectl.site.trials import Trial, TrialFailed, TrialKind
from tests.unit.site.yard import OF, Yard
from tests.unit.state.small_site import A1, B1, A

TX, DEFAULT, MAX = LadderStep.TX_PROFILE, LadderStep.TX_DEFAULT, LadderStep.CHARGE_POINT_MAX
ONE_PHASE = (1.0, 0.0, 0.0)


def outcome(trial: Trial) -> dict[str, object]:
    assert trial.outcome is not None, trial.failed
    return trial.outcome


async def probed(yard: Yard) -> Trial:
    return await yard.tried(TrialKind.PROBE)


# --- the probe ---


def test_a_station_as_the_standard_wants_it_is_proven_by_the_first_form() -> None:
    yard = Yard()
    trial = yard.live(probed)
    assert (outcome(trial)["step"], outcome(trial)["verdict"], outcome(trial)["tried"]) == ("tx_profile", "proven", [])
    assert trial.said[-1] == "TxProfile in A: proven, the car was seen to be cut by it"
    assert yard.site.state.evses[A1].ladder.verdict() is FormVerdict.PROVEN
    assert not yard.site.state.ceilings, "its ceiling is gone"


def test_refused_and_ignored_steps_lead_to_the_one_that_is_obeyed() -> None:
    yard = Yard(refuses=frozenset({TX}), obeys=frozenset({MAX}))
    trial = yard.live(probed, settle_s=60.0)
    assert outcome(trial)["step"] == "charge_point_max"
    assert [one["verdict"] for one in outcome(trial)["tried"]] == ["refused"] * 4 + ["ignored"] * 2  # type: ignore[union-attr]
    assert yard.site.state.evses[A1].obeys is Obeys.PROVEN


def test_a_station_that_obeys_nothing_is_not_stopped_by_its_probe() -> None:
    yard = Yard(obeys=frozenset())
    trial = yard.live(probed)
    assert (outcome(trial)["step"], outcome(trial)["verdict"]) == ("start_stop", "no profile works")
    assert yard.site.state.evses[A1].transaction is not None
    assert all(offer.limit_a > 0 for offer in yard.offers)


def test_a_station_that_obeys_nothing_but_its_fallback_s_purpose_is_lifted_from_it() -> None:
    """It takes TxProfiles and lets the car draw its TxDefaultProfile all the while."""
    yard = Yard(obeys=frozenset({DEFAULT}))
    trial = yard.live(probed, settle_s=60.0)
    assert (outcome(trial)["step"], outcome(trial)["verdict"]) == ("tx_default", "proven")
    assert trial.said[0].startswith("the car stays at its fallback of 6 A")
    assert trial.said[1] == "TxProfile in A: no effect upwards"


def test_a_car_that_draws_no_more_by_itself_cannot_be_probed() -> None:
    trial = Yard(car_a=6.0).live(probed, settle_s=60.0)
    assert trial.failed.startswith("the car draws 6.0 A; it takes one that draws 8 A")


# --- the limit test ---


async def limit_tested(yard: Yard) -> Trial:
    return await yard.tried(TrialKind.LIMIT_TEST)


def test_how_long_it_takes_until_a_lower_limit_is_followed() -> None:
    yard = Yard()
    found = outcome(yard.live(limit_tested))
    assert (found["from_a"], found["to_a"], found["verdict"]) == (16.0, 6.0, "followed")
    assert 0.0 < found["accepted_s"] < 2.0  # type: ignore[operator]
    assert 3.0 < found["meter_s"] <= found["station_s"] < 16.0  # type: ignore[operator]
    assert yard.trials.kept(A1) == {"limit_test": found | {"of": OF}}


def test_whoever_does_not_follow_is_told_so() -> None:
    async def stops_obeying(yard: Yard) -> Trial:
        yard.obeys = frozenset()
        return await yard.tried(TrialKind.LIMIT_TEST)

    found = outcome(Yard().live(stops_obeying))
    assert (found["verdict"], found["station_s"]) == ("not followed", None)


# --- the phase test ---


async def phase_tested(yard: Yard) -> Trial:
    return await yard.tried(TrialKind.PHASE_TEST)


@pytest.mark.parametrize("wired", list(Phase))
def test_the_meter_says_where_the_first_phase_is_wired(wired: Phase) -> None:
    yard = Yard(own=ONE_PHASE, wired=wired, car_a=20.0)
    found = outcome(yard.live(phase_tested))
    assert (found["first"], found["wired"], found["verdict"]) == (wired.name, [wired.name], "well")
    assert yard.site.state.evses[A1].first_phase is wired
    assert yard.site.state.evses[A1].phases() == (wired,), "counted where it draws"
    assert not yard.site.state.ceilings


def test_others_are_held_where_they_are_and_nobody_is_raised_by_a_test() -> None:
    async def watched(yard: Yard) -> None:
        told = {id: evse.newest_offer.limit_a for id, evse in yard.site.state.evses.items() if evse.newest_offer}
        trial = yard.trials.begin(TrialKind.PHASE_TEST, A1, "tester", OF)
        before = len(yard.offers)
        while trial.running:
            assert all(offer.limit_a <= told[offer.evse] for offer in yard.offers[before:])
            await asyncio.sleep(0.5)
        assert outcome(trial)["verdict"] == "well"
        assert {offer.evse for offer in yard.offers[before:]} <= {A1, B1}

    Yard(own=ONE_PHASE, car_a=20.0).live(watched)


def test_a_transformer_that_is_turned_round_and_one_of_another_ratio() -> None:
    found = outcome(Yard(answers=(1.0, -1.0, 0.5), car_a=20.0).live(phase_tested))
    assert found["transformers"] == ["right", "reversed", "wrong ratio"]
    assert found["verdict"] == "a current transformer is wrong"
    assert found["first"] is None, "a car on three phases shows no rotation"


def test_a_car_that_can_be_moved_little_is_stepped_down_and_up() -> None:
    found = outcome(Yard(own=ONE_PHASE, wired=Phase.L3, car_a=11.5).live(phase_tested))
    assert (found["first"], found["verdict"]) == ("L3", "well")


def test_a_wiring_that_the_configuration_says_otherwise_is_told() -> None:
    yard = Yard(own=ONE_PHASE, wired=Phase.L2, car_a=20.0, rotation=PhaseRotation((Phase.L1, Phase.L2, Phase.L3)))
    trial = yard.live(phase_tested)
    assert outcome(trial)["verdict"] == "it is wired to L2, and the configuration says L1"
    assert outcome(trial)["first"] == "L2"
    right = Yard(own=ONE_PHASE, wired=Phase.L2, car_a=20.0, rotation=PhaseRotation((Phase.L2, Phase.L3, Phase.L1)))
    assert outcome(right.live(phase_tested))["verdict"] == "well"


def test_another_load_that_moves_meanwhile_makes_it_step_once_more() -> None:
    async def disturbed(yard: Yard) -> Trial:
        trial = yard.trials.begin(TrialKind.PHASE_TEST, A1, "tester", OF)
        while trial.running:
            await asyncio.sleep(0.5)
            if yard.drawn_a < 15.0:
                yard.other_a = 26.0
        return trial

    trial = Yard(own=ONE_PHASE, wired=Phase.L2, car_a=20.0).live(disturbed)
    assert sum("once more" in said for said in trial.said) == 1, trial.said
    assert (outcome(trial)["first"], outcome(trial)["verdict"]) == ("L2", "well")


def test_a_site_that_never_comes_to_rest_is_not_clear_and_nothing_is_learned() -> None:
    async def restless(yard: Yard) -> Trial:
        trial = yard.trials.begin(TrialKind.PHASE_TEST, A1, "tester", OF)
        while trial.running:
            await asyncio.sleep(3.0)
            yard.other_a = random.uniform(10.0, 30.0)
        return trial

    random = Random(1)

    yard = Yard(own=ONE_PHASE, wired=Phase.L2, car_a=16.0)
    trial = yard.live(restless)
    assert outcome(trial)["verdict"] != "well"
    assert (outcome(trial)["first"], yard.site.state.evses[A1].first_phase) == (None, None)


def test_the_meter_is_waited_for_while_another_car_ramps() -> None:
    async def ramping(yard: Yard) -> Trial:
        trial = yard.trials.begin(TrialKind.PHASE_TEST, A1, "tester", OF)
        for _ in range(20):
            yard.other_a += 0.6
            await asyncio.sleep(1.0)
        while trial.running:
            await asyncio.sleep(0.5)
        return trial

    trial = Yard(own=ONE_PHASE, wired=Phase.L2, car_a=20.0).live(ramping)
    assert outcome(trial)["verdict"] == "well"
    assert not any("once more" in said for said in trial.said), trial.said


def test_what_one_trial_took_is_waited_for_by_the_next() -> None:
    async def one_after_the_other(yard: Yard) -> Trial:
        outcome(await yard.tried(TrialKind.LIMIT_TEST))
        assert yard.drawn_a < 11.0
        return await yard.tried(TrialKind.PHASE_TEST)

    trial = Yard(own=ONE_PHASE, wired=Phase.L3, car_a=20.0).live(one_after_the_other)
    assert "after the trial before; waits until it is 11 A" in trial.said[0]
    assert (outcome(trial)["first"], outcome(trial)["verdict"]) == ("L3", "well")


# --- what cannot be done ---


def test_without_a_car_that_can_be_cut_it_says_what_it_takes() -> None:
    async def begun(yard: Yard) -> None:
        with pytest.raises(TrialFailed, match=r"draws 7\.0 A; it takes one that draws 8 A"):
            yard.trials.begin(TrialKind.PROBE, A1, "tester", OF)
        with pytest.raises(TrialFailed, match="reports no currents"):
            yard.trials.begin(TrialKind.PROBE, B1, "tester", OF)
        yard.site.post(events.TransactionEnded(A1, yard.site.state.evses[A1].transaction.id, yard.clock.monotonic()))  # type: ignore[union-attr]
        with pytest.raises(TrialFailed, match="nothing charges on A:1: plug in a car"):
            yard.trials.begin(TrialKind.PROBE, A1, "tester", OF)
        yard.site.post(events.StationDisconnected(A, yard.clock.monotonic(), "gone"))
        with pytest.raises(TrialFailed, match="A is not connected"):
            yard.trials.begin(TrialKind.LIMIT_TEST, A1, "tester", OF)

    Yard(car_a=7.0).live(begun)


def test_one_at_a_time() -> None:
    async def twice(yard: Yard) -> None:
        yard.trials.begin(TrialKind.LIMIT_TEST, A1, "tester", OF)
        with pytest.raises(TrialFailed, match="a limit test runs on A:1"):
            yard.trials.begin(TrialKind.PHASE_TEST, A1, "tester", OF)

    Yard().live(twice)


def test_a_car_that_leaves_ends_the_trial_and_its_ceilings() -> None:
    async def leaves(yard: Yard) -> None:
        trial = yard.trials.begin(TrialKind.PHASE_TEST, A1, "tester", OF)
        await asyncio.sleep(3.0)
        assert yard.site.state.ceilings
        now = yard.clock.monotonic()
        yard.site.post(events.TransactionEnded(A1, yard.site.state.evses[A1].transaction.id, now))  # type: ignore[union-attr]
        await asyncio.sleep(2.0)
        assert trial.failed.startswith("nothing charges on A:1")
        assert not yard.site.state.ceilings
        assert yard.trials.kept(A1) == {}

    Yard(car_a=20.0).live(leaves)


def test_a_process_that_stops_leaves_no_ceiling_that_lasts() -> None:
    async def begun(yard: Yard) -> None:
        yard.trials.begin(TrialKind.LIMIT_TEST, A1, "tester", OF)
        await asyncio.sleep(6.0)
        (ceiling,) = yard.site.state.ceilings.values()
        assert (ceiling.source, ceiling.evse) == ("limit test", A1)
        assert ceiling.expires_at is not None
        assert ceiling.expires_at - yard.clock.monotonic() < timedelta(minutes=20).total_seconds()

    Yard().live(begun)
