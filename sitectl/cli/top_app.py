"""The full-screen view: asks the daemon once a second, in threads, and goes on asking while it is away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import DataTable, Footer, Input, RichLog, Static

from sitectl.base.clock import SystemClock
from sitectl.cli import top_orders
from sitectl.cli import top_view as view
from sitectl.cli.client import Client, DaemonAway, NotAllowed, Refused
from sitectl.cli.tables import clean
from sitectl.cli.top_orders import ALL_THE_SAME, ORDERS, NotUsable, Place

EVERY_S = 1.0
EVENTS_EVERY_S = 2.0
EVENTS_KEPT = 200

Answer = dict[str, Any]

CSS = """
Screen { layout: vertical; }
#head, #problem, #uplinks { height: 1; }
#circuits { height: auto; max-height: 30%; margin: 0 0 1 0; scrollbar-size-vertical: 1; }
#stations { height: 1fr; min-height: 4; overflow-x: hidden; }
#events { height: 5; }
#filter { display: none; height: 1; border: none; padding: 0; }
#filter.shown { display: block; }
Card, Line { align: center middle; }
#answer { border: none; padding: 0; height: 1; margin: 1 0; }
#card { width: 92%; max-height: 85%; height: auto; border: round $accent; padding: 0 1; background: $surface; }
"""


class Card(ModalScreen[str | None]):
    """Text over the rest; one of `keys` closes it with an answer, Escape without one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "back")]

    def __init__(self, text: Text, keys: dict[str, str]) -> None:
        super().__init__()
        self._text, self._keys = text, keys

    def compose(self) -> ComposeResult:
        told = "  ".join(f"[{key}] {what}" for key, what in self._keys.items())
        with VerticalScroll(id="card"):
            yield Static(Text("\n").join([self._text, Text(""), Text(f"{told}  [esc] back", style="bold")]), id="text")

    def on_key(self, event: Any) -> None:
        if event.character in self._keys:
            event.stop()
            self.dismiss(event.character)

    def action_leave(self) -> None:
        self.dismiss(None)


class Line(ModalScreen[str | None]):
    """A question that is answered by a line; Escape leaves without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back")]

    def __init__(self, text: Text) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="card"):
            yield Static(self._text)
            yield Input(id="answer", compact=True)
            yield Static(Text("[enter] do it  [esc] back", style="bold"))

    def on_mount(self) -> None:
        self.query_one("#answer", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value)

    def action_leave(self) -> None:
        self.dismiss(None)


class Top(App[None]):
    """The site as it is now."""

    CSS = CSS
    TITLE = "sitectl top"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("enter", "open", "station", priority=False),
        *(Binding(key, f"order('{key}')", order.title) for key, order in ORDERS.items() if key != "R"),
        Binding("escape", "clear", "all", show=False),
    ]

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self._clock = SystemClock()
        self._status: Answer | None = None
        self._parents: dict[str, str | None] | None = None
        self._away = ""
        self._away_since = ""
        self._wanted = ""
        self._seq: int | None = None
        self._shown: dict[str, tuple[Text, ...]] = {}
        self._laid_out = False
        self._asking: set[str] = set()

    def compose(self) -> ComposeResult:
        yield Static(view.head(None, ""), id="head")
        yield Static("", id="problem")
        with VerticalScroll(id="circuits"):
            yield Static("", id="tree")
        table: DataTable[Text] = DataTable(id="stations", cursor_type="row", zebra_stripes=False)
        yield table
        yield Input(placeholder="what holds this text; Enter keeps it, Escape shows all", id="filter", compact=True)
        yield Static("", id="uplinks")
        yield RichLog(id="events", max_lines=EVENTS_KEPT, wrap=False)
        yield Footer()

    def on_mount(self) -> None:
        table = self._table
        table.focus()
        self._laid_out = True
        self.on_resize()
        self.set_interval(EVERY_S, self._ask)
        self.set_interval(EVENTS_EVERY_S, self._hear)
        self._ask()
        self._hear()

    def on_resize(self) -> None:
        """Columns are as wide as the terminal allows, so that nothing jumps when a word changes."""
        if not self._laid_out:
            return
        table = self._table
        table.clear(columns=True)
        self._shown = {}
        for column, width in view.widths(self.size.width).items():
            table.add_column(column, key=column, width=width)
        self._show()

    @property
    def _base(self) -> Screen[Any]:
        """The site, whatever card lies over it."""
        return self.screen_stack[0]

    @property
    def _table(self) -> DataTable[Text]:
        return self._base.query_one("#stations", DataTable)

    # --- what the daemon says ---

    def _ask(self) -> None:
        """How it stands, unless that is being asked already."""
        if "status" not in self._asking:
            self._asking.add("status")
            self._look()

    def _hear(self) -> None:
        """What happened, likewise."""
        if "events" not in self._asking:
            self._asking.add("events")
            self._listen()

    @work(thread=True, group="status", exit_on_error=False)
    def _look(self) -> None:
        """Ask once; while it is away, what was seen last stays and is said to be old."""
        try:
            status = self._client.get("status")
            if self._parents is None:
                circuits = self._client.get("config")["settings"]["circuits"]
                self._parents = {name: one.get("parent") for name, one in circuits.items()}
        except (DaemonAway, NotAllowed, Refused) as error:
            self.call_from_thread(self._lost, str(error))
            return
        finally:
            self._asking.discard("status")
        self.call_from_thread(self._seen, status)

    def _lost(self, why: str) -> None:
        if not self._away:
            self._away_since = f"{self._clock.wall():%H:%M:%S}Z"
        self._away = why if self._status is None else f"AWAY since {self._away_since}"
        self._parents = None  # it may come back with another tree
        self._show()

    def _seen(self, status: Answer) -> None:
        self._away, self._status = "", status
        self._show()

    @work(thread=True, group="events", exit_on_error=False)
    def _listen(self) -> None:
        """What happened since it was asked last."""
        try:
            found = list(self._client.events("events", after=self._seq, follow=False))
        except (DaemonAway, NotAllowed, Refused):
            return
        finally:
            self._asking.discard("events")
        if found:
            self.call_from_thread(self._heard, found)

    def _heard(self, found: list[Answer]) -> None:
        found = [one for one in found if self._seq is None or one["seq"] > self._seq]
        self._seq = found[-1]["seq"] if found else self._seq
        log = self._base.query_one("#events", RichLog)
        for one in found[-EVENTS_KEPT:]:
            log.write(view.event(one))

    # --- on the screen ---

    def _show(self) -> None:
        if not self._laid_out:
            return
        base = self._base
        base.query_one("#head", Static).update(view.head(self._status, self._away))
        status = self._status
        if status is None:
            return
        base.query_one("#problem", Static).update(view.problem(status))
        base.query_one("#tree", Static).update(view.circuits(status, self._parents or {}, self.size.width - 1))
        base.query_one("#uplinks", Static).update(view.uplinks(status))
        self._show_rows(self._table, view.rows(status, self._wanted))

    def _show_rows(self, table: DataTable[Text], rows: list[view.Row]) -> None:
        """Write only what changed: the cursor stays where it is."""
        if [key for key, _ in rows] != list(self._shown):
            at = table.cursor_row
            table.clear()
            for key, cells in rows:
                table.add_row(*cells, key=key)
            table.move_cursor(row=min(at, max(0, len(rows) - 1)))
        else:
            for key, cells in rows:
                for column, cell, before in zip(view.COLUMNS, cells, self._shown[key], strict=True):
                    if cell != before:
                        table.update_cell(key, column, cell)
        self._shown = dict(rows)

    # --- what people want ---

    def action_filter(self) -> None:
        """Type what shall be shown."""
        line = self._base.query_one("#filter", Input)
        line.add_class("shown")
        line.focus()

    def action_clear(self) -> None:
        """Show all again."""
        line = self._base.query_one("#filter", Input)
        line.value, self._wanted = "", ""
        line.remove_class("shown")
        self._table.focus()
        self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Of the filter: what is typed on a card is the card's."""
        if event.input.id != "filter":
            return
        self._wanted = event.value
        self._show()

    def on_input_submitted(self) -> None:
        self._table.focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        self.action_open()

    def _chosen(self) -> tuple[str, str] | None:
        """The station and EVSE under the cursor."""
        keys = list(self._shown)
        if not keys or self._table.cursor_row >= len(keys):
            return None
        station, _, evse = keys[self._table.cursor_row].rpartition(":")
        return station, evse

    @work(exclusive=True, group="card")
    async def action_open(self) -> None:
        """A station and why its limit is what it is."""
        if (chosen := self._chosen()) is None:
            return
        station, evse = chosen
        text = await self.run_worker(lambda: self._detail(station, evse), thread=True).wait()
        key = await self.push_screen_wait(Card(text, {key: order.title for key, order in ORDERS.items()}))
        if key is not None:
            await self._order(key, station, evse)

    def _detail(self, station: str, evse: str) -> Text:
        try:
            found = self._client.get("stations", station)
            why = None if evse == "-" else self._client.get("why", f"{station}:{evse}")
        except (DaemonAway, NotAllowed, Refused) as error:
            return Text(str(error), style="red")
        return view.detail(station, found, why)

    @work(exclusive=True, group="card")
    async def action_order(self, key: str) -> None:
        """Do something about the station under the cursor."""
        if (chosen := self._chosen()) is not None:
            await self._order(key, *chosen)

    async def _order(self, key: str, station: str, evse: str) -> None:
        """Ask once more, then do it; what would end a transaction is only done after a second yes."""
        order, place = ORDERS[key], Place(station, int(evse) if evse.isdecimal() else 0)
        if order.of_evse and not place.evse:
            why = Text(clean(f"{station}: nobody has listed it; `sitectl station adopt {station}` takes it in"))
            await self.push_screen_wait(Card(why, {}))
            return
        question = Text(clean(order.question.format(station=station, place=place)))
        said = await self.push_screen_wait(Card(question, dict(order.choices)) if order.choices else Line(question))
        if said is None:
            return
        told, overruled = await self._told(key, place, said)
        if overruled and await self.push_screen_wait(Card(told, {"f": "do it all the same"})) == "f":
            told, _ = await self._told(key, replace(place, force=True), said)
        elif overruled:
            return
        await self.push_screen_wait(Card(told, {}))

    async def _told(self, key: str, place: Place, said: str) -> tuple[Text, bool]:
        """What came of it, and whether a person may overrule the refusal."""
        return await self.run_worker(lambda: self._do(key, place, said), thread=True).wait()

    def _do(self, key: str, place: Place, said: str) -> tuple[Text, bool]:
        try:
            return Text(clean(top_orders.ask(self._client, key, place, said))), False
        except (DaemonAway, NotAllowed, Refused, NotUsable) as error:
            return Text(clean(f"{place}: {error}"), style="red"), ALL_THE_SAME in str(error)
