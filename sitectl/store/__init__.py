"""What must survive: transactions, messages for the uplinks, limits, and what was learned, in one SQLite file.

Contract: a future that resolves means that the rows are on the disk (WAL, `synchronous=FULL`), whatever happens next.
Where the disk cannot take them the future fails with `StoreUnavailable`, the room itself goes on and says when it can
write again. There is one connection that writes, on one thread; questions are asked on a read-only one.

Cut this way because durability is cheap only in company: every write is a function (a job), jobs that stand together
become one commit, and nothing awaits inside a transaction (`database`); some wait a little for others (`company`).
What comes in the order of time needs no index (`halving`). Above it each file owns its tables:
`transactions` (the ledger of what stations said), `outbox` (what the uplinks still have to hear), `limits`, `stations`,
`tokens`, `lists`, `virtual`, `overlay` (what was learned or told at run time), `journal`, `attempts`
(what healing did); `deadletters` is what becomes
of messages that were given up; `queries` is what people ask. `energy` writes the quarters of an hour that were
counted and `energy_history` sums them up; `transaction_history` reads the whole ledger page by page; `backup` copies
the file while it is written, `archive` is the form of such a copy, and `restoring` puts one back. Beside the file lie
recordings of all wires, which may be lost (`recorder`, `recordings`); `timeline` puts both together, `backlog` keeps
what waits within its room (`quotas`, `thinning`), `unclaimed` tells for whom nobody sends it, `upkeep` is what goes
on beside the ledger.
Payloads are opaque
here but to what puts times right or thins.
The ledger knows three things about a message (its kind, whose it is, whether it wants the uplink's transaction id),
which is what keeps one code path for every version of OCPP.
"""
