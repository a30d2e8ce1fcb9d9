"""`kinolog models pull`: download a model of the hub, or go on with a download."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from kinolog.models.hub.errors import AccessDenied, DownloadFailed, HubUnreachable, NoSuchModel
from kinolog.models.hub.snapshots import at_pin
from kinolog.models.memory.planner import gib
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.models.local_lora import local_lora
from kinolog_cli.models.local_model import NameArgument, local_model

if TYPE_CHECKING:
    from kinolog.models.hub.download import DownloadProgress

LINE_SECONDS = 10.0
"""Interval of lines where the output is no terminal."""

_CODES = {
    AccessDenied: ExitCode.DENIED,
    HubUnreachable: ExitCode.UNREACHABLE,
    NoSuchModel: ExitCode.NOT_FOUND,
}


@command
def pull(
    name: NameArgument,
    revision: Annotated[
        str | None, typer.Option(help="Commit, branch or tag; else that of the catalogue, or `main`.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Download a model or a LoRA of the hub: only the files that kinolog loads. Run it again to go on where it was.

    The commit that a branch has then is pinned: workers use it until `--revision main` is given here. HF_TOKEN is the
    account of the hub, HF_HUB_CACHE the folder.
    """
    context = current_context(as_json)
    model = local_lora(name, revision) or local_model(name, revision)
    hub = model.hub
    if hub is None:
        raise CommandFailed(
            ExitCode.USAGE, f"{name} is no model of the hub: its source is {model.entry.source}"
        )
    if model.folder is None or revision is not None:
        try:
            from kinolog.models.hub.download import ModelDownload
        except ImportError as error:
            raise CommandFailed(
                ExitCode.FAILED,
                f"downloads need {error.name}; install it with: pip install 'kinolog[worker]'",
            ) from error
        with _reporting(context, hub.title) as report:
            try:
                folder = ModelDownload(hub if revision else at_pin(hub), report).run()
            except DownloadFailed as error:
                raise CommandFailed(_CODES.get(type(error), ExitCode.FAILED), error.message) from error
        model = local_lora(name, revision) or local_model(name, revision)
        done = "is here"
    else:
        folder, done = model.folder, "was here already"
    if context.as_json:
        context.print_json(
            {
                "name": model.entry.name,
                "source": hub.name,
                "revision": folder.name,
                "folder": str(folder),
                "size_bytes": model.size_bytes,
            }
        )
    else:
        context.out.print(
            f"{hub.title} {done}: {gib(model.size_bytes)}, revision {folder.name}, in {folder}",
            markup=False,
            soft_wrap=True,
        )


@contextmanager
def _reporting(context: CliContext, name: str) -> Iterator[Callable[[DownloadProgress], None]]:
    """Show a bar on a terminal, a line now and then elsewhere: on standard error, where no program reads."""
    if not context.err.is_terminal:
        yield _Lines(context, name).report
        return
    with _bar(context.err) as bar:
        task = bar.add_task(name, total=None)

        def report(progress: DownloadProgress) -> None:
            bar.update(task, completed=progress.received, total=progress.total)

        yield report


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


class _Lines:
    """Prints how far a download is, not more often than each `LINE_SECONDS`."""

    def __init__(self, context: CliContext, name: str) -> None:
        self._context = context
        self._name = name
        self._printed_at: float | None = None

    def report(self, progress: DownloadProgress) -> None:
        now = monotonic()
        done = progress.received == progress.total
        if done or self._printed_at is None or now - self._printed_at >= LINE_SECONDS:
            self._printed_at = now
            self._context.print_note(f"{self._name}: {gib(progress.received)} of {gib(progress.total)}")
