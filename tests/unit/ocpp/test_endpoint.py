"""The endpoint: two ends talk through lists of texts, time is a number."""

import orjson
import pytest

from sitectl.ocpp.endpoint import (
    Answered,
    AnswerMemory,
    AnswerReceived,
    Endpoint,
    ErrorReceived,
    Ignored,
    LateAnswer,
    TimedOut,
    message_ids,
)
from sitectl.ocpp.frame import Call, CallResultError, Send
from sitectl.ocpp.versions import ErrorCode, Version

TRANSACTION = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})


def endpoint(prefix: str = "a", **options) -> Endpoint:
    return Endpoint(Version.V16, message_ids(prefix), **options)


def sent(text: str | None) -> list:
    assert text is not None
    return orjson.loads(text)


def test_call_and_answer():
    central, station = endpoint("c"), endpoint("s")
    text = central.call("Reset", {"type": "Soft"}, now=10.0, timeout_s=30.0, tag="why")
    call = station.receive(text, 0.0)
    assert call == Call("c-1", "Reset", {"type": "Soft"})
    reply = station.reply(call.message_id, {"status": "Accepted"})
    assert central.receive(reply, 11.0) == AnswerReceived("why", "Reset", {"status": "Accepted"})
    assert not central.busy
    assert central.deadline() is None


def test_call_and_refusal():
    central, station = endpoint("c"), endpoint("s")
    call = station.receive(central.call("Dance", {}, 0.0, 30.0, tag=1), 0.0)
    text = station.error(call.message_id, ErrorCode.FORMAT_VIOLATION, "x" * 300, {"at": "/"})
    assert sent(text) == [4, "c-1", "FormationViolation", "x" * 255, {"at": "/"}]
    assert central.receive(text, 1.0) == ErrorReceived(1, "Dance", "FormationViolation", "x" * 255, {"at": "/"})


def test_one_call_is_open_and_ids_differ():
    end = endpoint()
    first = sent(end.call("A", {}, 0.0, 30.0))
    assert end.busy
    assert end.call("B", {}, 0.0, 30.0) is None
    end.receive(f'[3,"{first[1]}",{{}}]', 1.0)
    assert sent(end.call("B", {}, 1.0, 30.0))[1] != first[1]


def test_calls_of_both_sides_cross():
    end = endpoint()
    end.call("Reset", {}, 0.0, 30.0, tag=7)
    assert isinstance(end.receive('[2,"x","Heartbeat",{}]', 1.0), Call)
    assert sent(end.reply("x", {})) == [3, "x", {}]
    assert end.receive('[3,"a-1",{}]', 2.0) == AnswerReceived(7, "Reset", {})


def test_time_out_and_late_answer():
    end = endpoint()
    end.call("Reset", {}, now=100.0, timeout_s=30.0, tag="old")
    assert end.deadline() == 130.0
    assert end.expire(129.9) is None
    assert end.expire(130.0) == TimedOut("old", "Reset")
    assert end.expire(131.0) is None
    end.call("Reset", {}, 131.0, 30.0, tag="new")
    assert end.receive('[3,"a-1",{"status":"Accepted"}]', 132.0) == LateAnswer("old", "Reset", {"status": "Accepted"})
    assert end.busy
    assert isinstance(end.receive('[3,"a-1",{}]', 133.0), Ignored)
    assert end.receive('[3,"a-2",{}]', 134.0) == AnswerReceived("new", "Reset", {})
    assert isinstance(end.receive('[3,"a-2",{}]', 135.0), Ignored)
    assert (end.counters.timed_out, end.counters.late, end.counters.unexpected) == (1, 1, 2)


def test_a_late_refusal_is_ignored():
    end = endpoint()
    end.call("Reset", {}, 0.0, 1.0)
    end.expire(1.0)
    assert end.receive('[4,"a-1","GenericError","",{}]', 2.0) == Ignored("a late refusal of Reset")


def test_answers_to_nothing_are_ignored():
    end = endpoint()
    for text in ('[3,"x",{}]', '[4,"-1","ProtocolError","",{}]', '[9,"x"]', "", '[3,"x"'):
        assert isinstance(end.receive(text, 0.0), Ignored)


def test_an_unreadable_answer_is_an_answer():
    end = endpoint()
    end.call("GetConfiguration", {}, 0.0, 30.0, tag=1)
    outcome = end.receive('[3,"a-1",{"configurationKey":[{"key":"x"', 1.0)
    assert isinstance(outcome, ErrorReceived)
    assert outcome.code == "FormationViolation"
    assert not end.busy


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'[2,"9","Heartbeat",{]', [4, "9", "FormationViolation"]),
        (b'[2,1.5,"Heartbeat",{}]', [4, "-1", "ProtocolError"]),
        (b"\xff\xfe", [4, "-1", "ProtocolError"]),
    ],
)
def test_a_bad_call_is_refused(data, expected):
    end = endpoint()
    answered = end.receive(data, 0.0)
    assert isinstance(answered, Answered)
    assert sent(answered.text)[:3] == expected
    assert end.counters.malformed == 1


def test_long_frames_are_read_only_as_answers_that_may_be_long():
    end = endpoint(limit=1000)
    long = "x" * 2000
    assert isinstance(end.receive(f'[2,"1","DataTransfer",{{"data":"{long}"}}]', 0.0), Answered)
    end.call("GetConfiguration", {}, 0.0, 30.0)
    assert isinstance(end.receive(f'[3,"a-1",{{"data":"{long}"}}]', 0.0), AnswerReceived)


START = '[2,"7","StartTransaction",{"connectorId":1}]'


def test_a_repeated_transaction_message_is_answered_from_memory():
    end = endpoint(remembered=TRANSACTION)
    assert isinstance(end.receive(START, 0.0), Call)
    assert isinstance(end.receive(START, 1.0), Ignored)
    reply = end.reply("7", {"transactionId": 5})
    assert end.receive(START.encode(), 9999.0) == Answered("a repeated call, answered from memory", reply)
    assert end.counters.duplicates == 2


def test_other_messages_are_served_again():
    end = endpoint(remembered=TRANSACTION)
    text = '[2,"7","Heartbeat",{}]'
    assert isinstance(end.receive(text, 0.0), Call)
    end.reply("7", {})
    assert isinstance(end.receive(text, 1.0), Call)


def test_a_reused_id_with_another_payload_is_served():
    end = endpoint(remembered=TRANSACTION)
    end.receive(START, 0.0)
    end.reply("7", {})
    assert isinstance(end.receive(START.replace(":1", ":2"), 1.0), Call)
    assert end.counters.reused_ids == 1


def test_what_was_refused_or_not_answered_is_served_again():
    end = endpoint(remembered=TRANSACTION)
    end.receive(START, 0.0)
    end.error("7", ErrorCode.INTERNAL_ERROR)
    assert isinstance(end.receive(START, 1.0), Call)
    end.forget("7")
    assert isinstance(end.receive(START, 2.0), Call)


@pytest.mark.parametrize(("later", "remembered"), [(300.0, True), (300.1, False)])
def test_memory_outlives_a_connection_for_five_minutes(later, remembered):
    memory = AnswerMemory()
    first = endpoint(remembered=TRANSACTION, memory=memory, connection=1)
    first.receive(START, 0.0)
    first.reply("7", {"transactionId": 5})
    second = endpoint(remembered=TRANSACTION, memory=memory, connection=2)
    assert isinstance(second.receive(START, later), Answered) is remembered


def test_a_call_cut_off_before_its_answer_is_served_on_the_next_connection():
    memory = AnswerMemory()
    endpoint(remembered=TRANSACTION, memory=memory, connection=1).receive(START, 0.0)
    second = endpoint(remembered=TRANSACTION, memory=memory, connection=2)
    assert isinstance(second.receive(START, 1.0), Call)


def test_memory_is_bounded():
    end = endpoint(remembered=TRANSACTION, memory=AnswerMemory(size=2))
    for n in range(3):
        end.receive(f'[2,"{n}","MeterValues",{{}}]', 0.0)
        end.reply(str(n), {})
    assert isinstance(end.receive('[2,"0","MeterValues",{}]', 1.0), Call)
    assert isinstance(end.receive('[2,"2","MeterValues",{}]', 1.0), Answered)


def test_types_five_and_six():
    end = endpoint()
    end.call("A", {}, 0.0, 30.0)
    assert sent(end.send("NotifyPeriodicEventStream", {"id": 1})) == [6, "a-2", "NotifyPeriodicEventStream", {"id": 1}]
    assert end.receive('[6,"s","NotifyPeriodicEventStream",{}]', 0.0) == Send("s", "NotifyPeriodicEventStream", {})
    assert end.receive('[5,"s","GenericError","",{}]', 0.0) == CallResultError("s", "GenericError")


def test_ids_are_short_enough():
    ids = message_ids("f" * 24)
    assert max(len(ids()) for _ in range(1000)) <= 36
    with pytest.raises(ValueError, match="prefix"):
        message_ids("f" * 25)
