import pytest

from sitectl.signals.door import Door
from sitectl.signals.ports import CeilingDoor
from sitectl.signals.room import watched
from sitectl.signals.timetable import TimetableSource
from sitectl.site.memory import MemoryJournal
from tests.unit.signals.test_door import A, Inbox
from tests.unit.site.test_owner import Hands


class Broken(TimetableSource):
    """A source with a bug."""

    name = "broken"
    worst = (A,)

    def __init__(self) -> None:
        pass

    async def run(self, door: CeilingDoor) -> None:
        raise ZeroDivisionError


async def test_a_source_that_fails_asks_for_all_that_it_could_ask_for() -> None:
    inbox, journal = Inbox(), MemoryJournal()
    with pytest.raises(ZeroDivisionError):
        await watched(Broken(), Door(inbox, journal, Hands()))
    assert inbox.taken() == [f"set {A.key}"]
    assert journal.entries[0][3]["why"] == "it failed"
