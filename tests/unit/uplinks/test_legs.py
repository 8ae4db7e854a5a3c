"""How a leg proves who it is, and what becomes of a change: refused, forgotten, proven, lost with the process."""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sitectl.base.errors import EnvironmentFault
from sitectl.base.virtual import run_virtual
from sitectl.config.settings import UplinkSettings
from sitectl.uplinks.legs import Failure, Form, Leg, Legs, configured
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import CENTRAL, World

HEX = "00112233445566778899aabbccddeeff"
PLAIN = UplinkSettings(CENTRAL, "ws://central", passwords={CP: "configured"})


@dataclasses.dataclass
class Bench:
    """Legs over a vault in memory. `tries` goes through attempts until the central, which `takes` some, lets one in."""

    world: World
    legs: Legs
    told: list[str]

    async def tries(
        self, takes: Callable[[Leg], bool], failure: Failure = Failure.DENIED, most: int = 9
    ) -> list[bytes | None]:
        tried = []
        for _ in range(most):
            leg = self.legs.attempt(CP)
            tried.append(leg.password)
            if takes(leg):
                self.legs.opened(CP, leg)
                await asyncio.sleep(0.01)  # it is written behind
                return tried
            self.legs.failed(CP, failure)
        return [*tried, b"never"]

    def again(self, settings: UplinkSettings = PLAIN) -> None:
        """As after a restart of the process."""
        self.legs = Legs(settings, self.world.pool._rooms, lambda station, what: self.told.append(what))


def on_bench(test: Callable[[Bench], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def main() -> None:
        async with World() as world:
            bench = Bench(world, None, [])  # type: ignore[arg-type]
            bench.again()
            await test(bench)

    def run() -> None:
        run_virtual(main())

    run.__name__ = test.__name__
    return run


def anything(leg: Leg) -> bool:
    return True


@pytest.mark.parametrize(
    ("settings", "leg"),
    [
        (UplinkSettings(CENTRAL, "ws://c"), Leg(0)),
        (UplinkSettings(CENTRAL, "ws://c", passwords={CP: "p"}), Leg(1, "p")),
        (UplinkSettings(CENTRAL, "wss://c", passwords={CP: "p"}), Leg(2, "p")),
        (UplinkSettings(CENTRAL, "wss://c", certificate="c", key="k"), Leg(3)),
        (UplinkSettings(CENTRAL, "wss://c", passwords={CP: "p"}, certificate="c"), Leg(3, "p", with_key=True)),
    ],
)
def test_a_leg_begins_as_configured(settings, leg):
    assert configured(settings, CP) == leg
    assert leg.password == (b"p" if leg.key else None)


@on_bench
async def test_a_new_key_is_used_from_the_next_connection_on(bench):
    await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
    assert await bench.tries(anything) == [b"another secret of it"]
    bench.again()
    assert await bench.tries(anything) == [b"another secret of it"]
    assert bench.told == ["the new credentials hold"]
    assert bench.legs._of(CP).others == (), "the old one is forgotten"


@on_bench
async def test_a_refused_key_gives_way_to_the_old_one(bench):
    await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
    assert await bench.tries(lambda leg: leg.key == "configured") == [b"another secret of it", b"configured"]
    assert "refused the new" in bench.told[0]
    assert await bench.tries(anything) == [b"configured"]


@on_bench
async def test_a_central_that_takes_the_new_key_late_is_found_again(bench):
    """It denied the new key at first, and the old one from then on."""
    await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
    await bench.tries(lambda leg: leg.key == "configured")
    assert await bench.tries(lambda leg: leg.key != "configured") == [b"configured", b"another secret of it"]


@on_bench
async def test_as_long_as_both_are_refused_they_take_turns(bench):
    await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
    tried = await bench.tries(lambda leg: False, most=4)
    assert tried[:4] == [b"another secret of it", b"configured"] * 2


@on_bench
async def test_a_central_that_is_away_proves_nothing_against_a_key(bench):
    await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
    for failure in (Failure.UNREACHABLE, Failure.BROKEN):
        tried = await bench.tries(lambda leg: False, failure, most=3)
        assert tried[:3] == [b"another secret of it"] * 3
    assert await bench.tries(anything) == [b"another secret of it"]


@on_bench
async def test_a_hexadecimal_key_goes_as_bytes_or_as_text_whichever_is_taken(bench):
    await bench.legs.change(CP, key=HEX, form=Form.UNKNOWN)
    assert await bench.tries(lambda leg: leg.form is Form.TEXT and leg.key == HEX) == [bytes.fromhex(HEX), HEX.encode()]
    assert await bench.tries(anything) == [HEX.encode()], "remembered"
    bench.again()
    await bench.legs.change(CP, key=HEX.upper(), form=Form.UNKNOWN)
    assert await bench.tries(lambda leg: leg.key == HEX) == [bytes.fromhex(HEX), HEX.upper().encode(), HEX.encode()]


@on_bench
async def test_the_third_key_does_not_push_the_proven_one_out(bench):
    await bench.legs.change(CP, key="second secret of it", form=Form.TEXT)
    await bench.legs.change(CP, key="third secret of it", form=Form.TEXT)
    assert await bench.tries(lambda leg: leg.key == "configured") == [b"third secret of it", b"configured"]


@on_bench
async def test_a_central_that_forgot_the_third_key_and_kept_the_second(bench):
    await bench.legs.change(CP, key="second secret of it", form=Form.TEXT)
    await bench.legs.change(CP, key="third secret of it", form=Form.TEXT)
    tried = await bench.tries(lambda leg: leg.key == "second secret of it")
    assert tried == [b"third secret of it", b"configured", b"second secret of it"]


@on_bench
async def test_a_profile_that_cannot_be_had_falls_back(bench):
    await bench.legs.change(CP, profile=2)
    assert bench.legs.current(CP).profile == 2
    plain = [bench.legs.attempt(CP).profile]
    bench.legs.failed(CP, Failure.UNREACHABLE)
    plain.append(bench.legs.attempt(CP).profile)
    assert plain == [2, 1]
    await bench.tries(anything)
    assert bench.legs.current(CP).profile == 1


@on_bench
async def test_what_was_proven_on_a_higher_profile_never_gives_way_to_a_lower_one(bench):
    await bench.legs.change(CP, profile=2)
    await bench.tries(lambda leg: leg.profile == 1, Failure.UNREACHABLE)
    await bench.tries(lambda leg: leg.profile == 2, Failure.UNREACHABLE)
    assert bench.legs.current(CP).profile == 2
    for failure in Failure:
        await bench.tries(lambda leg: False, failure, most=5)
        assert bench.legs.attempt(CP).profile == 2


@on_bench
async def test_a_certificate_is_shown_on_profile_3_only_and_falls_back_when_it_breaks_the_handshake(bench):
    await bench.legs.change(CP, certificate="abc")
    leg = bench.legs.attempt(CP)
    assert (leg.shown, leg.password) == (None, b"configured")
    await bench.tries(anything)
    await bench.legs.change(CP, profile=3)
    leg = bench.legs.attempt(CP)
    assert (leg.shown, leg.password) == ("abc", None)
    await bench.tries(anything)
    await bench.legs.change(CP, certificate="def")
    assert bench.legs.certificates(CP) == {"abc", "def"}
    bench.legs.failed(CP, Failure.UNREACHABLE)
    assert bench.legs.attempt(CP).shown == "def"
    bench.legs.failed(CP, Failure.BROKEN)
    assert bench.legs.attempt(CP).shown == "abc"


@on_bench
async def test_what_was_not_written_did_not_happen(bench):
    bench.world.vault.full = True
    with pytest.raises(EnvironmentFault):
        await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
    assert await bench.tries(anything) == [b"configured"]


@on_bench
async def test_a_crash_in_the_middle_of_a_trial_goes_on_with_the_trial(bench):
    await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
    bench.again()
    assert await bench.tries(lambda leg: leg.key == "configured") == [b"another secret of it", b"configured"]


@on_bench
async def test_what_the_operator_writes_later_is_tried_first(bench):
    await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
    await bench.tries(anything)
    changed = dataclasses.replace(PLAIN, passwords={CP: "corrected"})
    bench.legs.reconfigure(changed)
    assert await bench.tries(lambda leg: leg.key != "corrected") == [b"corrected", b"another secret of it"]
    bench.again(changed)
    assert await bench.tries(anything) == [b"another secret of it"]


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"base":1,"trial":true,"current":{},"others":[]}', b"\xff"])
def test_a_file_that_cannot_be_read_is_as_good_as_none(text):
    @on_bench
    async def test(bench):
        await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
        [name] = bench.world.vault.names("uplinks/central/stations/CP01/leg")
        bench.world.vault.files[name] = text
        bench.again()
        assert await bench.tries(anything) == [b"configured"]

    test()


@on_bench
async def test_no_secret_is_shown_by_a_repr(bench):
    await bench.legs.change(CP, key="another secret of it", form=Form.TEXT)
    assert "secret" not in repr(bench.legs.current(CP))
    assert "secret" not in repr(bench.legs._of(CP))
