"""Certificates of stations: the site's authority signs what they ask for, and they are made to ask in time.

A station asks (SignCertificate), hears Accepted, and only then gets its certificate, by a call of ours
(CertificateSigned). One that is to be on security profile 3 and has none yet is let in by its password in the
commissioning window and made to ask; once it has the certificate, it is told to use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.model.commands import Answered, NotSent, SetVariable, Unanswered, Urgency, in_words
from sitectl.model.ids import EvseId
from sitectl.ocpp.v16 import security
from sitectl.security.judgement import CertificateError, renewal_due
from sitectl.stations.book import Book
from sitectl.stations.ports import CertificateAuthority, Journal
from sitectl.stations.record import Presently, StationRecord

DELIVER_AFTER_S = 1.0
"""The answer to SignCertificate has long left by then."""

ASK_EVERY_S = 86_400.0
MUTUAL_TLS = 3


class StationCertificates:
    """`authority` None: nothing is signed. `listens_encrypted`: whether a certificate could be shown to us at all.

    `trust` is called when the authority has been made: from then on its certificates are taken.
    """

    def __init__(
        self,
        authority: CertificateAuthority | None,
        book: Book,
        journal: Journal,
        tasks: Tasks,
        clock: Clock,
    ) -> None:
        self._authority = authority
        self._book = book
        self._journal = journal
        self._tasks = tasks
        self._clock = clock
        self.listens_encrypted: Callable[[], bool] = lambda: False
        self.trust: Callable[[], None] = lambda: None

    @property
    def authority(self) -> str | None:
        """The certificate (PEM) of the site's authority; None while there was no need for it."""
        return None if self._authority is None else self._authority.certificate

    # --- a station asks ----------------------------------------------------------------------------------------------

    async def sign(self, record: StationRecord, request: str) -> bool:
        """Whether a signing request (PEM) is taken; the certificate follows by itself."""
        if self._authority is None or not self.listens_encrypted():
            self._note("station.certificate_refused", record, why="there is no encrypted listener to show it to")
            return False
        if record.signing:
            return False
        record.signing = True
        try:
            certificate = await self._authority.sign(request, record.id)
        except CertificateError as error:
            cure = f"Set it up to ask in the name {record.id}, with an RSA key of 2048 bits or one on P-256."
            self._refuse(record, str(error), cure)
            return False
        except EnvironmentFault as fault:
            cure = "Look after the disk and the files of the site's authority, in data_dir/credentials."
            self._refuse(record, f"the site's authority cannot work: {fault}", cure)
            return False
        finally:
            record.signing = False
        self.trust()
        record.certificate_due = certificate
        self._note("station.certificate_signed", record)
        self._tasks.spawn(self._deliver(record, DELIVER_AFTER_S), f"certificate of {record.id}")
        return True

    def _refuse(self, record: StationRecord, why: str, cure: str) -> None:
        self._note("station.certificate_refused", record, why=why)
        what = f"It asked for a certificate and did not get one: {why}."
        self._book.problem(record.id, "certificate", what, cure)

    async def _deliver(self, record: StationRecord, after_s: float = 0.0) -> None:
        """Hand the certificate over; what does not reach the station waits for its next connection."""
        await asyncio.sleep(after_s)
        certificate = record.certificate_due
        if certificate is None:
            return
        outcome = await record.queue.execute(security.certificate_signed(record.id, certificate), Urgency.HOUSEKEEPING)
        if isinstance(outcome, NotSent | Unanswered) or record.certificate_due != certificate:
            return
        record.certificate_due = None
        if isinstance(outcome, Answered) and outcome.accepted:
            self._note("station.certificate_installed", record)
            self._book.solved(record.id, "certificate")
            await self._raise_profile(record)
            return
        self._note("station.certificate_rejected", record, why=in_words(outcome))
        self._book.problem(
            record.id,
            "certificate",
            f"It did not take the certificate that it had asked for: {in_words(outcome)}.",
            "If it must know who signed it, install the site's authority in it as a CentralSystemRootCertificate.",
        )

    async def _raise_profile(self, record: StationRecord) -> None:
        """It has what security profile 3 needs and is to be on it, but came without."""
        present = record.present
        if not _must_have_one(record) or present is None or present.certificate is not None:
            return
        order = SetVariable(record.id, "SecurityProfile", str(MUTUAL_TLS))
        outcome = await record.queue.execute(order, Urgency.HOUSEKEEPING)
        self._note("station.profile_raised", record, status=in_words(outcome))

    # --- a station is made to ask ------------------------------------------------------------------------------------

    async def look_after(self, record: StationRecord, present: Presently) -> None:
        """Bring the certificate of a connected station to what it should be; called again and again."""
        if record.certificate_due is not None:
            await self._deliver(record)
            return
        now = self._clock.monotonic()
        asked_at = record.certificate_asked_at
        if not self._is_wanted(record, present) or (asked_at is not None and now - asked_at < ASK_EVERY_S):
            return
        record.certificate_asked_at = now
        order = security.extended_trigger(EvseId(record.id, 0), "SignChargePointCertificate")
        outcome = await record.queue.execute(order, Urgency.HOUSEKEEPING)
        if isinstance(outcome, NotSent | Unanswered):
            record.certificate_asked_at = None
        elif not (isinstance(outcome, Answered) and outcome.accepted):
            self._book.problem(
                record.id,
                "certificate",
                f"It needs a new certificate and will not ask for one: {in_words(outcome)}.",
                "Give it one by its own means, or write a lower security_profile for it.",
            )

    def _is_wanted(self, record: StationRecord, present: Presently) -> bool:
        shown = present.certificate
        if self._authority is None or not self.listens_encrypted():
            return False
        if shown is None:
            return _must_have_one(record)
        ours = shown.issuer != "" and shown.issuer == self._authority.name
        if not ours or shown.begins is None or shown.ends is None:
            return False
        return renewal_due(shown.begins, shown.ends, self._clock.wall())

    def _note(self, type: str, record: StationRecord, **data: str) -> None:
        self._journal.record(type, record.id, None, data)


def _must_have_one(record: StationRecord) -> bool:
    return record.plan is not None and record.plan.security_profile >= MUTUAL_TLS
