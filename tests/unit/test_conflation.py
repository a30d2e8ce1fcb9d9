"""Conflation: the newest value of each key, ten times a second at most."""

from __future__ import annotations

import asyncio

import pytest

from kinolog.connections.conflation import INTERVAL_SECONDS, Conflation


class Pauses:
    """In place of `asyncio.sleep`: a pause lasts until `go_on` is set."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.pausing, self.go_on = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Note a pause, and wait."""
        self.seconds.append(seconds)
        if seconds:
            self.pausing.set()
            await self.go_on.wait()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """The pauses between takes."""
    pauses = Pauses()
    monkeypatch.setattr(asyncio, "sleep", pauses.sleep)
    return pauses


async def test_values_between_two_takes_are_conflated(pauses: Pauses) -> None:
    """A value that comes alone is passed on at once. What comes within the interval waits, the newest of each key."""
    conflation = Conflation[str, int]()
    conflation.put("a", 0)
    assert await conflation.take() == [0]
    conflation.put("a", 1)
    taking = asyncio.create_task(conflation.take())
    await pauses.pausing.wait()
    for key, value in (("b", 2), ("a", 3), ("c", 4), ("b", 5)):
        conflation.put(key, value)
    conflation.discard("c")
    pauses.go_on.set()
    assert await taking == [3, 5]
    assert pauses.seconds[0] == 0
    assert 0 < pauses.seconds[1] <= INTERVAL_SECONDS


async def test_a_take_outlives_what_was_dropped(pauses: Pauses) -> None:
    """If what waited is dropped during the pause, the take goes on to wait for the next value."""
    conflation = Conflation[str, int]()
    conflation.put("a", 0)
    await conflation.take()
    conflation.put("a", 1)
    taking = asyncio.create_task(conflation.take())
    await pauses.pausing.wait()
    conflation.clear()
    pauses.go_on.set()
    conflation.put("b", 2)
    assert await taking == [2]
