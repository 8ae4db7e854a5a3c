"""Signals from outside that bound what may be drawn: relay contacts, hours of the day; later prices, OpenADR, EEBUS.

* `ports`: `CeilingSource`, what each of them is, and what the room needs of others.
* `door`: `Door`, where all of them leave what they ask for: it tells the site and the journal of each change, once.
* `contact`: debouncing, and when a contact is lost; pure.
* `inputs`: a contact read from an I/O box on a field bus, or from a pin of this gateway.
* `relay`, `timetable`: the sources.
* `room`: `await run_signals(...)` runs all of them until cancelled.

Whatever cannot be known asks for the least current: a source that fails, and an input that is not heard.
"""
