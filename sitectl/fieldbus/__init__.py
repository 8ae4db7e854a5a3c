"""One owner a bus: Modbus."""
