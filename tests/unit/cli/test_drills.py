"""What a drill with the daemon says of transactions."""

from typing import Any

from sitectl.cli.drills import lost_of


class Ledger:
    """Answers as the interface does: the newest first, so many of them."""

    def __init__(self, *newest_first: tuple[str, bool]) -> None:
        self.rows = newest_first

    def get(self, what: str, *, long: bool, limit: int, only: str = "all") -> dict[str, Any]:
        wanted = [id for id, is_open in self.rows if is_open or only == "all"]
        return {what: [{"id": id} for id in wanted[:limit]]}


def test_one_that_began_long_ago_is_not_lost() -> None:
    since = [(f"t{n}", False) for n in range(3000)]
    ledger = Ledger(*since, ("old and open", True), ("old, has ended just now", False))
    before = ["old and open", "old, has ended just now", "t5", "gone"]
    assert lost_of(before, ledger) == ["gone"]  # type: ignore[arg-type]
    assert lost_of(before[:3], ledger) == []  # type: ignore[arg-type]
