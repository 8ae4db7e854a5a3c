"""What only the order of the readings shows."""

from collections.abc import Mapping

import pytest

from sitectl.meters.checks import Checks
from sitectl.meters.plausibility import Limits, objection
from tests.unit.meters.facts import SUNNY_NOON

CALM: dict[str, float] = {
    **{f"l{phase}_voltage": 230.0 for phase in (1, 2, 3)},
    **{f"l{phase}_current": 20.0 for phase in (1, 2, 3)},
    **{f"l{phase}_power": 4500.0 for phase in (1, 2, 3)},
    "total_power": 13500.0,
    "frequency": 50.0,
    "import_energy": 1_000_000.0,
    "export_energy": 0.0,
}
BARE = {f"l{phase}_current": 20.0 for phase in (1, 2, 3)}


def checks(rated_a: float | None = 100.0) -> Checks:
    return Checks(Limits(rated_a))


def judged(watch: Checks, *readings: Mapping[str, float], every_s: float = 1.0) -> list[str | None]:
    return [watch.objection(each, number * every_s) for number, each in enumerate(readings)]


def test_a_current_beyond_what_the_place_or_the_meter_allows_cannot_be() -> None:
    high = {**BARE, "l1_current": 700.0}
    assert objection(high) is None
    assert objection(high, Limits(rated_a=63.0)) == "L1 current of 700 A cannot be"
    assert objection(high, Limits(rated_a=100.0)) is None
    assert (
        objection({**BARE, "l1_current": 121.0}, Limits(rated_a=63.0, max_a=100.0)) == "L1 current of 121 A cannot be"
    )
    assert objection({**BARE, "l1_current": 119.0}, Limits(rated_a=63.0, max_a=100.0)) is None


def test_a_power_above_what_voltage_and_current_make_is_not_believed() -> None:
    assert objection({**SUNNY_NOON, "l1_current": 4.125}) == "L1 power of 9500 W does not go with 231.5 V and 4.125 A"
    assert objection({**SUNNY_NOON, "l3_current": 0.0}) is None, "meters that show whole amperes show none"
    assert objection({**SUNNY_NOON, "l3_power": 460.0}) is not None


def test_a_meter_that_says_it_is_not_there() -> None:
    assert objection({**SUNNY_NOON, "meter_present": 0.0}) == "the device says that its meter is not there"
    assert objection({**SUNNY_NOON, "meter_present": 1.0}) is None


def test_one_sample_far_from_the_others_waits_for_a_second() -> None:
    spike = {**CALM, "l2_current": 130.0}
    assert judged(checks(), CALM, spike, CALM, spike, spike) == [
        None,
        "one sample of 130 A on L2 after 20 A: the next one decides",
        None,
        "one sample of 130 A on L2 after 20 A: the next one decides",
        None,
    ]


@pytest.mark.parametrize(
    "jump",
    [
        {**CALM, "l2_current": 230.0},  # far above: the breaker may not wait
        {**CALM, "l2_current": 130.0, "l2_power": 29_000.0, "total_power": 38_000.0},  # its own power confirms it
        {**CALM, "l2_current": 90.0},  # not above the rating
        {**BARE, "l2_current": 130.0},  # nothing contradicts
        {**CALM, "l2_current": 130.0, "l2_power": 0.0},
    ],
)
def test_what_is_far_above_uncontradicted_or_harmless_counts_at_once(jump: Mapping[str, float]) -> None:
    before = CALM if "l2_power" in jump else BARE
    assert judged(checks(), before, jump) == [None, None]


def test_a_slow_climb_is_no_spike() -> None:
    climb = [{**CALM, "l1_current": ampere} for ampere in (60.0, 80.0, 98.0, 110.0, 125.0)]
    assert judged(checks(), CALM, *climb) == [None] * 6


def test_a_current_without_a_known_rating_is_no_spike() -> None:
    assert judged(checks(None), CALM, {**CALM, "l2_current": 130.0}) == [None, None]


def test_a_total_that_is_not_the_sum_of_its_phases_is_told_when_it_stays() -> None:
    watch = checks()
    off = {**CALM, "total_power": 4500.0}
    judged(watch, *[off] * 9)
    assert watch.doubts(9.0) == ()
    watch.objection(off, 9.0)
    assert watch.doubts(9.0) == ("its total power is not the sum of its phases",)
    watch.objection(CALM, 10.0)
    assert watch.doubts(10.0) == ()


def test_a_counter_that_goes_back_is_told_for_ten_minutes() -> None:
    watch = checks()
    assert judged(watch, CALM, {**CALM, "import_energy": 400_000.0}) == [None, None], "the currents are usable"
    (doubt,) = watch.doubts(2.0)
    assert doubt.startswith("its import energy went back from 1000000 to 400000 Wh: ")
    assert watch.doubts(700.0) == ()


def test_a_counter_of_a_device_that_counts_export_below_zero_goes_on() -> None:
    watch = checks()
    judged(watch, {**CALM, "export_energy": -5000.0}, {**CALM, "export_energy": -5100.0})
    assert watch.doubts(2.0) == ()


def energies(wh_per_s: float, watt: float, seconds: int = 301) -> list[dict[str, float]]:
    third = {f"l{phase}_power": watt / 3 for phase in (1, 2, 3)}
    still = {**CALM, **third, "total_power": watt}
    return [{**still, "import_energy": 1e6 + wh_per_s * second} for second in range(seconds)]


def test_energy_that_does_not_follow_the_power_is_told() -> None:
    watch = checks()
    judged(watch, *energies(12_000 / 3600, 12_000.0))
    assert watch.doubts(301.0) == ()
    watch = checks()
    judged(watch, *energies(12_000 / 360, 12_000.0))
    (doubt,) = watch.doubts(302.0)
    assert doubt == (
        "its counters rose by 10000 Wh where its power makes 1000 Wh: check the ratio of its current transformers"
    )


def test_a_gap_begins_the_comparison_anew() -> None:
    watch = checks()
    for second, each in enumerate(energies(12_000 / 360, 12_000.0)):
        watch.objection(each, second + (100.0 if second > 150 else 0.0))
    assert watch.doubts(402.0) == ()
