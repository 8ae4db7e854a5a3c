"""People are told: what stands in `problems` goes out by webhook or mail, when it begins and when it has ended.

A room of its own, moving, on the line of the hands: it has sockets, deadlines and a queue, which no still room may
have; it decides nothing about charging, so it is none of `healing`; and it must work while every central is away, so it
is none of `uplinks`. It reads the list of problems and nothing else. Loaded only where `alerts` is configured.

* `watch`: which problems are news, and which are over; flapping ones are told once. Pure.
* `pace`: when a message may leave: gathered, so that an outage is one message, and rationed. Pure.
* `message`: notices as one message for people (text) and programs (JSON, `schema` 1). Pure.
* `queue`: what waits, in its bounds. Pure.
* `channel`: one receiver, with what waits for it and how its attempts go.
* `attempt`: blocking work in a thread with a deadline; `webhook`, `mail`: how a message goes out.
* `room`: `Alerts`, all channels of a site, and test messages.
* `ports`: what the room needs from others.

A message may arrive twice (the answer to the first was lost): every occurrence has an id that stays the same.
"""
