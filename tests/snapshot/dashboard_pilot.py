"""The dashboard in a test: started on a replay, awaited, and read from its screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kinolog_tui.app import KinologApp
from kinolog_tui.screens.page import Page
from kinolog_tui.session.preferences import PreferenceStore
from kinolog_tui.text import clock
from textual._compositor import Compositor
from textual._styles_cache import StylesCache
from textual.pilot import Pilot
from textual.strip import Strip
from textual.worker import WorkerState

from tests.snapshot.environment import fixed_environment, settings_file
from tests.snapshot.idle_dashboard import PAUSE_SECONDS, until_idle
from tests.snapshot.replay import recorded

NARROW, WIDE = (80, 24), (120, 40)
LASTING = ("feed",)
"""Groups of workers that run as long as the dashboard."""
LONGEST_WAIT_SECONDS = 100.0
"""Shorter than the time limit of a test, so that a wait that does not end shows the screen."""


class StillClock:
    """A clock of seconds that go on only in `pass_time`."""

    seconds = 1_000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds


def pass_time(seconds: float) -> None:
    """Have time pass on the clock of the running dashboard."""
    assert isinstance(clock.monotonic, StillClock)
    clock.monotonic.seconds += seconds


@asynccontextmanager
async def dashboard(url: str, folder: Path, size: tuple[int, int] = WIDE) -> AsyncIterator[Pilot[None]]:
    """Run the dashboard at the recorded moment, in UTC, with `folder` as home. It is connected and settled.

    Its clocks stand still: no message ends and no video goes on, however long the steps of the test take.
    """
    then = datetime.fromisoformat(recorded()["now"])
    with (
        fixed_environment(folder),
        patch.object(clock, "now", lambda: then),
        patch.object(clock, "monotonic", StillClock()),
    ):
        app = KinologApp(url, store=PreferenceStore(settings_file(folder)))
        async with running(app, size) as pilot:
            await linked(pilot, "live")
            await settled(pilot)
            yield pilot


@asynccontextmanager
async def running(app: KinologApp, size: tuple[int, int] = WIDE) -> AsyncIterator[Pilot[None]]:
    """Run this dashboard without animations, tooltips and toasts.

    No terminal shows it, so it is drawn when it has settled and when it ends, not at each of its steps.
    """
    app.animation_level = "none"

    async def idle(*_: object, **__: object) -> bool:
        await until_idle(app)
        return app._exception is None

    try:
        with (
            patch.object(Compositor, "render_update", _draw_later),
            patch.object(Pilot, "_wait_for_screen", idle),
            patch("textual.app.wait_for_idle", idle),
            patch("textual.pilot.wait_for_idle", idle),
        ):
            async with app.run_test(size=size, tooltips=False, notifications=False) as pilot:
                yield pilot
                _draw(pilot)
    finally:
        StylesCache.get_inner_outer.cache_clear()  # it holds the drawn lines of a thousand widgets that ended


_render_update = Compositor.render_update


def _draw_later(
    self: Compositor, full: bool = False, screen_stack: Any = None, simplify: bool = False
) -> Any:
    """Draw a whole screen that is asked for. Leave the regions that have changed to `_draw`."""
    return _render_update(self, full, screen_stack, simplify) if full else None


def _draw(pilot: Pilot[None]) -> None:
    """Draw the regions that have changed."""
    app = pilot.app
    if app.is_running and app.screen_stack:
        copy_context().run(_render_update, app.screen._compositor, screen_stack=app._background_screens)


def app_of(pilot: Pilot[None]) -> KinologApp:
    """Return the dashboard of a pilot."""
    assert isinstance(pilot.app, KinologApp)
    return pilot.app


@asynccontextmanager
async def _bounded(pilot: Pilot[None], what: str) -> AsyncIterator[None]:
    """End a wait that lasts too long with what is on the screen and which requests are open."""
    try:
        async with asyncio.timeout(LONGEST_WAIT_SECONDS):
            yield
    except TimeoutError as error:
        workers = [f"{worker.group} {worker.state.name}" for worker in pilot.app.workers]
        raise AssertionError(
            f"{what} did not happen; workers {workers}; the screen:\n{text(pilot)}"
        ) from error


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Wait for a condition. Raises the error of a dashboard that failed."""
    async with _bounded(pilot, "a condition"):
        while not condition():
            await asyncio.sleep(0.01)
            _raise_failure(pilot)


async def linked(pilot: Pilot[None], state: str) -> None:
    """Wait for a state of the connection."""
    await until(pilot, lambda: app_of(pilot).link.state == state)


async def settled(pilot: Pilot[None]) -> None:
    """Wait until every request is answered and shown, those that the page would make soon included."""
    await _answered(pilot)
    _draw(pilot)


async def _answered(pilot: Pilot[None]) -> None:
    async with _bounded(pilot, "the end of all requests"):
        while True:
            await until_idle(pilot.app)
            _raise_failure(pilot)
            if not _has_requests(pilot):
                _load_what_is_stale(pilot)
                if not _has_requests(pilot):
                    break
            await asyncio.sleep(PAUSE_SECONDS)


def _load_what_is_stale(pilot: Pilot[None]) -> None:
    """Have the page request at once what it would request at its next interval, whenever that is."""
    page = pilot.app.screen if pilot.app.is_running and pilot.app.screen_stack else None
    if isinstance(page, Page):
        page.load_what_is_stale()


def _has_requests(pilot: Pilot[None]) -> bool:
    return any(
        worker.group not in LASTING and worker.state in (WorkerState.PENDING, WorkerState.RUNNING)
        for worker in pilot.app.workers
    )


def _raise_failure(pilot: Pilot[None]) -> None:
    if pilot.app._exception is not None:
        raise pilot.app._exception


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys one after the other, and wait for the effect of each. The screen is drawn after the last one."""
    for key in keys:
        await pilot.press(key)
        await _answered(pilot)
    _draw(pilot)


def strips(pilot: Pilot[None]) -> list[Strip]:
    """Return the lines of the screen with their styles."""
    return pilot.app.screen._compositor.render_strips()


def text(pilot: Pilot[None]) -> str:
    """Return the text of the screen."""
    return text_of(strips(pilot))


def text_of(lines: Iterable[Strip]) -> str:
    """Return the text of lines of the screen."""
    return "\n".join(strip.text.rstrip() for strip in lines) + "\n"


async def until_text(pilot: Pilot[None], words: str) -> None:
    """Wait until the screen contains a text."""
    await until(pilot, lambda: words in text(pilot))
