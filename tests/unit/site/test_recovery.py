"""After a lost meter came back, limits return step by step, and never above what the fuse bears meanwhile."""

from __future__ import annotations

from itertools import pairwise

from sitectl.model import events
from sitectl.model.limits import OfferKind
from sitectl.state.meter import LOST_AFTER_S, RECOVERY_STEP_S, RECOVERY_STEPS, SETTLE_AFTER_LOSS_S
from tests.unit.site.test_owner import Rig
from tests.unit.state.small_site import A1, A, arrives, begins, draws, plan, site

BASE_A, WORST_A, RATED_A = 40.0, 90.0, 100.0
LOST_AT, BACK_AT = 200, 300


class Losing(Rig):
    """One car that takes what it gets, behind a meter that is lost for a while."""

    def __init__(self) -> None:
        super().__init__(site(plan(A), rated_a=RATED_A, worst_a=WORST_A))
        self.drawn_a = 0.0
        self.limits: list[float | None] = []

    def second(self, at: int, *happened: events.Event) -> None:
        self.clock.now = float(at)
        for event in happened:
            self.site.post(event)
        if at % 10 == 0:
            self.site.post(draws(A1, float(at), *(self.drawn_a,) * 3))
        if not LOST_AT <= at < BACK_AT:
            self.cycle(float(at), shows_a=BASE_A + self.drawn_a)
        else:
            self.site.cycle()
        for command in self.actuator.taken():
            self.accepts(command)
            if command.offer.kind is OfferKind.DYNAMIC:
                self.drawn_a = command.offer.limit_a
        newest = self.site.state.evses[A1].newest_offer
        self.limits.append(None if newest is None else newest.limit_a)


def test_limits_return_step_by_step_after_a_lost_meter() -> None:
    rig = Losing()
    for at in range(600):
        rig.second(at, *([*arrives(A), begins(A1)] if at == 0 else []))
    full_a = rig.limits[LOST_AT - 1]
    assert full_a == 32.0
    lost_a = rig.limits[BACK_AT - 1]
    assert lost_a == RATED_A - WORST_A, "shared as if the worst base load were drawn"
    assert set(rig.limits[LOST_AT + int(LOST_AFTER_S) + 2 : BACK_AT + int(SETTLE_AFTER_LOSS_S)]) == {lost_a}
    after = [a for a in rig.limits[BACK_AT:] if a is not None]
    raises = [(second, a) for second, (before, a) in enumerate(pairwise(after)) if a > before]
    assert after[-1] == 32.0
    assert len(raises) >= 2
    for second, limit_a in raises:
        steps = min(RECOVERY_STEPS, (second + 1 - SETTLE_AFTER_LOSS_S) // RECOVERY_STEP_S + 1)
        assert limit_a <= RATED_A - WORST_A + (WORST_A - BASE_A) * steps / RECOVERY_STEPS
    assert all(later - earlier >= RECOVERY_STEP_S - 1.0 for (earlier, _), (later, _) in pairwise(raises))
    assert sorted(after) == after, "it only ever rises"
