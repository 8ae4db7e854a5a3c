"""The daemon: the only place where rooms are wired together, started in order and stopped in order.

* `field.py`: what hangs on field buses: meters, signals.
* `healing.py`: healing with all that it needs of the other rooms.
* `last_good.py`: the configuration that served last, kept for a start that finds a broken one.
* `process.py`: one run of the process, from the configuration to the exit status.
* `reload.py`: a changed configuration under a running site.
* `timekeeping.py`: a clock that is not set at first, or jumps.
* `wiring.py`: which room gets what of which other.
"""
