"""The tickets of a worker in the order in which their jobs use its device. See docs/worker.md."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from math import inf

from kinolog.scheduling.next_job import MOST_PLACES, START_SECONDS, TAKE_SECONDS


class DeviceLine:
    """At most two places: that of the job that uses the device, and one of a job before or after its use.

    Where the finished files of a job cannot be stored, its place stays taken: then one other job is rendered at most.

    The jobs of a line without a device wait for no other one. It has `most_places`.
    """

    def __init__(self, most_places: int = MOST_PLACES, *, has_device: bool = True) -> None:
        self.has_device = has_device
        self._most_places = most_places
        self._places: list[DevicePlace] = []
        self._changed = asyncio.Event()

    @property
    def is_used(self) -> bool:
        """Whether a job uses the device, or waits for it."""
        return bool(self.users)

    @property
    def users(self) -> list[DevicePlace]:
        """The places of the jobs that use the device or wait for it, in their order."""
        return [place for place in self._places if not place.has_left_device]

    @property
    def has_room_now(self) -> bool:
        """Whether another ticket may be taken now."""
        return self._seconds_to_room() <= 0

    async def is_free(self) -> None:
        """Wait until no job uses the device."""
        await self.wait(lambda: inf if self.is_used else 0.0)

    async def has_room(self) -> None:
        """Wait until another ticket may be taken."""
        await self.wait(self._seconds_to_room)

    def join(self) -> DevicePlace:
        """Return a place behind all others."""
        place = DevicePlace(self)
        self.append(place)
        return place

    def append(self, place: DevicePlace) -> None:
        """Put a place behind all others."""
        self.leave(place)
        self._places.append(place)

    def leave(self, place: DevicePlace) -> None:
        """Remove a place. Removing it twice is no error."""
        if place in self._places:
            self._places.remove(place)
            self.notify()

    def seconds_before(self, place: DevicePlace) -> float:
        """Return in how many seconds the jobs before a place are expected to have left the device.

        It is infinite if nobody knows, and minus infinity if they have left it.
        """
        before = self._places[: self._places.index(place)] if place in self._places else []
        return max((other.seconds_left() for other in before), default=-inf)

    def notify(self) -> None:
        """Let all that wait look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait(self, seconds: Callable[[], float]) -> None:
        """Wait until `seconds` returns 0 or less. It is called after each change, and again after so many seconds."""
        while (left := seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if left == inf else left):
                    await self._changed.wait()

    def _seconds_to_room(self) -> float:
        if len(self._places) >= self._most_places:
            return inf
        return max((place.seconds_left() - TAKE_SECONDS for place in self._places), default=0.0)


class DevicePlace:
    """The place of one ticket in the line. Its job uses the device once all jobs before it have left the device."""

    def __init__(self, line: DeviceLine) -> None:
        self._line = line
        self._leaves_at = inf if line.has_device else -inf

    @property
    def uses_device(self) -> bool:
        """Whether its job uses the device at some time."""
        return self._line.has_device

    def seconds_left(self) -> float:
        """Return in how many seconds its job is expected to leave the device: see `DeviceLine.seconds_before`.

        Once the expected time is over, they are less than 0.
        """
        return self._leaves_at - _now()

    @property
    def has_left_device(self) -> bool:
        """Whether its job uses the device no more."""
        return self._leaves_at == -inf

    @property
    def is_first(self) -> bool:
        """Whether all jobs before it have left the device."""
        return self._line.seconds_before(self) == -inf

    async def near(self) -> None:
        """Wait until the device is free for its job, or is expected to be soon: its attempt may start."""
        await self._line.wait(lambda: self._line.seconds_before(self) - START_SECONDS)

    async def first(self) -> None:
        """Wait until all jobs before it have left the device."""
        await self._line.wait(lambda: 0.0 if self.is_first else inf)

    def expect_end(self, seconds: float | None) -> None:
        """Note in how many seconds its job is expected to leave the device. None if nobody knows."""
        if self._leaves_at != -inf:
            self._leaves_at = inf if seconds is None else _now() + seconds
            self._line.notify()

    def leave_device(self) -> None:
        """Note that its job uses the device no more."""
        if self._leaves_at != -inf:
            self._leaves_at = -inf
            self._line.notify()

    def rejoin(self) -> None:
        """Go behind all others: the job has to use the device again."""
        self._leaves_at = inf if self.uses_device else -inf
        self._line.append(self)

    def leave(self) -> None:
        """Leave the line: the ticket is acknowledged or released."""
        self._line.leave(self)


def _now() -> float:
    return asyncio.get_running_loop().time()
