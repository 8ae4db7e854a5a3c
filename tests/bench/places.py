"""Forty cars for ten places, eight hours long: `python -m tests.bench.places [--json]`.

Method: 40 one-phase cars that never get full on one line whose rating carries ten minimums, all there from the start,
the real owner in half-minute steps around cars that follow at once. Waits are spans without an offer of at least 6 A of
a car that wants one, in quanta of 15 min; a car has at most ceil(30 / 10) + 1 of them. Served time is what was offered
at least 6 A; its spread is that of the best and the worst served. The peer is the order of arrival, which is what a
site without turns does.
"""

from __future__ import annotations

import sys

from sitectl.allocator.rules import SharingRules
from sitectl.model.circuit import Circuit, topology
from sitectl.model.electrical import Phase, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.station import EvsePlan, ProfileStorage, StationPlan
from tests.bench.figures import Figure, conclude
from tests.onehertz.coarse import CoarseDay, Day
from tests.onehertz.days import Visit

CARS, PLACES, HOURS = 40, 10, 8.0
LINE = CircuitId("line")
NEVER_S = 1e9


def day(quantum_s: float) -> tuple[Day, float]:
    """One day of the queue; the quantum's own length."""
    rules = SharingRules(quantum_s=quantum_s)
    stations = {}
    for number in range(CARS):
        id = StationId(f"S{number:02}")
        evse = EvsePlan(EvseId(id, 1), LINE, 16.0, 6.0, PhaseRotation((Phase.L1,)))
        stations[id] = StationPlan(id, LINE, 16.0, (evse,), profile_storage=ProfileStorage.RAM)
    site = topology({LINE: Circuit(LINE, None, PLACES * 6.0 + 3.0)}, stations)
    visits = [Visit(id, 60.0, HOURS * 3600.0, HOURS * 3600.0, 1e9, 1, 16.0) for id in stations]
    return CoarseDay(site, visits, rules=rules).live(), SharingRules().quantum_s


def main() -> int:
    """Print the table, or JSON."""
    (ours, quantum_s), (peer, _) = day(SharingRules().quantum_s), day(NEVER_S)
    wait = max(stay.longest_wait_s for stay in ours.stays) / quantum_s
    spread = [stay.served_s for stay in ours.stays]
    peer_wait = max(stay.longest_wait_s for stay in peer.stays) / quantum_s
    peer_spread = [stay.served_s for stay in peer.stays]
    figures = [
        Figure("queue of 40 for 10 places, longest wait", wait, "quanta", 4.0, peer=f"{peer_wait:.0f} without turns"),
        Figure(
            "queue of 40 for 10 places, spread of served time",
            (max(spread) - min(spread)) / quantum_s,
            "quanta",
            1.0,
            peer=f"{(max(peer_spread) - min(peer_spread)) / quantum_s:.0f} without turns",
        ),
        Figure("queue of 40 for 10 places, energy", ours.kwh, "kWh", peer=f"{peer.kwh:.0f} kWh without turns"),
        Figure("queue of 40 for 10 places, starts a car", ours.starts(), "", peer=f"{peer.starts():.2f}"),
    ]
    return conclude("places", __doc__, figures)


if __name__ == "__main__":
    sys.exit(main())
