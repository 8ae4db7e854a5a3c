"""How a peer finds out that the other end is gone, on virtual time."""

import asyncio

import pytest

from sitectl.wire.outcomes import Lost
from sitectl.wire.ports import TransportClosed
from tests.unit.wire.test_peer import Bench, on_virtual_time


@on_virtual_time
async def test_silence_ends_the_connection():
    bench = Bench()
    bench.transport.cut()
    assert await bench.running == Lost("silent for 40 s")
    assert asyncio.get_running_loop().time() == pytest.approx(40, abs=0.1)
    with pytest.raises(TransportClosed):
        bench.transport.send("x")


@on_virtual_time
async def test_pongs_keep_a_quiet_peer():
    bench = Bench()
    await asyncio.sleep(600)
    assert bench.peer.lost is None
    assert bench.peer.pongs_seen
    await bench.end()


@on_virtual_time
async def test_frames_keep_a_peer_that_never_pongs():
    bench = Bench()
    bench.far.answers_pings = False
    for n in range(10):
        await asyncio.sleep(30)
        bench.says(f'[2,"{n}","Heartbeat",{{}}]')
    assert bench.peer.lost is None
    assert not bench.peer.pongs_seen
    await bench.running
    assert asyncio.get_running_loop().time() == pytest.approx(340, abs=0.1)


@pytest.mark.parametrize(("every_s", "lost_s"), [(10, 40), (120, 240)])
def test_another_interval_of_pings_is_another_patience(every_s, lost_s):
    @on_virtual_time
    async def test():
        bench = Bench()
        bench.far.answers_pings = False
        await asyncio.sleep(1)
        bench.peer.ping_every(every_s)
        await bench.running
        assert asyncio.get_running_loop().time() == pytest.approx(lost_s, abs=0.1)

    test()


@on_virtual_time
async def test_without_pings_silence_says_nothing_until_they_come_back():
    bench = Bench()
    bench.far.answers_pings = False
    bench.peer.ping_every(0)
    await asyncio.sleep(3600)
    assert bench.peer.lost is None
    bench.peer.ping_every(20)
    await bench.running
    assert asyncio.get_running_loop().time() == pytest.approx(3600, abs=0.1)


@on_virtual_time
async def test_responds():
    bench = Bench()
    assert await bench.peer.responds(5)
    bench.far.answers_pings = False
    assert not await bench.peer.responds(5)
    asyncio.get_running_loop().call_later(2, bench.says, '[2,"1","Heartbeat",{}]')
    assert await bench.peer.responds(5)
    await bench.end()
    assert not await bench.peer.responds(5)
