"""Exports of the log: events as lines or as a table, or an archive that proves itself, with how far they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Input, Label, Select, Static

from kinolog.ids import is_job_id
from kinolog_client import CallerInfo, CommitSelection
from kinolog_client.exports.event_file import ExportInterrupted
from kinolog_tui.screens.dialogs.save import SaveDialog
from kinolog_tui.screens.page_tab import PageTab
from kinolog_tui.session.messages import RequestAnswered, RequestFailed
from kinolog_tui.text.display_text import bar, count, short_path, size
from kinolog_tui.text.local_days import EXAMPLE, date_errors, end_of, start_of
from kinolog_tui.widgets.check_list import TickBox
from kinolog_tui.widgets.theme_styles import style

FORMATS = (
    ("JSON Lines (CloudEvents)", "jsonl"),
    ("Parquet", "parquet"),
    ("Bundle that proves itself (ZIP)", "bundle"),
)
NAMES = {"jsonl": "events.jsonl", "parquet": "events.parquet", "bundle": "bundle.zip"}
BAR_CELLS = 30
NEEDS_LIBRARY = "Parquet needs a library: pip install 'kinolog[parquet]', then start the dashboard again."


class ExportRefused(OSError):
    """An export cannot be made here. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ExportSaved:
    """An export is whole."""

    file: Path


class ExportMoved(Message):
    """An export has come so far: `done` of `whole`, None if that is not known."""

    def __init__(self, done: int, whole: int | None, *, in_bytes: bool) -> None:
        super().__init__()
        self.done, self.whole, self.in_bytes = done, whole, in_bytes


class ExportTab(PageTab):
    """The form over the bar."""

    def __init__(self) -> None:
        super().__init__("Export", id="export")

    def compose(self) -> ComposeResult:
        """Format and selection, what a key may add, the button, the bar."""
        with Vertical(id="export-form"):
            yield from _line("format", Select(FORMATS, allow_blank=False, id="format", compact=True))
            yield from _line("from", Input(placeholder=EXAMPLE, id="since", compact=True))
            yield from _line("to", Input(placeholder="as above; that day too", id="until", compact=True))
            yield from _line("actor", Input(placeholder="any", id="actor", compact=True))
            yield from _line("job", Input(placeholder="any", id="export-job", compact=True))
            yield from _line("tenant", Input(placeholder="your own; * for all", id="tenant", compact=True))
            yield from _line("texts", TickBox("prompts and other texts of users", id="prompts", compact=True))
            yield from _line("files", TickBox("videos and pictures, in a bundle", id="files", compact=True))
            yield Static(id="export-wrong")
            yield Button("Export", variant="primary", id="start", compact=True)
            yield Static(id="export-progress")

    def show_caller(self, caller: CallerInfo) -> None:
        """Offer what the key may do."""
        self.query_one("#tenant-line").display = caller.every_tenant
        for name in ("prompts", "files"):
            self.query_one(f"#{name}-line").display = "read" in caller.scopes

    def show_open(self) -> None:
        """Give the keys to the form."""
        self.query_one("#format").focus()

    def leave_field(self) -> None:
        """Stop an export that runs, or leave the form."""
        if self.requesting("export"):
            self.workers.cancel_group(self, "export")
            self._say("stopped; the same export goes on from there")
        else:
            self.screen.set_focus(None)

    def on_button_pressed(self) -> None:
        """Ask for the file."""
        self.start()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Ask for the file."""
        message.stop()
        self.start()

    def start(self) -> None:
        """Ask where the export goes, and begin. What is wrong in the form is said there."""
        typed = {
            name: self.query_one(f"#{name}", Input).value.strip()
            for name in ("since", "until", "actor", "tenant")
        }
        job_id = self.query_one("#export-job", Input).value.strip().lower()
        errors = date_errors(typed["since"], typed["until"])
        if job_id and not is_job_id(job_id):
            errors["job"] = "has 26 lower-case letters and digits"
        words = "\n".join(f"✖ {name} {why}" for name, why in errors.items())
        self.query_one("#export-wrong", Static).update(Text(words, style=style(self.app, "error")))
        if errors:
            return
        selection = CommitSelection(
            job_id=job_id,
            since=start_of(typed["since"]) if typed["since"] else None,
            until=end_of(typed["until"]) if typed["until"] else None,
            actor=typed["actor"],
            tenant=typed["tenant"],
        )
        kind = str(self.query_one("#format", Select).value)

        def chosen(path: str | None) -> None:
            if path:
                self._say("the archive is being made …" if kind == "bundle" else "it begins …")
                self.request(
                    "export", partial(self._export, Path(path).expanduser().absolute(), kind, selection)
                )

        self.app.push_screen(SaveDialog("Export commits", NAMES[kind]), chosen)

    async def _export(self, file: Path, kind: str, selection: CommitSelection) -> ExportSaved:
        """Save an export. Raises `GatewayError`, `OSError`."""
        client = self.kinolog.client
        prompts = self.query_one("#prompts", TickBox).value
        try:
            if kind == "bundle":
                files = self.query_one("#files", TickBox).value
                moved = partial(self._moved, in_bytes=True)
                return ExportSaved(
                    await client.audit_bundle(
                        file, selection, files=files, prompts=prompts, on_progress=moved
                    )
                )
            moved = partial(self._moved, in_bytes=False)
            return ExportSaved(
                await client.export_events(
                    file, selection, file_format=kind, prompts=prompts, on_progress=moved
                )
            )
        except ModuleNotFoundError as error:
            raise ExportRefused(NEEDS_LIBRARY) from error
        except (ExportInterrupted, ValueError) as error:
            raise ExportRefused(str(error)) from error

    def _moved(self, done: int, whole: int | None, *, in_bytes: bool) -> None:
        self.post_message(ExportMoved(done, whole, in_bytes=in_bytes))

    def on_export_moved(self, message: ExportMoved) -> None:
        """Show how far the export is."""
        if not self.requesting("export"):
            return
        written = size if message.in_bytes else count
        share = 100 * message.done / message.whole if message.whole else 0.0
        of = f" of {written(message.whole)}" if message.whole else ""
        what = "" if message.in_bytes else "position "
        self._say(f"{bar(share, BAR_CELLS)} {what}{written(message.done)}{of} · esc stops")

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Say where the export is."""
        if isinstance(message.value, ExportSaved):
            self._say(f"✔ {short_path(message.value.file)} is saved", "success")

    def on_request_failed(self, message: RequestFailed) -> None:
        """Say why there is no export."""
        message.prevent_default()
        self._say(
            f"✖ {message.failure.text} {message.failure.next_step if message.failure.status else ''}", "error"
        )

    def _say(self, words: str, colour: str = "foreground") -> None:
        self.query_one("#export-progress", Static).update(Text(words, style=style(self.app, colour)))


def _line(name: str, field: Input | Select[str] | TickBox) -> ComposeResult:
    with Horizontal(classes="line", id=f"{field.id}-line"):
        yield Label(name)
        yield field
