"""What is known of the site, and what every EVSE may still lawfully draw. Still: state + event -> state.

`reduce(state, event)` is the only way in, `snapshot(state, now)` the only way out. The state is a frozen value made of
frozen values; whoever holds an older one is never surprised. `ledger` answers the one question on which a shared fuse
depends: not "what did we last send" but "what may this EVSE still draw". `base_load` says what everything else draws,
`if_dead` what would happen if this process died now, `reconfigure` what another configuration leaves as it was.

`state` lies below the other minds: they read it, it reads none of them.
"""
