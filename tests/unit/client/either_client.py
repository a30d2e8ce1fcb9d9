"""One of the two clients, called in one way by the tests: the blocking one runs in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from kinolog.process.backoff import Backoff
from kinolog_client import AsyncKinologClient, KinologClient, LinkState, LiveSettings

FAST = LiveSettings(
    silence_seconds=0.5,
    pong_seconds=0.4,
    stable_seconds=5.0,
    poll_seconds=0.05,
    give_up_seconds=1.0,
    reconnect=Backoff(first_seconds=0.1, longest_seconds=0.2),
)
WAIT_SECONDS = 60


class EitherClient:
    """A client by its flavour, `blocking` or `async`."""

    def __init__(self, flavour: str, url: str, api_key: str | None = None, **options: Any) -> None:
        self.client: Any = (KinologClient if flavour == "blocking" else AsyncKinologClient)(
            url, api_key, **options
        )
        self._blocking = flavour == "blocking"
        self.links: list[str] = []
        self.causes: list[str] = []
        """Why the updates did not come live, with each of `links`."""
        self._link_changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Close the client."""
        await self.call("close")

    async def call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method and return its result."""
        method = getattr(self.client, name)
        async with asyncio.timeout(WAIT_SECONDS):
            return await (
                asyncio.to_thread(method, *args, **kwargs) if self._blocking else method(*args, **kwargs)
            )

    async def items(self, name: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Return all that an iterating method yields."""
        return [item async for item in self.each(name, *args, **kwargs)]

    async def each(self, name: str, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        """Yield what an iterating method yields, one by one."""
        found = getattr(self.client, name)(*args, **kwargs)
        iterator: AsyncGenerator[Any, None] = _in_threads(found) if self._blocking else found
        try:
            while True:
                async with asyncio.timeout(WAIT_SECONDS):
                    try:
                        item = await anext(iterator)
                    except StopAsyncIteration:
                        return
                yield item
        finally:
            await iterator.aclose()

    def watch(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        """Watch, and note how the updates come."""
        return self.each("watch", *args, on_link=self._note, **kwargs)

    async def until_link(self, state: str, times: int = 1) -> None:
        """Wait until the updates have come in this way so many times."""
        async with asyncio.timeout(WAIT_SECONDS):
            while self.links.count(state) < times:
                self._link_changed.clear()
                await self._link_changed.wait()

    def _note(self, link: LinkState) -> None:
        self.causes.append(link.cause)
        self.links.append(link.state)
        self._loop.call_soon_threadsafe(self._link_changed.set)


async def _in_threads(iterator: Iterator[Any]) -> AsyncGenerator[Any, None]:
    """Yield what a blocking iterator yields. An abandoned one is closed once its step is done."""
    done = object()
    busy = threading.Lock()

    def step() -> Any:
        with busy:
            return next(iterator, done)

    def close() -> None:
        with busy:
            iterator.close()  # type: ignore[attr-defined]  # a generator

    try:
        while (item := await asyncio.to_thread(step)) is not done:
            yield item
    finally:
        await asyncio.to_thread(close)
