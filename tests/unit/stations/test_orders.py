"""What people order of one station, in memory: what is passed on, what is refused and why."""

import asyncio
from collections.abc import Callable

import pytest

from sitectl.model.commands import Outcome, ResetKind, ResetStation, Urgency
from sitectl.model.ids import EvseId, StationId
from sitectl.ocpp.v16.configuration import bars_starts
from sitectl.stations.orders import Configuration, NotOrdered, Ordered, StationOrders
from tests.unit.stations.twins import CP, Yard, in_yard

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}
FIRST = EvseId(CP, 1)


class Resets:
    """Where resets go, without anybody else who orders them."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard

    async def order(
        self, station: StationId, kind: ResetKind, by: str, guard: Callable[[], str] | None = None
    ) -> Outcome:
        command = ResetStation(station, kind)
        return await self._yard.stations.execute(station, command, Urgency.CONTROL, by=by, guard=guard)


def orders(yard: Yard) -> StationOrders:
    return StationOrders(yard.stations.book, yard.stations, Resets(yard), yard.journal)


@in_yard()
async def test_a_reset_waits_for_no_car_that_a_person_knows_of(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T12:00:00Z"}
    await station.call("StartTransaction", start)
    refused = await orders(yard).reset(CP, ResetKind.ON_IDLE, "anna")
    assert isinstance(refused, NotOrdered)
    assert "a car charges there" in refused.why
    assert isinstance(await orders(yard).unlock(FIRST, "anna"), NotOrdered)
    assert not [name for _, name, _ in station.calls if name in ("Reset", "UnlockConnector")]
    assert await orders(yard).reset(CP, ResetKind.ON_IDLE, "anna", force=True) == Ordered("Accepted")
    assert station.called("Reset") == [{"type": "Soft"}]
    assert ("station.reset_ordered", CP, None, {"by": "anna", "kind": "OnIdle"}) in yard.journal


@in_yard()
async def test_a_car_that_begins_while_a_reset_waits_at_the_door_is_spared(yard: Yard) -> None:
    station = await yard.connect()
    resetting = asyncio.create_task(orders(yard).reset(CP, ResetKind.IMMEDIATE, "anna"))
    await asyncio.sleep(1)
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T12:00:00Z"}
    await station.call("StartTransaction", start)
    refused = await resetting
    assert isinstance(refused, NotOrdered)
    assert "has begun to charge" in refused.why
    assert not station.called("Reset")


@in_yard()
async def test_what_the_station_says_no_to_is_told_in_its_word(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    station.answers = lambda action, payload: {"status": "UnlockFailed"}
    refused = await orders(yard).unlock(FIRST, "anna")
    assert isinstance(refused, NotOrdered)
    assert "UnlockFailed" in refused.why


@in_yard()
async def test_configuration_is_asked_for_and_without_secrets(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    keys = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "AuthorizationKey", "readonly": False, "value": "0123"},
    ]
    told = {"configurationKey": keys, "unknownKey": ["Nonsense"]}
    station.answers = lambda action, payload: told if action == "GetConfiguration" else {"status": "Accepted"}
    found = await orders(yard).read(CP)
    assert found == Configuration({"HeartbeatInterval": ("300", False)}, ["Nonsense"])
    assert await orders(yard).write(CP, "HeartbeatInterval", "60", "anna") == Ordered("Accepted")
    station.far.abort()
    await asyncio.sleep(1)
    assert await orders(yard).read(CP, ["heartbeatinterval"]) == Configuration(
        {"HeartbeatInterval": ("60", False)}, live=False
    )
    assert isinstance(await orders(yard).write(CP, "HeartbeatInterval", "60", "anna"), NotOrdered)


@in_yard()
async def test_what_would_let_cars_start_unseen_or_tell_a_secret_is_not_written(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    for key, value in (("AuthorizationKey", "00"), ("LocalPreAuthorize", "true"), ("FreeVendEnabled", "1")):
        refused = await orders(yard).write(CP, key, value, "anna")
        assert isinstance(refused, NotOrdered)
        assert refused.invalid
    assert not station.called("ChangeConfiguration")


@in_yard()
async def test_who_is_not_listed_or_has_no_such_evse_is_unknown(yard: Yard) -> None:
    await yard.connect()
    for refused in (
        await orders(yard).reset(StationId("NOBODY"), ResetKind.ON_IDLE, "anna"),
        await orders(yard).unlock(EvseId(CP, 9), "anna"),
        await orders(yard).read(StationId("NOBODY")),
    ):
        assert isinstance(refused, NotOrdered)
        assert refused.unknown


@pytest.mark.parametrize(
    ("key", "value", "bars"),
    [
        ("LocalPreAuthorize", "false", True),
        ("localpreauthorize", "True", False),
        ("LocalAuthListEnabled", "", False),
        ("FreeVendEnabled", "false", True),
        ("Free_Charging", "yes", False),
        ("HeartbeatInterval", "300", True),
    ],
)
def test_which_values_let_starts_pass_us_by(key: str, value: str, bars: bool) -> None:
    assert bars_starts(key, value) is bars
