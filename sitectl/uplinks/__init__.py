"""Central CSMSs: to each of them we play the charging stations, one WebSocket a station.

Out of the house, in this order:

* `pool.py`: every central; what the stations room talks to. `uplink.py`: one of them with all its virtual stations;
  `standing.py`: how it stands.
* `link.py`: one virtual station: back-off, the boot gate, heartbeats, whose turn it is. `presence.py`: when its
  connection is wanted; `connecting.py`, `dial.py`: how it is dialled; `nudge.py`: one sleeper whom others wake.
* `news.py`: statuses (the newest of each connector, when it is new) and what the central asked for; `aligned.py`:
  clock-aligned readings; `wishes.py`: what the central wants of all that.
* `egress.py`: drains the outbox of one virtual station: ordered, one in flight, resends identical to the byte;
  `step.py`: what came of one step; `stuck.py`: a message at which the connection ends each time;
  `pace.py`: backlogs leave at a pace. `awaited.py`: who waits for a verdict. `event_trials.py`,
  `security_events.py`: what goes up besides money.
* `rendering.py`: the payload of an outbox row at the door: the central's id, its clock, its verdict; `thinning.py`:
  the measurands that it wants. `refusals.py`: a token that is refused after the start: a stop, 0 A, or a grant.

Into the house:

* `ingress.py`: one call of a central, from right to reply; `asking.py`: who asks; `relay.py`: through the one door;
  `blocks.py`: the functional blocks that follow.
* `remote.py`: starts, stops, unlocks. `resets.py`: every reset, whoever orders it, and the reboot
  that follows. `availability.py`: the AND of all wishes.
* `files.py`: diagnostics and firmware, from the order to the last word. `triggers.py`: messages that are asked for.
* `profiles.py`: charging profiles become Ceilings and are never passed through; `schedules.py`: what really holds.
* `variables.py`: reading and writing keys; `virtual.py`: what holds of them; `measurands.py`: those that the real
  station is asked for.
* `lists.py`: local lists and the cache; `remembered.py`: what they say of a token; `authority.py`: what the
  authoritative central says of it. `reservations.py`: held by the station where it can, else by us; `reserved.py`: as a
  document on disk.
* `security.py`: the security extension; `legs.py`: how we prove who we are, with changes on trial; `credentials.py`:
  the keys that set it up; `certificates.py`, `roots.py` (read by `root_certificates.py`), `makers.py`: ours, the
  central's, and those of makers in the stations; `contexts.py`: TLS.

A connection is open while the station is online, or its outbox is not empty (then the central sees it Unavailable and
commands are refused), or for 60 s after the station was lost (longer while it was told to reboot); and never before the
station was seen once.
"""
