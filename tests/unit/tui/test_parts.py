"""Formatting, preferences, charts and pictures."""

from __future__ import annotations

import builtins
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kinolog_tui.graphics.clip_decoder import DecodeFailed, PixelBox, decode
from kinolog_tui.session.error_throttle import ErrorThrottle
from kinolog_tui.session.preferences import Preferences, PreferenceStore
from kinolog_tui.session.request_failure import RequestFailure
from kinolog_tui.text.control_characters import without_controls
from kinolog_tui.text.display_text import bar, size, span, start_time
from kinolog_tui.widgets.job.job_details import JobFacts
from kinolog_tui.widgets.jobs.job_row import cell_parts

from kinolog.texts import refusal
from kinolog_client import JobInfo, ProblemError

FILM = Path(__file__).parents[2] / "snapshot" / "film.mp4"


def test_lengths_and_sizes_read_well() -> None:
    """Durations and sizes are formatted in the unit that fits."""
    assert [span(None), span(4.25), span(65), span(7205)] == ["–", "4.2 s", "1:05", "2:00:05"]
    assert [size(999), size(1_500), size(2_500_000_000)] == ["999 B", "1.5 kB", "2.5 GB"]


def test_when_a_job_that_waits_starts() -> None:
    """The time of day, with the day if it is another one; nothing for a job that waits for no time."""
    now = datetime(2026, 12, 24, 12).astimezone()
    waiting = JobInfo(job_id="a", status="queued", priority="low", created_at=now, updated_at=now)
    at = [now + timedelta(hours=hours) for hours in (10, 34, -1)]
    shown = [start_time(waiting.model_copy(update={"not_before": each}), now) for each in at]
    assert shown == ["22:00", "25 Dec 22:00", ""]
    cells = [
        cell_parts("progress", waiting.model_copy(update={"not_before": each}), False, now) for each in at
    ]
    assert [parts[0][0] for parts in cells] == ["starts 22:00", "25 Dec 22:00", ""]


@pytest.mark.parametrize(
    ("status", "word", "progress"), [("queued", "paused", ""), ("processing", "pausing", "  0%")]
)
def test_a_pause_is_shown(status: str, word: str, progress: str) -> None:
    """In place of the status, and of the place in the queue, which a paused job does not have."""
    now = datetime(2026, 12, 24, 12).astimezone()
    job = JobInfo(
        job_id="a",
        status=status,
        priority="low",
        created_at=now,
        updated_at=now,
        paused_at=now,
        queue_position=4,
    )
    assert cell_parts("status", job, False, now)[0][0].endswith(word)
    assert cell_parts("progress", job, False, now)[-1][0].endswith(progress)


def test_a_variant_says_whose_it_is() -> None:
    """Among the facts of the job. A single job has no such line."""
    now = datetime(2026, 12, 24, 12).astimezone()
    job = JobInfo(job_id="b", status="queued", priority="low", created_at=now, updated_at=now)
    variant = job.model_copy(update={"variant": 2, "variant_of": "a"})
    shown = [dict(JobFacts()._facts(each, ""))["variant"] for each in (variant, job)]
    assert shown == ["2 of job a", ""]


@pytest.mark.parametrize("status", [500, 503, 504, 507])
def test_trouble_of_the_service_asks_for_no_other_request(status: int) -> None:
    """A full disk or damaged data is not in the form: the next step does not ask to change it."""
    failure = RequestFailure.of(ProblemError(status, {"detail": "the disk is full"}))
    assert failure.text == "the disk is full"
    assert failure.next_step
    assert "Change what is named" not in failure.next_step


def test_nothing_that_a_text_may_not_hold_is_drawn() -> None:
    """The dashboard removes every character that the service refuses in one line of text, and marks of direction."""
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    removed = {character for character in every if not without_controls(character)}
    refused = {character for character in every if refusal(character)}
    assert removed - refused == set("\u061c\u200e\u200f")
    assert refused <= removed


def test_bars_fill_to_an_eighth_of_a_cell() -> None:
    """A bar has its width whatever the percentage."""
    assert bar(0, 4) == "░░░░"
    assert bar(50, 4) == "██░░"
    assert bar(100, 4) == bar(250, 4) == "████"
    assert bar(3.125, 4) == "▏░░░"


def test_preferences_are_loaded_as_they_were_saved(tmp_path: Path) -> None:
    """Saved preferences are loaded from a file that only its owner can read; reset deletes it."""
    store = PreferenceStore(tmp_path / "config" / "tui.json")
    chosen = Preferences(url="http://x:1", api_key="k", theme="nord", refresh_seconds=5, bell=True)
    store.save(chosen)
    assert store.load() == chosen
    assert store.file.stat().st_mode & 0o077 == 0
    assert store.reset() == store.load() == Preferences()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"theme": 5, "bell": "yes", "unknown": 1}'])
def test_a_damaged_file_has_the_defaults(content: str, tmp_path: Path) -> None:
    """A damaged file has the defaults."""
    store = PreferenceStore(tmp_path / "tui.json")
    store.file.write_text(content)
    assert store.load() == Preferences()


def test_a_video_becomes_pictures_that_fit() -> None:
    """Every frame is decoded, scaled to the box with its aspect ratio, three bytes per pixel."""
    clip = decode(FILM, PixelBox(40, 10))
    assert len(clip.pictures) == 16
    assert clip.fps == 8
    picture = clip.pictures[0]
    assert (picture.width, picture.height) == (20, 20)
    assert len(picture.pixels) == 20 * 20 * 3
    assert len(set(picture.pixels)) > 1


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    """A file that cannot be decoded raises `DecodeFailed` with a text."""
    (tmp_path / "x.mp4").write_bytes(b"not a video")
    with pytest.raises(DecodeFailed, match="opens it"):
        decode(tmp_path / "x.mp4", PixelBox(40, 10))


def test_a_missing_decoder_is_named_with_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyAV the error names the command that installs it."""
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DecodeFailed, match="pip install"):
        decode(FILM, PixelBox(40, 10))


def test_a_failing_server_is_shown_once() -> None:
    """Server errors are shown once in ten seconds; refusals once for the same text."""
    now = [0.0]
    errors = ErrorThrottle(lambda: now[0])
    failed = [RequestFailure(f"its log says more under {number}", "", 500) for number in range(3)]
    assert [errors.allows(one) for one in failed] == [True, False, False]
    assert errors.allows(RequestFailure("the job has ended", "", 409))
    assert errors.allows(RequestFailure("the prompt is empty", "", 409))
    assert not errors.allows(RequestFailure("the job has ended", "", 409))
    now[0] = 10.5
    assert errors.allows(failed[1])
