from sitectl.base.clock import SystemClock
from sitectl.fieldbus.bus import Bus, Fault, ReadFailed, Registers
from sitectl.fieldbus.memory import MemoryBus


async def test_serves_images_and_refuses_what_they_lack() -> None:
    memory = MemoryBus({(1, 4): {10: 7, 11: 8}}, SystemClock())
    bus: Bus = memory
    answer = await bus.read(1, 4, 10, 2)
    assert isinstance(answer, Registers)
    assert answer.words == (7, 8)
    refused = await bus.read(1, 4, 11, 2)
    assert isinstance(refused, ReadFailed)
    assert refused.fault is Fault.SHEET
    silent = await bus.read(2, 4, 10, 1)
    assert isinstance(silent, ReadFailed)
    assert silent.fault is Fault.SILENT
    memory.failure = ReadFailed(Fault.UNREACHABLE, "cut")
    assert await bus.read(1, 4, 10, 2) == memory.failure
    assert memory.requests == [(1, 4, 10, 2), (1, 4, 11, 2), (2, 4, 10, 1), (1, 4, 10, 2)]
