"""Messages between the supervisor and the inference process.

Frames are never sent: the inference process writes files and sends their paths. Every message names its job. A run
ends with exactly one of `FinishedMessage`, `FailedMessage` and `CancelledMessage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from kinolog.job.rendering.profile import UsedProfile
from kinolog.models.input_roles import InputRole
from kinolog.storyboard.planner import PlannedScene
from kinolog.storyboard.prompt_vocabulary import VocabularyMatch
from kinolog_worker.inference.checkpoints import checkpoint_messages
from kinolog_worker.inference.freeze import PingCommand, PongMessage
from kinolog_worker.inference.live_video.live_video_message import LiveVideoMessage
from kinolog_worker.media.comparison.frame_comparison import EQUAL, ComparedFrames, OriginalVideo
from kinolog_worker.media.encoder_settings import H264, MASTER, VideoEncoding
from kinolog_worker.media.video_check import VerifiedMedia
from kinolog_worker.renderers.renderer import InputFile, LoadedFacts, LoraSource, ModelSource, SceneRequest
from kinolog_worker.renderers.upscaler import UpscalerSource


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFile:
    """The file of one rendered scene."""

    index: int
    path: Path
    sha256: str
    frames: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFile:
    """A finished file: `kind` is `video`, `thumbnail` or `preview`.

    `signed_by` is the SHA-256 of the certificate that signed it, in hexadecimal; empty before it is signed.
    """

    kind: str
    path: Path
    media_type: str
    sha256: str
    size_bytes: int
    signed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """One attempt at a clip. All files are made in `folder`, which belongs to this attempt alone.

    If it is `tagged`, the file states its title, what made it, and its scenes as chapters. `finished_scenes` come from
    an earlier attempt; each is used again if its file still has its hash. `upscaler` enlarges frames of `width` and
    `height`. The video has `interpolation_factor` times the drawn frames, and is compared with `original`.
    """

    job_id: str
    model: ModelSource
    scenes: tuple[PlannedScene, ...]
    width: int
    height: int
    fps: int
    steps: int
    guidance: float
    folder: Path
    negative_prompt: str = ""
    native_width: int = 0
    native_height: int = 0
    native_frames: int = 0
    encoding: VideoEncoding = H264
    seed: int = 0
    tagged: bool = False
    title: str = ""
    finished_scenes: tuple[SceneFile, ...] = ()
    preview_interval_seconds: float = 1.0
    inputs: tuple[InputFile, ...] = ()
    chained: bool = False
    upscaler: UpscalerSource | None = None
    loras: tuple[LoraSource, ...] = ()
    sigmas: tuple[float, ...] = ()
    flow_shift: float = 0.0
    profile: UsedProfile | None = None
    interpolation_factor: int = 1
    checkpoints: checkpoint_messages.CheckpointPlan = checkpoint_messages.NO_CHECKPOINTS
    original: OriginalVideo | None = None
    live_video: bool = False

    @property
    def video_size(self) -> tuple[int, int]:
        """The width and height of the video."""
        scale = self.upscaler.scale if self.upscaler is not None else 1
        return self.width * scale, self.height * scale

    @property
    def video_fps(self) -> int:
        """The frames per second of the video."""
        return self.fps * self.interpolation_factor

    @property
    def is_postprocessed(self) -> bool:
        """Whether frames are changed, or others computed, after all scenes were drawn."""
        return self.upscaler is not None or self.interpolation_factor > 1

    @property
    def scene_encoding(self) -> VideoEncoding:
        """How the files of drawn scenes are encoded: what is changed and encoded again loses nothing before."""
        return MASTER if self.is_postprocessed else self.encoding

    def request(self, scene: PlannedScene, before: SceneFile | None = None) -> SceneRequest:
        """Return the renderer's request for one scene. A job that is chained needs the file of the scene `before`."""
        return SceneRequest(
            prompt=scene.prompt,
            negative_prompt=self.negative_prompt,
            width=self.width,
            height=self.height,
            frames=scene.frames,
            fps=self.fps,
            steps=self.steps,
            guidance=self.guidance,
            seed=scene.seed,
            native_width=self.native_width,
            native_height=self.native_height,
            native_frames=self.native_frames,
            inputs=self._inputs(scene, before),
            sigmas=self.sigmas,
            flow_shift=self.flow_shift,
            cache=self.profile.cache if self.profile else None,
        )

    def _inputs(self, scene: PlannedScene, before: SceneFile | None) -> tuple[InputFile, ...]:
        """Return what a scene starts from. A last picture is that of the last scene, and each has the references."""
        roles = {InputRole.REFERENCE}
        if scene.index == 0:
            roles |= {InputRole.FIRST_FRAME, InputRole.VIDEO, InputRole.CONTROL, InputRole.FACE}
        if scene.index == len(self.scenes) - 1:
            roles.add(InputRole.LAST_FRAME)
        given = tuple(file for file in self.inputs if file.role in roles)
        if not self.chained or before is None:
            return given
        continued = InputFile(
            role=InputRole.VIDEO, path=before.path, media_type="video/mp4", continued_frames=before.frames
        )
        return (*given, continued)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMessage:
    """The model is on the device; `cached` if it was there before this job."""

    job_id: str
    facts: LoadedFacts
    cached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedMessage:
    """Where the networks of the model are for the next scene, or were for the last one. See docs/memory.md."""

    job_id: str
    facts: LoadedFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStartedMessage:
    """A stage has started; `scene` is None for stages of the whole job."""

    job_id: str
    stage: str
    scene: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFinishedMessage:
    """A stage has finished."""

    job_id: str
    stage: str
    seconds: float
    scene: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMessage:
    """A step is done: `step` counts from 1 to `steps`, in denoising steps or in decoded frames."""

    job_id: str
    stage: str
    scene: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewMessage:
    """The current state of a scene as a small JPEG."""

    job_id: str
    scene: int
    step: int
    jpeg: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLineMessage:
    """What was logged while the job ran; `level` as in `logging`. It may quote the prompt, and is sealed as a whole."""

    job_id: str
    level: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownWordsMessage:
    """The model does not know words of a scene's prompt. Holds those words, which only the job's owner may see."""

    job_id: str
    scene: int
    words: VocabularyMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRenderedMessage:
    """The file of a scene is complete; `reused` if an earlier attempt rendered it."""

    job_id: str
    file: SceneFile
    seconds: float
    reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedMessage:
    """The clip is complete and verified. `device_seconds` is the time that the device worked on it."""

    job_id: str
    media: VerifiedMedia
    files: tuple[ArtifactFile, ...]
    device_seconds: float
    compared: ComparedFrames = EQUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedMessage:
    """The run ended without a clip. `retryable` if another attempt may succeed.

    `message` goes into the log, which an erasure does not change, so it has no words of the prompt. `detail` is the
    text of the error: it may have them, and only the owner of the job may see it.
    """

    job_id: str
    code: str
    message: str
    retryable: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledMessage:
    """The run was cancelled."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchedMessage:
    """The model is loaded and all prompts are encoded. `embeddings` counts those that were not cached."""

    job_id: str
    facts: LoadedFacts
    cached: bool
    embeddings: int
    seconds: float


Outcome: TypeAlias = FinishedMessage | FailedMessage | CancelledMessage
Message: TypeAlias = (
    LoadedMessage
    | PlacedMessage
    | StageStartedMessage
    | StageFinishedMessage
    | StepMessage
    | PreviewMessage
    | LogLineMessage
    | UnknownWordsMessage
    | SceneRenderedMessage
    | checkpoint_messages.CheckpointMessage
    | checkpoint_messages.ResumedMessage
    | LiveVideoMessage
    | Outcome
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommand:
    """To the inference process: render this job, after the commands before it."""

    run_id: int
    job: RenderJob


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchCommand:
    """To the inference process: load the model of this job and encode its prompts."""

    run_id: int
    job: RenderJob


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelCommand:
    """To the inference process: stop this run between two steps."""

    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyMessage:
    """From the inference process: it accepts commands. `codecs` are those that it can encode."""

    pid: int
    codecs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModelsMessage:
    """From the inference process: the names of the models that are loaded now, the one used last first."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingMessage:
    """From the inference process: it exits once it has sent the closing message that follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedMessage:
    """From the inference process: a message of one run. Every attempt at a job is a run of its own."""

    run_id: int
    message: Message | PrefetchedMessage


Command: TypeAlias = RunCommand | PrefetchCommand | CancelCommand | PingCommand
Answer: TypeAlias = TaggedMessage | ReadyMessage | PongMessage | LoadedModelsMessage | LeavingMessage
