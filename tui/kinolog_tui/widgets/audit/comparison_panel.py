"""The last comparison of everything: how far it is, or what it found."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from kinolog.counts import counted
from kinolog_client import VerificationInfo
from kinolog_tui.session.keymap_app import key_label
from kinolog_tui.text.display_text import bar, count, moment, plain, span
from kinolog_tui.widgets.theme_styles import style

BAR_CELLS = 30
RUNNING = "running"
VERDICTS = {"holds": "nothing differs", "differs": "something differs"}


class ComparisonPanel(Static):
    """It says how to start one, too."""

    _made: VerificationInfo | None = None

    def on_mount(self) -> None:
        """Set the title."""
        self.border_title = "everything"

    def show(self, made: VerificationInfo | None) -> None:
        """Show a comparison; None if none was made yet."""
        self._made = made
        self.redraw()

    def redraw(self) -> None:
        """Draw in the colours of the theme, with the keys as they are."""
        made, key = self._made, key_label(self.app, "audit.compare")
        is_running = made is not None and made.state == RUNNING
        self.border_subtitle = f"{key} stops it" if is_running else f"{key} compares everything"
        self.update("Nothing was compared yet." if made is None else self._result(made))

    def _result(self, made: VerificationInfo) -> Group | Text:
        muted = style(self.app, "text-muted")
        began = Text(f"started by {made.started_by}, {moment(made.started_at)}", style=muted)
        match made.state:
            case "running":
                return Group(self._progress(made), began)
            case "cancelled":
                return Group(Text(f"{made.cancelled_by} stopped it"), began)
            case "failed":
                words = f"it could not be made: {made.failure}"
                return Group(Text(words, style=style(self.app, "warning")), began)
        colour = "error" if made.state == "differs" else "success"
        verdict = Text(VERDICTS.get(made.state, plain(made.state)), style=style(self.app, colour, bold=True))
        verdict.append(f", up to position {count(made.position)} in {span(made.seconds)}", style=muted)
        return Group(verdict, began, self._parts(made))

    def _progress(self, made: VerificationInfo) -> Text:
        progress = made.progress
        if progress is None:
            return Text("it has not begun yet")
        percent = 100 * progress.commits / max(1, progress.all_commits)
        text = Text(bar(percent, BAR_CELLS), style=style(self.app, "primary"))
        text.append(
            f" {count(progress.commits)} of {counted(progress.all_commits, 'commit')}", style="default"
        )
        return text

    def _parts(self, made: VerificationInfo) -> Table:
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for part in made.parts:
            colour = style(self.app, "success" if part.holds else "error", bold=True)
            position = [f"position {count(part.position)}"] if part.position else []
            job = [f"job {part.job_id}"] if part.job_id else []
            where = ", ".join(position + job)
            found = Text(f"{where}: {part.detail}" if where else part.detail, style=style(self.app, "error"))
            table.add_row(
                Text("✔" if part.holds else "✖", style=colour),
                part.name,
                Text(count(part.count), style=style(self.app, "text-muted")) if part.holds else found,
            )
        return table
