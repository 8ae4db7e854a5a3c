"""The chain behind a limit, in its order and in words."""

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.why import Step, why
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId
from sitectl.model.limits import Ceiling
from tests.unit.allocator.site import build, evse_id, moment

SITE = build(
    {"grid": {"rated_a": 100}, "garage": {"parent": "grid", "rated_a": 40}},
    {"A": {"circuit": "garage", "max_a": 32, "phases": "L2"}, "B": {"circuit": "garage", "max_a": 32, "phases": "L2"}},
)
CENTRAL = Ceiling("1", "central", 30.0, evse=evse_id("A"), expires_at=10_060.0, text="charging profile")
OPERATOR = Ceiling("2", "operator", 38.0, circuit=CircuitId("garage"))
FACTS = {
    "offered_a": 16.0,
    "acknowledged_a": 16.0,
    "fallback_installed_a": 6.0,
    "offer_expires_at": 10_200.0,
    "measured_a": PhaseCurrents(0.0, 15.8, 0.0),
}


def chain(name: str, **facts: object) -> list[Step]:
    snapshot = moment(SITE, {name: {**FACTS, **facts}}, {"grid": (0, 10, 0)}, ceilings=(CENTRAL, OPERATOR))
    allocation, _ = allocate(compile_site(SITE), snapshot, AllocatorMemory(), SharingRules())
    return why(SITE, snapshot, allocation, evse_id(name))


def test_from_demand_over_rows_and_ceilings_to_what_was_measured() -> None:
    steps = chain("A")
    assert [(step["step"], step["a"]) for step in steps] == [
        ("demand", 32.0),
        ("class", None),
        ("row", 19.0),
        ("row", 71.0),
        ("ceiling", 30.0),
        ("ceiling", 38.0),
        ("share", 19.0),
        ("lawful", 16.0),
        ("offering", 19.0),
        ("offered", 16.0),
        ("acknowledged", 16.0),
        ("measured", 15.8),
    ]
    assert [(step["circuit"], step["phase"]) for step in steps if step["step"] == "row"] == [
        ("garage", "L2"),
        ("grid", "L2"),
    ]
    text = {step["step"]: step["text"] for step in steps}
    assert text["share"] == "fair share of circuit garage on L2"
    assert text["demand"] == "a transaction is running; it may take 6 to 32 A on L2"
    assert text["offered"] == "told 16 A by TxProfile in A, not accepted yet; lapses to 6 A in 200 s unless renewed"
    assert [step["text"] for step in steps if step["step"] == "ceiling"] == [
        "central allows this EVSE 30 A for another 60 s: charging profile",
        "operator allows circuit garage 38 A",
    ]


def test_who_takes_no_part_is_told_what_it_is_reserved_at() -> None:
    steps = chain("A", wants=False, offered_a=None, counts_a=6.0, online=False, measured_a=None)
    told = {step["step"]: step for step in steps}
    assert told["demand"]["text"] == "no transaction is running"
    assert (told["reserve"]["a"], told["reserve"]["text"]) == (6.0, "reserved: not connected")
    assert told["offered"]["text"] == "told nothing in this transaction"
    assert told["measured"]["a"] is None
