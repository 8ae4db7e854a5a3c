"""The charging stations: their CSMS. Server, handshake, one inbound call from frame to reply, one outbound queue a station."""
