"""The scenes that a language model writes for a submitted job, or why there are none."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from grpc import StatusCode

from kinolog.storyboard.planner import SceneSpec, max_scenes
from kinolog.storyboard.prompt_writer import PromptWriter, PromptWriterFailed, WriterTask, WrittenShot
from kinolog.texts import is_blank, refusal
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import RpcError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenScenes:
    """Scenes of a language model, its name, and why there are none: in that case the prompt is used as it is."""

    scenes: tuple[SceneSpec, ...] = ()
    writer: str = ""
    trouble: str = ""


OVER_LIMIT = WrittenScenes(trouble="the language model wrote shots that exceed a limit of jobs")
"""Instead of scenes that would be refused if a user had listed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedVideo:
    """What the scenes are written for: the prompt, and the video as it is planned without them.

    `longest_frames` is the length of the longest scene that its model draws, 0 if there is no limit.
    """

    prompt: str
    style: str
    frames: int
    fps: int
    longest_frames: int


class WriteScenes:
    """Asks the language model of the installation, if it has one."""

    def __init__(self, writer: PromptWriter | None) -> None:
        self._writer = writer

    @property
    def name(self) -> str:
        """Name of the language model; empty without one."""
        return self._writer.name if self._writer else ""

    def check_present(self) -> None:
        """Raise FAILED_PRECONDITION if the installation has no language model."""
        if self._writer is None:
            raise _no_writer()

    async def written(self, request: pb.SubmitJobRequest, video: WishedVideo) -> WrittenScenes:
        """Return the scenes that a request wants written, or the trouble with them.

        Raises FAILED_PRECONDITION if the installation has no language model.
        """
        if self._writer is None:
            raise _no_writer()
        most = 1 if request.enhance_prompt else max_scenes(video.frames, video.fps)
        task = WriterTask(
            prompt=video.prompt,
            max_shots=most,
            seconds=video.frames / video.fps,
            longest_seconds=video.longest_frames / video.fps,
            style=video.style,
        )
        try:
            shots = await self._writer.shots(task)
            return WrittenScenes(scenes=_scenes(shots), writer=self.name)
        except PromptWriterFailed as error:
            logger.warning("no language model wrote the prompts of a job: %s", error)
            return WrittenScenes(trouble=str(error))


def wants_writer(request: pb.SubmitJobRequest) -> bool:
    """Return whether a request asks for prompts of a language model."""
    return request.enhance_prompt or request.shots == pb.SHOTS_WRITTEN


def _scenes(shots: tuple[WrittenShot, ...]) -> tuple[SceneSpec, ...]:
    """Return the shots as scenes, whose lengths the planner fits to the video. Raises PromptWriterFailed.

    Their texts are of no user, so the rules of texts are checked here.
    """
    for shot in shots:
        if problem := refusal(shot.prompt, lines=True):
            raise PromptWriterFailed(f"a prompt of the language model {problem}")
        if is_blank(shot.prompt):
            raise PromptWriterFailed("the language model wrote an empty prompt")
    return tuple(SceneSpec(prompt=shot.prompt, seconds=shot.seconds) for shot in shots)


def _no_writer() -> RpcError:
    return RpcError(
        StatusCode.FAILED_PRECONDITION,
        "NO_PROMPT_WRITER",
        "this installation has no language model that writes prompts: set KINOLOG_PROMPT_WRITER_URL and "
        "KINOLOG_PROMPT_WRITER_MODEL for the api, or submit with shots one or auto and without enhance_prompt",
    )
