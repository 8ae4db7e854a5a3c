"""Lines to devices: Modbus, one owner a bus.

Two masters on one bus garble each other, and a slow device must not make its neighbours pile up requests: so every
endpoint has one task that owns it, and all who read wait in its one queue.

* `bus`: `Bus` (the port), `Registers | ReadFailed` (what a read gives), `Fault`, `Link` (how an endpoint is spoken to).
* `buses`: `Buses(tenants, clock)` with `await run()`, and `make_bus(connection, clock)` for one alone.
* `queued`: `QueuedBus`, the owner: `await run()` until cancelled, `await read(unit, function, address, count)`. Reads
  before `run` wait for it; reads after it fail.
* `units`: silence that devices want, rest after a failure, counts for whoever looks for a bad cable.
* `modbus`: Modbus TCP, by pymodbus. `rtu`, `rtu_link`, `wires`: RTU frames over a serial port or raw over TCP.
* `memory`: `MemoryBus`, the same in memory.

A read never raises, always ends, and never gives values that were not asked for: count, function, unit and transaction
are checked, and nothing that arrives on an earlier connection is an answer on a later one.
"""
