"""Grid meters: polled over a field bus, decoded by sheets, checked, and handed to the site as readings.

* `polling`: `await run_meters(meters, inbox, clock)` runs everything until cancelled.
* `poller`: `MeterPoller`, one meter: on a monotonic grid, without drift and without catching up.
* `decode` (pure): registers + sheet → values by quantity → a reading with signed currents.
* `plausibility` (pure): whether such values can be true.
* `sheets/*.yaml`: device models as data, each with the sources of its facts; `sitectl.config.sheets` reads them.

Contract: what is posted as `MeterRead` is complete, plausible and no younger than it says. Everything else is a
`MeterFailed` with its reason; how long the last good reading may still be used is the site's to judge, by its age
(`sitectl.model.metering.freshness`). Waiting and judging are cut apart so that every check is tested with plain values.
"""
