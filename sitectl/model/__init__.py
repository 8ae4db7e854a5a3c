"""Nouns: what the whole house talks about, as frozen values without behaviour of their own.

The words are those of OCPP 2.x (EVSE, IdToken, ChargingLimit). Currents are amperes per phase as float (`_a`), rounded
to 0.1 A where they are limits; powers are watt (`_w`), energies watt-hours (`_wh`). A field that ends in `_at` is a
time on the monotonic clock in seconds; wall times are aware UTC `datetime` and only stand in records and on the wire.
"""
