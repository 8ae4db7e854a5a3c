"""How long an event is said to a central that does not take it; by values alone."""

from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import OutboxItem, OutboxKind, OutboxMessage
from sitectl.uplinks.event_trials import EventTrials


def item(kind: OutboxKind = OutboxKind.EVENT, attempts: int = 0, seq: int = 1) -> OutboxItem:
    message = OutboxMessage(
        "SecurityEventNotification" if kind is OutboxKind.EVENT else "StopTransaction", {}, "1.6", kind
    )
    transaction = None if kind is OutboxKind.EVENT else TransactionId("t")
    return OutboxItem(seq, UplinkId("central"), StationId("CP01"), message, transaction, None, None, attempts)


def test_a_refused_event_is_said_thrice_and_the_next_of_its_kind_once():
    trials = EventTrials()
    assert [trials.refused(item(attempts=n), "InternalError") for n in range(3)] == [False, False, True]
    assert trials.refused(item(seq=2), "InternalError")
    trials.answered(item(seq=3))
    assert not trials.refused(item(seq=4), "InternalError")


def test_an_unknown_action_is_not_said_again_on_this_connection():
    trials = EventTrials()
    assert trials.takes("SecurityEventNotification")
    assert trials.refused(item(), "NotImplemented")
    assert not trials.takes("SecurityEventNotification")
    assert trials.takes("LogStatusNotification")
    trials.begin()
    assert trials.takes("SecurityEventNotification")


def test_silence_twice_counts_as_unknown():
    trials = EventTrials()
    assert not trials.unanswered(item())
    assert trials.unanswered(item(attempts=1))
    assert not trials.takes("SecurityEventNotification")


def test_a_connection_that_ends_thrice_at_once_ends_because_of_it():
    trials = EventTrials()
    assert [trials.cut(item(), 0.1) for _ in range(3)] == [False, False, True]
    trials = EventTrials()
    assert not any(trials.cut(item(), 9.0) for _ in range(5))
    assert not any(trials.cut(item(seq=n % 2), 0.1) for n in range(6))


def test_what_is_money_is_never_dropped():
    trials = EventTrials()
    stop = item(OutboxKind.STOP, attempts=99)
    assert not trials.refused(stop, "NotImplemented")
    assert not trials.unanswered(stop)
    assert not any(trials.cut(stop, 0.0) for _ in range(5))
    assert trials.takes("StopTransaction")
