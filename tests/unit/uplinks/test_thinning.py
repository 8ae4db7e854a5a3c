"""What a central gets of meter values; as plain values."""

from sitectl.model.transaction import OutboxKind
from sitectl.uplinks.thinning import EVERYTHING, Measured, wanted

CURRENT = {"value": "16", "measurand": "Current.Import", "phase": "L1", "unit": "A"}
REGISTER = {"value": "1200"}
SOC = {"value": "40", "measurand": "SoC"}
SIGNED = {"value": "AQID", "format": "SignedData"}


def meter(*elements: list) -> dict:
    return {"connectorId": 1, "meterValue": [{"timestamp": "t", "sampledValue": values} for values in elements]}


def stop(*elements: list) -> dict:
    data = [{"timestamp": "t", "sampledValue": values} for values in elements]
    return {"meterStop": 5, "transactionData": data}


def in_context(value: dict, context: str) -> dict:
    return {**value, "context": context}


def left(payload: dict, kind: OutboxKind, measured: Measured) -> list | None:
    cut = wanted(payload, kind, measured)
    key = "meterValue" if kind is OutboxKind.METER else "transactionData"
    return None if cut is None or key not in cut else [element["sampledValue"] for element in cut[key]]


def test_who_asks_for_nothing_in_particular_gets_all():
    payload = meter([CURRENT, REGISTER, SOC])
    assert wanted(payload, OutboxKind.METER, EVERYTHING) is payload
    assert wanted({"meterValue": "rubbish"}, OutboxKind.METER, Measured(frozenset())) == {"meterValue": "rubbish"}


def test_only_what_is_asked_for_goes_up_and_a_value_without_a_measurand_is_the_register():
    only = Measured(sampled=frozenset({"Energy.Active.Import.Register"}))
    assert left(meter([CURRENT, REGISTER]), OutboxKind.METER, only) == [[REGISTER]]
    assert left(meter([CURRENT], [REGISTER, SOC]), OutboxKind.METER, only) == [[REGISTER]]
    assert left(meter([CURRENT]), OutboxKind.METER, only) is None
    same = meter([REGISTER])
    assert wanted(same, OutboxKind.METER, only) is same


def test_signed_values_are_not_touched_nor_what_stands_beside_them():
    nothing = Measured(frozenset(), frozenset(), frozenset(), frozenset())
    assert left(meter([SIGNED, CURRENT], [SOC]), OutboxKind.METER, nothing) == [[SIGNED, CURRENT]]
    assert left(stop([SIGNED]), OutboxKind.STOP, nothing) == [[SIGNED]]


def test_contexts_have_their_own_lists():
    clock, trigger = in_context(CURRENT, "Sample.Clock"), in_context(SOC, "Trigger")
    begin = in_context(REGISTER, "Transaction.Begin")
    values = [CURRENT, clock, trigger, begin]
    assert left(meter(values), OutboxKind.METER, Measured(sampled=frozenset())) == [[clock, trigger, begin]]
    assert left(meter(values), OutboxKind.METER, Measured(aligned=frozenset())) == [[CURRENT, trigger, begin]]
    assert left(stop(values), OutboxKind.STOP, Measured(stop_sampled=frozenset())) == [[clock, trigger]]
    assert left(stop(values), OutboxKind.STOP, Measured(stop_aligned=frozenset())) == [[CURRENT, trigger, begin]]
    assert left(stop(values), OutboxKind.STOP, Measured(sampled=frozenset())) == [values]


def test_a_stop_of_which_no_value_is_wanted_is_a_stop_nevertheless():
    assert wanted(stop([CURRENT]), OutboxKind.STOP, Measured(stop_sampled=frozenset())) == {"meterStop": 5}
    start = {"meterStart": 1}
    assert wanted(start, OutboxKind.START, Measured(frozenset())) is start


def test_rubbish_among_the_values_stays_what_it_is():
    odd = {"connectorId": 1, "meterValue": [7, {"sampledValue": "x"}, {"sampledValue": [3, CURRENT]}]}
    cut = wanted(odd, OutboxKind.METER, Measured(sampled=frozenset()))
    assert cut == {"connectorId": 1, "meterValue": [7, {"sampledValue": "x"}, {"sampledValue": [3]}]}
