from random import Random

import pytest

from sitectl.base.backoff import Backoff


class Upper(Random):
    """Always draws the upper bound."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_bound_doubles_up_to_the_cap() -> None:
    backoff = Backoff(1.0, 10.0, Upper())
    assert [backoff.next() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_reset_begins_again() -> None:
    backoff = Backoff(1.0, 10.0, Upper())
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 1.0


def test_jitter_is_full_and_comes_from_the_given_source() -> None:
    delays = [Backoff(8.0, 8.0, Random(seed)).next() for seed in range(400)]
    assert all(0.0 <= delay <= 8.0 for delay in delays)
    assert min(delays) < 1.0 < 7.0 < max(delays)
    assert delays == [Backoff(8.0, 8.0, Random(seed)).next() for seed in range(400)]


def test_thousands_of_failures_stay_at_the_cap() -> None:
    backoff = Backoff(0.5, 300.0, Upper())
    assert [backoff.next() for _ in range(5_000)][-1] == 300.0


@pytest.mark.parametrize(("base_s", "cap_s"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0)])
def test_senseless_bounds_are_refused(base_s: float, cap_s: float) -> None:
    with pytest.raises(ValueError, match="base_s"):
        Backoff(base_s, cap_s, Random(0))
