"""The car follows the offer late, on a ramp, and never above it."""

from random import Random

import pytest

from sitectl.simulator.vehicle import Vehicle, VehicleSpec, draw_vehicle

CAR = VehicleSpec(phases=3, max_a=32, reaction_s=2, ramp_up_a_per_s=2, ramp_down_a_per_s=10, shortfall_a=0.5)


def drive(vehicle: Vehicle, seconds: float, limit_a: float) -> tuple[float, float, float]:
    currents = (0.0, 0.0, 0.0)
    for _ in range(round(seconds * 10)):
        currents = vehicle.step(0.1, limit_a)
    return currents


def test_a_new_offer_is_followed_after_the_reaction_time_and_on_a_ramp() -> None:
    car = Vehicle(CAR)
    assert drive(car, 1.9, 16) == (0, 0, 0)
    assert 1.5 < drive(car, 1.0, 16)[0] < 2.5
    assert drive(car, 20, 16) == (15.5, 15.5, 15.5)


def test_a_cut_is_followed_on_the_faster_ramp() -> None:
    car = Vehicle(CAR)
    drive(car, 30, 32)
    assert drive(car, 1.9, 10)[0] == 31.5
    assert 20 < drive(car, 1.0, 10)[0] < 25
    assert drive(car, 3, 10)[0] == 9.5


def test_the_car_pauses_below_its_own_minimum() -> None:
    car = Vehicle(CAR)
    drive(car, 30, 16)
    assert drive(car, 10, 5.9) == (0, 0, 0)
    assert drive(car, 10, 6)[0] == 5.5


def test_offers_are_obeyed_in_their_order() -> None:
    car = Vehicle(CAR)
    drive(car, 20, 10)
    drive(car, 0.5, 20)
    drive(car, 0.5, 8)
    assert drive(car, 10, 8)[0] == 7.5


@pytest.mark.parametrize(("phases", "expected"), [(1, (15.5, 0, 0)), (2, (15.5, 15.5, 0)), (3, (15.5, 15.5, 15.5))])
def test_a_car_draws_on_its_own_phases_only(phases: int, expected: tuple[float, float, float]) -> None:
    assert drive(Vehicle(VehicleSpec(phases=phases, max_a=32)), 30, 16) == expected


def test_current_tapers_from_eighty_percent_and_ends_when_full() -> None:
    car = Vehicle(VehicleSpec(phases=3, max_a=32, capacity_wh=1_000, soc=0.79, wish_wh=1_000, ramp_up_a_per_s=5))
    assert car.wish_a() == 32
    drive(car, 30, 32)
    tapered = car.wish_a()
    assert 2 <= tapered < 32
    drive(car, 600, 32)
    assert not car.wants_energy
    assert drive(car, 10, 32) == (0, 0, 0)


def test_the_energy_wish_ends_the_charge() -> None:
    car = Vehicle(VehicleSpec(phases=3, max_a=32, wish_wh=100, ramp_up_a_per_s=5))
    drive(car, 120, 32)
    assert car.energy_wh == pytest.approx(100, abs=15)
    assert drive(car, 10, 32) == (0, 0, 0)


def test_equal_seeds_draw_equal_cars_within_the_stated_spreads() -> None:
    first, second = ([draw_vehicle(rng) for _ in range(300)] for rng in (Random(7), Random(7)))
    assert first == second
    assert {car.phases for car in first} == {1, 2, 3}
    for car in first:
        assert 1 <= car.reaction_s <= 5
        assert 0.5 <= car.ramp_up_a_per_s <= 5
        assert 5 <= car.ramp_down_a_per_s <= 20
        assert 0 <= car.shortfall_a <= 1


def test_four_phases_are_refused() -> None:
    with pytest.raises(ValueError, match="1, 2 or 3 phases"):
        VehicleSpec(phases=4, max_a=16)
