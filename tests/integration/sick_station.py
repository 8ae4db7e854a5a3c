"""A station that gets sick, on the independent library, and a site whose rules heal it within seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ocpp.routing import on
from ocpp.v16 import call, call_result
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.rig import site
from tests.e2e.station import Charger, now

RULES = """
thresholds: {site_wide: 100}
rules:
  - name: other-error
    symptom: fault
    codes: [OtherError]
    after_s: 0
    settle_s: 2
    ladder:
      - {do: trigger, wait_s: 1}
      - {do: soft_reset, wait_s: %(soft)g}
      - {do: hard_reset, wait_s: %(hard)g}
      - {do: tell}
    tell: {what: It reports an error of its own, do: Ask its maker.}
"""


def sick_site(folder: Path, *, mode: str = "act", soft_s: float = 20.0, hard_s: float = 20.0, **more: Any) -> Path:
    """The site of the rig with quick rules."""
    (folder / "rules.yaml").write_text(RULES % {"soft": soft_s, "hard": hard_s})
    healing = {"mode": mode, "rules_file": "rules.yaml", "budget": {"spacing_s": 10}}
    return site(folder, healing=healing, **more)


class Body:
    """A station over all its connections. `heals`: whether a reset of this type takes its error away; `restarts`:
    whether it restarts at all."""

    def __init__(self, id: str = "CP01") -> None:
        self.id = id
        self.error = "NoError"
        self.resets: list[str] = []
        self.triggered: list[str] = []
        self.boots = 0
        self.restarts = True
        self.heals: Callable[[str], bool] = lambda kind: True
        self.now: Sick | None = None

    @property
    def here(self) -> Sick:
        """Its connection."""
        assert self.now is not None
        return self.now

    async def fails(self, error: str = "OtherError", vendor: str = "E1") -> None:
        """It reports an error."""
        self.error = error
        await self.here.say(call.StatusNotification(1, error, "Faulted", timestamp=now(), vendor_error_code=vendor))

    async def live(self, port: int) -> None:
        """Connect, and again after each restart, for ever."""
        while True:
            try:
                async with connect(f"ws://127.0.0.1:{port}/ocpp/{self.id}", subprotocols=["ocpp1.6"]) as socket:  # type: ignore[list-item]
                    await self._serve(socket)
            except OSError:
                pass
            await asyncio.sleep(0.3)

    async def _serve(self, socket: ClientConnection) -> None:
        station = Sick(self, socket)
        listening = asyncio.create_task(station.start())
        try:
            await station.say(call.BootNotification("AC-22", "Acme", firmware_version="1.2"))
            self.boots += 1
            self.now = station
            await station.tell()
            restarting = asyncio.create_task(station.restarting.wait())
            await asyncio.wait([listening, restarting], return_when=asyncio.FIRST_COMPLETED)
            restarting.cancel()
        finally:
            self.now = None
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


class Sick(Charger):
    """One connection of it."""

    def __init__(self, body: Body, socket: ClientConnection) -> None:
        super().__init__(body.id, socket)
        self.body = body
        self.restarting = asyncio.Event()

    async def tell(self) -> None:
        """How it is."""
        status = "Available" if self.body.error == "NoError" else "Faulted"
        await self.say(call.StatusNotification(1, self.body.error, status, timestamp=now()))

    @on("TriggerMessage")
    def _trigger(self, requested_message: str, **_: Any) -> Any:
        self.body.triggered.append(requested_message)
        return call_result.TriggerMessage("Accepted")

    @on("Reset")
    def _reset(self, type: str, **_: Any) -> Any:
        self.body.resets.append(type)
        if self.body.restarts:
            if self.body.heals(type):
                self.body.error = "NoError"
            asyncio.get_running_loop().call_later(0.2, self.restarting.set)
        return call_result.Reset("Accepted")


@asynccontextmanager
async def living(port: int, *bodies: Body) -> AsyncIterator[None]:
    """Let them live while it lasts."""
    tasks = [asyncio.create_task(body.live(port)) for body in bodies]
    try:
        async with asyncio.timeout(20):
            while any(body.now is None for body in bodies):
                await asyncio.sleep(0.02)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
