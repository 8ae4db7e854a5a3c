"""What is remembered of tokens, opposite a central of random lists and verdicts, over restarts and a full disk.

The list is always what the last update that was answered Accepted made of it, and the cache never holds a verdict that
no central gave (nor one of a token that was listed at the time).
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitectl.base.virtual import run_virtual
from sitectl.model.authorization import LocalList
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from tests.unit.uplinks.central import CP, Error
from tests.unit.uplinks.twins import CENTRAL, World

MEMORY = Path("/dev/shm")
TOKENS = ("AAAA", "aaaa", "BBBB", "CCCC", "DD")
WORDS = (*(status.value for status in AuthorizationStatus), "Perhaps")

entries = st.lists(
    st.tuples(st.sampled_from(TOKENS), st.sampled_from((*WORDS, None, None))), max_size=4
)  # None: it leaves the list
moves = st.one_of(
    st.tuples(st.just("list"), st.tuples(st.booleans(), st.integers(-1, 9), entries)),
    st.tuples(st.just("list"), st.tuples(st.just(False), st.integers(1, 30), entries)),
    st.tuples(st.just("authorize"), st.tuples(st.sampled_from(TOKENS), st.sampled_from((*WORDS, "nothing", "error")))),
    st.tuples(st.just("start"), st.tuples(st.sampled_from(TOKENS), st.sampled_from(WORDS))),
    st.tuples(st.sampled_from(("clear", "restart", "full disk")), st.none()),
)


class Play:
    """One run, with what must be known after each move."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.version = 0
        self.listed: dict[str, str] = {}
        self.said: set[tuple[str, str]] = set()

    async def move(self, what: str, how: Any) -> None:
        match what:
            case "list":
                await self._list(*how)
            case "authorize":
                await self._authorize(*how)
            case "start":
                await self._start(*how)
            case "clear":
                if await self.world.central.ask("ClearCache") == {"status": "Accepted"}:
                    self.said.clear()
            case "restart":
                await self.world.restart()
                await self.world.settles()
            case "full disk":
                freed = self.world.fill_disk()
                await self._list(True, 5, [("CCCC", "Accepted")])
                freed()
                await self.world.store.database.run(lambda connection: None)
        self.check()

    async def _list(self, full: bool, version: int, listed: list[tuple[str, str | None]]) -> None:
        payload = {
            "listVersion": version,
            "updateType": "Full" if full else "Differential",
            "localAuthorizationList": [
                {"idTag": token} if word is None else {"idTag": token, "idTagInfo": {"status": word}}
                for token, word in listed
            ],
        }
        if await self.world.central.ask("SendLocalList", payload) != {"status": "Accepted"}:
            return
        assert full or version > self.version
        tokens = [token.lower() for token, _ in listed]
        assert len(set(tokens)) == len(tokens)
        assert not full or None not in [word for _, word in listed]
        if full:
            self.listed = {}
        for token, word in listed:
            self.listed.pop(token.lower(), None)
            if word is not None:
                self.listed[token.lower()] = word
        if full or listed:
            self.version = version if self.listed else 0

    async def _authorize(self, token: str, word: str) -> None:
        answers: dict[str, Any] = {"nothing": {}, "error": Error("InternalError")}
        self.world.central.answers["Authorize"] = answers.get(word, {"idTagInfo": {"status": word}})
        await self.world.pool.authorize(CP, token, 5.0)
        self._was_said(token, word)

    async def _start(self, token: str, word: str) -> None:
        self.world.central.answers["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": word}}
        stored = await self.world.starts(1, token)
        await self.world.stops(stored)
        await asyncio.sleep(1)
        self._was_said(token, word)

    def _was_said(self, token: str, word: str) -> None:
        lasting = {status.value for status in AuthorizationStatus} - {"ConcurrentTx"}
        if word in lasting and len(token) >= 4 and token.lower() not in self.listed:
            self.said.add((token.lower(), word))

    def check(self) -> None:
        expected = {token: IdTokenInfo(AuthorizationStatus(word)) for token, word in self.listed.items()}
        assert self.world.store.lists.of(CENTRAL, CP) == LocalList(self.version, expected)
        cached = {key: heard.info.status.value for (_, key), heard in self.world.store.tokens._remembered.items()}
        assert set(cached.items()) <= self.said
        assert cached.keys() == {token for token, _ in self.said}


@settings(suppress_health_check=list(HealthCheck))
@given(st.lists(moves, min_size=5, max_size=25))
def test_lists_and_cache_are_what_the_central_made_of_them(script: list[tuple[str, Any]]) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            async with World(Path(folder) / "ledger.db") as world:
                await world.settles()
                played = Play(world)
                for what, how in script:
                    await played.move(what, how)

    run_virtual(play())
