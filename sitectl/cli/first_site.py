"""The answers of `sitectl init` as a configuration file that a person can read on, and the secrets that go with it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator

from sitectl.cli.questions import Answers, circuit_line, list_of, station_line, text_of

SECRETS = "secrets"
TOKENS = "tokens.csv"
TOKENS_HEADER = "id_token,group,parent,valid_until,note\n"
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./+-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
PASSWORD_BYTES = 12
"""16 characters: the key AuthorizationKey of 1.6 takes 16 to 40 (security whitepaper, edition 3)."""


def stations_of(said: Answers) -> list[str]:
    """The ids of all stations, in their order."""
    lines = [station_line(text) for text in list_of(said, "stations")]
    return [id for line in lines if not isinstance(line, str) for id in line.ids]


def secrets_of(said: Answers) -> dict[str, bytes]:
    """By file name, relative to the configuration: a password of each station, where they are generated."""
    if text_of(said, "passwords") != "generated":
        return {}
    return {secret_file(id): secrets.token_urlsafe(PASSWORD_BYTES).encode() + b"\n" for id in stations_of(said)}


def secret_file(station: str) -> str:
    """Where the password of a station lies. Identities hold no slash; the two names of folders get a word before."""
    return f"{SECRETS}/{station if station.strip('.') else 'station-' + station}"


def site_yaml(said: Answers) -> str:
    """The text of the file. Its answers have been judged one by one; `config.load` judges the whole."""
    return "\n".join([*_head(said), *_circuits(said), *_meters(said), *_stations(said), *_centrals(said), ""])


def _head(said: Answers) -> Iterator[str]:
    yield "# yaml-language-server: $schema=site.schema.json"
    yield "# One site. `sitectl check` tells what is wrong, `sitectl config set` changes a value."
    yield "# Units stand in the names: _a ampere per phase, _w watt, _s second."
    yield ""
    yield "site:"
    yield f"  name: {_quoted(text_of(said, 'name'))}"
    yield f"  timezone: {_quoted(text_of(said, 'zone'))}"
    yield ""
    yield "ocpp:                                  # towards the charging stations"
    yield f"  listen: {_quoted(text_of(said, 'listen'))}"
    if text_of(said, "passwords") == "none":
        yield "  security_profile: 0                  # no password: keep this network apart"
    yield ""


def _circuits(said: Answers) -> Iterator[str]:
    yield "circuits:                              # a tree of fuses; grid is the main one"
    yield "  grid:"
    yield f"    rated_a: {text_of(said, 'main_fuse_a')}"
    if text_of(said, "meter") != "none":
        yield "    meter: main"
    yield f"    base_load_worst_a: {text_of(said, 'base_load_a')}              # the most that all but cars may draw"
    if (wiring := text_of(said, "wiring")) != "wye":
        yield f"    wiring: {wiring}"
    for text in list_of(said, "circuits"):
        line = circuit_line(text)
        if not isinstance(line, str):
            yield f"  {_quoted(line[0])}: {{parent: {_quoted(line[2])}, rated_a: {line[1]}}}"
    yield ""


def _meters(said: Answers) -> Iterator[str]:
    if text_of(said, "meter") == "none":
        return
    yield "meters:"
    yield "  main:"
    yield f"    sheet: {_quoted(text_of(said, 'meter'))}"
    yield f"    connection: {_quoted(text_of(said, 'connection'))}"
    yield f"    unit: {text_of(said, 'unit')}"
    yield ""


def _stations(said: Answers) -> Iterator[str]:
    yield "stations:                              # by the identity that is set in the station" + (
        "" if stations_of(said) else "; none yet\n  {}"
    )
    with_secret = text_of(said, "passwords") == "generated"
    for text in list_of(said, "stations"):
        line = station_line(text)
        if isinstance(line, str):
            continue
        for id in line.ids:
            secret = f", password_file: {_quoted(secret_file(id))}" if with_secret else ""
            facts = f"circuit: {_quoted(line.circuit)}, max_a: {line.max_a}, phases: {line.phases}{secret}"
            yield f"  {_quoted(id)}: {{{facts}}}"
    yield ""


def _centrals(said: Answers) -> Iterator[str]:
    if (url := text_of(said, "central")) != "none":
        yield "uplinks:"
        yield "  central:"
        yield f"    url: {_quoted(url)}"
        yield "    # passwords_file: secrets/central   # station:secret a line, if it asks for passwords"
    elif text_of(said, "who") == "free":
        yield "authorization: {mode: free}            # everybody may charge"
    else:
        yield f"authorization: {{mode: list, tokens_file: {TOKENS}}}"


def _quoted(text: str) -> str:
    """As YAML reads it back, in quotes where it could be anything else than text."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
