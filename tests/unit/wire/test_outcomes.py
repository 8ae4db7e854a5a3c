"""A handler that answers upon something: the reply is made when the future is done, whatever came of it."""

import asyncio
from datetime import UTC, datetime

import orjson
import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.ocpp.endpoint import Endpoint, message_ids
from sitectl.ocpp.frame import Call
from sitectl.ocpp.versions import Version
from sitectl.wire.memory import pair
from sitectl.wire.outcomes import Reply, Silence, Upon
from sitectl.wire.peer import Peer


def reply_of(future: asyncio.Future[int]) -> Reply:
    if future.cancelled():
        return Silence()
    return {"n": future.result()}


def answered(settle) -> list | None:
    """What the far end hears of a call that is answered upon a future, which `settle` settles later; None: nothing."""

    async def scene() -> list | None:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def handler(call: Call) -> Reply | Upon:
            return Upon(future, reply_of) if call.action == "Upon" else {}

        near, far = pair()
        clock = LoopClock(datetime(2026, 11, 20, 6, 0, tzinfo=UTC))
        peer = Peer(near, Endpoint(Version.V16, message_ids("us")), handler, clock=clock)
        running = asyncio.get_running_loop().create_task(peer.run())
        far.send_raw('[2,"1","Upon",{}]')
        far.send_raw('[2,"2","Now",{}]')
        assert orjson.loads(await far.recv()) == [3, "2", {}]  # the reader went on
        settle(future)
        try:
            async with asyncio.timeout(1):
                return orjson.loads(await far.recv())
        except TimeoutError:
            return None
        finally:
            far.abort()
            await running

    return run_virtual(scene())


def test_the_reply_is_made_of_the_result():
    assert answered(lambda future: future.set_result(7)) == [3, "1", {"n": 7}]


def test_what_was_given_up_stays_without_an_answer():
    assert answered(lambda future: future.cancel()) is None


@pytest.mark.parametrize("error", [KeyError("oops"), OSError("disk full")])
def test_a_failure_is_told_as_ours(error):
    assert answered(lambda future: future.set_exception(error))[:3] == [4, "1", "InternalError"]
