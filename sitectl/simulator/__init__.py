"""A charging site without hardware: cars, stations, meter and CSMS on real sockets, and the truth about the fuses.

Contract: what is here shares no OCPP or Modbus code with the daemon. Stations and the CSMS write their frames
themselves, as plain JSON lists, and the meter its own bytes; so two equal mistakes do not cancel, and later the peers
can misbehave in ways that a correct codec could not express. Of sitectl only `base` is used. The daemon runs as its
own process and cannot know that the site is simulated.

The cut is between what is pure (`vehicle`, `profiles`, `keys`, `electrical`, `scenario`: values in, values out,
seeded) and what waits: `link` (one end of an OCPP-J connection), `station`, `csms`, `meter`, `site` (advances all of
them and keeps the ground truth) and `demo` (runs the daemon between them and judges the outcome). Words are those of
OCPP 1.6, the protocol that is spoken here.
"""
