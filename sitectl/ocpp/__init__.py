"""The language of stations and central systems: frames, the endpoint of a connection, schemas, one package a version.

Still: values in, values out. Nothing here opens a socket, reads a clock or a file, or raises because of what a peer
sent.

* `frame`: `parse(data, limit) -> Call | CallResult | CallError | CallResultError | Send | Malformed`;
  `encode(frame) -> str`.
* `repair`: `repaired_text(data) -> (text, what was mended) | None`, for what strict parsing refused.
* `versions`: `Version` (V16, V201, V21; `.subprotocol`), `ErrorCode`, `spelling(code, version)`, `error_code(text)`.
* `endpoint`: `Endpoint(version, new_id, *, remembered, memory, connection, limit)`: `receive(data, now) -> Received`,
  `call(action, payload, now, timeout_s, tag) -> text | None`, `reply(message_id, payload) -> text`,
  `error(message_id, code, description, details) -> text`, `forget(message_id)`, `deadline()`,
  `expire(now) -> TimedOut | None`; `AnswerMemory` (one a station, outlives its connections); `message_ids(prefix)`.
* `schema`: `Validator(schemas).deviations(action, direction, payload) -> tuple[Deviation, ...]`; it never decides.
* `v16`: actions, decode, encode, charging profiles, configuration keys, statuses. Its words stay inside of it: what
  comes out are nouns of `sitectl.model`, and payloads that are passed on untouched.

Decoding is tolerant and total: what a payload lacks or garbles becomes a default and a `Deviation` that says so. Which
deviation matters is for the rooms above to decide.
"""
