"""Names that are looked up in threads of their own: together, not for ever, and never in the way of others."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from sitectl.base import names


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A name service that answers when it is let go; `asked` are the names in order."""

    class Service:
        def __init__(self) -> None:
            self.asked: list[str] = []
            self.speaks = threading.Event()
            self.error: Exception | None = None

        def found(self, host: str, port: int, flags: int = 0) -> list[names.Place]:
            if flags:
                raise socket.gaierror(socket.EAI_NONAME, "not an address")
            self.asked.append(host)
            assert self.speaks.wait(30)
            if self.error is not None:
                raise self.error
            return [(socket.AF_INET, ("127.0.0.1", port))]

    service = Service()
    monkeypatch.setattr(names, "_found", service.found)
    yield service
    service.speaks.set()


async def test_an_address_is_its_own_place_and_a_name_has_some() -> None:
    assert await names.places("127.0.0.1", 502) == [(socket.AF_INET, ("127.0.0.1", 502))]
    assert await names.places("::1", 502) == [(socket.AF_INET6, ("::1", 502, 0, 0))]
    assert (socket.AF_INET, ("127.0.0.1", 502)) in await names.places("localhost", 502)


async def test_who_asks_for_a_name_meanwhile_shares_the_answer(silent: Any) -> None:
    asking = [asyncio.ensure_future(names.places("central", 443)) for _ in range(100)]
    await asyncio.sleep(0)
    asking[0].cancel()  # who stops waiting takes nothing from the others
    silent.speaks.set()
    async with asyncio.timeout(30):
        found = await asyncio.gather(*asking[1:])
    assert {str(places) for places in found} == {str([(socket.AF_INET, ("127.0.0.1", 443))])}
    assert silent.asked == ["central"]
    async with asyncio.timeout(30):
        await names.places("central", 443)
    assert silent.asked == ["central", "central"]  # what is known may have changed


async def test_a_name_that_is_unknown_is_an_error_for_all_who_asked(silent: Any) -> None:
    silent.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    silent.speaks.set()
    asking = [asyncio.ensure_future(names.places("central", 443)) for _ in range(3)]
    for one in asking:
        with pytest.raises(socket.gaierror, match="not known"):
            await asyncio.wait_for(one, 30)


async def test_there_is_an_end_to_how_many_wait(silent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MOST_LOOKUPS", 2)
    asking = [asyncio.ensure_future(names.places(name, 443)) for name in ("one", "two")]
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="three is not looked up: 2 other names wait"):
        await names.places("three", 443)
    silent.speaks.set()
    await asyncio.wait_for(asyncio.gather(*asking), 30)


async def test_it_connects_at_the_first_place_that_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        both: list[names.Place] = [(socket.AF_INET, each.getsockname()) for each in (closed, server)]
        monkeypatch.setattr(names, "_found", lambda *_: both)
        with await names.connected("meter", 502) as made:
            assert made.getpeername() == server.getsockname()
            assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        monkeypatch.setattr(names, "_found", lambda *_: both[:1])
        with pytest.raises(ConnectionRefusedError):
            await names.connected("meter", 502)
        monkeypatch.setattr(names, "_found", lambda *_: [])
        with pytest.raises(OSError, match="meter has no address"):
            await names.connected("meter", 502)
