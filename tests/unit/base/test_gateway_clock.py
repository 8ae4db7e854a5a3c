from datetime import UTC, datetime, timedelta

import pytest

from sitectl.base.gateway_clock import RELEASED, GatewayClock, Mistake, Stepped

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Machine:
    """A clock that is set by hand, and goes on by itself."""

    def __init__(self, shown: datetime) -> None:
        self._shown = shown
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return self._shown + timedelta(seconds=self.now)

    def set(self, shown: datetime) -> None:
        self._shown = shown - timedelta(seconds=self.now)


def began(shown: datetime, newest: datetime | None, *, synchronised: bool = False) -> tuple[Machine, GatewayClock]:
    machine = Machine(shown)
    clock = GatewayClock(machine, synchronised)
    clock.begin(newest)
    clock.look()
    return machine, clock


@pytest.mark.parametrize("newest", [None, NOON - timedelta(days=1), NOON, NOON + timedelta(seconds=59)])
def test_a_machine_that_knows_the_time_is_believed(newest: datetime | None) -> None:
    machine, clock = began(NOON, newest)
    machine.now = 5.0
    assert clock.known
    assert clock.wall() == machine.wall()
    assert clock.look() is None


@pytest.mark.parametrize(
    ("shown", "newest", "goes_on"),
    [(EPOCH, None, RELEASED), (EPOCH, NOON, NOON), (NOON - timedelta(hours=1), NOON, NOON)],
)
def test_one_that_does_not_goes_on_from_what_the_ledger_knows(
    shown: datetime, newest: datetime | None, goes_on: datetime
) -> None:
    machine, clock = began(shown, newest)
    machine.now = 7.0
    assert not clock.known
    assert clock.wall() == goes_on + timedelta(seconds=7)
    assert clock.look() is None


def test_a_clock_that_follows_a_time_server_is_right_whatever_the_ledger_says() -> None:
    _, clock = began(NOON, NOON + timedelta(days=400), synchronised=True)
    assert clock.known


def test_the_machine_is_set_and_the_mistake_is_known() -> None:
    machine, clock = began(EPOCH, NOON)
    machine.now = 60.0
    machine.set(NOON + timedelta(hours=2))
    found = clock.look()
    assert found == Mistake(NOON, NOON + timedelta(seconds=60), timedelta(hours=2) - timedelta(seconds=60))
    assert clock.known
    assert clock.wall() == NOON + timedelta(hours=2)
    assert clock.mistake == found
    assert clock.look() is None


def test_a_central_tells_the_time_and_the_machine_is_set_later() -> None:
    machine, clock = began(EPOCH, NOON)
    machine.now = 10.0
    assert clock.heard(NOON - timedelta(days=1)) is None, "time does not run backwards"
    found = clock.heard(NOON + timedelta(hours=1))
    assert found == Mistake(NOON, NOON + timedelta(seconds=10), timedelta(hours=1) - timedelta(seconds=10))
    machine.now = 20.0
    assert clock.wall() == NOON + timedelta(hours=1, seconds=10)
    assert clock.heard(NOON + timedelta(days=3)) is None, "it is known"
    assert clock.look() is None, "the machine still shows 1970"
    machine.set(NOON + timedelta(hours=1, seconds=11))
    assert clock.look() is None, "a second is no jump"
    assert clock.wall() == machine.wall()


@pytest.mark.parametrize("by", [timedelta(hours=-1), timedelta(days=1)])
def test_a_jump_of_a_known_clock_is_seen(by: timedelta) -> None:
    machine, clock = began(NOON, None)
    machine.now = 1.0
    machine.set(machine.wall() + by)
    assert clock.look() == Stepped(by)
    machine.now = 2.0
    assert clock.look() is None
