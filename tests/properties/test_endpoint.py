"""Whatever arrives, an endpoint answers or ignores it: it never raises, never hangs, and serves the next call."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from sitectl.ocpp.endpoint import Answered, AnswerReceived, Endpoint, message_ids
from sitectl.ocpp.frame import MAX_DEPTH, Call, CallError, CallResult, CallResultError, Malformed, Send, encode, parse
from sitectl.ocpp.versions import Version

scalars = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
payloads = st.dictionaries(st.text(max_size=12), values, max_size=5)
ids = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=36)
words = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=20)
frames = (
    st.builds(Call, ids, words, payloads)
    | st.builds(CallResult, ids, payloads)
    | st.builds(CallError, ids, words, st.text(max_size=30), payloads)
    | st.builds(CallResultError, ids, words, st.text(max_size=30), payloads)
    | st.builds(Send, ids, words, payloads)
)


def depth(value: object) -> int:
    match value:
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
        case list():
            return 1 + max(map(depth, value), default=0)
    return 0


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good frame with some bytes cut out, doubled or replaced."""
    data = bytearray(encode(draw(frames)).encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 6))
        match draw(st.sampled_from(["cut", "double", "replace"])):
            case "cut":
                del data[at : at + length]
            case "double":
                data[at:at] = data[at : at + length] * draw(st.integers(1, 20))
            case "replace":
                data[at : at + length] = draw(
                    st.binary(max_size=6) | st.sampled_from([b'"', b"\\", b"[", b"}", b"\x00"])
                )
    return bytes(data)


def serve_on(endpoint: Endpoint, data: bytes | str) -> None:
    """Feed it, then show that both directions still work."""
    received = endpoint.receive(data, 0.0)
    if isinstance(received, Answered):
        answer = orjson.loads(received.text)
        assert answer[0] == 4
        assert isinstance(answer[1], str)
        assert len(answer[3]) <= 255
    assert endpoint.receive('[2,"next","Heartbeat",{}]', 1.0) == Call("next", "Heartbeat", {})
    endpoint.expire(1e9)
    text = endpoint.call("Reset", {}, 1e9, 30.0, tag="t")
    assert text is not None
    result = encode(CallResult(orjson.loads(text)[1], {}))
    assert endpoint.receive(result, 1e9) == AnswerReceived("t", "Reset", {})


def fresh(busy: bool) -> Endpoint:
    endpoint = Endpoint(Version.V16, message_ids("m"), remembered=frozenset({"StartTransaction"}))
    if busy:
        endpoint.call("GetConfiguration", {}, 0.0, 30.0)
    return endpoint


@given(st.binary(max_size=200) | st.text(max_size=100), st.booleans())
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes(data, busy):
    serve_on(fresh(busy), data)


@given(mutated(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_mutated_frames(data, busy):
    serve_on(fresh(busy), data)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[bytes, Call]:
    """A start whose token is any bytes but those that end a string, and what it says otherwise."""
    token = draw(st.binary(min_size=1, max_size=30)).replace(b'"', b"").replace(b"\\", b"")
    start = {"connectorId": draw(st.integers(0, 9)), "meterStart": draw(st.integers(0, 10**9))}
    head = b'[2,"s","StartTransaction",' + orjson.dumps(start)[:-1]
    return head + b',"idTag":"' + token + b'"}]', Call("s", "StartTransaction", start)


@given(damaged(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_transaction_message_with_any_bytes_in_its_token_is_read(told, busy):
    data, sound = told
    received = fresh(busy).receive(data, 0.0)
    assert isinstance(received, Call)
    assert {key: value for key, value in received.payload.items() if key != "idTag"} == sound.payload
    assert received.raw == data
    assert parse(encode(Call("s", received.action, received.payload))) == received
    serve_on(fresh(busy), data)


@given(st.text('[]{}",:\\0123456789 ', max_size=300), st.booleans())
@settings(max_examples=200, deadline=None)
def test_texts_made_of_what_json_is_made_of(data, busy):
    serve_on(fresh(busy), '[2,"1","X",' + data)


@given(frames)
@settings(max_examples=200, deadline=None)
def test_round_trip(frame):
    text = encode(frame)
    assert parse(text) == parse(text.encode()) == frame


@given(
    st.recursive(st.text('[]{}"\\', max_size=4), lambda i: st.lists(i, max_size=3), max_leaves=60), st.integers(0, 18)
)
@settings(max_examples=200, deadline=None)
def test_the_guard_measures_depth_exactly(value, more):
    for _ in range(more):
        value = [value]
    frame = Call("1", "X", {"a": value})
    fits = 1 + depth(frame.payload) <= MAX_DEPTH
    assert isinstance(parse(encode(frame)), Call if fits else Malformed)


calls = st.lists(
    st.tuples(st.sampled_from(["call", "expire", "answer", "error", "stale"]), st.integers(0, 40)), max_size=30
)


@given(calls)
@settings(max_examples=200, deadline=None)
def test_an_answer_matches_its_own_call_or_none(steps):
    endpoint = Endpoint(Version.V16, message_ids("m"))
    now, tag, sent, open_tag = 0.0, 0, [], None
    for step, seconds in steps:
        now += seconds
        match step:
            case "call":
                tag += 1
                text = endpoint.call("Reset", {}, now, 30.0, tag=tag)
                assert (text is None) == (open_tag is not None)
                if text is not None:
                    sent.append(orjson.loads(text)[1])
                    open_tag = tag
            case "expire":
                expired = endpoint.expire(now)
                if expired is not None:
                    assert expired.tag == open_tag
                    open_tag = None
            case "answer" | "error" if open_tag is not None:
                kind = f'[3,"{sent[-1]}",{{}}]' if step == "answer" else f'[4,"{sent[-1]}","GenericError","",{{}}]'
                assert endpoint.receive(kind, now).tag == open_tag
                open_tag = None
            case "stale" if sent:
                stale = sent[seconds % len(sent)]
                if open_tag is None or stale != sent[-1]:
                    endpoint.receive(f'[3,"{stale}",{{}}]', now)
        assert endpoint.busy == (open_tag is not None)
    assert len(set(sent)) == len(sent)
