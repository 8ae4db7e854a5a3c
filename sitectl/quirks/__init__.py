"""How stations deviate from the standard, as values: still, no vendor is named here.

* `vocabulary`: every known deviation as a flag, each with its source; `STANDARD` is a station that has none.
* `sheet`: facts about a model as they stand in a file, and whom they fit; `match`: which sheets fit a station, and what
  holds of them (the more specific wins a flag, a tie is refused when the files are read).
* `text`: `repair_text`, tried only where strict parsing has failed. `payload`: `repair_payload`, before validation.
  Both mend form. `meaning`: `meant`, what a well-formed message of such a station says.

The letters of a text (bytes that are no UTF-8, NUL) are mended below, in `ocpp.repair`: that takes no guess, so it is
done on the wires to centrals too. `repair_text` is that and what only stations get wrong. What a flag changes is
changed where it matters: queue, onboarding, handshake, ladder. The shipped sheets lie in `sheets/`, read by `config`.
"""
