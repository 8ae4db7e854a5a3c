"""Papers: reads every file an operator writes and gives frozen data, or every fault in it at once, each with its place.

`load.load` is the one way in: bytes -> YAML nodes with places (`document`, `merge`) -> shape by pydantic (`shape`,
`models*`) -> what no single value can tell (`checks_*`, `solve`) -> frozen `settings` (`build`). Other files that a
configuration names have a reader each (`sheets`, `tokens`, `passwords`); `report` and `show` make the text for people.
`edit.set_value` is the one way to change a file: by the same checks, and whole or not at all (`written`).

It is cut like this because a place (file, line, column) must survive from the first byte to the last check: data and
marks travel side by side under the same path, pydantic sees only plain data, and a check names a path, never a line.
No content of any file raises; pydantic and ruamel stay in this room.
"""
