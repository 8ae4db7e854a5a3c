"""Lines to devices: Modbus, one owner a bus.

Two masters on one bus garble each other, and a slow device must not make its neighbours pile up requests: so every
endpoint has one task that owns it, and all who read wait in its one queue.

* `bus`: `Bus` (the port), `Registers | ReadFailed` (what a read gives), `Fault`.
* `modbus`: `ModbusTcpBus(host, port, clock, timeout_s=, pause_s=)` with `await run()` (the owner, until cancelled) and
  `await read(unit, function, address, count)`. Reads before `run` wait for it; reads after it fail.
* `memory`: `MemoryBus`, the same in memory.

A read never raises, always ends, and never gives registers that were not asked for: count, function, unit and
transaction are checked, and nothing that arrives on an earlier connection is an answer on a later one.
"""
