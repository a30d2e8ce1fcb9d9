"""Port: what turns the prompt of a job into a finished video file, as a server of videos does.

Its file is stored as it is: nothing is drawn, encoded or joined here. A job of such a renderer has one scene. The rules
about texts of `kinolog_worker.renderers.renderer` hold here too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from kinolog_worker.renderers.renderer import LoadedFacts, ModelSource, Observe, SceneRequest, ShouldStop

ELSEWHERE = "elsewhere"
"""The device of a model that another machine runs."""

PROGRESS_STEPS = 100
"""Progress of a file is reported in percent."""


class FileRenderer(Protocol):
    """Makes one file with one model. Every method raises `RenderFailed` if it cannot do its work.

    Each job has a renderer of its own, which one thread uses. Several of them run at once beside the device.
    """

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        """Take the model, once, before anything else. `device` is that of the worker, which it does not use."""
        ...

    def render_file(
        self, request: SceneRequest, target: Path, observe: Observe, should_stop: ShouldStop
    ) -> None:
        """Write the finished video, an MP4 file, to `target`.

        Reports `denoise` steps of `PROGRESS_STEPS`, which never decrease. Calls `should_stop` at least twice a second,
        except within one request to a server. When it returns True, it stops the work wherever that is done, and raises
        `RenderCancelled`. The video may differ from the request in size, rate and length.
        """
        ...

    def close(self) -> None:
        """Close connections. Nothing else is called afterwards."""
        ...
