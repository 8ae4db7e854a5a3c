"""Lines to other computers: a WebSocket that drives an OCPP endpoint, at either end.

The protocol itself is `sitectl.ocpp.endpoint`, which waits for nobody; all waiting is here, and stations (server side)
and uplinks (client side) share it. A bad frame never ends a connection; what may end it is silence, an oversize frame
(close code 1009), a peer that does not read, or somebody's decision.

* `ports`: `Transport` (what a connection can do), `TransportClosed`, `Tap` (who hears every frame).
* `websocket`: `WebSocketTransport(connection)` over a `websockets` connection, and `WEBSOCKET_OPTIONS` for `serve` and
  `connect` (compression off, own liveness, largest frame).
* `memory`: `pair()` gives two connected transports in memory, for tests and for virtual time.
* `outcomes`: `Handler`, `Reply`, `Refuse`, `Silence`, `Upon`; `Answer`, `Refused`, `TimedOut`, `Gone`; `Notice`,
  `Late`; `Lost`.
* `limits`: `Limits`, how much a peer may do and how long it may be silent.
* `peer`: `Peer(transport, endpoint, handler, *, clock, name, notice, limits, tap)` with
  - `await run() -> Lost`: serves the connection until it ends; cancelling it drops the connection,
  - `await call(action, payload, timeout_s) -> Answer | Refused | TimedOut | Gone`,
  - `await close(code, reason)`, `await responds(within_s) -> bool` (a ping), `heard_at`, `pongs_seen`, `lost`.

A handler is `Callable[[Call], Reply | Upon | Awaitable[Reply]]`. It answers now by returning a `Reply`, which costs no
task, or later by returning an `Upon` (a future and what makes a reply of it), a future or a coroutine: the reader goes
on, and the reply leaves when it is there. A `Reply` is the payload of the answer (a dict), a `Refuse(code, description,
details)`, or `Silence()` (no answer, so that the peer keeps its message and repeats it).
"""
