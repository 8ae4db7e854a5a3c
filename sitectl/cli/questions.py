"""What `sitectl init` asks, in order: each question with its default, its help, and what is taken for an answer.

An answer is a text, or a list of texts where there may be several. It is judged at once by the same rules as the file
that comes out of it, so that nobody learns at the end that the first answer was wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import available_timezones

from sitectl.config.connections import parse_connection
from sitectl.config.issues import did_you_mean
from sitectl.config.notation import Refusal, is_identity, parse_address, parse_phases, parse_uplink_url
from sitectl.config.sheets import shelf

Answers = Mapping[str, str | list[str]]
Judge = Callable[[str, Answers], str | None]
"""What is wrong with an answer, in words; None: nothing."""

MOST_IN_A_RANGE = 500
_RANGE = re.compile(r"(.*?)([0-9]+)\.\.(.*?)([0-9]+)")


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `many`: asked until the answer is empty. `asked`: whether it is, by what was said before."""

    key: str
    text: str
    help: str
    judge: Judge
    default: Callable[[Answers], str] = lambda said: ""
    many: bool = False
    asked: Callable[[Answers], bool] = lambda said: True


def text_of(said: Answers, key: str) -> str:
    """A single answer; "" where it was not asked."""
    value = said.get(key, "")
    return value if isinstance(value, str) else ""


def list_of(said: Answers, key: str) -> list[str]:
    """All answers to a question that takes several."""
    value = said.get(key, [])
    return list(value) if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class StationLine:
    """One answer about stations, taken apart."""

    ids: tuple[str, ...]
    max_a: str
    circuit: str
    phases: str


def station_line(text: str) -> StationLine | str:
    """`CP01..CP08 16 garage L1L2L3` taken apart; else what is wrong with it."""
    words = text.split()
    if not 2 <= len(words) <= 4:
        return "write ID AMPERES [CIRCUIT] [PHASES], such as CP01 32, or CP01..CP08 16 garage L1L2L3"
    ids = _ids(words[0])
    if isinstance(ids, str):
        return ids
    if (wrong := _ampere(words[1])) is not None:
        return wrong
    phases = words[3] if len(words) > 3 else "unknown"
    if isinstance(found := parse_phases(phases), Refusal):
        return f"{found.message}; {found.cure}"
    return StationLine(ids, words[1], words[2] if len(words) > 2 else "grid", phases)


def _ids(text: str) -> tuple[str, ...] | str:
    found = _RANGE.fullmatch(text)
    if found is None:
        ids: tuple[str, ...] = (text,)
    elif found[1] != found[3] or not 0 <= int(found[4]) - int(found[2]) < MOST_IN_A_RANGE:
        return f"{text!r} is no range; write it as CP01..CP08, {MOST_IN_A_RANGE} at most"
    else:
        ids = tuple(f"{found[1]}{n:0{len(found[2])}}" for n in range(int(found[2]), int(found[4]) + 1))
    if not all(is_identity(id) for id in ids):
        return f"{text!r} names no station; take 1 to 48 of A-Z a-z 0-9 * - _ = + | @ ."
    return ids


def circuit_line(text: str) -> tuple[str, str, str] | str:
    """`garage 63 [PARENT]` as name, ampere and parent; else what is wrong with it."""
    words = text.split()
    if not 2 <= len(words) <= 3:
        return "write NAME AMPERES [PARENT], such as garage 63"
    if (wrong := _ampere(words[1])) is not None:
        return wrong
    return words[0], words[1], words[2] if len(words) > 2 else "grid"


def _ampere(text: str) -> str | None:
    try:
        value = float(text)
    except ValueError:
        return f"{text!r} is not a number of ampere, such as 63"
    return None if 0 < value <= 10_000 else f"{text} A cannot be; it is more than 0 and at most 10000"


def _amperes(text: str, said: Answers) -> str | None:
    return _ampere(text)


def _base_load(text: str, said: Answers) -> str | None:
    if text == "0" or _ampere(text) is None:
        fuse, given = float(text_of(said, "main_fuse_a")), float(text)
        return f"it is below the main fuse of {fuse:g} A, or nobody could charge" if given >= fuse else None
    return _ampere(text)


def _one_of(*choice: str) -> Judge:
    return lambda text, said: None if text in choice else f"choose one of {', '.join(choice)}"


def _zone(text: str, said: Answers) -> str | None:
    zones = available_timezones()
    return None if text in zones else f"no such time zone; {did_you_mean(text, sorted(zones))}"


def _name(text: str, said: Answers) -> str | None:
    return None if 0 < len(text) <= 256 and text.isprintable() else "a name has 1 to 256 printable characters"


def _sheet(text: str, said: Answers) -> str | None:
    shelf_here = shelf(Path(text_of(said, "folder") or "."))
    if text == "none" or shelf_here.find(text) is not None:
        return None
    return f"no such model; {shelf_here.cure(text)} (`sitectl meter scan` finds what answers)"


def _connection(text: str, said: Answers) -> str | None:
    found = parse_connection(text)
    return f"{found.message}; {found.cure}" if isinstance(found, Refusal) else None


def _unit(text: str, said: Answers) -> str | None:
    return None if text.isdigit() and int(text) <= 255 else "a unit is a number from 0 to 255"


def _listen(text: str, said: Answers) -> str | None:
    found = parse_address(text)
    return f"{found.message}; {found.cure}" if isinstance(found, Refusal) else None


def _url(text: str, said: Answers) -> str | None:
    found = None if text == "none" else parse_uplink_url(text)
    return f"{found.message}; {found.cure}" if isinstance(found, Refusal) else None


def circuits_of(said: Answers) -> list[str]:
    """The names of all circuits, the root first."""
    lines = [circuit_line(text) for text in list_of(said, "circuits")]
    return ["grid", *(line[0] for line in lines if not isinstance(line, str))]


def _circuit(text: str, said: Answers) -> str | None:
    line, names = circuit_line(text), circuits_of(said)
    if isinstance(line, str):
        return line
    if line[0] in names:
        return f"there is a circuit {line[0]} already"
    return None if line[2] in names else f"no circuit {line[2]} yet; {did_you_mean(line[2], names)}"


def _station(text: str, said: Answers) -> str | None:
    line = station_line(text)
    if isinstance(line, str):
        return line
    if line.circuit not in circuits_of(said):
        return f"no circuit {line.circuit}; {did_you_mean(line.circuit, circuits_of(said))}"
    lines = [station_line(before) for before in list_of(said, "stations")]
    known = {id for before in lines if not isinstance(before, str) for id in before.ids}
    twice = [id for id in line.ids if id in known]
    return f"{twice[0]} is there already" if twice else None


def _metered(said: Answers) -> bool:
    return text_of(said, "meter") != "none"


def questions(host_name: str, zone: str, addresses: Sequence[str]) -> tuple[Question, ...]:
    """All questions; defaults from the name, the zone and the addresses of this machine."""
    return (*_of_the_site(host_name, zone), *_of_the_meter(), *_of_the_stations(addresses))


def _of_the_site(host_name: str, zone: str) -> tuple[Question, ...]:
    return (
        Question(
            "name", "What is the site called?", "It stands in status pages and records.", _name, lambda s: host_name
        ),
        Question("zone", "In which time zone?", "An IANA name, such as Europe/Berlin.", _zone, lambda s: zone),
        Question(
            "wiring",
            "How is the grid wired? (wye, it, delta, split)",
            "wye: 230/400 V with neutral (TN, TT). it: 3 x 230 V without. delta: between lines. split: 120/240 V.",
            _one_of("wye", "it", "delta", "split"),
            lambda s: "wye",
        ),
        Question("main_fuse_a", "The main fuse, ampere per phase?", "What is printed on it; never exceeded.", _amperes),
        Question(
            "base_load_a",
            "The most that all but cars may draw here, ampere per phase?",
            "Used when the meter is lost, and in the proof that all holds without sitectl.",
            _base_load,
        ),
        Question(
            "circuits",
            "A circuit below the main fuse: NAME AMPERES [PARENT]",
            "Such as garage 63. Each has a fuse of its own. grid is the main one.",
            _circuit,
            many=True,
        ),
    )


def _of_the_meter() -> tuple[Question, ...]:
    return (
        Question(
            "meter",
            "The model of the main meter, or none?",
            "The name of a sheet; a wrong one is answered with what is near it. `sitectl meter scan` finds which fits.",
            _sheet,
            lambda s: "none",
        ),
        Question(
            "connection",
            "How is it connected?",
            "tcp://10.0.0.5:502, rtu-tcp://10.0.0.6:4001, or rtu:///dev/ttyUSB0?baud=9600&parity=N&stop=1",
            _connection,
            asked=_metered,
        ),
        Question("unit", "Its Modbus unit?", "0 to 255, as set on the device.", _unit, lambda s: "1", asked=_metered),
    )


def _of_the_stations(addresses: Sequence[str]) -> tuple[Question, ...]:
    listen = f"{addresses[0] if addresses else '127.0.0.1'}:8887"
    here = ", ".join(addresses) or "none but loopback"
    return (
        Question(
            "listen",
            "Where shall stations find this gateway? (ADDRESS:PORT)",
            f"Addresses of this machine: {here}. Name the one in the charger network.",
            _listen,
            lambda s: listen,
        ),
        Question(
            "stations",
            "Stations: ID AMPERES [CIRCUIT] [PHASES]",
            "Such as CP01 32, or CP01..CP08 16 garage L2L3L1. Phases unknown: `sitectl commission` finds them out.",
            _station,
            many=True,
        ),
        Question(
            "passwords",
            "Passwords of stations? (generated, pinned, none)",
            "generated: a file each. pinned: what a station shows in its first hour. none: an open, separate network.",
            _one_of("generated", "pinned", "none"),
            lambda s: "generated",
        ),
        Question(
            "central",
            "The URL of the central system, or none?",
            "Such as wss://csms.example.com/ocpp; the station's id is appended.",
            _url,
            lambda s: "none",
        ),
        Question(
            "who",
            "Who may charge without a central? (list, free)",
            "list: who stands in tokens.csv beside the file. free: everybody.",
            _one_of("list", "free"),
            lambda s: "list",
            asked=lambda s: text_of(s, "central") == "none",
        ),
    )
