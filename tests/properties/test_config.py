"""No file content makes the configuration raise, and fallbacks never sum up above a fuse by themselves."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from sitectl.config import document
from sitectl.config.load import Broken, Loaded, load
from sitectl.config.passwords import parse_password, parse_passwords
from sitectl.config.sheets import load_sheet
from sitectl.config.solve import AUTO_A, Wish, solve
from sitectl.config.tokens import parse_tokens
from sitectl.model.electrical import ALL_PHASES, Phase
from sitectl.model.sheets import MeterSheet

CONFIG = Path(__file__).parents[2] / "config"
SAMPLE = (CONFIG / "site.yaml").read_text()
LINES = [line for line in SAMPLE.splitlines() if line and not line.startswith("#")]
YAML_PIECES = st.sampled_from(
    [*LINES, "a: &a", "*a", "<<: *a", "- ", "? ", "! ", "!!int x", "|", ">", "{", "}", "[", "]", '"', "'", "\t", "---",
     "...", "%TAG", "#", "&a", "@", "`", "\u2028", ": ", "~", "0x", "1e999", "\\", "\x85", "<<"]
)  # fmt: skip


def outcome_of(raw: bytes) -> Loaded | Broken:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "site.yaml"
        path.write_bytes(raw)
        outcome = load(path)
    if isinstance(outcome, Broken):
        assert outcome.errors
        assert all(str(error).isprintable() for error in outcome.errors)
    return outcome


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(raw: bytes) -> None:
    outcome_of(raw)


@given(st.lists(YAML_PIECES | st.text(max_size=10), max_size=30), st.sampled_from(["\n", " ", "\n  ", ""]))
def test_arbitrary_pieces_of_yaml_never_raise(pieces: list[str], joint: str) -> None:
    outcome_of(joint.join(pieces).encode("utf-8", "surrogatepass"))


@given(st.data())
def test_a_mutated_configuration_never_raises(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        mutate: Callable[[str], str] = data.draw(
            st.sampled_from(
                [
                    lambda line: "",
                    lambda line: line + "\n" + line,
                    lambda line: "  " + line,
                    lambda line: line.strip(),
                    lambda line: line.replace(":", ": !x", 1),
                    lambda line: line.partition(":")[0] + ":",
                ]
            )
            | st.sampled_from(["[]", "{}", "-1", "x", ".nan", "9" * 30, '"\\0"', "[[a]]", "{a: {}}", "true"]).map(
                lambda value: lambda line: f"{line.partition(':')[0]}: {value}"
            )
        )
        lines[index] = mutate(lines[index])
    outcome_of("\n".join(lines).encode())


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["grid", "auto"])
)
KEYS = st.sampled_from(
    ["site", "ocpp", "circuits", "meters", "stations", "uplinks", "routing", "grid", "parent", "rated_a", "meter",
     "max_a", "base_load_worst_a", "circuit", "evses", "1", "fallback_a", "phases", "identities", "tls", "listen",
     "url", "sheet", "connection",
     "password_file", "labels", "min_a", "security_profile", "sum", "kind", "default", "mqtt"]
)  # fmt: skip
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6))


@given(st.dictionaries(KEYS, TREES, max_size=6))
def test_known_keys_in_any_arrangement_never_raise(tree: dict[str, object]) -> None:
    outcome_of(flow(tree).encode("utf-8", "surrogatepass"))


def flow(value: object) -> str:
    """The value as YAML in one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(flow(item) for item in value) + "]"
        case str():
            return "'" + value.replace("'", "''").replace("\n", "\n\n") + "'"
        case None:
            return "null"
    return str(value).lower()


@given(st.binary(max_size=100))
def test_files_that_a_configuration_names_never_raise(raw: bytes) -> None:
    document.parse(raw, "f")
    parse_password(raw)
    parse_passwords(raw, "f", ["CP01"])
    from datetime import UTC

    parse_tokens(raw, "f", UTC)
    parse_tokens(b"id_token,valid_until,note\n" + raw, "f", UTC)


@given(st.lists(YAML_PIECES, max_size=10))
def test_a_sheet_never_raises(pieces: list[str]) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "mine.yaml"
        path.write_text("id: mine\n" + "\n".join(pieces))
        assert not isinstance(load_sheet(path), MeterSheet)


WISHES = st.builds(
    Wish,
    station=st.sampled_from("ABCDEFGH"),
    evse=st.integers(1, 3),
    rows=st.sampled_from([("grid",), ("a", "grid"), ("b", "grid"), ("c", "b", "grid")]),
    phases=st.sampled_from([(phase,) for phase in Phase] + [ALL_PHASES, (Phase.L1, Phase.L3)]),
    min_a=st.sampled_from([5.0, 6.0, 8.0]),
    max_a=st.sampled_from([5.0, 6.0, 16.0, 32.0]),
    priority=st.integers(0, 3),
    fallback_a=st.none() | st.sampled_from([0.0, 6.0, 10.1]),
)
FREE = st.fixed_dictionaries({row: st.floats(-10, 60) for row in ("grid", "a", "b", "c")})


@given(st.lists(WISHES, max_size=12, unique_by=lambda wish: (wish.station, wish.evse)), FREE)
def test_auto_never_breaks_a_fuse_and_leaves_no_room_unused(wishes: list[Wish], free_a: dict[str, float]) -> None:
    solution = solve(wishes, free_a)
    explicit = solve([wish for wish in wishes if wish.fallback_a is not None], free_a)
    for row, free in free_a.items():
        for phase in Phase:
            assert solution.sum_a[row][phase] <= max(free, explicit.sum_a[row][phase]) + 1e-6
    for wish in wishes:
        given_a = solution.fallback_a[wish.station, wish.evse]
        if wish.fallback_a is not None:
            assert given_a == wish.fallback_a
        elif given_a == 0 and wish.min_a <= AUTO_A <= wish.max_a:
            assert any(
                solution.sum_a[row][phase] + AUTO_A > free_a[row] - 1e-6 for row in wish.rows for phase in wish.phases
            )
        else:
            assert given_a in (0, AUTO_A)


@given(st.lists(WISHES, max_size=12, unique_by=lambda wish: (wish.station, wish.evse)), FREE, st.randoms())
def test_the_order_in_the_file_does_not_matter(wishes: list[Wish], free_a: dict[str, float], random: object) -> None:
    shuffled = list(wishes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert solve(shuffled, free_a) == solve(wishes, free_a)
