"""A message by HTTP POST.

2xx means taken. A redirect is not followed: what it names is not what somebody configured. 408, 425, 429 and 5xx are
tried again (`Retry-After` is heeded), other answers too, but they are a refusal that somebody has to look at. TLS is
always verified. Neither the path of the address nor a secret ever reaches a log or an error.
"""

from __future__ import annotations

import hmac
import http.client
import ssl
from urllib.parse import urlsplit

import orjson

from sitectl.alerts.attempt import STEP_S, Attempts, Line, words
from sitectl.alerts.message import Message
from sitectl.alerts.ports import NotSent, Outcome, Sent
from sitectl.config.settings_alerts import WebhookSettings

SIGNATURE = "X-Sitectl-Signature"
"""`sha256=` and the HMAC-SHA256 of the body under the secret, in hexadecimal."""
TEMPORARY = frozenset((408, 425, 429))
MOST_PATIENCE_S = 3600.0


class Webhook:
    """One address. Meets `Post`."""

    def __init__(self, settings: WebhookSettings, attempts: Attempts) -> None:
        self._settings = settings
        self._attempts = attempts

    async def send(self, message: Message) -> Outcome:
        body = orjson.dumps(message.body)
        return await self._attempts.make(lambda line: self._post(body, message.id, line))

    def _post(self, body: bytes, id: str, line: Line) -> Outcome:
        url = urlsplit(self._settings.url)
        assert url.hostname is not None
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=self._settings.ca)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                url.hostname, url.port or 443, timeout=STEP_S, context=context
            )
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=STEP_S)
        line.is_at(lambda: connection.sock)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            connection.request("POST", target, body, self._headers(body, id))
            answer = connection.getresponse()
            return _judged(answer.status, answer.headers.get("Retry-After"))
        except ssl.SSLCertVerificationError as error:
            return NotSent(f"its certificate is not trusted: {error.verify_message}", refused=True)
        except OSError as error:
            return NotSent(words(error))
        except http.client.HTTPException as error:
            return NotSent(f"its answer is no HTTP: {type(error).__name__}")
        finally:
            connection.close()

    def _headers(self, body: bytes, id: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "sitectl", "Idempotency-Key": id}
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token.decode()}"
        if self._settings.secret is not None:
            headers[SIGNATURE] = "sha256=" + hmac.new(self._settings.secret, body, "sha256").hexdigest()
        return headers


def _judged(status: int, retry_after: str | None) -> Outcome:
    if 200 <= status < 300:
        return Sent()
    wait_s = min(MOST_PATIENCE_S, float(retry_after)) if retry_after is not None and retry_after.isdecimal() else 0.0
    if status in TEMPORARY or status >= 500:
        return NotSent(f"HTTP {status}", wait_s=wait_s)
    if 300 <= status < 400:
        return NotSent(f"HTTP {status}: it redirects; configure the address that it leads to", refused=True)
    return NotSent(f"HTTP {status}: check the address and what it is allowed by", refused=True)
