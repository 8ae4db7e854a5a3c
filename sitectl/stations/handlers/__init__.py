"""What stations may call, one file a functional block. A handler takes values from `sitectl.ocpp` and gives a reply.

Contract of every handler: `(desk, record, call, raw) -> Reply | Awaitable[Reply]`. It answers every call that can be
read, never with a CALLERROR because a field deviates from the schema; it answers nothing (`Silence`) to a message of a
transaction that could not be stored; it makes no difference to any other station.
"""
