"""Receivers of alerts on loopback: an HTTP(S) server that answers as it is told, and a mail server of our own."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path, host: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """A certificate that signs itself (the file to trust), and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, key_file = folder / f"{host}.pem", folder / f"{host}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kind = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_file)
    return pem, context


@dataclass
class Request:
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpReceiver:
    """Answers each request with the next of `answers`, the last one for ever; `drips`: a byte at a time, for ever."""

    answers: list[str] = field(default_factory=lambda: ["204 No Content"])
    drips: bool = False
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    ended: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers["Content-Length"]))
            self.requests.append(Request(head[0].split(" ")[1], headers, body))
            while self.drips:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.05)
            answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self.ended += 1
            writer.close()


@dataclass
class MailReceiver:
    """Speaks ESMTP with STARTTLS and AUTH PLAIN; what it took lies in `mails`."""

    tls: ssl.SSLContext | None = None
    password: str = "s3cret"
    refuses: tuple[str, ...] = ()
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")

        say("220 mail.test ESMTP")
        to: list[str] = []
        while line := (await reader.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            encrypted = writer.get_extra_info("ssl_object") is not None
            match word.upper():
                case "EHLO":
                    offers = ["AUTH PLAIN"] if encrypted or self.tls is None else ["STARTTLS"]
                    for offer in ["mail.test", *offers][:-1]:
                        say(f"250-{offer}")
                    say(f"250 {offers[-1]}")
                case "STARTTLS" if self.tls is not None:
                    say("220 go on")
                    await writer.drain()
                    await writer.start_tls(self.tls)
                case "AUTH":
                    _, user, password = base64.b64decode(rest.split(" ")[1]).decode().split("\0")
                    self.logins.append(user)
                    say("235 welcome" if password == self.password else "535 5.7.8 no")
                case "RCPT":
                    address = rest.partition("<")[2].partition(">")[0]
                    if address in self.refuses:
                        say("550 5.1.1 nobody of that name")
                    else:
                        to.append(address)
                        say("250 well")
                case "DATA":
                    say("354 go on")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    mail = message_from_bytes(raw[:-3], policy=policy.default)
                    self.mails.append((to, cast(EmailMessage, mail)))
                    self.was_encrypted.append(encrypted)
                    to = []
                    say("250 taken")
                case "QUIT":
                    say("221 farewell")
                    break
                case _:
                    say("250 well")
            await writer.drain()


@asynccontextmanager
async def serving(
    receiver: HttpReceiver | MailReceiver, tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpReceiver | MailReceiver]:
    """The receiver on a port of its own; `tls`: encrypted from the first byte on."""
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
