"""The ground that every other room stands on: time, tasks, back-off, errors, units, logging, service supervision.

Contract: imports nothing of sitectl and nothing beyond the standard library. `errors` and `units` are still (pure
values); they are all that a still room may use from here. The rest is the only door to what it wraps: `clock` to the
wall and the monotonic clock, `tasks` to background tasks, `systemd` to the service manager. Cut this way because a
process whose time and tasks come through one door can run, whole, on a virtual clock.
"""
