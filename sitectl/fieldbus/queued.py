"""The owner of one endpoint: one queue, one request at a time, silence where devices want it, rest where they fail.

A request is asked once. A link that was silent or answered nonsense is closed, and the next request opens it again, so
that an answer which comes late has nowhere to go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sitectl.base.clock import Clock
from sitectl.base.tasks import Tasks
from sitectl.fieldbus.bus import WRITE_COIL, Answer, Fault, Link, ReadFailed, Request
from sitectl.fieldbus.units import FIRST_REST_S, Counts, Device, Units

RETRY_S = 0.5
"""After a failed attempt to open, requests fail without another: units behind a dead gateway must not queue up."""
QUEUE = 64

_CLOSED = ReadFailed(Fault.UNREACHABLE, "the bus is closed")
_BROKEN_OFF = ReadFailed(Fault.UNREACHABLE, "the read was broken off")


class QueuedBus:
    """One endpoint. `pause_s`: silence after each answer, at the least; `change_s`: the same where another unit is
    asked next. `devices`: what is known of the units behind it; a device that wants more silence gets it."""

    def __init__(
        self,
        name: str,
        link: Link,
        clock: Clock,
        *,
        devices: Mapping[int, Device] | None = None,
        pause_s: float = 0.0,
        change_s: float = 0.0,
        first_rest_s: float = FIRST_REST_S,
    ) -> None:
        self.name = name
        self._link = link
        self._clock = clock
        self._pause_s = pause_s
        self._change_s = change_s
        self._units = Units(devices or {}, first_rest_s)
        self._queue: asyncio.Queue[Request] = asyncio.Queue(QUEUE)
        self._running = Tasks()
        self._closed = False
        self._asked: int | None = None
        self._answered_at = 0.0
        self._retry_at = 0.0
        self._failed = _CLOSED

    @property
    def counts(self) -> Mapping[int, Counts]:
        """How well each unit answers."""
        return self._units.counts()

    @property
    def noisy(self) -> Mapping[int, float]:
        """Units of which many of the latest answers were spoilt, with their share."""
        return self._units.noisy()

    def is_known(self, unit: int) -> bool:
        """Whether this device is one of those that the bus is for."""
        return self._units.is_known(unit)

    async def read(self, unit: int, function: int, address: int, count: int) -> Answer:
        """See `Bus.read`. The queue is bounded: a request that finds it full is told so at once."""
        return await self._wait(Request(unit, function, address, count, _promise()))

    async def write_coil(self, unit: int, address: int, on: bool) -> Answer:
        """See `CoilBus.write_coil`."""
        return await self._wait(Request(unit, WRITE_COIL, address, 1, _promise(), on))

    async def _wait(self, request: Request) -> Answer:
        answer = request.answer
        assert answer is not None
        if self._closed:
            return _CLOSED
        try:
            self._queue.put_nowait(request)
        except asyncio.QueueFull:
            return ReadFailed(Fault.BUSY, f"{QUEUE} requests wait for {self.name}")
        return await answer

    async def run(self) -> None:
        """Own the endpoint: ask one request after the other, until cancelled.

        Each request runs in a task of its own, and is never cancelled in its course but at the end: Modbus libraries
        wait with `asyncio.wait_for`, which on Python 3.11 loses a cancellation that meets its result, and an owner
        that lost it would never stop.
        """
        self._closed = False
        try:
            while True:
                request = await self._queue.get()
                await asyncio.wait({self._running.spawn(self._answer(request), f"read {self.name}: {request}")})
        finally:
            self._closed = True
            await self._running.cancel_all()
            self._link.close()
            while not self._queue.empty():
                _tell(self._queue.get_nowait(), _CLOSED)

    async def _answer(self, request: Request) -> None:
        if request.answer is not None and request.answer.done():  # its caller was cancelled meanwhile
            return
        outcome: Answer = _BROKEN_OFF
        try:
            outcome = await self._serve(request)
        finally:
            _tell(request, outcome)

    async def _serve(self, request: Request) -> Answer:
        unit = self._units[request.unit]
        if self._clock.monotonic() < unit.rests_until:
            why = f"unit {request.unit} was silent and is left alone for the others' sake"
            return ReadFailed(Fault.SILENT, why)
        await self._keep_silence(request.unit)
        if (failed := await self._open()) is not None:
            unit.counts.add(failed)
            return failed
        if (first := self._link.before(request)) is not None:
            outcome = await self._ask(first)
            if isinstance(outcome, ReadFailed) and not outcome.answered:
                return outcome
            await self._keep_silence(request.unit)
        return await self._ask(request)

    async def _ask(self, request: Request) -> Answer:
        outcome = await self._link.ask(request)
        now = self._clock.monotonic()
        self._asked, self._answered_at = request.unit, now
        self._units.note(request.unit, outcome, now)
        self._units[request.unit].counts.stray_bytes += self._link.stray_bytes()
        if isinstance(outcome, ReadFailed) and not outcome.answered:
            self._link.close()
        return outcome

    async def _keep_silence(self, unit: int) -> None:
        """What the unit asked last, and the one to be asked next, want between them."""
        if self._asked is None:
            return
        quiet_s = max(self._pause_s, self._units[self._asked].device.pause_s)
        if unit != self._asked:
            quiet_s = max(quiet_s, self._change_s, self._units[unit].device.pause_s)
        if (wait_s := self._answered_at + quiet_s - self._clock.monotonic()) > 0:
            await asyncio.sleep(wait_s)

    async def _open(self) -> ReadFailed | None:
        if self._link.connected:
            return None
        if self._clock.monotonic() < self._retry_at:
            return self._failed
        why = await self._link.open()
        if why is None:
            return _CLOSED if self._closed else None
        self._retry_at = self._clock.monotonic() + RETRY_S
        self._failed = ReadFailed(Fault.UNREACHABLE, why)
        return self._failed


def _promise() -> asyncio.Future[Answer]:
    return asyncio.get_running_loop().create_future()


def _tell(request: Request, outcome: Answer) -> None:
    if request.answer is not None and not request.answer.done():
        request.answer.set_result(outcome)
