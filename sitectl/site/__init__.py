"""The control cycle: holds the one state of the site, decides once a second and at once on a change, cuts first.

* `owner.py` holds the state and takes events in order; `post` never waits.
* `cycle.py` is one decision: state -> snapshot -> allocation -> independent check. It awaits nothing.
* `offers.py` turns a decision into offers: what goes at once, what must be on disk first, what is due for renewal.
* `stored.py` knows what the disk says of each limit, or may say while a write is under way.
* `shares.py`, `problems.py` and `standing.py` make what others see of it: circuits, what is wrong, what really holds.
* `ceilings.py` keeps what people set from outside, `rises.py` what was learned of the base load.
* `recorder.py` keeps the last cycles (`tables.py` and `plain.py` say how), `replay.py` decides them again;
  `incidents.py` sees when they are worth a file, `recordings.py` writes and reads it.
* `healer.py` heals stations beside the cycle: it looks at them by `station_facts.py`, the still room `healing` decides,
  `remedies.py` does it through the doors of other rooms (`healing_ports.py`).
* `energy.py` counts the energy of every place beside the cycle and writes a quarter of an hour at a time; what it reads
  is in `energy_sources.py`, the arithmetic (pure) in `energy_counter.py`.

Nothing here waits for a station, the disk or a meter: what came of an offer returns as an event. (Remedies wait,
each in a task of its own.)
"""
