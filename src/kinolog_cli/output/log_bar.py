"""A live progress bar for work that goes through the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


@contextmanager
def log_bar(console: Console, doing: str, before: int) -> Iterator[Callable[[int, int], None]]:
    """Show how far the log is read after a position, first what is done.

    Yields what to call with the position that is reached and the last one.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    is_shown = console.is_terminal  # else it leaves an empty line
    with Progress(*columns, console=console, transient=True, disable=not is_shown) as bar:
        task = bar.add_task(doing, total=None)

        def show(reached: int, last: int) -> None:
            text = f"position {reached} of {last}"
            bar.update(task, total=last - before, completed=reached - before, description=text)

        yield show
