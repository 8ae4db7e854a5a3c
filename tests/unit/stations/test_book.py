"""What is remembered of a station's configuration."""

import asyncio

from tests.unit.stations.twins import CP, Yard, in_yard


@in_yard()
async def test_configuration_that_others_read_or_wrote_is_remembered(yard: Yard) -> None:
    station = await yard.connect()
    book = yard.stations.book
    book.learn(CP, {"Rare": ("r", True), "LightIntensity": ("50", False)})
    book.learn(CP, {"LightIntensity": ("60", False)})
    await asyncio.sleep(0)
    assert book.configuration(CP) == {"Rare": ("r", True), "LightIntensity": ("60", False)}
    assert yard.store.remembered[CP].configuration == {"Rare": "r", "LightIntensity": "60"}
    book.learn("nobody", {"Rare": ("r", True)})
    assert book.configuration("nobody") == {}
    assert station.calls == []
