"""The queue and the fleet as of a position of the log or a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from kinolog_client import QueueAtInfo
from kinolog_client.models.history import JobPlaceInfo
from kinolog_tui.keys.bindings import ROW_KEYS, key_binding
from kinolog_tui.screens.page_tab import PageTab
from kinolog_tui.session.messages import RequestAnswered
from kinolog_tui.text import clock
from kinolog_tui.text.display_text import PRIORITY_MARKS, count, moment, short_id
from kinolog_tui.text.local_days import InvalidTime, start_of
from kinolog_tui.widgets.audit.log_slider import LogSlider
from kinolog_tui.widgets.theme_styles import style

SETTLED_SECONDS = 0.2
"""The queue is requested once the slider has rested for so long."""
MOST_PLACES = 200


class PlaceList(OptionList):
    """Jobs of the queue or of the fleet. Enter opens one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *ROW_KEYS,
        key_binding("everywhere.open", "select", "Open job"),
    ]


class MomentField(Input):
    """A position or a time. Enter goes there, `esc` goes on to the slider."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key_binding("everywhere.open", "submit", "Go there"),
        key_binding("everywhere.back", "screen.leave_field", "Leave field"),
    ]


class PastTab(PageTab):
    """A slider over the queue and the fleet."""

    def __init__(self) -> None:
        super().__init__("Queue and fleet", id="past")
        self._as_of: int | datetime | None = None
        self._last = 0
        self._state: QueueAtInfo | None = None
        self._timer: Timer | None = None
        self._is_moving = False
        """Whether the slider is ahead of what is shown."""

    def compose(self) -> ComposeResult:
        """The moment, the slider, the two lists."""
        yield MomentField(
            placeholder="as of: a position, or 2026-11-22 15:30; empty for now", id="as-of", compact=True
        )
        yield LogSlider()
        yield Static(id="moment")
        with Horizontal():
            yield PlaceList(id="queue")
            yield PlaceList(id="fleet")

    def on_mount(self) -> None:
        """Set the titles."""
        self.query_one("#queue").border_title = "queue"
        self.query_one("#fleet").border_title = "fleet"

    def load(self) -> None:
        """Request the moment, and where the log ends."""
        self.request("state", partial(self.kinolog.client.queue_at, self._as_of, limit=MOST_PLACES))
        if self._as_of is not None:
            self.request("end", partial(self.kinolog.client.queue_at, limit=1))

    def show_open(self) -> None:
        """Give the keys to the slider."""
        self.leave_field()

    def leave_field(self) -> None:
        """Give the keys to the slider."""
        self.query_one(LogSlider).focus()

    def focus_moment(self) -> None:
        """Give the keys to the moment."""
        self.query_one("#as-of").focus()

    def show_present(self) -> None:
        """Show the present."""
        self._go(None)

    def redraw(self) -> None:
        """Draw in the colours of the theme."""
        if self._state is not None:
            self._show(self._state)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Go to a position or a time."""
        message.stop()
        typed = message.value.strip()
        try:
            self._go((int(typed) if typed.isdecimal() else start_of(typed)) if typed else None)
        except InvalidTime as error:
            self.query_one("#moment", Static).update(
                Text(f"a position, or a time that {error}", style=style(self.app, "error"))
            )
            return
        self.leave_field()

    def on_log_slider_position_chosen(self, message: LogSlider.PositionChosen) -> None:
        """Request the position once the slider rests."""
        message.stop()
        self._as_of = message.position if message.position < self._last else None
        if self._timer is not None:
            self._timer.stop()
        self._is_moving = True
        self._timer = self.set_timer(SETTLED_SECONDS, self._rest)

    def _rest(self) -> None:
        self._timer = None
        self.load()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        """Open the job."""
        message.stop()
        if message.option_id is not None:
            self.kinolog.open_job(message.option_id)

    def on_request_answered(self, message: RequestAnswered) -> None:
        """Show the moment, or where the log ends."""
        match message.value:
            case QueueAtInfo() as state if message.key == "end":
                self._last = max(self._last, state.position)
                self._draw_slider()
            case QueueAtInfo() as state:
                self._last = max(self._last, state.position)
                self._is_moving = self._timer is not None  # it was moved again meanwhile
                self._show(state)

    def _go(self, as_of: int | datetime | None) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer, self._is_moving = None, False
        self._as_of = as_of
        if as_of is None:
            self.query_one("#as-of", Input).value = ""
        self.load()

    def _show(self, state: QueueAtInfo) -> None:
        self._state = state
        then = state.at or clock.now()
        self._fill("queue", state.queued, state.queued_total, then, "no job was queued")
        self._fill("fleet", state.running, state.running_total, then, "no job was running")
        words = "now" if self._as_of is None else f"as of position {count(state.position)}"
        last = f"last commit by then {moment(state.at)}" if state.at is not None else "no commit by then"
        self.query_one("#moment", Static).update(
            Text(f"{words}, {last}", style=style(self.app, "text-muted"))
        )
        self._draw_slider()

    def _draw_slider(self) -> None:
        if self._state is not None:
            slider = self.query_one(LogSlider)
            slider.show(slider.position if self._is_moving else self._state.position, self._last)

    def _fill(
        self, name: str, places: Sequence[JobPlaceInfo], total: int, then: datetime, empty: str
    ) -> None:
        rows = self.query_one(f"#{name}", PlaceList)
        at = rows.highlighted
        rows.clear_options()
        rows.add_options([Option(self._line(place, then), id=place.job_id) for place in places])
        if not places:
            rows.add_option(Option(Text(empty, style=style(self.app, "text-muted")), disabled=True))
        elif at is not None:
            rows.highlighted = min(at, len(places) - 1)
        shown = count(total) if len(places) == total else f"{count(len(places))} of {count(total)}"
        rows.border_subtitle = shown

    def _line(self, place: JobPlaceInfo, then: datetime) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{short_id(place.job_id)} ", style=style(self.app, "accent"))
        text.append(f"{PRIORITY_MARKS.get(place.priority, ''):<3}")
        text.append(_standing(place, then))
        text.append(f"  {place.model}, since {moment(place.since)}", style=style(self.app, "text-muted"))
        return text


def _standing(place: JobPlaceInfo, then: datetime) -> str:
    """Return where a job was."""
    if place.worker:
        return place.worker
    if place.paused:
        return "paused"
    if place.jobs_before is not None:
        return f"place {count(place.jobs_before + 1)}"
    waits = place.queued_at is not None and place.queued_at > then
    return f"waits until {moment(place.queued_at)}" if waits else "queued"
