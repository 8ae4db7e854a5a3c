"""Whatever a central orders, forgets and refuses, in any order and over restarts: a station that could come in does."""

import asyncio
from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import given

from sitectl.base.errors import EnvironmentFault
from sitectl.base.virtual import run_virtual
from sitectl.config.settings import UplinkSettings
from sitectl.uplinks.legs import Failure, Form, Leg, Legs
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import CENTRAL, World

KEYS = ["configured", "00112233445566778899aabbccddeeff", "a key of plain text", "ffeeddccbbaa99887766554433221100"]
SETTINGS = UplinkSettings(CENTRAL, "ws://central", passwords={CP: "configured"})


@dataclass(frozen=True)
class Order:
    """The central sets this key, or raises the profile; `keeps` whether it does so itself."""

    key: str | None
    keeps: bool
    disk_full: bool = False


@dataclass(frozen=True)
class Dial:
    """A connection is tried; `outage`: nobody is there, or it breaks."""

    outage: Failure | None = None


class Restart:
    """The process begins anew."""


keys = st.sampled_from(KEYS[1:])
steps = st.lists(
    st.one_of(
        st.builds(Order, st.one_of(st.none(), keys), st.booleans(), st.booleans()),
        st.builds(Dial, st.sampled_from([None, None, None, Failure.UNREACHABLE, Failure.BROKEN])),
        st.builds(Restart),
    ),
    max_size=12,
)


@dataclass
class Central:
    """What it takes now: one profile, one key, in one spelling."""

    profile: int = 1
    key: str = "configured"
    form: Form = Form.TEXT

    def takes(self, leg: Leg) -> bool:
        spelled = bytes.fromhex(self.key) if self.form is Form.BYTES else self.key.encode()
        return leg.profile == self.profile and leg.password == spelled


def dial(legs: Legs, central: Central, outage: Failure | None) -> bool:
    leg = legs.attempt(CP)
    if outage is not None:
        legs.failed(CP, outage)
    elif central.takes(leg):
        legs.opened(CP, leg)
        return True
    else:
        legs.failed(CP, Failure.DENIED)
    return False


async def order(legs: Legs, world: World, central: Central, step: Order, form: Form) -> None:
    world.vault.full = step.disk_full
    try:
        if step.key is None:
            await legs.change(CP, profile=2)
        else:
            await legs.change(CP, key=step.key, form=Form.UNKNOWN)
    except EnvironmentFault:
        return  # it heard a no, and keeps what it had
    finally:
        world.vault.full = False
    if step.keeps:
        if step.key is None:
            central.profile = 2
        else:
            hexadecimal = step.key != "a key of plain text"
            central.key, central.form = step.key, form if hexadecimal else Form.TEXT


@given(steps, st.sampled_from([Form.BYTES, Form.TEXT]))
def test_who_could_come_in_does(life: list[Order | Dial | Restart], form: Form) -> None:
    async def main() -> None:
        async with World() as world:

            def fresh() -> Legs:
                return Legs(SETTINGS, world.pool._rooms, lambda station, what: None)

            legs, central, is_in, orders = fresh(), Central(), True, 0
            for step in life:
                match step:
                    # A central orders over a connection, so it takes what it is shown at that time.
                    case Order() if is_in and orders < 3:
                        orders += 1
                        await order(legs, world, central, step, form)
                    case Dial(outage):
                        is_in, orders = dial(legs, central, outage), 0
                    case Restart():
                        await asyncio.sleep(1)
                        legs, is_in = fresh(), False
            highest = central.profile
            assert any(dial(legs, central, None) for _ in range(16)), "locked out"
            assert legs.current(CP).profile == highest
            await asyncio.sleep(1)
            assert dial(fresh(), central, None), "what was found out is on disk"

    run_virtual(main())
