"""A bus in memory, for tests and for virtual time."""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.base.clock import Clock
from sitectl.fieldbus.bus import COILS, WRITE_COIL, Answer, Fault, ReadFailed, Registers, refusal


class MemoryBus:
    """Serves register images by (unit, function); an address without a value answers exception 2, as devices do.

    `failure` is the answer to every read while it is set; `requests` keeps what was asked.
    """

    def __init__(self, images: Mapping[tuple[int, int], Mapping[int, int]], clock: Clock) -> None:
        self.images = {key: dict(image) for key, image in images.items()}
        self.failure: ReadFailed | None = None
        self.requests: list[tuple[int, int, int, int]] = []
        self._clock = clock

    async def write_coil(self, unit: int, address: int, on: bool) -> Answer:
        self.requests.append((unit, WRITE_COIL, address, int(on)))
        if self.failure is not None:
            return self.failure
        image = self.images.get((unit, COILS))
        if image is None or address not in image:
            return refusal(2, f"unit {unit}, coil {address}")
        image[address] = int(on)
        return Registers((int(on),), self._clock.monotonic())

    async def read(self, unit: int, function: int, address: int, count: int) -> Answer:
        self.requests.append((unit, function, address, count))
        if self.failure is not None:
            return self.failure
        image = self.images.get((unit, function))
        if image is None:
            return ReadFailed(Fault.SILENT, f"unit {unit} did not answer")
        wanted = range(address, address + count)
        if any(each not in image for each in wanted):
            return refusal(2, f"unit {unit}, registers {address} to {address + count - 1}")
        return Registers(tuple(image[each] for each in wanted), self._clock.monotonic())
