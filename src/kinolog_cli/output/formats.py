"""Values as texts: statuses in their colour, ages, lengths of time, sizes."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.text import Text

from kinolog.counts import counted
from kinolog.durations import age_text, length_text
from kinolog_client import JobInfo, StepCacheInfo, UsedProfileInfo

COLOURS = {
    "queued": "yellow",
    "processing": "cyan",
    "completed": "green",
    "failed": "red",
    "cancelled": "magenta",
}


def status_text(status: str) -> Text:
    """Return a status in its colour."""
    return Text(status, style=COLOURS.get(status, ""))


def job_status(job: JobInfo) -> Text:
    """Return the status of a job in its colour, `paused` for one that waits so."""
    text = status_text(job.status)
    return text if job.paused_at is None or job.status != "queued" else Text("paused", style=text.style)


def age(time: datetime | None) -> str:
    """Return how long ago a time was, such as `3 min`. Empty for None."""
    if time is None:
        return ""
    return age_text((datetime.now().astimezone() - time).total_seconds())


def duration(seconds: float | None) -> str:
    """Return a length of time, such as `1:05` or `0.4 s`. Empty for None."""
    return "" if seconds is None else length_text(seconds)


def percent(share: float | None) -> str:
    """Return a share of 0 to 1, such as `97.4 %`. Empty for None."""
    return "" if share is None else f"{100 * share:.1f} %"


def local_time(time: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return a time in the zone of this machine, to the minute or in another form. Empty for None."""
    return "" if time is None else time.astimezone().strftime(form)


def utc_time(time: datetime) -> str:
    """Return a time to the second in UTC, as what is signed states it."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def job_facts(job: JobInfo) -> list[tuple[str, object]]:
    """Return what a job makes, as names and values: its model, size, length, steps, guidance and seed."""
    return [
        ("model", job.model),
        ("style", job.style),
        ("size", f"{job.size}, {counted(job.frames, 'frame')} at {job.fps} per second"),
        ("steps", f"{job.steps}, guidance {job.guidance:g}"),
        ("seed", job.seed),
    ]


def step_cache(cache: StepCacheInfo) -> str:
    """Return what a profile leaves out of steps that change little."""
    if cache.threshold:
        return f"{cache.kind} cache, threshold {cache.threshold:g}"
    each = f"each {counted(cache.interval, 'step')} after {cache.full_steps}"
    return f"{cache.kind} cache, {each}, order {cache.order}"


def profile_figures(used: UsedProfileInfo) -> str:
    """Return how the clips of a profile compare with those of exact, or that nobody measured it."""
    if not used.calibration:
        return "not measured: kinolog models calibrate does"
    size = f"{used.width}x{used.height}, {counted(used.frames, 'frame')}"
    steps = counted(used.steps, "step")
    if used.exact_steps != used.steps:
        steps = f"{used.steps} instead of {counted(used.exact_steps, 'step')}"
    likeness = f"PSNR {used.psnr_db:.1f} dB, SSIM {used.ssim:.4f}, {used.speed:.2f} times as fast"
    return f"{likeness} ({counted(used.clips, 'clip')} of {size}, {steps})"
