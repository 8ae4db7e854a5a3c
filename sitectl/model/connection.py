"""Where a device on a field bus is reached: Modbus TCP, RTU frames over TCP, or a serial line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TcpConnection:
    """A TCP endpoint. `rtu`: it passes the frames of a serial line on as they are, instead of Modbus TCP."""

    host: str
    port: int
    rtu: bool = False

    @property
    def endpoint(self) -> str:
        """What only one may own: the same however it is spoken to."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{'rtu-tcp' if self.rtu else 'tcp'}://{self.endpoint}"


@dataclass(frozen=True, slots=True)
class SerialConnection:
    """A serial line with Modbus RTU, eight data bits. `parity` is N, E or O; `stop` is 1 or 2 bits."""

    device: str
    baud: int = 9600
    parity: str = "N"
    stop: int = 1

    @property
    def endpoint(self) -> str:
        """What only one may own: the same at whatever speed."""
        return self.device

    @property
    def byte_s(self) -> float:
        """How long one byte takes on the wire: start bit, eight bits, parity, stop bits."""
        return (9 + (self.parity != "N") + self.stop) / self.baud

    def __str__(self) -> str:
        return f"rtu://{self.device}?baud={self.baud}&parity={self.parity}&stop={self.stop}"


Connection = TcpConnection | SerialConnection
