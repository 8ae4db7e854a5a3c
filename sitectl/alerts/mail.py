"""A message by SMTP: STARTTLS unless configured otherwise, never in clear where TLS was asked for."""

from __future__ import annotations

import smtplib
import socket
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from sitectl.alerts.attempt import STEP_S, Attempts, Line, words
from sitectl.alerts.message import Message
from sitectl.alerts.ports import NotSent, Outcome, Sent
from sitectl.base.units import parse_timestamp
from sitectl.config.settings_alerts import MailSettings


class Mail:
    """One mail server and whom it sends to. Meets `Post`."""

    def __init__(self, settings: MailSettings, attempts: Attempts) -> None:
        self._settings = settings
        self._attempts = attempts

    async def send(self, message: Message) -> Outcome:
        mail = self._mail(message)
        return await self._attempts.make(lambda line: self._hand_over(mail, line))

    def _mail(self, message: Message) -> EmailMessage:
        """Its id is that of the news: a mail program shows what came twice once."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self._settings.sender, ", ".join(self._settings.to)
        mail["Subject"] = "".join(c if c.isprintable() else " " for c in message.subject)
        parsed = parse_timestamp(str(message.body["time"]))
        mail["Date"] = format_datetime(parsed[0] if parsed is not None else datetime.fromtimestamp(0, UTC))
        mail["Message-ID"] = f"<{message.id}@sitectl.invalid>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        return mail

    def _hand_over(self, mail: EmailMessage, line: Line) -> Outcome:
        settings = self._settings
        context = None if settings.tls == "none" else ssl.create_default_context(cafile=settings.ca)
        local = socket.gethostname()
        if settings.tls == "implicit":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(timeout=STEP_S, local_hostname=local, context=context)
        else:
            smtp = smtplib.SMTP(timeout=STEP_S, local_hostname=local)
        vars(smtp)["_host"] = settings.host  # whose certificate it is: the constructor takes it only to connect
        line.is_at(lambda: smtp.sock)
        try:
            smtp.connect(settings.host, settings.port)
            if settings.tls == "starttls":
                smtp.starttls(context=context)
            if settings.user is not None and settings.password is not None:
                smtp.login(settings.user, settings.password.decode())
            refused = smtp.send_message(mail)
            return Sent(f"not for {', '.join(sorted(refused))}, who was refused" if refused else "")
        except ssl.SSLCertVerificationError as error:
            return NotSent(f"its certificate is not trusted: {error.verify_message}", refused=True)
        except smtplib.SMTPException as error:
            return _refusal(error)
        except OSError as error:
            return NotSent(words(error))
        finally:
            smtp.close()


def _refusal(error: smtplib.SMTPException) -> NotSent:
    """4xx passes, 5xx does not."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return NotSent(
                f"the login was refused ({error.smtp_code}): check user and password_file", error.smtp_code >= 500
            )
        case smtplib.SMTPNotSupportedError():
            return NotSent("it does not offer what is asked for: check tls and user", refused=True)
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
            return NotSent(f"every receiver was refused ({min(codes)})", refused=min(codes) >= 500)
        case smtplib.SMTPServerDisconnected():
            return NotSent("it broke off")
        case smtplib.SMTPResponseException():
            said = error.smtp_error
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            clear = "".join(c if c.isprintable() else " " for c in text)[:200]
            return NotSent(f"it answered {error.smtp_code}: {clear}", refused=error.smtp_code >= 500)
    return NotSent(f"failed by {type(error).__name__}")
