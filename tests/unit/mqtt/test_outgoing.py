import asyncio

from sitectl.mqtt.outgoing import MOST_EVENTS, RETAINED_FIRST, Item, Outgoing


async def test_of_a_topic_the_newest_goes_in_the_place_of_the_oldest() -> None:
    outgoing = Outgoing()
    for topic, payload in (("a", b"1"), ("b", b"1"), ("a", b"2")):
        outgoing.state(topic, payload)
    assert [await outgoing.next(), await outgoing.next()] == [Item("a", b"2"), Item("b", b"1")]
    assert len(outgoing) == 0


async def test_a_million_changes_of_a_thousand_topics_take_room_for_a_thousand() -> None:
    outgoing = Outgoing()
    for count in range(100_000):
        outgoing.state(f"t{count % 1000}", b"%d" % count)
        outgoing.event("events", b"%d" % count)
    assert len(outgoing) == 1000 + MOST_EVENTS
    assert outgoing.dropped == 100_000 - MOST_EVENTS


async def test_what_did_not_get_out_waits_again_unless_something_newer_does() -> None:
    outgoing = Outgoing()
    outgoing.state("a", b"1")
    item = await outgoing.next()
    outgoing.state("a", b"2")
    outgoing.put_back(item)
    assert await outgoing.next() == Item("a", b"2")
    outgoing.put_back(item)
    assert await outgoing.next() == item


async def test_events_stay_in_order_and_are_not_starved() -> None:
    outgoing = Outgoing()
    for count in range(3):
        outgoing.event("e", b"%d" % count)
    for count in range(4 * RETAINED_FIRST):
        outgoing.state(f"t{count}", b"x")
    items = [await outgoing.next() for _ in range(len(outgoing))]
    assert [item.payload for item in items if not item.retain] == [b"0", b"1", b"2"]
    assert next(place for place, item in enumerate(items) if not item.retain) == RETAINED_FIRST


async def test_who_waits_for_the_next_gets_it_when_it_comes() -> None:
    outgoing = Outgoing()
    waiting = asyncio.create_task(outgoing.next())
    await asyncio.sleep(0)
    outgoing.state("a", b"1")
    assert await asyncio.wait_for(waiting, 1) == Item("a", b"1")
