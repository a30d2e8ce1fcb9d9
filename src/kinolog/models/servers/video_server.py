"""A model behind a server with `POST /v1/videos`: what its catalogue entry states, and what such a server takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from kinolog.counts import counted
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.renderers import DEFAULT_RENDERER, VIDEO_SERVER_RENDERER

if TYPE_CHECKING:
    from kinolog.models.catalogue import ModelEntry

SOURCE_PROBLEM = "must be the address that /videos is below, such as http://127.0.0.1:8091/v1"


class JobField(StrEnum):
    """A setting of a job that the interface of OpenAI has no field for. Servers have different names for it."""

    NEGATIVE_PROMPT = "negative_prompt"
    WIDTH = "width"
    HEIGHT = "height"
    FRAMES = "frames"
    FPS = "fps"
    STEPS = "steps"
    GUIDANCE = "guidance"
    SEED = "seed"


class RequestEncoding(StrEnum):
    """How a video is requested. A picture is always sent in a form."""

    FORM = "form"
    JSON = "json"


class FirstPicture(StrEnum):
    """Whether a job starts from a picture, which the server gets as `input_reference`."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class VideoServer(BaseModel):
    """The options of an entry. `url` is its source.

    `fields` are names of fields at the server by the setting of a job that each gets. `extra` are fields that each
    request has. `model` is the name of the model at the server; none is sent if it is empty. The server gets the API
    key in `api_key_file`, or in the environment variable `api_key_variable`, of the worker.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    model: str = ""
    body: RequestEncoding = RequestEncoding.FORM
    picture: FirstPicture = FirstPicture.NONE
    fields: Mapping[JobField, str] = Field(default_factory=dict)
    extra: Mapping[str, Any] = Field(default_factory=dict)
    api_key_file: str = ""
    api_key_variable: str = ""
    poll_seconds: float = Field(2.0, gt=0, le=60)
    limit_seconds: float = Field(3600.0, gt=0)

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or parts.query or parts.fragment:
            raise ValueError(SOURCE_PROBLEM)
        if parts.username or parts.password:
            raise ValueError("must hold no password; state api_key_file or api_key_variable")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key_file and self.api_key_variable:
            raise ValueError("state api_key_file or api_key_variable, not both")
        return self

    def seconds_of(self, frames: int, fps: int) -> int | None:
        """Return the length that a request states in whole seconds. None if it states frames, or if there is none."""
        if JobField.FRAMES in self.fields or frames % fps:
            return None
        return frames // fps


def video_server(entry: ModelEntry) -> VideoServer | None:
    """Return the server of an entry; None for a model of another renderer. Raises `ValidationError`."""
    if entry.renderer != VIDEO_SERVER_RENDERER:
        return None
    return VideoServer.model_validate({**entry.options, "url": entry.source})


def first_picture(entry: ModelEntry) -> FirstPicture:
    """Return whether the server of an entry takes a first picture; of a model of another renderer nothing is said."""
    server = video_server(entry)
    return FirstPicture.NONE if server is None else server.picture


def server_problem(entry: ModelEntry) -> str:
    """Return what is wrong with what an entry states of a server, or of jobs at once; empty if nothing is."""
    if entry.concurrency and entry.renderer == DEFAULT_RENDERER:
        return "concurrency: a device draws one job after the other; leave it out"
    try:
        server = video_server(entry)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        place = "source" if field == "url" else ".".join(filter(None, ("options", field)))
        return f"{place}: {first['msg'].removeprefix('Value error, ')}"
    if server is None:
        return ""
    if entry.profiles:
        return "profiles: a server draws as it does; state steps and guidance in defaults"
    frames, fps = entry.defaults.frames, entry.defaults.fps
    if JobField.FRAMES not in server.fields and frames % fps:
        length = f"{counted(frames, 'frame')} at {fps} per second"
        way_out = "state another number, or the server's name for it in options.fields"
        return f"defaults.frames: the server is asked for whole seconds, and {length} are none; {way_out}"
    return ""


def check_classes(entries: Iterable[ModelEntry]) -> None:
    """Raise `CatalogueError` for a model with jobs beside the device whose class another model has too.

    Workers take tickets by class, and know of its tickets only then whether there is room for them.
    """
    entries = list(entries)
    classes = Counter(entry.model_class for entry in entries)
    for entry in entries:
        if entry.files_at_once and classes[entry.model_class] > 1:
            problem = (
                f"model_class: {entry.model_class} is also that of another model; give {entry.name} its own"
            )
            raise CatalogueError(f"model {entry.name}: {problem}")
