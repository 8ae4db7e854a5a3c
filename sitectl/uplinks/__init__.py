"""Central CSMSs: to each of them we play the charging stations, one WebSocket a station.

* `pool.py`: all virtual stations of all uplinks; what the stations room talks to. `standing.py`: how one uplink stands.
* `link.py`: one virtual station: when its connection is wanted, back-off, the boot gate, heartbeats, whose turn it is.
* `news.py`: statuses (the newest of each connector, when it is new), notifications, and what the central asked for.
* `egress.py`: drains the outbox of one virtual station: ordered, one in flight, resends identical to the byte.
* `rendering.py`: the payload of an outbox row at the door: the central's id, its clock, its verdict.
* `refusals.py`: what follows when a central refuses a token after the station was let start: a stop, 0 A, or a grant.
* `pace.py`, `nudge.py`: backlogs leave at a pace; one sleeper whom others wake. `dial.py`: the WebSocket.
* `ingress.py`: one call of a central, from right to reply; `asking.py`: who asks; `relay.py`: through the one door.
* `remote.py`: starts, stops, unlocks. `triggers.py`: messages that a central asks for.
* `security.py`: the security extension as one central uses it. `legs.py`: how we prove who we are, changes on trial;
  `credentials.py`: the keys that set it up; `certificates.py`, `roots.py`, `makers.py`: ours, the central's, and those
  of makers in the stations; `contexts.py`: TLS. `security_events.py`, `event_trials.py`: what goes up besides money.
* `profiles.py`: charging profiles of a central become Ceilings and are never passed through.
* `schedules.py`: what really holds over a window of time.
* `authority.py`: what the authoritative central says of a token, asked or told before.
* `lists.py`: local lists and the cache, as a central manages them; `remembered.py`: what they say of a token.
* `reservations.py`: held by the station where it can, else by us; `reserved.py`: as a document on disk.
* `virtual.py`: configuration of the virtual station: what the central set, over what the station has.

A connection is open while the station is online, or its outbox is not empty (then the central sees it Unavailable and
commands are refused), or for 60 s after the station was lost; and never before the station was seen once.
"""
