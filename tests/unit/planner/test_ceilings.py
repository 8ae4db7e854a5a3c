"""All profiles of a central for one station, composed; as plain values."""

import pytest

from sitectl.model.ids import EvseId, TransactionId
from sitectl.model.schedule import ChargingProfile, ProfileKind, ProfilePurpose
from sitectl.planner.ceilings import Charging, compose, evse_limit
from sitectl.planner.schedule import Allowed
from tests.unit.planner.profiles import CP, NOON, TX, after, profile

ONE, TWO = EvseId(CP, 1), EvseId(CP, 2)
IDLE: dict[EvseId, Charging | None] = {ONE: None, TWO: None}
BUSY: dict[EvseId, Charging | None] = {ONE: Charging(TX, NOON), TWO: None}
STATION_MAX, TX_PROFILE = ProfilePurpose.STATION_MAX, ProfilePurpose.TX


def bounds(profiles: list[ChargingProfile], charging=IDLE, wall=NOON) -> dict[str, float]:
    composed = compose(profiles, "central", CP, charging, wall, 1000.0)
    return {str(ceiling.evse): ceiling.ceiling_a for ceiling in composed.ceilings}


def test_no_profile_no_ceiling():
    composed = compose([], "central", CP, BUSY, NOON, 1000.0)
    assert composed.ceilings == ()
    assert composed.changes_at is None


def test_a_default_for_the_station_is_one_for_each_evse_and_its_own_wins():
    assert bounds([profile(20, evse=0)]) == {"CP01:1": 20, "CP01:2": 20}
    assert bounds([profile(20, evse=0), profile(10, evse=2, id=2)]) == {"CP01:1": 20, "CP01:2": 10}
    assert bounds([profile(20, evse=0, stack=1), profile(10, evse=2, id=2)]) == {"CP01:1": 20, "CP01:2": 20}


def test_the_station_maximum_bounds_the_station_beside_the_rest():
    profiles = [profile(40, purpose=STATION_MAX, evse=0), profile(50, evse=1, id=2)]
    assert bounds(profiles) == {"CP01:0": 40, "CP01:1": 50}


def test_a_higher_stack_level_wins_while_it_is_valid():
    low, high = profile(10), profile(30, id=2, stack=5, duration_s=300)
    assert bounds([low, high]) == {"CP01:1": 30}
    assert bounds([low, high], wall=after(seconds=300)) == {"CP01:1": 10}


def test_a_profile_of_the_transaction_wins_over_the_default_while_it_is_valid():
    default, own = profile(10), profile(30, id=2, purpose=TX_PROFILE, transaction=TX, duration_s=300)
    assert bounds([default, own]) == {"CP01:1": 10}
    assert bounds([default, own], BUSY) == {"CP01:1": 30}
    assert bounds([default, own], BUSY, after(seconds=301)) == {"CP01:1": 10}


def test_a_profile_of_another_transaction_says_nothing():
    other = profile(30, purpose=TX_PROFILE, transaction=TransactionId("t2"))
    unbound = profile(30, purpose=TX_PROFILE, id=2)
    assert bounds([other, unbound], BUSY) == {}


def test_ceilings_name_their_source_and_their_end():
    composed = compose([profile(16, 10)], "central", CP, IDLE, NOON, 1000.0)
    [ceiling] = composed.ceilings
    assert (ceiling.key, ceiling.source, ceiling.evse, ceiling.circuit) == ("central/CP01:1", "central", ONE, None)
    assert ceiling.expires_at == composed.changes_at == 1600.0


@pytest.mark.parametrize(
    ("profiles", "changes_at"),
    [
        ([profile(16)], None),
        ([profile(16, valid_from=after(seconds=30))], 1030.0),
        ([profile(16), profile(9, id=2, stack=3, valid_from=after(seconds=50))], 1050.0),
        ([profile(40, purpose=STATION_MAX, evse=0, duration_s=20), profile(16, 10, id=2)], 1020.0),
    ],
)
def test_it_knows_when_to_look_again(profiles, changes_at):
    assert compose(profiles, "central", CP, IDLE, NOON, 1000.0).changes_at == changes_at


def test_the_end_of_a_transaction_profile_is_heeded_also_where_only_the_default_holds():
    future = profile(6, id=2, purpose=TX_PROFILE, transaction=TX, start=after(seconds=90))
    assert evse_limit([profile(16, 10), future], ONE, Charging(TX, NOON), NOON) == Allowed(16, after(seconds=90))


def test_each_evse_counts_from_its_own_transaction():
    relative = profile(16, 10, kind=ProfileKind.RELATIVE, start=None, evse=0)
    charging = {ONE: Charging(TX, NOON), TWO: Charging(TransactionId("t2"), after(seconds=500))}
    assert bounds([relative], charging, after(seconds=700)) == {"CP01:1": 10, "CP01:2": 16}


def test_zero_is_a_ceiling():
    assert bounds([profile(0)]) == {"CP01:1": 0}
