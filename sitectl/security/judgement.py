"""What can be said of certificates without reading one: the library that reads them takes 9 MB, and most sites have
none."""

from __future__ import annotations

from datetime import datetime

from sitectl.base.errors import PeerError


class CertificateError(PeerError):
    """A certificate or a signing request that cannot be used; the text says why. Later it will be no better."""

    retry_is_sane = False


def renewal_due(begins: datetime, ends: datetime, now: datetime) -> bool:
    """Whether two thirds of the life of a certificate are over."""
    return now >= begins + (ends - begins) * 2 / 3
