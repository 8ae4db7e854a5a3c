"""Grid meters: polled over a field bus, decoded by sheets, checked, and handed to the site as readings.

* `polling`: `await run_meters(meters, buses, inbox, clock, …)` runs everything until cancelled.
* `poller`: `MeterPoller`, one meter: on a monotonic grid, without drift and without catching up.
* `readers`: how one meter is read by the blocks of its sheet, in smaller parts where it refuses them; `scan`: the same
  for a device that is looked for, with the layout of its models in `sunspec` (pure).
* `decode` (pure): registers + sheet → values by quantity → a reading with signed currents.
* `plausibility` (pure): whether such values can be true; `checks` (pure): whether they can follow those before them.
* `wiring` (pure): what a device itself says of its wiring.
* `virtual`: meters that are reckoned from others; `from_stations`: a meter made of what stations say.
* `rota` (pure): which blocks are read this time where a line is too short for all of them.
* For a person who stands before a meter: `once` (read it), `finding` (what is on a line, and which sheets fit), `trial`
  (pure: judge it).
* `sheets/*.yaml`: device models as data, each with the sources of its facts; `sitectl.config.sheets` reads them.

Contract: what is posted as `MeterRead` is complete, plausible and no younger than it says. Everything else is a
`MeterFailed` with its reason; how long the last good reading may still be used is the site's to judge, by its age
(`sitectl.model.metering.freshness`), and so is whether a meter goes with what stations say and with its substitute.
Waiting and judging are cut apart so that every check is tested with plain values.
"""
