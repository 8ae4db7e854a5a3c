"""Reservations as centrals send them, and as stations get them."""

from datetime import UTC, datetime

import pytest

from sitectl.ocpp.v16.central_reservations import (
    CancelAsked,
    ReserveAsked,
    ReserveStatus,
    cancel_asked,
    reserve,
    reserve_asked,
    reserve_status,
)
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.v16.copies import reservation_of, start

PAYLOAD = {"connectorId": 1, "expiryDate": "2027-01-01T00:00:00Z", "idTag": "TAG", "reservationId": 7}
ASKED = ReserveAsked(7, 1, "TAG", None, datetime(2027, 1, 1, tzinfo=UTC))


def test_it_is_read_and_said_again_under_the_id_that_the_station_knows():
    assert reserve_asked(PAYLOAD) == ASKED
    assert reserve(ASKED, 9) == {**PAYLOAD, "reservationId": 9}
    family = reserve_asked({**PAYLOAD, "parentIdTag": "P"})
    assert isinstance(family, ReserveAsked)
    assert reserve(family, 7) == {**PAYLOAD, "parentIdTag": "P"}
    assert cancel_asked({"reservationId": "7"}) == CancelAsked(7)


@pytest.mark.parametrize("lacking", PAYLOAD)
def test_what_must_be_there(lacking):
    assert isinstance(reserve_asked({key: value for key, value in PAYLOAD.items() if key != lacking}), Invalid)
    assert isinstance(cancel_asked({}), Invalid)
    assert isinstance(reserve_asked({**PAYLOAD, "expiryDate": "tonight"}), Invalid)


def test_a_word_that_the_standard_does_not_have_is_no():
    assert [reserve_status(word) for word in ("Occupied", "Perhaps", "")] == [
        ReserveStatus.OCCUPIED,
        ReserveStatus.REJECTED,
        ReserveStatus.REJECTED,
    ]


def test_each_central_gets_its_own_id_of_a_reservation_and_the_stations_id_nobody():
    told = {"connectorId": 1, "idTag": "TAG", "reservationId": 1_073_741_824}
    plain = {"connectorId": 1, "idTag": "TAG"}
    used = start(told, reservation={"central": 7}).payload  # type: ignore[dict-item]
    assert reservation_of(used, "central") == {**plain, "reservationId": 7}  # type: ignore[arg-type]
    assert reservation_of(used, "other") == plain  # type: ignore[arg-type]
    assert start(told).payload == plain
