"""The dashboard in a pseudo terminal: its queries, what it draws, and that it restores the terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, cast

import pytest
from kinolog_tui.terminal_driver import LosableOutput
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from tests.fixtures.screen import USUAL, Screen
from tests.fixtures.terminal import Terminal
from tests.fixtures.threads import background_thread
from tests.snapshot.environment import environment_of
from tests.snapshot.replay import Replay, recorded, replay
from tests.unit.tui.test_graphics import kitty_pieces, sixel_pixels

pytestmark = pytest.mark.slow
COMMAND = (sys.executable, "-m", "kinolog_tui")
PATIENT = """
import runpy
from kinolog_tui.graphics import capabilities
capabilities.WAIT_SECONDS = 60.0
runpy.run_module("kinolog_tui", run_name="__main__")
"""
"""The dashboard, which waits longer for the responses of a terminal than anything takes on a busy machine."""
MOVES_ON = "\x1b[H."
"""To the first picture and on to the next one: draws at least one, wherever the video is."""
SIXEL = USUAL | {"\x1b[c": "\x1b[?62;4c", "\x1b[16t": "\x1b[6;20;10t"}
KITTY = SIXEL | {"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\": "\x1b_Gi=31;OK\x1b\\"}


@pytest.fixture
async def gateway() -> AsyncIterator[Replay]:
    """A gateway with recorded responses."""
    async with replay() as running:
        yield running


@pytest.fixture
def env(gateway: Replay, tmp_path: Path) -> dict[str, str]:
    """The environment variables of the dashboard."""
    return environment_of(tmp_path) | {"KINOLOG_URL": gateway.url, "TMPDIR": str(tmp_path)}


def strings(screen: Screen, start: str) -> list[str]:
    """Return the control strings that begin with `start`."""
    return [string for string in screen.strings if string.startswith(start)]


def watch_the_film(env: dict[str, str], answers: dict[str, str], start: str) -> Screen:
    """Open the finished job by its id, play its video until pictures arrive, open another tab, quit."""
    with Terminal((sys.executable, "-c", PATIENT), env, answers=answers) as terminal:
        terminal.until(lambda screen: "● live" in screen.line(0), terminal.started)
        terminal.press("\x10", lambda screen: "a command, or" in screen.text())
        terminal.press(recorded()["made"], lambda screen: "Open job" in screen.text())
        terminal.press("\r", lambda screen: recorded()["made"] in screen.line(1))
        terminal.press("v", lambda screen: strings(screen, start))
        for number in range(2, 5):  # a slow machine leaves pictures out while it plays
            terminal.press(MOVES_ON, lambda screen, number=number: len(strings(screen, start)) >= number)  # type: ignore[misc]
        terminal.press("]", lambda screen: "state then" in screen.text())
        terminal.press("q", lambda screen: "\x1b[?1049l" in screen.modes)
        return terminal.screen


async def test_sixel_where_the_terminal_has_it(env: dict[str, str]) -> None:
    """A terminal with sixel in its device attributes gets complete pictures of the size that fits."""
    screen = await asyncio.to_thread(watch_the_film, env, SIXEL, "\x1bP0;0;0q")
    rows = sixel_pixels(strings(screen, "\x1bP0;0;0q")[-1])
    assert (len(rows[0]), len(rows)) == (447, 446)
    assert not any(pixel < 0 for row in rows for pixel in row)


async def test_kittys_graphics_where_the_terminal_has_them(env: dict[str, str]) -> None:
    """A terminal that responds to kitty's query gets the pixels, and their deletion at the end."""
    screen = await asyncio.to_thread(watch_the_film, env, KITTY, "\x1b_Ga=T")
    pieces = [keys for string in strings(screen, "\x1b_G") for keys, _ in kitty_pieces(string)]
    shown = [keys for keys in pieces if keys.get("a") == "T"]
    assert {(keys["s"], keys["v"]) for keys in shown} == {("256", "256")}
    assert [keys["a"] for keys in pieces[-2:]] == ["d", "d"]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_as_leaving_does(
    env: dict[str, str], tmp_path: Path, ending: signal.Signals
) -> None:
    """After SIGTERM or SIGHUP the terminal is restored and no file is left."""

    def left() -> list[Path]:
        return list(tmp_path.glob("kinolog-tui-*"))

    def end() -> tuple[int | None, Screen]:
        with Terminal(COMMAND, env) as terminal:
            terminal.until(lambda screen: "● live" in screen.line(0), terminal.started)
            assert left()
            return terminal.end(ending), terminal.screen

    code, screen = await asyncio.to_thread(end)
    assert code == 0
    assert "\x1b[?1049l" in screen.modes
    assert not left()


async def test_a_terminal_that_goes_away_ends_it(env: dict[str, str], tmp_path: Path) -> None:
    """However much the dashboard wants to draw on a terminal that is gone, SIGHUP ends it, and no file is left."""

    def end() -> int | None:
        with Terminal(COMMAND, env) as terminal:
            terminal.until(lambda screen: "● live" in screen.line(0), terminal.started)
            terminal.go_away()
            code = terminal.end(signal.SIGHUP)
        assert not list(tmp_path.glob("kinolog-tui-*"))
        return code

    assert await asyncio.to_thread(end) == 0


def test_what_a_terminal_that_is_gone_does_not_take_is_dropped() -> None:
    """Textual's thread takes more than fits into its queue, although nothing can be written any more."""
    master, slave = pty.openpty()
    os.close(master)
    terminal = os.fdopen(slave, "w", encoding="utf-8")
    writer = WriterThread(cast(IO[str], LosableOutput(terminal)))
    writer.start()

    def write(stopping: threading.Event) -> None:
        for _ in range(3 * MAX_QUEUED_WRITES):
            writer.write("text")
        writer.stop()

    with background_thread(write, "writes"):
        pass
    with pytest.raises(OSError, match="Input/output error"):
        terminal.close()


async def test_without_colour_every_colour_is_a_grey(env: dict[str, str]) -> None:
    """With NO_COLOR every page and tab is drawn in greys, the video too, and the terminal gets no graphics query."""

    def look() -> Screen:
        with Terminal(COMMAND, env | {"NO_COLOR": "1"}) as terminal:
            terminal.until(lambda screen: "● live" in screen.line(0), terminal.started)
            terminal.press("4", lambda screen: "95% under" in screen.text())
            terminal.press("5", lambda screen: "settings in" in screen.text())
            terminal.press("2", lambda screen: "newest first" in screen.text())
            terminal.press("\x10", lambda screen: "a command, or" in screen.text())
            terminal.press(recorded()["made"], lambda screen: "Open job" in screen.text())
            terminal.press("\r", lambda screen: recorded()["made"] in screen.line(1))
            terminal.press("]", lambda screen: "▒" in screen.text())
            terminal.press("]", lambda screen: "the model draws" in screen.text())
            terminal.press("]", lambda screen: "▒" in screen.text() and "2.0 s" in screen.text())
            terminal.press("]", lambda screen: "state then" in screen.text())
            terminal.press("q", lambda screen: "\x1b[?1049l" in screen.modes)
            return terminal.screen

    screen = await asyncio.to_thread(look)
    assert screen.colours
    assert not strings(screen, "\x1b_G")
    for colour in screen.colours:
        _, kind, *parts = colour.split(";")
        assert kind == "2", colour
        assert len(set(parts)) == 1, colour
