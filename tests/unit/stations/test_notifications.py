from tests.unit.stations.twins import CP, Yard, in_yard


@in_yard()
async def test_firmware_and_diagnostics_go_on_in_order(yard: Yard) -> None:
    station = await yard.connect()
    actions = [
        "FirmwareStatusNotification",
        "DiagnosticsStatusNotification",
        "LogStatusNotification",
        "SignedFirmwareStatusNotification",
        "FirmwareStatusNotification",
    ]
    for action in actions:
        assert await station.call(action, {"status": "Idle"}) == {}
    assert [entry[2] for entry in yard.centrals.heard if entry[0] == "file"] == actions


@in_yard()
async def test_data_transfer_is_the_centrals_to_answer(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.answer = {"status": "Accepted", "data": "42"}
    assert await station.call("DataTransfer", {"vendorId": "acme"}) == {"status": "Accepted", "data": "42"}
    yard.centrals.answer = None
    assert await station.call("DataTransfer", {"vendorId": "acme"}) == {"status": "UnknownVendorId"}


@in_yard()
async def test_in_quarantine_nothing_goes_on(yard: Yard) -> None:
    stranger = await yard.connect("STRANGE", quarantined=True)
    yard.centrals.answer = {"status": "Accepted"}
    assert await stranger.call("DataTransfer", {"vendorId": "acme"}) == {"status": "Rejected"}
    for action in ("FirmwareStatusNotification", "DiagnosticsStatusNotification", "LogStatusNotification"):
        assert await stranger.call(action, {"status": "Idle"}) == {}
    await stranger.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    assert not yard.centrals.heard
    assert CP not in yard.store.remembered
