"""A station that takes orders with numbers, and short ways to say what a central orders."""

from datetime import timedelta
from typing import Any

from sitectl.base.units import format_utc
from sitectl.model.commands import Answered, Command, Outcome, RelayCall
from sitectl.ocpp.v16.security import hash_payload
from sitectl.security.certificates import hash_data
from tests.unit.security.authority import Authority, new_key, text
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import START, World

LOG, FIRMWARE = "LogStatusNotification", "SignedFirmwareStatusNotification"
ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
MAKER = Authority("maker", now=START)
SIGNER = text(MAKER.issue("release", new_key(2048)))
HOUR = 3600.0


def get_log(request_id: int, kind: str = "DiagnosticsLog", location: str = "https://host/in", **more: Any) -> dict:
    return {"requestId": request_id, "logType": kind, "log": {"remoteLocation": location}, **more}


def update(request_id: int, signer: str = SIGNER, after_s: float = 0.0) -> dict:
    firmware = {
        "location": "https://host/f.bin",
        "retrieveDateTime": format_utc(START + timedelta(seconds=after_s)),
        "signingCertificate": signer,
        "signature": "c2ln",
    }
    return {"requestId": request_id, "firmware": firmware}


class Station:
    """A station with the extension; `roots` is what it lists of makers, `says` what it answers to orders."""

    def __init__(self, *roots: Authority) -> None:
        self.roots = [hash_payload(hash_data(one.certificate, one.certificate)) for one in roots]
        self.says: list[Outcome] = []
        self.orders: list[RelayCall] = []

    def __call__(self, command: Command) -> Outcome:
        assert isinstance(command, RelayCall)
        if command.action == "GetInstalledCertificateIds":
            if not self.roots:
                return Answered("NotFound", {"status": "NotFound"})
            return Answered("Accepted", {"status": "Accepted", "certificateHashData": self.roots})
        if command.action == "InstallCertificate":
            return Answered("Accepted", ACCEPTED)
        self.orders.append(command)
        return self.says.pop(0) if self.says else Answered("Accepted", {"status": "Accepted"})

    def number(self, order: int = -1) -> int:
        return int(self.orders[order].payload["requestId"])


async def says(world: World, action: str, number: int | None, *words: str) -> None:
    for word in words:
        payload = {"status": word} if number is None else {"status": word, "requestId": number}
        await world.pool.file_status(CP, action, payload)


def told(world: World, action: str) -> list[tuple[str, int | None]]:
    return [(payload["status"], payload.get("requestId")) for payload in world.central.of(action)]
