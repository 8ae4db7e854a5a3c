"""OCPP 1.6 in both roles. Its words (connector, idTag, charge point) do not leave this package: nouns of the model do.

Towards stations: `decode` reads their calls and answers, `encode` writes our answers and commands. Towards a central,
where we play the stations: `central_decode` reads its calls and answers, `central_encode` writes ours; the other
`central_*` do so for one functional block each.
`charging_profiles` builds the two profiles that we install and reads those of a central; `meter_values`, `statuses`,
`configuration` and `actions` hold what the others share. In 1.6 connector n is EVSE n, connector 0 the whole station.

The security extension (white paper, edition 3) is in `security`, towards stations, and `central_security`.

Decoding is total: every function takes any JSON object and gives a `Decoded` value with the deviations that it met.
Encoding never writes null; timestamps are whole seconds in UTC with a Z; limits have one decimal digit, rounded down.
"""
