"""The charging stations: their CSMS. It works on when every central is away, and acknowledges only what it has stored.

* `handshake`: who may connect, one decision from values; `server`: the listeners, and which of two connections wins.
* `connection`: one connection from acceptance to loss; `inbound` and `handlers`: one call from frame to reply, one file
  a functional block.
* `outbound`: one queue a station, the only door to it; `limits`: offers go in there, events come back.
* `onboarding`: what is read and set on a station once it has settled; `book`: what is known of every station.
* `rounds`: what is done once a minute for all stations in one go.
* `vitals`: what shows how well each station is, for healing; `hands`: who ordered what of which station; `orders`: what
  people want of one.
* `certificates`: what the site's own authority signs for stations, and that they ask for it in time.
* `ports`: what this room needs of others, by shape.

Cut so because a station must never wait for another one, and because everything that anybody wants of a station has to
pass one place where urgencies are compared.
"""
