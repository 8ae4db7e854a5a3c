"""One place's energy as a number that only rises, and what it was when a quarter of an hour began (pure).

Two readings around the beginning of a quarter tell what it was in between where they are close to each other; farther
apart they tell an amount and not when it flowed. Nothing is ever guessed: what is not known has no value, and what is
known only in sum is one lump over all the quarters that it may have flowed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sitectl.model.energy import Note

APART_S = 120.0
"""Between two readings that are at most so far apart energy is taken to have flowed evenly."""

POWER_APART_S = 60.0
"""The same where power is read and no register: what happened in between is lost."""

WOBBLE_WH = 10.0
"""A register that runs back by so little was rounded."""

SLACK, SLACK_WH = 1.5, 500.0
"""A register that rises by more than so many times what may flow, and this, was exchanged or is wrong."""

Span = tuple[int, int, int]
"""First and last quarter, and Wh."""


@dataclass(slots=True)
class Counter:
    """Counts at one place where at most `most_w` may flow.

    `at`: the moment (monotonic s) for which `total_wh` is known; `open`: the quarter since whose beginning it is known,
    and the total then; `edge`: a quarter that begins, and when, with a total that is not known yet; `note`: why not.
    """

    most_w: float
    total_wh: float = 0.0
    at: float | None = None
    register_wh: float | None = None
    power_w: float | None = None
    open: tuple[int, float] | None = None
    edge: tuple[int, float] | None = None
    note: Note | None = Note.BEGAN
    done: list[Span] = field(default_factory=list)

    def begins(self, quarter: int, at: float) -> None:
        """The clock shows the beginning of a quarter at `at`."""
        self.edge = (quarter, at)

    def register(self, register_wh: float, at: float) -> None:
        """The register was read."""
        before_wh, before_at = self.register_wh, self.at
        self.power_w = None
        if before_at is not None and at < before_at:
            return
        if before_wh is None or before_at is None:
            self._arrive(self.total_wh, at)
            self.register_wh = register_wh
            return
        rise_wh = register_wh - before_wh
        if -WOBBLE_WH <= rise_wh < 0.0:
            rise_wh, register_wh = 0.0, before_wh
        if rise_wh < 0.0 or not self._may_be(rise_wh, at - before_at):
            self.lose(Note.RESET)
            self.at, self.register_wh = at, register_wh
            return
        self._arrive(self.total_wh + rise_wh, at)
        self.register_wh = register_wh

    def power(self, power_w: float, at: float) -> None:
        """Power was read, where there is no register. What it was between two readings is their mean."""
        before_w, before_at = self.power_w, self.at
        self.register_wh = None
        if before_at is not None and at <= before_at:
            return
        if before_w is None or before_at is None or at - before_at > POWER_APART_S:
            if before_w is not None:
                self.lose(Note.METER)
            self.at = at
        else:
            self._arrive(self.total_wh + (before_w + power_w) / 2.0 * (at - before_at) / 3600.0, at)
        self.power_w = power_w

    def rests(self, at: float, *, sure: bool = False) -> None:
        """Nothing flows at `at`; nor has it since it was last known, where that was a moment ago or it is `sure`."""
        self.register_wh = self.power_w = None
        if self.at is not None and at - self.at > APART_S and not sure:
            self.lose(Note.STATION)
            self.at = at
        self._arrive(self.total_wh, at)

    def add(self, wh: float, within_s: float) -> None:
        """So much more has flowed within such a time, as we hear now."""
        if wh >= -WOBBLE_WH and self._may_be(wh, within_s):
            self.total_wh += max(0.0, wh)
        else:
            self.lose(Note.RESET)

    def lose(self, note: Note) -> None:
        """What flows now cannot be counted; from the next quarter on it can."""
        self.open, self.note = None, note

    def forget(self, note: Note) -> None:
        """What was counted up to the last beginning of a quarter is wrong."""
        if not self.take():
            self.open = None
        self.note = note

    def set_clock(self, quarter: int, at: float) -> tuple[int, int] | None:
        """The clock is set at `at`, and shows `quarter` from now on.

        Gives what has flowed (Wh) since the beginning of which quarter; None: not known.
        """
        known = self.at is not None and at - self.at <= APART_S
        opened, self.edge = self.open, None
        self.open = (quarter, self.total_wh) if known else None
        self.note = Note.CLOCK
        return None if opened is None or not known else (opened[0], round(self.total_wh) - round(opened[1]))

    def settled(self) -> bool:
        """Whether no beginning of a quarter waits for a reading that may still tell of it."""
        return self.edge is None or self.at is None or self.edge[1] - self.at > APART_S

    def take(self) -> list[Span]:
        """What has become known since it was last asked."""
        done, self.done = self.done, []
        return done

    def _arrive(self, total_wh: float, at: float) -> None:
        """The total is known for `at`."""
        if self.edge is not None and at >= self.edge[1]:
            quarter, edge_at = self.edge
            self.edge = None
            if self.at is not None and self.at <= edge_at and at - self.at <= APART_S:
                share = (edge_at - self.at) / (at - self.at) if at > self.at else 0.0
                self._mark(quarter, self.total_wh + share * (total_wh - self.total_wh))
        self.total_wh, self.at = total_wh, at

    def _mark(self, quarter: int, total_wh: float) -> None:
        """Whole watt-hours are told between whole totals, so that what is cut off here stands in the next quarter."""
        if self.open is not None and self.open[0] < quarter:
            self.done.append((self.open[0], quarter - 1, round(total_wh) - round(self.open[1])))
        self.open = (quarter, total_wh)

    def _may_be(self, rise_wh: float, seconds: float) -> bool:
        return rise_wh <= SLACK * self.most_w * max(seconds, 0.0) / 3600.0 + SLACK_WH
