from sitectl.config.settings import MeterRoles, VirtualMeter
from sitectl.meters.virtual import VirtualMeters, reckoned
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import Event, MeterFailed, MeterRead
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.metering import MeterReading

MAIN, PV, HOUSE, ALL, SPARE = (MeterId(name) for name in ("main", "pv", "house", "all", "spare"))


class Inbox:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def post(self, event: Event) -> None:
        self.events.append(event)


def reading(meter: MeterId, at: float, ampere: float, **more: float) -> MeterReading:
    return MeterReading(meter, at, PhaseCurrents(ampere, 2 * ampere, 0.0), **more)  # type: ignore[arg-type]


def test_sums_and_differences_with_their_signs() -> None:
    main = reading(MAIN, 10.2, 5.0, power_w=3000.0, frequency_hz=50.0, unchanged_since=10.2)
    pv = reading(PV, 10.0, -12.0, power_w=-8000.0, unchanged_since=4.0)
    made = reckoned(HOUSE, [main], [pv])
    assert made.current_a == PhaseCurrents(17.0, 34.0, 0.0), "what the roof makes is used in the house"
    assert (made.meter, made.at, made.power_w, made.frequency_hz, made.unchanged_since) == (
        HOUSE,
        10.0,
        11_000.0,
        50.0,
        10.2,
    )


def test_what_one_part_does_not_know_is_unknown() -> None:
    made = reckoned(HOUSE, [reading(MAIN, 1.0, 5.0, power_w=3000.0)], [reading(PV, 1.0, 1.0)])
    assert made.power_w is None
    assert made.unchanged_since is None


def test_a_virtual_reading_comes_when_its_oldest_part_is_new() -> None:
    inbox = Inbox()
    meters = VirtualMeters({HOUSE: VirtualMeter((MAIN,), (PV,))}, inbox)
    for event in (reading(MAIN, 1.0, 5.0), reading(PV, 1.2, 1.0), reading(MAIN, 2.0, 6.0), reading(MAIN, 3.0, 7.0)):
        meters.post(MeterRead(event))
    made = [e.reading for e in inbox.events if isinstance(e, MeterRead) and e.reading.meter == HOUSE]
    assert [(m.at, m.current_a.l1) for m in made] == [(1.0, 4.0), (1.2, 5.0)], "a part that stays away makes it age"
    assert len(inbox.events) == 6, "what was measured is passed on"


def test_virtual_meters_of_virtual_meters() -> None:
    inbox = Inbox()
    meters = VirtualMeters({ALL: VirtualMeter((HOUSE, SPARE)), HOUSE: VirtualMeter((MAIN,), (PV,))}, inbox)
    for meter in (SPARE, MAIN, PV):
        meters.post(MeterRead(reading(meter, 1.0, 4.0)))
    made = {e.reading.meter: e.reading.current_a.l1 for e in inbox.events if isinstance(e, MeterRead)}
    assert made == {SPARE: 4.0, MAIN: 4.0, PV: 4.0, HOUSE: 0.0, ALL: 4.0}


def test_why_a_part_failed_is_told_of_the_whole() -> None:
    inbox = Inbox()
    meters = VirtualMeters({HOUSE: VirtualMeter((MAIN,), (PV,)), ALL: VirtualMeter((HOUSE,))}, inbox)
    meters.post(MeterFailed(PV, 1.0, "no answer"))
    told = {e.meter: e.why for e in inbox.events if isinstance(e, MeterFailed)}
    assert told == {PV: "no answer", HOUSE: "its part pv: no answer", ALL: "its part house: its part pv: no answer"}


def test_what_stands_behind_a_circuit() -> None:
    roles = MeterRoles({HOUSE: VirtualMeter((MAIN,), (PV,))}, {ALL: CircuitId("garage")}, {HOUSE: SPARE, SPARE: HOUSE})
    assert roles.behind([HOUSE]) == {HOUSE, SPARE, MAIN, PV}
    assert roles.behind([MAIN]) == {MAIN}


def test_what_is_made_of_the_worst_case_of_stations() -> None:
    cars = MeterId("cars")
    roles = MeterRoles(
        {
            HOUSE: VirtualMeter((MAIN,), (cars,)),
            ALL: VirtualMeter((HOUSE, PV)),
            SPARE: VirtualMeter((PV,)),
        },
        {cars: CircuitId("garage")},
    )
    assert roles.worst_cases() == {cars, HOUSE, ALL}
