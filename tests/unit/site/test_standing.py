"""What the site gives a station now, for whoever asks from outside."""

from sitectl.model.electrical import Phase, PhaseRotation
from sitectl.model.events import CeilingSet
from sitectl.model.ids import EvseId
from sitectl.model.limits import Ceiling
from sitectl.site.standing import standing_limits
from sitectl.state.snapshot import snapshot
from tests.unit.state.small_site import A1, B1, GARAGE, A, B, after, charging, fallback, fresh, plan, site


def standing(state, station=A, asking="central", at=1.0):
    return standing_limits(state.topology, snapshot(state, at)[0], station, asking)


def ceiling(a: float, source: str, evse=None, circuit=None, expires_at=None):
    return CeilingSet(Ceiling(f"{source}/{evse}/{circuit}", source, a, evse, circuit, expires_at), 0.0)


def test_a_running_transaction_has_what_it_was_told_and_an_idle_evse_what_the_installation_has():
    state = charging(16.0)
    running, idle = standing(state).evses[A1], standing(state, B).evses[B1]
    assert (running.limit_a, running.most_a, running.min_a, running.obedient) == (16.0, 32.0, 6.0, True)
    assert (idle.limit_a, idle.most_a) == (None, 32.0)


def test_one_that_was_told_nothing_has_its_fallback_and_without_one_its_own_setting():
    from tests.unit.state.small_site import arrives, begins

    bare = after(fresh(), [*arrives(A), begins(A1)])
    assert standing(bare).evses[A1].limit_a == 32.0
    assert standing(after(bare, fallback(A1))).evses[A1].limit_a == 6.0


def test_what_others_have_asked_for_bounds_it_and_what_is_over_does_not():
    own = [ceiling(10, "central", A1)]
    assert standing(after(charging(), own)).evses[A1].most_a == 32.0
    others = [ceiling(20, "operator", A1), ceiling(8, "operator", B1), ceiling(9, "old", A1, expires_at=0.5)]
    assert standing(after(charging(), own + others)).evses[A1].most_a == 20.0
    assert standing(after(charging(), [ceiling(14, "dso", circuit=GARAGE)])).evses[A1].most_a == 14.0
    whole = standing(after(charging(), [ceiling(24, "operator", EvseId(A, 0))]))
    assert (whole.post_a, whole.evses[A1].most_a) == (24.0, 24.0)


def test_the_ratings_above_bound_it():
    state = fresh(site(plan(A), rated_a=20.0))
    assert standing(state).post_a == 20.0


def test_wiring_tells_the_phases():
    state = fresh(site(plan(A, rotation=PhaseRotation((Phase.L2,)))))
    assert standing(state).evses[A1].phases == (Phase.L2,)


def test_nobody_else_has_any():
    assert standing(charging(), "Z") is None
    assert standing(fresh(site(plan(A), plan(B, installed=False))), B) is None
