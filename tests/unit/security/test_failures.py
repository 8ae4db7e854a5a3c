from sitectl.security.failures import Failures


def test_the_first_failures_are_answered_at_once_then_ever_slower_up_to_a_cap() -> None:
    failures = Failures()
    delays = [failures.count("10.0.0.9", 0.0) for _ in range(12)]
    assert delays[:3] == [0.0, 0.0, 0.0]
    assert delays[3:6] == [0.25, 0.5, 1.0]
    assert delays == sorted(delays)
    assert delays[-1] == Failures.LONGEST_S


def test_addresses_are_counted_apart_and_forgiven() -> None:
    failures = Failures()
    for _ in range(9):
        failures.count("10.0.0.9", 0.0)
    assert failures.count("10.0.0.10", 0.0) == 0.0
    assert failures.count("10.0.0.9", 1 + Failures.FORGIVEN_S) == 0.0
    assert failures.of("10.0.0.9") == 1


def test_the_memory_is_bounded_and_forgets_the_longest_silent() -> None:
    failures = Failures(size=2)
    for address in ("a", "b", "a", "c"):
        failures.count(address, 0.0)
    assert (failures.of("a"), failures.of("b"), failures.of("c")) == (2, 0, 1)
