"""Shares current over the tree of circuits: who may charge now, how much, and why. Still; standard library only.

`allocate.allocate` is the one public function of a control cycle; `verify.verify` re-checks its offers by another
route and `safe.safe_allocation` is what goes out instead when either fails. `why.why` is the chain behind one
limit.

The steps lie in files of their own because each is an argument of its own: what a row can carry (`headroom`), who
takes part and within which bounds (`demand`), what a car does not use (`reclaim`), what a breaker has borne
(`breaker`), who gets a minimum at all (`admission`), whose turn it is where there are not enough of them (`turns`,
`rotation`), how the rest is shared (`share`), and what of it may go out now (`gate`). Amperes are whole tenths (`int`)
from the snapshot's edge to the offer's edge, so that no sum drifts off the step grid; only the level of the filling is
a float. Rows are flat lists compiled once per topology (`compiled`).
"""
