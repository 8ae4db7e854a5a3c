"""What the files hold that a configuration names: sheets, passwords, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from sitectl.config import healing_rules, passwords, sheets, tokens
from sitectl.config.checks_security import read_named
from sitectl.config.draft import Draft
from sitectl.config.issues import Path, did_you_mean, shown
from sitectl.config.settings import ListedToken
from sitectl.config.station_sheets import gather_sheets
from sitectl.healing.policy import HealingRules
from sitectl.model.sheets import MeterSheet
from sitectl.quirks.sheet import StationSheet


@dataclass(frozen=True, slots=True)
class Gathered:
    """The contents of other files, by the name in the configuration that led to them."""

    sheets: Mapping[str, MeterSheet]
    passwords: Mapping[str, bytes]
    uplink_passwords: Mapping[str, Mapping[str, str]]
    tokens: Mapping[str, ListedToken]
    secrets: Mapping[Path, bytes]
    """Of what tells people and programs outside, by the path of the value that names the file."""
    station_sheets: Mapping[str, StationSheet]
    rules: HealingRules


def gather(draft: Draft) -> Gathered:
    """Read them all. An unreadable file is reported at the value that names it, a fault in it at its own line."""
    zone = _timezone(draft)
    meter_sheets, station_sheets = _sheets(draft), gather_sheets(draft)
    of_stations, of_uplinks = _passwords(draft), _uplink_passwords(draft)
    listed, secrets, rules = _tokens(draft, zone), _secrets(draft), _rules(draft)
    return Gathered(meter_sheets, of_stations, of_uplinks, listed, secrets, station_sheets, rules)


def _timezone(draft: Draft) -> tzinfo:
    name = draft.config.site.timezone
    if name == "UTC":  # known even where the machine has no time zone data
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # KeyError: ZoneInfoNotFoundError
        known = available_timezones()
    cure = did_you_mean(name, known) if known else "install the time zone data (tzdata)"
    draft.findings.error(("site", "timezone"), f"no time zone {shown(name)}", cure)
    return UTC


def _sheets(draft: Draft) -> dict[str, MeterSheet]:
    shelf = sheets.shelf(draft.directory)
    found: dict[str, MeterSheet] = {}
    faulty: set[str] = set()
    for meter, body in draft.section("meters").items():
        name = body.get("sheet") if isinstance(body, Mapping) else None
        if not isinstance(name, str) or name in found or name in faulty:
            continue
        path = shelf.find(name)
        if path is None:
            draft.findings.error(("meters", meter, "sheet"), f"no sheet {shown(name)}", shelf.cure(name))
            continue
        sheet = sheets.load_sheet(path)
        if isinstance(sheet, MeterSheet):
            found[name] = sheet
        else:
            faulty.add(name)
            draft.findings.errors += sheet
    return found


def _passwords(draft: Draft) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, station in draft.config.stations.items():
        password = _password(draft, ("stations", name, "password_file"), station.password_file)
        if password is not None:
            found[name] = password
    return found


def _password(draft: Draft, path: Path, name: str | None) -> bytes | None:
    """The one secret in the file of this name; None, and an error, when there is none to be had."""
    raw = None if name is None else read_named(draft, path, name, passwords.LIMIT_BYTES, secret=True)
    if raw is None or name is None:
        return None
    password = passwords.parse_password(raw)
    if isinstance(password, bytes):
        return password
    draft.findings.error(path, f"{draft.file(name)} {password.message}", password.cure)
    return None


def _secrets(draft: Draft) -> dict[Path, bytes]:
    found: dict[Path, bytes] = {}
    alerts = draft.data.get("alerts")
    for number, alert in enumerate(alerts if isinstance(alerts, list) else ()):
        for key in ("secret_file", "token_file", "password_file"):
            name = alert.get(key) if isinstance(alert, Mapping) else None
            path: Path = ("alerts", number, key)
            if isinstance(name, str) and (secret := _password(draft, path, name)) is not None:
                found[path] = secret
    name, path = draft.section("mqtt").get("password_file"), ("mqtt", "password_file")
    if isinstance(name, str) and (secret := _password(draft, path, name)) is not None:
        found[path] = secret
    return found


def _uplink_passwords(draft: Draft) -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for name, uplink in draft.config.uplinks.items():
        if uplink.passwords_file is None:
            continue
        path = ("uplinks", name, "passwords_file")
        raw = read_named(draft, path, uplink.passwords_file, passwords.LIMIT_BYTES, secret=True)
        if raw is not None:
            file = str(draft.file(uplink.passwords_file))
            listed = passwords.parse_passwords(raw, file, draft.section("stations"))
            draft.findings.errors += listed.errors
            draft.findings.warnings += listed.warnings
            found[name] = listed.secrets
    return found


def _tokens(draft: Draft, zone: tzinfo) -> Mapping[str, ListedToken]:
    name = draft.config.authorization.tokens_file
    if name is None:
        return {}
    path = ("authorization", "tokens_file")
    raw = read_named(draft, path, name, tokens.LIMIT_BYTES, secret=False)
    if raw is None:
        return {}
    listed = tokens.parse_tokens(raw, str(draft.file(name)), zone)
    draft.findings.errors += listed.errors
    draft.findings.warnings += listed.warnings
    return listed.tokens


def _rules(draft: Draft) -> HealingRules:
    """The shipped rules, and the site's own on top."""
    name, path = draft.config.healing.rules_file, ("healing", "rules_file")
    if name is not None and not draft.file(name).is_file():
        draft.findings.error(path, f"no file {shown(name)}", "create it or correct the name")
        return HealingRules()
    loaded = healing_rules.load_rules(None if name is None else draft.file(name))
    if isinstance(loaded, HealingRules):
        return loaded
    draft.findings.errors += loaded
    return HealingRules()
