"""Credentials and TLS: who somebody is, proven by what they show.

* `credentials`: HTTP Basic as stations send it (passwords are bytes), comparison in constant time, and pins: what a
  station showed in the commissioning window, kept as a slow hash, a certificate fingerprint or an address.
* `failures`: failed attempts per address, each making the next refusal slower.
* `tls`: contexts for both ends (TLS 1.2 or newer) and what a peer's certificate says.
* `certificates`: reading and judging certificates and signing requests, and how OCPP names them; `signing_requests`:
  keys of our own towards a central; `site_ca`: the authority that signs what stations show to us, by `issuing`. These
  are loaded when a certificate is dealt with; `judgement`: what can be said before.
* `vault`: where keys, passwords and certificates lie that came up at run time. `failures`: guesses at the door.

Cut apart from the rooms that own sockets because a mistake here is a hole, and because both ends of the house need it.
"""
