"""Alerts over real sockets: HTTP, TLS, SMTP with STARTTLS and a login; what waits is on disk; and the whole daemon."""

import asyncio
import hmac
import json
import logging
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from random import Random

import pytest

from sitectl.alerts.message import About, Message, compose
from sitectl.alerts.ports import NotSent, Outcome, Sent
from sitectl.alerts.room import Alerts, way_out
from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks
from sitectl.config.settings_alerts import AlertSettings, MailSettings, MailTls, WebhookSettings
from sitectl.model.health import Problem
from sitectl.store.alerts import AlertShelf
from sitectl.store.opening import Store, open_store
from tests.e2e.rig import daemon, site, sitectl, until
from tests.integration.alert_receivers import HttpReceiver, MailReceiver, certificate, serving
from tests.unit.alerts.builders import NOON, began, ended, problem, webhook
from tests.unit.store.builders import compose_stop

MESSAGE = compose([began("CP01"), ended("CP02")], About("depot-nörd", UTC, NOON))


def mail(port: int, tls: MailTls = "none", password: bytes | None = None, ca: Path | None = None) -> MailSettings:
    user = None if password is None else "gateway"
    to = ("ops@example.com", "night@example.com")
    return MailSettings(
        name="mail ops", host="localhost", port=port, sender="depot@example.com", to=to, tls=tls, user=user,
        password=password, ca=ca,
    )  # fmt: skip


async def send(settings: AlertSettings, deadline_s: float = 10.0) -> Outcome:
    return await way_out(settings, deadline_s).send(MESSAGE)


# --- webhooks ---------------------------------------------------------------------------------------------------------


async def test_a_webhook_gets_the_body_signed_and_with_its_token() -> None:
    async with serving(receiver := HttpReceiver()):
        url = f"http://127.0.0.1:{receiver.port}/hook/x?y=1"
        assert await send(webhook(url, secret=b"key", token=b"tok")) == Sent()
    (request,) = receiver.requests
    assert request.target == "/hook/x?y=1"
    assert json.loads(request.body) == MESSAGE.body
    assert request.headers["X-Sitectl-Signature"] == "sha256=" + hmac.new(b"key", request.body, "sha256").hexdigest()
    assert request.headers["Authorization"] == "Bearer tok"
    assert request.headers["Idempotency-Key"] == MESSAGE.id
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("200 OK", Sent()),
        ("503 Busy", NotSent("HTTP 503")),
        ("429 Slow\r\nRetry-After: 120", NotSent("HTTP 429", wait_s=120.0)),
        ("429 Slow\r\nRetry-After: Fri, 31 Dec 2027 23:59:59 GMT", NotSent("HTTP 429")),
        ("404 Gone", NotSent("HTTP 404: check the address and what it is allowed by", refused=True)),
        ("302 Elsewhere\r\nLocation: http://127.0.0.1:1/", NotSent(
            "HTTP 302: it redirects; configure the address that it leads to", refused=True)),
    ],
)  # fmt: skip
async def test_each_answer_is_what_it_is(answer: str, outcome: Outcome) -> None:
    async with serving(receiver := HttpReceiver([answer])):
        assert await send(webhook(f"http://127.0.0.1:{receiver.port}/")) == outcome


async def test_tls_is_verified(tmp_path: Path) -> None:
    ca, context = certificate(tmp_path)
    async with serving(receiver := HttpReceiver(), context):
        url = f"https://localhost:{receiver.port}/"
        assert await send(webhook(url, ca)) == Sent()
        outcome = await send(webhook(url))
        assert outcome == NotSent("its certificate is not trusted: self-signed certificate", refused=True)
        outcome = await send(webhook(f"https://127.0.0.1:{receiver.port}/", ca))
        assert isinstance(outcome, NotSent)
        assert "IP address mismatch" in outcome.why
    assert len(receiver.requests) == 1


async def test_who_answers_a_byte_at_a_time_is_cut_at_the_deadline() -> None:
    async with serving(receiver := HttpReceiver(drips=True)):
        post = way_out(webhook(f"http://127.0.0.1:{receiver.port}/"), 0.5)
        assert await post.send(MESSAGE) == NotSent("not done within 0.5 s")
        await until(lambda: receiver.ended == 1, 30.0, "the connection is cut")
        receiver.drips = False
        await until_it_is(post.send, Sent())


async def until_it_is(send: Callable[[Message], object], wanted: Outcome) -> None:
    """The thread of the attempt that was cut ends a moment later."""
    async with asyncio.timeout(30):
        while (await send(MESSAGE)) != wanted:  # type: ignore[misc]
            await asyncio.sleep(0.05)


async def test_nobody_there_and_rubbish_are_words_without_the_address() -> None:
    async with serving(receiver := HttpReceiver()):
        port = receiver.port
    assert await send(webhook(f"http://127.0.0.1:{port}/s3cret")) == NotSent("connection refused")
    outcome = await send(webhook("https://no-such-host.invalid/s3cret"))
    assert isinstance(outcome, NotSent)
    assert outcome.why.startswith("the name is not known")


async def test_no_secret_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = webhook("http://127.0.0.1:1/T0/s3cret", token=b"t0ken", secret=b"k3y")
    await send(settings)
    for text in (caplog.text, repr(settings), settings.key, settings.name):
        assert not any(secret in text for secret in ("s3cret", "t0ken", "k3y"))


# --- mail -------------------------------------------------------------------------------------------------------------


async def test_a_mail_goes_by_starttls_with_a_login(tmp_path: Path) -> None:
    ca, context = certificate(tmp_path)
    async with serving(receiver := MailReceiver(context)):
        assert await send(mail(receiver.port, "starttls", b"s3cret", ca)) == Sent()
        assert await send(mail(receiver.port, "starttls", b"wrong", ca)) == NotSent(
            "the login was refused (535): check user and password_file", refused=True
        )
        outcome = await send(mail(receiver.port, "starttls", b"s3cret"))
        assert outcome == NotSent("its certificate is not trusted: self-signed certificate", refused=True)
    ((to, text),) = receiver.mails
    assert (to, receiver.was_encrypted) == (["ops@example.com", "night@example.com"], [True])
    assert text["Subject"] == "depot-nörd: 1 problem, 1 recovered"
    assert text["Message-ID"] == f"<{MESSAGE.id}@sitectl.invalid>"
    assert "What to do: Check its power and network." in text.get_content()


async def test_without_tls_nothing_is_sent_where_tls_was_asked_for(tmp_path: Path) -> None:
    async with serving(receiver := MailReceiver()):
        outcome = await send(mail(receiver.port, "starttls"))
        assert outcome == NotSent("it does not offer what is asked for: check tls and user", refused=True)
        assert await send(mail(receiver.port)) == Sent()
    assert receiver.was_encrypted == [False]


async def test_implicit_tls(tmp_path: Path) -> None:
    ca, context = certificate(tmp_path)
    async with serving(receiver := MailReceiver(), context):
        assert await send(mail(receiver.port, "implicit", b"s3cret", ca)) == Sent()
    assert (receiver.logins, receiver.was_encrypted) == (["gateway"], [True])


async def test_a_receiver_that_is_refused_is_told_and_the_others_get_it() -> None:
    async with serving(receiver := MailReceiver(refuses=("night@example.com",))):
        assert await send(mail(receiver.port)) == Sent("not for night@example.com, who was refused")
        assert receiver.mails[0][0] == ["ops@example.com"]
        receiver.refuses = ("night@example.com", "ops@example.com")
        assert await send(mail(receiver.port)) == NotSent("every receiver was refused (550)", refused=True)


# --- the room on a ledger ---------------------------------------------------------------------------------------------


async def one_life(
    path: Path, settings: WebhookSettings, standing: list[Problem], done: Callable[[], bool], kept: tuple[int, int]
) -> None:
    """`kept`: how many problems the ledger then knows as told, and how many alerts as still to be told."""
    clock = SystemClock()
    store = await open_store(path, clock, Random(1), compose_stop)
    tasks = Tasks()
    room = Alerts([settings], "depot", UTC, lambda: standing, _shelf(store), clock, Random(1))
    tasks.spawn(room.run(), "alerts")
    await until(done, 30.0, "what was waited for")
    async with asyncio.timeout(30.0):  # the ledger is told a moment later
        while [(len(one.told), len(one.waiting)) for one in (await _shelf(store).load()).values()] != [kept]:
            await asyncio.sleep(0.02)
    await tasks.cancel_all()
    await store.close()


def _shelf(store: Store) -> AlertShelf:
    return AlertShelf(store.database)


async def test_what_could_not_be_sent_goes_after_a_restart_and_is_told_no_second_time(tmp_path: Path) -> None:
    standing = [problem("A"), problem("B")]
    async with serving(receiver := HttpReceiver(["503 Busy"])):
        settings = webhook(f"http://127.0.0.1:{receiver.port}/", after_s=0.0)
        await one_life(tmp_path / "l.db", settings, standing, lambda: bool(receiver.requests), (2, 2))
        receiver.answers = ["204 No Content"]
        before = len(receiver.requests)
        await one_life(tmp_path / "l.db", settings, standing, lambda: len(receiver.requests) > before, (2, 0))
        assert len(receiver.requests) == before + 1
        body = json.loads(receiver.requests[-1].body)
        assert [place["where"] for place in body["began"][0]["places"]] == ["A", "B"]
        await one_life(tmp_path / "l.db", settings, [standing[0]], lambda: len(receiver.requests) > before + 1, (1, 0))
    body = json.loads(receiver.requests[-1].body)
    assert (body["began"], [place["where"] for place in body["ended"][0]["places"]]) == ([], ["B"])


# --- the daemon -------------------------------------------------------------------------------------------------------


async def test_the_daemon_tells_of_its_problems_and_a_test_by_hand(tmp_path: Path) -> None:
    async with serving(receiver := HttpReceiver()):
        alerts = [{"webhook": f"http://127.0.0.1:{receiver.port}/T0/s3cret", "after_s": 0.5, "name": "chat"}]
        config = site(tmp_path, alerts=alerts)
        async with daemon(config) as running:
            tested = await sitectl("alerts", "test", "--config", config)
            assert (tested.status, tested.out) == (0, "chat: sent\n")
            await until(lambda: len(receiver.requests) >= 2, 20.0, "the alert")
            shown = json.loads((await sitectl("alerts", "--json", "--config", config)).out)["alerts"]
            assert [(one["name"], one["state"], one["waiting"]) for one in shown] == [("chat", "ok", 0)]
            effective = await sitectl("config", "show", "--effective", "--config", config)
            assert "s3cret" not in effective.out + running.log
            missing = await sitectl("alerts", "test", "nobody", "--config", config)
            assert (missing.status, "there are: chat" in missing.err) == (1, True)
    kinds = {json.loads(request.body)["kind"]: json.loads(request.body) for request in receiver.requests}
    places = {group["what"]: [place["where"] for place in group["places"]] for group in kinds["alert"]["began"]}
    assert places["Never seen"] == ["CP01", "CP02", "CP03", "CP04"]
    assert kinds["test"]["site"] == "depot-north"
