"""Each receiver of alerts is one thing, whole, and written once; its files can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sitectl.config.checks_security import check_pem
from sitectl.config.draft import Draft
from sitectl.config.fields import keys_of
from sitectl.config.inputs import LOCAL_HOSTS
from sitectl.config.inputs_alerts import parse_mail_server
from sitectl.config.issues import Path
from sitectl.config.models_alerts import AlertSection
from sitectl.config.notation import Refusal

_OF_WEBHOOK = ("secret_file", "token_file")
_OF_MAIL = ("tls", "from", "to", "user", "password_file")


def check(draft: Draft) -> None:
    """Report what is neither or both, what belongs to the other kind, logins in clear, and the same receiver twice."""
    seen: dict[object, Path] = {}
    for path, body in _sections(draft):
        kinds = [kind for kind in ("webhook", "smtp") if body.get(kind) is not None]
        if len(kinds) != 1:
            message = "both a webhook and smtp" if kinds else "neither a webhook nor smtp"
            cure = 'write webhook: "https://…", or smtp: HOST with to: ADDRESS; one entry each'
            draft.findings.error((*path, kinds[-1]) if kinds else path, message, cure, at_key=bool(kinds))
            continue
        _check_keys(draft, path, body, kinds[0])
        if kinds == ["smtp"]:
            _check_mail(draft, path, body)
        receiver = body["webhook"] if kinds == ["webhook"] else (body["smtp"], str(body.get("to")))
        if isinstance(receiver, str | tuple) and (before := seen.setdefault(receiver, path)) != path:
            message = f"the same receiver as alerts[{before[1]}]"
            draft.findings.error((*path, kinds[0]), message, "remove one of them")
        if isinstance(ca := body.get("ca"), str):
            check_pem(draft, (*path, "ca"), ca)


def _sections(draft: Draft) -> Iterator[tuple[Path, Mapping[str, object]]]:
    written = draft.data.get("alerts")
    for number, body in enumerate(written if isinstance(written, list) else ()):
        if isinstance(body, Mapping):
            yield ("alerts", number), body


def _check_keys(draft: Draft, path: Path, body: Mapping[str, object], kind: str) -> None:
    foreign = _OF_MAIL if kind == "webhook" else _OF_WEBHOOK
    for key in keys_of(AlertSection):
        if key in foreign and body.get(key) is not None:
            draft.findings.error((*path, key), f"is no key of a receiver by {kind}", "remove it", at_key=True)


def _check_mail(draft: Draft, path: Path, body: Mapping[str, object]) -> None:
    if body.get("to") is None:
        draft.findings.error((*path, "smtp"), "says not to whom", "write to: ops@example.com beside it", at_key=True)
    for key, other in (("user", "password_file"), ("password_file", "user")):
        if body.get(key) is not None and body.get(other) is None:
            draft.findings.error((*path, key), f"has no {other} beside it", f"add {other}: …, or remove it")
    if body.get("tls") == "none":
        server = body.get("smtp")
        parsed = parse_mail_server(server) if isinstance(server, str) else None
        local = not (parsed is None or isinstance(parsed, Refusal)) and parsed[0] in LOCAL_HOSTS
        if body.get("password_file") is not None and not local:
            message = "a password in clear to another machine"
            draft.findings.error((*path, "tls"), message, "write starttls or implicit, or remove user and password")
        elif not local:
            message = "mails leave in clear: everybody on the way reads along, and may change them"
            draft.findings.warn((*path, "tls"), message, "write starttls, if the server has it")
