"""Arguments of operations: a span of time, a selection of jobs, a video to make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

CALENDAR_RANGES = frozenset({"today", "this_week", "this_month"})
"""Words whose span begins at a midnight."""


def _time(value: datetime | None) -> str:
    return "" if value is None else value.isoformat()


def local_offset(time: datetime) -> str:
    """Return the offset of a time from UTC in whole minutes, such as +02:00."""
    offset = time.strftime("%z")
    return f"{offset[:3]}:{offset[3:5]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """A span of time: a word, or a start and an end.

    `date_range` is today, this_week, this_month, last_24_hours, last_7_days, last_30_days or all_time. The first three
    count days by the clock of this machine, or by `utc_offset`, such as +02:00; weeks begin on Monday. `start` is
    included, `end` is not; both need an offset from UTC.
    """

    date_range: str = ""
    start: datetime | None = None
    end: datetime | None = None
    utc_offset: str = ""

    def params(self) -> dict[str, str]:
        """Return the parameters of a query, without those that are empty."""
        values = {"date_range": self.date_range, "from": _time(self.start), "to": _time(self.end)}
        if self.date_range in CALENDAR_RANGES:
            values["utc_offset"] = self.utc_offset or local_offset(datetime.now().astimezone())
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSelection:
    """Which jobs. A job must match every field that is not empty, and one of the values of that field.

    `text` is searched in prompts and ids. `span` applies to the time of submission. `variant_of` is the id of the first
    job of a request with variants, as in `variant_of` of a job. `startable` selects queued jobs that may start now: not
    paused, and waiting for no time.
    """

    statuses: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    text: str = ""
    span: TimeSpan = TimeSpan()
    variant_of: str = ""
    startable: bool = False

    def params(self) -> dict[str, str]:
        """Return the parameters of a query, without those that are empty."""
        return {
            name: ",".join(value)
            if isinstance(value, list)
            else str(value).lower()
            if isinstance(value, bool)
            else value
            for name, value in self.body().items()
        }

    def body(self) -> dict[str, str | bool | list[str]]:
        """Return the filter of a bulk command."""
        values: dict[str, str | bool | list[str]] = {
            "status": list(self.statuses),
            "priority": list(self.priorities),
            "model": list(self.models),
            "style": list(self.styles),
            "text": self.text,
            "variant_of": self.variant_of,
            "startable": self.startable,
            **self.span.params(),
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoScene:
    """A scene of a video to make. `duration` is in seconds: all scenes have one, or none and are equally long.

    `transition` is cut (the default), fade or dissolve. Without a `seed` the scene has that of the video.
    """

    prompt: str
    duration: float | None = None
    transition: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class VideoInput:
    """A picture or clip that a video starts from: an upload, and what it is to the video.

    `role` is first_frame, last_frame, reference (pictures), video, control or face (clips), as the model takes it.
    """

    role: str
    upload_id: str


@dataclass(frozen=True, slots=True)
class VideoLora:
    """A LoRA that changes the model, and how strongly: -4 to 4, or None for the weight of the catalogue."""

    name: str
    weight: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """A video to make. None means the model's default; give `duration` in seconds or `frames`, not both.

    `size` is WIDTHxHEIGHT in pixels. `priority` is low, medium, high or critical. `shots` is one (the default), or
    auto: the prompt is cut at marks such as "Scene 1:", or written: a language model writes the shots. With `scenes`
    the prompt may be empty; it precedes each. With `enhance_prompt` a language model rewrites the prompt of one shot.
    `inputs` are what the video starts from, `loras` change the model, and a
    `profile` fills in steps, guidance and LoRAs. With `chained` each scene goes on from the end of
    the one before. `upscaler` is one of the catalogue: it enlarges the frames, which are drawn in `size`.
    With `interpolate_fps`, 2 or 4 times `fps`, frames between those that are drawn are computed.

    `codec` is h264, h265, av1 or one of a GPU, such as h264_nvenc; `crf` its constant rate factor, less for better
    quality. `title` is written into the file.

    With `variants`, 2 to 8, so many jobs are made: the first has the seed, and each further one the next seed, in its
    scenes too.

    The job waits until `start_after`, a time with a zone. If no attempt has started within `start_timeout_seconds` from
    then on, or from the submit, it fails with the code START_TIMEOUT.
    """

    prompt: str = ""
    shots: str | None = None
    scenes: Sequence[VideoScene] | None = None
    enhance_prompt: bool | None = None
    chained: bool | None = None
    upscaler: str | None = None
    interpolate_fps: int | None = None
    inputs: Sequence[VideoInput] | None = None
    loras: Sequence[VideoLora] | None = None
    profile: str | None = None
    negative_prompt: str | None = None
    priority: str | None = None
    style: str | None = None
    model: str | None = None
    size: str | None = None
    duration: float | None = None
    frames: int | None = None
    fps: int | None = None
    steps: int | None = None
    guidance: float | None = None
    seed: int | None = None
    variants: int | None = None
    max_attempts: int | None = None
    webhook: str | None = None
    webhook_format: str | None = None
    webhook_events: Sequence[str] | None = None
    codec: str | None = None
    crf: int | None = None
    title: str | None = None
    start_after: datetime | str | None = None
    start_timeout_seconds: int | None = None

    def body(self) -> dict[str, Any]:
        """Return the body of the request, without the fields that are None."""
        values = _given(self)
        if not self.prompt and self.scenes:
            del values["prompt"]
        if self.scenes is not None:
            values["scenes"] = [_given(scene) for scene in self.scenes]
        if self.inputs is not None:
            values["inputs"] = [_given(one) for one in self.inputs]
        if self.loras is not None:
            values["loras"] = [_given(lora) for lora in self.loras]
        if isinstance(self.start_after, datetime):
            values["start_after"] = self.start_after.isoformat()
        return values


def _given(record: VideoRequest | VideoScene | VideoInput | VideoLora) -> dict[str, Any]:
    values = ((field.name, getattr(record, field.name)) for field in fields(record))
    return {name: value for name, value in values if value is not None}
