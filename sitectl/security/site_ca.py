"""The site's own certificate authority: it signs what stations show to us, and nothing else.

Made when the first station asks, so a site that does without certificates has no key to lose. Its key never leaves the
vault; its certificate is trusted by our listeners only, beside `ocpp.tls.client_ca`. What reads and makes certificates
is loaded when one is dealt with (see `judgement`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.worker import Worker
from sitectl.model.ids import StationId
from sitectl.security.judgement import CertificateError
from sitectl.security.vault import Vault

if TYPE_CHECKING:
    from sitectl.security.issuing import Authority

log = logging.getLogger(__name__)

CERTIFICATE, KEY = "site-ca/certificate.pem", "site-ca/key.pem"


class SiteCa:
    """ECDSA on P-256. `site` is part of its name, which a random part makes its own.

    `knows_time`: a gateway that woke in 1970 would sign what nobody ever takes.
    """

    def __init__(
        self, site: str, vault: Vault, clock: Clock, worker: Worker, knows_time: Callable[[], bool] = lambda: True
    ) -> None:
        self._site = site
        self._vault = vault
        self._clock = clock
        self._worker = worker
        self._knows_time = knows_time
        self._authority: Authority | None = None
        self._opening = asyncio.Lock()

    @property
    def certificate(self) -> str | None:
        """Its certificate in PEM; None while there was no need for it."""
        held = self._vault.held(CERTIFICATE)
        return None if held is None else held.decode()

    @property
    def name(self) -> str | None:
        """The common name under which it signs."""
        held = self.certificate
        if held is None:
            return None
        from sitectl.security.certificates import common_name, read_one

        return common_name(read_one(held).subject)

    async def sign(self, request: str, station: StationId) -> str:
        """The certificate in PEM for a station's signing request (PEM), valid from now on.

        Raises CertificateError when the request is not in order (signed with its own key, strong, in the name of this
        station alone), EnvironmentFault when the authority cannot be read, or cannot be stored when it is made.
        """
        from sitectl.security import issuing
        from sitectl.security.certificates import to_pem

        now = self._clock.wall()
        if not self._knows_time():
            raise CertificateError("this controller does not know the time yet")
        asked = await self._worker.do(lambda: issuing.check_request(request, station))
        async with self._opening:
            authority = self._authority = self._authority or await self._open(now)
        return to_pem(await self._worker.do(lambda: issuing.issue(authority, asked, now)))

    async def _open(self, now: datetime) -> Authority:
        from sitectl.security import issuing
        from sitectl.security.certificates import common_name, to_pem

        certificate, key = self._vault.held(CERTIFICATE), self._vault.held(KEY)
        if certificate is not None and key is not None:
            try:
                return issuing.read_authority(certificate, key)
            except ValueError as error:
                why = f"the files {KEY} and {CERTIFICATE} cannot be used: restore them"
                raise EnvironmentFault(why) from error
        authority = await self._worker.do(lambda: issuing.make_authority(self._site, now))
        await self._vault.write({KEY: authority.secret, CERTIFICATE: to_pem(authority.certificate).encode()})
        log.info("made the site's certificate authority %s", common_name(authority.certificate.subject))
        return authority
