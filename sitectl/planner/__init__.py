"""Turns what others wish for into ceilings: upper bounds that the allocator keeps like any other. Still.

* `schedule.py`: what one charging profile allows at a moment, and when that changes next.
* `ceilings.py`: all profiles of a central for one station, composed by the rules of OCPP into `Ceiling` values.
* `composite.py`: what holds over a window of time, profiles and the site's limits together.
"""
