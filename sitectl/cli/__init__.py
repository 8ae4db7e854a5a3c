"""The command line: what technicians type. It asks the running daemon over its Unix socket and never opens the ledger.

* `entry.py` is where the command begins; `run.py` is the daemon's, `main.py` lists all, those of the ledger are in
  `ledger.py`; `asking.py` is what they share.
* `client.py` is HTTP over the socket; `tables.py` turns answers into tables for people.
* Exit status: 0 well, 1 failed, 2 usage or configuration, 3 daemon not reachable, 4 not allowed, 5 the site runs
  degraded.

Rooms that take long to load (the daemon, the simulator) are imported by the command that needs them.
"""
