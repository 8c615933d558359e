"""One greedy visitor leaves room for the others."""

import asyncio
import threading

import pytest
from anyio.from_thread import start_blocking_portal

from resnet_demo.errors import UserError
from resnet_demo.ui import jobs as jobs_module
from resnet_demo.ui import places as rooms
from resnet_demo.ui.access import OWNER
from resnet_demo.ui.jobs import OF_ONE, OF_OWNER, WAITING, Jobs
from resnet_demo.ui.places import ALL_AT_ONCE, AT_ONCE, EVENTS, Places

PANEL = "/gradio_api/component_server"


def asked(address: str, function: str = "deeper", path: str = PANEL) -> dict:
    return {"type": "http", "method": "POST", "path": path, "client": (address, 1),
            "panel_function": function, "headers": []}  # fmt: skip


async def answered(places: Places, scopes: list[dict]) -> list[bytes]:
    """What each gets while the page's functions do not come back."""
    bodies: list[bytes] = []

    async def send(message: dict) -> None:
        bodies.append(message.get("body", b""))

    tasks = [asyncio.create_task(places(scope, None, send)) for scope in scopes]
    for _ in range(5):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [body for body in bodies if body]


def inside(scopes: list[dict]) -> tuple[int, list[bytes]]:
    """How many came through, and what the others were told."""
    through = 0

    async def page(scope, receive, send) -> None:
        nonlocal through
        through += 1
        await asyncio.Event().wait()

    with start_blocking_portal() as own_loop:  # pytest's thread may hold Playwright's
        bodies = own_loop.call(answered, Places(page), scopes)
    return through, bodies


def test_an_address_has_few_places_and_all_have_some() -> None:
    assert inside([asked("a")] * 80)[0] == AT_ONCE
    assert inside([asked(str(number)) for number in range(80)])[0] == ALL_AT_ONCE
    through, told = inside([asked("a")] * 80 + [asked("b")])
    assert through == AT_ONCE + 1 and all(b"Ask again in" in body for body in told)


def test_what_open_pages_ask_each_second_is_not_counted() -> None:
    assert inside([asked("a")] * 80 + [asked("a", "poll")] * 80)[0] == AT_ONCE + 80


def test_places_are_given_back() -> None:
    async def page(scope, receive, send) -> None:
        raise RuntimeError

    async def twice() -> Places:
        places = Places(page)
        for _ in range(2 * AT_ONCE):
            with pytest.raises(RuntimeError):
                await places(asked("a"), None, None)
        return places

    with start_blocking_portal() as own_loop:
        assert not own_loop.call(twice).inside


def test_a_stranger_cannot_fill_the_queue(monkeypatch) -> None:
    join = [asked("a", "", "/gradio_api/queue/join")] * (2 * EVENTS)
    assert inside(join)[0] == 2 * EVENTS  # one's own machine
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    monkeypatch.setattr(rooms, "HELD_SECONDS", 0)
    through, told = inside([*join, asked("b", "", "/gradio_api/queue/join")])
    assert EVENTS <= through <= EVENTS + 2 and b"Busy" in told[0]


def test_who_asks_too_often_hears_late_and_only_some_are_held(monkeypatch) -> None:
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    monkeypatch.setattr(rooms, "HELD_SECONDS", 60)
    monkeypatch.setattr(rooms, "MOST_HELD", 3)
    join = [asked("a", "", "/gradio_api/queue/join")] * (EVENTS + 20)
    through, told = inside(join)
    assert len(told) == len(join) - through - 3


def test_long_measurements_leave_places_to_others_and_the_owner() -> None:
    jobs, go = Jobs(), threading.Event()

    def work():
        go.wait(60)
        yield "done", 1, 1
        return {}

    for visitor in ("a", "b", "c"):
        for _ in range(OF_ONE):
            jobs.start(work, visitor)
        with pytest.raises(UserError, match=f"{OF_ONE} of your measurements"):
            jobs.start(work, visitor)
    with pytest.raises(UserError, match=f"{WAITING} measurements are waiting"):
        jobs.start(work, "d")
    for _ in range(OF_OWNER):
        name = jobs.start(work, OWNER)
    go.set()
    assert name in jobs.jobs


def test_a_visitors_measurement_ends_in_time_and_the_owners_goes_on(monkeypatch) -> None:
    monkeypatch.setattr(jobs_module, "LONGEST_SECONDS", 0)

    def work():
        yield "Counting", 1, 1
        return {"n": 1}

    with pytest.raises(UserError, match="Take fewer pictures"):
        Jobs().finish(work, "a")
    assert Jobs().finish(work, OWNER) == {"n": 1}
