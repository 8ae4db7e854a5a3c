from sitectl.model.events import CeilingCleared, CeilingSet, Event
from sitectl.model.ids import CircuitId
from sitectl.model.limits import Ceiling
from sitectl.signals.door import Door
from sitectl.site.memory import MemoryJournal
from tests.unit.site.test_owner import Hands

A = Ceiling("signal a/open", "signal a", 18.0, circuit=CircuitId("grid"))
B = Ceiling("signal a/closed", "signal a", 6.0, circuit=CircuitId("garage"))


class Inbox:
    """Keeps which ceilings were set and cleared."""

    def __init__(self) -> None:
        self._told: list[str] = []

    def post(self, event: Event) -> None:
        if isinstance(event, CeilingSet):
            self._told.append(f"set {event.ceiling.key}")
        elif isinstance(event, CeilingCleared):
            self._told.append(f"cleared {event.key}")

    def taken(self) -> list[str]:
        taken, self._told = self._told, []
        return taken


def test_each_change_is_told_once_to_the_site_and_to_the_journal() -> None:
    inbox, journal = Inbox(), MemoryJournal()
    door = Door(inbox, journal, Hands())
    for _ in range(3):
        door.ask("signal a", [A], "it is open")
    assert inbox.taken() == ["set signal a/open"]
    door.ask("signal a", [A, B], "it is lost")
    assert inbox.taken() == ["set signal a/closed"]
    door.ask("signal a", [], "it is shut")
    assert sorted(inbox.taken()) == ["cleared signal a/closed", "cleared signal a/open"]
    assert [(type, data["why"]) for type, _, _, data in journal.entries] == [
        ("ceiling.set", "it is open"),
        ("ceiling.set", "it is lost"),
        ("ceiling.cleared", "it is shut"),
        ("ceiling.cleared", "it is shut"),
    ]


def test_what_is_no_longer_configured_is_withdrawn() -> None:
    inbox = Inbox()
    door = Door(inbox, MemoryJournal(), Hands())
    door.ask("signal a", [A], "it is open")
    inbox.taken()
    door.keep_only(["schedule"])
    assert inbox.taken() == ["cleared signal a/open"]
    door.keep_only([])
    assert inbox.taken() == []
