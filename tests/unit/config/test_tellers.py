"""Receivers of alerts and the broker that are sound; the errors are in the corpus."""

import json
from pathlib import Path

from sitectl.config.settings_alerts import MailSettings, WebhookSettings
from sitectl.config.settings_mqtt import MqttSettings
from tests.unit.config.sites import GRID, loaded, warnings

AUTHORITY = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"


def secret(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o640)


def test_receivers_have_what_is_written_and_defaults_for_the_rest(tmp_path: Path) -> None:
    secret(tmp_path, "hook.token", "t0ken\n")
    secret(tmp_path, "mail.password", "s3cret\n")
    alerts = """alerts:
  - {webhook: "https://hooks.example.com/T0/x?y=1", token_file: hook.token, after_s: 5, recoveries: false}
  - {webhook: "http://localhost:8080/", name: chat}
  - {webhook: "https://hooks.example.com/other"}
  - {smtp: mail.example.com, to: ops@example.com, user: depot, password_file: mail.password}
  - {smtp: "mail.example.com:2525", to: [a@example.com, b@example.com], from: depot@example.com, tls: implicit}
"""
    found = loaded(tmp_path, GRID + alerts).settings.alerts
    assert found == (
        WebhookSettings(
            name="webhook hooks.example.com",
            url="https://hooks.example.com/T0/x?y=1",
            token=b"t0ken",
            after_s=5.0,
            recoveries=False,
        ),
        WebhookSettings(name="chat", url="http://localhost:8080/"),
        WebhookSettings(name="webhook hooks.example.com 2", url="https://hooks.example.com/other"),
        MailSettings(
            name="mail ops@example.com",
            host="mail.example.com",
            port=587,
            sender="ops@example.com",
            to=("ops@example.com",),
            user="depot",
            password=b"s3cret",
        ),
        MailSettings(
            name="mail a@example.com",
            host="mail.example.com",
            port=2525,
            sender="depot@example.com",
            to=("a@example.com", "b@example.com"),
            tls="implicit",
        ),
    )
    assert len({one.key for one in found}) == 5


def test_nothing_shows_an_address_or_a_secret(tmp_path: Path) -> None:
    secret(tmp_path, "p", "s3cret")
    alerts = 'alerts: [{webhook: "https://hooks.example.com/T0/s3cret?k=s3cret", secret_file: p}]\n'
    outcome = loaded(tmp_path, GRID + alerts + "mqtt: {host: broker, user: u, password_file: p, tls: true}\n")
    assert "https://hooks.example.com/***" in json.dumps(outcome.effective)
    for shown in (json.dumps(outcome.effective), repr(outcome.settings.alerts), repr(outcome.settings.mqtt)):
        assert "s3cret" not in shown


def test_mail_in_clear_is_warned_of(tmp_path: Path) -> None:
    alerts = "alerts: [{smtp: mail, to: a@example.com, tls: none}, {smtp: localhost, to: b@example.com, tls: none}]\n"
    (told,) = [line for line in warnings(tmp_path, GRID + alerts) if "alerts" in line]
    assert "alerts[0].tls: mails leave in clear" in told


def test_a_broker_has_what_is_written_and_defaults_for_the_rest(tmp_path: Path) -> None:
    secret(tmp_path, "p", "s3cret")
    (tmp_path / "ca.pem").write_text(AUTHORITY)
    assert loaded(tmp_path, GRID).settings.mqtt is None
    assert loaded(tmp_path, GRID + "mqtt: {host: 127.0.0.1}\n").settings.mqtt == MqttSettings("127.0.0.1")
    login = "user: u, password_file: p, ca: ca.pem"
    written = f"mqtt: {{host: broker, topic: a/b, home_assistant: false, allow_commands: true, {login}}}\n"
    assert loaded(tmp_path, GRID + written).settings.mqtt == MqttSettings(
        "broker", 8883, "a/b", None, True, "u", b"s3cret", True, tmp_path / "ca.pem"
    )


def test_what_goes_in_clear_to_another_machine_is_warned_of(tmp_path: Path) -> None:
    secret(tmp_path, "p", "s3cret")
    body = "user: u, password_file: p, allow_commands: true"
    told = [line for line in warnings(tmp_path, GRID + f"mqtt: {{host: broker, {body}}}\n") if "mqtt" in line]
    assert [("in clear" in line, "anybody" in line) for line in told] == [(True, False), (False, True)]
    for quiet in (f"{{host: broker, tls: true, {body}}}", f"{{host: 127.0.0.1, {body}}}"):
        assert not [line for line in warnings(tmp_path, GRID + f"mqtt: {quiet}\n") if "mqtt" in line]
