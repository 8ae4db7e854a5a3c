"""The state of the site on an MQTT broker, commands from there, and Home Assistant. Optional; off unless configured.

* `topics`: which topic is about what; ids percent-encoded. Pure.
* `states`: what stands at each topic, as JSON, and which of it has changed. Pure.
* `discovery`: what Home Assistant is told of the site and its stations. Pure.
* `commands`: what a message asks for, or why it is refused. Pure.
* `ghosts`: what an earlier life of the process has left on the broker. Pure.
* `outgoing`: what waits for the broker: the newest of each topic, and no more events than a bound.
* `orders`: does what commands ask, through the interface, and answers.
* `room`: `Mqtt`, the connection and what goes on while it stands.

It reads frozen snapshots and asks through `api`; nothing ever waits for it. It works in small chunks, so that the
control loop never waits for its turn. A broker that is away, slow or full costs memory for one value a topic.
"""
