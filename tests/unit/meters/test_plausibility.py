import pytest

from sitectl.meters.plausibility import Limits, objection
from tests.unit.meters.facts import SUNNY_NOON


def test_a_live_feeder_is_believed() -> None:
    assert objection(SUNNY_NOON) is None


@pytest.mark.parametrize(
    "edge", [{"frequency": 45.0}, {"frequency": 65.0}, {"l1_voltage": 150.0, "l1_power": 6100.0}, {"l1_voltage": 270.0}]
)
def test_the_bounds_belong_to_the_grid(edge: dict[str, float]) -> None:
    assert objection({**SUNNY_NOON, **edge}) is None


@pytest.mark.parametrize(
    ("served", "why"),
    [
        ({"l2_current": None}, "L2 current is unknown"),
        ({"l3_current": 3e8}, "L3 current of 3e+08 A cannot be"),
        ({"l1_voltage": 149.0}, "L1 voltage of 149 V is outside 150 to 270 V"),
        ({"l1_voltage": 271.0}, "L1 voltage of 271 V is outside 150 to 270 V"),
        ({"l3_voltage": 400.0, "l3_current": 0.0}, "L3 voltage of 400 V is outside 150 to 270 V"),
        ({"l3_voltage": -230.0, "l3_current": 0.0}, "L3 voltage of -230 V is outside 150 to 270 V"),
        ({"frequency": 0.0}, "a frequency of 0 Hz is outside 45 to 65 Hz"),
        ({"frequency": 66.0}, "a frequency of 66 Hz is outside 45 to 65 Hz"),
        ({"total_power": -2e9}, "total power of -2e+09 W cannot be"),
    ],
)
def test_objections_say_what_is_wrong(served: dict[str, float | None], why: str) -> None:
    assert objection({**SUNNY_NOON, **served}) == why


def test_a_dead_meter_behind_a_gateway_that_answers_zeros_is_not_believed() -> None:
    assert objection(dict.fromkeys(SUNNY_NOON, 0.0)) == "no phase has voltage"


def test_a_phase_that_is_not_connected_is_no_objection() -> None:
    one_phase = {"l2_voltage": 0.0, "l2_current": 0.0, "l2_power": 0.0, "l3_voltage": 63.0, "l3_current": 0.1}
    one_phase["l3_power"] = 6.0
    assert objection({**SUNNY_NOON, **one_phase}) is None


def test_what_the_device_does_not_say_is_no_anchor() -> None:
    currents = {"l1_current": 1.0, "l2_current": 2.0, "l3_current": 3.0}
    assert objection(currents) is None
    assert objection({**SUNNY_NOON, "frequency": None, "l1_voltage": None}) is None


def test_nothing_at_all_is_no_reading() -> None:
    assert objection({}) == "L1 current is unknown"


def test_an_overload_of_a_large_feeder_is_a_reading() -> None:
    over = {**SUNNY_NOON, "l1_current": 11_700.0, "l1_power": 11_700.0 * 231.0, "total_power": 12_000_000.0}
    assert objection(over, Limits(rated_a=9_977.0)) is None
    assert "cannot be" in str(objection(over, Limits(rated_a=1_000.0)))
    assert "cannot be" in str(objection({**over, "l1_current": 35_000.0}, Limits(rated_a=9_977.0)))
