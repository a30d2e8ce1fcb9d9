"""The banner of alarms: troubles of kinolog's own parts, in a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text
from textual.widgets import Static

from kinolog_client import AlarmInfo

REFUSE_WRITES = "refuse_writes"
"""Severity of an alarm while which no new job is accepted."""
MOST_ALARMS = 2
MOST_LINES = 6
"""Lines of the banner at most; its style has the same limit."""


class AlarmBanner(Static):
    """Shows the troubles of kinolog's own parts that stand, each with what to do. Hidden without any."""

    def show(self, alarms: Sequence[AlarmInfo]) -> None:
        """Show or hide the banner. Those that refuse new jobs come first."""
        merged = sorted(_merged(alarms), key=lambda alarm: not alarm.is_refusing)
        self.display = bool(merged)
        self.update(AlarmLines(merged))
        self.set_class(any(alarm.is_refusing for alarm in merged), "-refusing")


@dataclass(frozen=True, slots=True)
class MergedAlarm:
    """One alarm of one or more processes of a source, in words."""

    source: str
    words: str
    is_refusing: bool

    def lines(self, console: Console, width: int, most: int) -> list[Text]:
        """Return at most so many lines. The end of longer words is left out, the source is not."""
        lead = " ✖ New jobs are refused: " if self.is_refusing else " ! "
        whole = list(Text(f"{lead}{self.words} ({self.source})").wrap(console, width))
        if len(whole) <= most:
            return whole
        end = f"… ({self.source})"
        lines = whole[:most]
        lines[-1].truncate(max(0, width - cell_len(end)))
        lines[-1].rstrip()
        lines[-1].append(end)
        return lines


@dataclass(frozen=True, slots=True)
class AlarmLines:
    """The first alarms in at most `MOST_LINES` lines, and how many more there are."""

    alarms: Sequence[MergedAlarm]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines. An alarm has those that the ones after it do not need, and its share at least."""
        width, shown, more = options.max_width, self.alarms[:MOST_ALARMS], len(self.alarms) - MOST_ALARMS
        left = MOST_LINES - (more > 0)
        needs = [len(alarm.lines(console, width, left)) for alarm in shown]
        for at, alarm in enumerate(shown):
            share = left // (len(shown) - at)
            lines = alarm.lines(console, width, left - sum(min(need, share) for need in needs[at + 1 :]))
            left -= len(lines)
            yield from lines
        if more > 0:
            yield Text(f" and {more} more: `kinolog doctor` lists them", no_wrap=True, overflow="ellipsis")


def _merged(alarms: Iterable[AlarmInfo]) -> list[MergedAlarm]:
    """Return one alarm for each source and name: with an operator's key, every process has an alarm of its own."""
    found: dict[tuple[str, str], list[AlarmInfo]] = {}
    for alarm in alarms:
        found.setdefault((alarm.source, alarm.name), []).append(alarm)
    return [
        MergedAlarm(
            source,
            " – ".join(dict.fromkeys(part for alarm in group for part in alarm.parts)),
            any(alarm.severity == REFUSE_WRITES for alarm in group),
        )
        for (source, _), group in found.items()
    ]
