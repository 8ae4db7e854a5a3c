"""When a car may be charging, whoever knows of it."""

from sitectl.healing.guards import charging
from sitectl.healing.view import EvseHealth, StationFacts, StationHealth
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.station import ConnectorStatus

CP01 = StationId("CP01")
FREE = EvseHealth(EvseId(CP01, 1), ConnectorStatus.AVAILABLE)


def station(evse: EvseHealth, **facts: object) -> StationHealth:
    return StationHealth(CP01, (evse,), facts=StationFacts(**facts))  # type: ignore[arg-type]


def test_a_transaction_that_only_the_station_knows_is_a_car() -> None:
    assert charging(FREE, station(FREE)) is None
    spoken_of = station(FREE, foreign_transactions={1: 100.0})
    assert charging(FREE, spoken_of) == "a transaction runs on EVSE 1"
    other = EvseHealth(EvseId(CP01, 2), ConnectorStatus.AVAILABLE)
    assert charging(other, spoken_of) is None


def test_one_that_is_proven_idle_and_blocked_is_none() -> None:
    idle = EvseHealth(EvseId(CP01, 1), ConnectorStatus.FAULTED, metered=False)
    assert charging(idle, station(idle, foreign_transactions={1: 100.0})) is None
    known = EvseHealth(EvseId(CP01, 1), ConnectorStatus.OCCUPIED, transaction=TransactionId("t"), metered=False)
    assert charging(known, station(known)) == "a transaction runs on EVSE 1"
    assert charging(known, station(known), own=True) is None
