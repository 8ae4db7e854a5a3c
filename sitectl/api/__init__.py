"""The one list of things one may ask of a running site, as JSON over HTTP on a Unix socket.

* `views.py` and `timeline.py` build the JSON of each answer from frozen values: the keys are promised to scripts and
  dashboards.
* `app.py` and `ledger.py` say which path gives which view; `server.py` binds the socket (0660) and serves.
* `roles.py`: who may change something, by the Unix groups of the process at the other end.
* `healing.py` (JSON in `healing_views.py`) and `station_orders.py`: what heals stations, and what people order of one.
* `energy.py`, `exports.py` and `backup.py` tell of what is kept for years (`history.py`: who keeps it); `inventory.py`
  of what stands on the site.
* `overview.py` puts together what no room knows alone: problems since when, the state of the whole site.
* `ports.py` is what the rooms behind must offer.

The command line, and later MQTT and the local page, see the site only through here.
"""
