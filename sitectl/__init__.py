"""sitectl, a local controller for EV charging sites.

To the charging stations it is their central system, to each central system it is those stations, and between the two
it keeps every fuse of the site below its rating, with or without a connection to the outside.

Packages are floors of a house: a higher one imports a lower one, never the reverse, and the contract in
`pyproject.toml` names every floor. Some rooms are *still* (values in, values out: no clock, no waiting, no sockets,
no files), the others move bytes and time. Every `__init__.py` holds a docstring and nothing else, so that the import
graph says what is really used.
"""
