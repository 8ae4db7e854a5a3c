"""The command line: what technicians type. It asks the running daemon over its Unix socket and never opens the ledger
(but `restore`, which wants the daemon stopped and holds the file meanwhile).

* `entry.py` is where the command begins; `run.py` is the daemon's, `main.py` lists all, those of the ledger are in
  `ledger.py`; `asking.py` is what they share.
* `looks.py` holds the commands asked most often, which load nothing of the others; `launch.py` runs any to its end;
  `examples.py` has the examples of those that have none beside them.
* `top.py` is the live view: `top_app.py` the screen, `top_view.py` its lines (pure).
* `doctor.py` looks for what is wrong by `doctor_checks.py` (this machine) and `doctor_running.py` (the site);
  `bundle.py` packs what support needs, without what `redacting.py` takes out.
* `client.py` is HTTP over the socket; `tables.py` turns answers into tables for people.
* Exit status: 0 well, 1 failed, 2 usage or configuration, 3 daemon not reachable, 4 not allowed, 5 the site runs
  degraded.

Rooms that take long to load (the daemon, the simulator) are imported by the command that needs them.
"""
