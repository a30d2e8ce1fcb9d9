"""The renderer that drives text-to-video pipelines of diffusers, by the table of their families.

The pipeline's own call runs, hooked at four seams (decision 76): prompts, autoencoders, steps and guidance.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from kinolog.job.values import UsedLora
from kinolog.models.memory.needs import DrawnSize, Phase
from kinolog.models.memory.planner import MemoryFigures
from kinolog.storyboard.prompt_vocabulary import VocabularyMatch
from kinolog_worker.media.frames import Frames
from kinolog_worker.media.sound.samples import Sound
from kinolog_worker.renderers.canvas import Canvas, fit, selected_frames
from kinolog_worker.renderers.diffusers.checkpoints.conditions import conditions_of
from kinolog_worker.renderers.diffusers.checkpoints.denoise import SceneStart, denoise
from kinolog_worker.renderers.diffusers.classes.noise_schedule import scene_schedule
from kinolog_worker.renderers.diffusers.classes.seeded_call import seeded_call
from kinolog_worker.renderers.diffusers.device import device_named, is_lost
from kinolog_worker.renderers.diffusers.latents import (
    decoded_video,
    frame_runs,
    frames_of_tensor,
)
from kinolog_worker.renderers.diffusers.loaded_pipeline import LoadedPipeline, loaded_pipeline
from kinolog_worker.renderers.diffusers.loras.lora_file import LoraFile, lora_files
from kinolog_worker.renderers.diffusers.modular.pass_end import ended_within_passes
from kinolog_worker.renderers.diffusers.pipeline_loader import checked_model
from kinolog_worker.renderers.diffusers.placement.denoised_scene import DenoisedScene
from kinolog_worker.renderers.diffusers.placement.figures import figures_of
from kinolog_worker.renderers.diffusers.placement.ladder import FailedRungs
from kinolog_worker.renderers.diffusers.placement.out_of_memory import (
    HalfOverflow,
    is_out_of_memory,
    release_frames,
    release_memory,
)
from kinolog_worker.renderers.diffusers.placement.placed_model import PlacedModel
from kinolog_worker.renderers.diffusers.scene_sound import sound_in
from kinolog_worker.renderers.diffusers.step_caches.cached_steps import cached_steps
from kinolog_worker.renderers.diffusers.step_observer import step_observer
from kinolog_worker.renderers.diffusers.upscalers.swin2sr import Swin2srUpscaler, load_swin2sr
from kinolog_worker.renderers.renderer import (
    EncodedPrompt,
    HeldMemory,
    LoadedFacts,
    LoraSource,
    ModelSource,
    NoOtherModels,
    Observe,
    OtherModels,
    RenderAgain,
    RenderCancelled,
    SceneRequest,
    ShouldStop,
    StepReport,
)
from kinolog_worker.renderers.scene_checkpoints import SceneCheckpoints
from kinolog_worker.renderers.scene_inputs import (
    blank_inputs,
    check_inputs,
    decoded_inputs,
    of_family,
    with_expected_inputs,
)
from kinolog_worker.renderers.upscaler import UpscalerSource

logger = logging.getLogger(__name__)


class DiffusersRenderer:
    """Draws with a pipeline of diffusers.

    Options of the model: `text_tokens` (length that prompts are padded to), `size_multiple` (what width and height
    are rounded to), `placement` (see docs/memory.md), `vae_dtype` and `flow_shift` (see `load_pipeline`). The table of
    families has a value for each.

    When memory runs out, the pipeline is placed so that it needs less, and the scene is drawn again.
    """

    failed_rungs = FailedRungs()
    """Those of all renderers of this process."""

    def __init__(self, figures: Callable[[torch.device], MemoryFigures | None] = figures_of) -> None:
        self._figures = figures
        self._placed: PlacedModel | None = None
        self._loaded: LoadedPipeline | None = None
        self._device: torch.device | None = None
        self._others: OtherModels = NoOtherModels()
        self._denoised = DenoisedScene()
        self._sound: Sound | None = None
        self._loras: tuple[LoraFile, ...] = ()
        self._checkpoints: SceneCheckpoints | None = None

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        self._device = device_named(device)
        self._placed = PlacedModel(
            checked_model(model, device), self._figures, self.failed_rungs, self._others, self.held_memory
        )
        self._loaded = loaded_pipeline(self._placed_model())
        facts = self._placed.facts
        logger.info("%s is loaded on %s (%s) in %.1f s", model.name, facts.device, facts.dtype, facts.seconds)
        return facts

    def current_facts(self) -> LoadedFacts:
        return replace(self._placed_model().facts, loras=tuple(file.used for file in self._loras))

    def use_loras(self, loras: Sequence[LoraSource]) -> tuple[UsedLora, ...]:
        placed = self._placed_model()
        self._loras = ()
        self._loras = lora_files(loras, placed.checked.family)
        placed.set_adapter_bytes(sum(file.size_bytes for file in self._loras))
        return tuple(file.used for file in self._loras)

    def use_checkpoints(self, checkpoints: SceneCheckpoints | None) -> None:
        self._checkpoints = checkpoints

    def share_memory(self, others: OtherModels) -> None:
        self._others = others

    def held_memory(self) -> HeldMemory:
        return self._placed_model().held_memory if self._loaded else HeldMemory()

    def has_lost_device(self) -> bool:
        return self._device is not None and is_lost(self._device)

    def encode_prompt(self, request: SceneRequest) -> EncodedPrompt:
        loaded = self._loaded_pipeline()
        words = VocabularyMatch()
        if loaded.vocabulary is not None:
            _, words = loaded.vocabulary.rewrite(request.prompt)
            request = loaded.vocabulary.rewrite_request(request)
        request = with_expected_inputs(loaded.call.family, request)
        size = loaded.drawn_size(request)
        del loaded
        while True:
            try:
                return EncodedPrompt(_encode(self._fitting(size), request), words)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                release_frames(error)
            self._descend(size, Phase.ENCODE)

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        loaded = self._loaded_pipeline()
        if loaded.vocabulary is not None:
            request = loaded.vocabulary.rewrite_request(request)
        request = of_family(loaded.call.family, request)
        check_inputs(loaded.call.family, request)
        size = loaded.drawn_size(request)
        del loaded
        try:
            yield from self._frames(self._fitting(size), request, observe, should_stop)
        except Exception as error:
            if not isinstance(error, HalfOverflow) and not is_out_of_memory(error):
                self._denoised.forget()
                raise
            release_frames(error)
            overflow = isinstance(error, HalfOverflow)
        else:
            self._denoised.forget()
            return
        self._denoised.to_host()
        phase = Phase.DENOISE if self._denoised.of(request) is None else Phase.DECODE
        self._descend(size, phase, overflow=overflow)
        raise RenderAgain

    def take_sound(self) -> Sound | None:
        """Return the sound of the scene that was rendered last, once; None if it has none."""
        sound, self._sound = self._sound, None
        return sound

    def forget_prompts(self, unused_seconds: float) -> None:
        """Drop the prompts that were not used for so long."""
        if self._loaded is not None:
            self._loaded.prompts.forget(unused_seconds)

    def load_upscaler(self, source: UpscalerSource, device: str) -> Swin2srUpscaler:
        """Return an upscaler, checked and in the memory of the host. Raises RenderFailed."""
        return load_swin2sr(source, device)

    def release_device(self) -> None:
        """Free the memory of the model. It is loaded again for the next scene."""
        self._denoised.forget()
        self._placed_model().let_go()
        self._let_go()

    def close(self) -> None:
        self._loaded = self._placed = None
        self._denoised.forget()
        release_memory()

    def _frames(
        self, loaded: LoadedPipeline, request: SceneRequest, observe: Observe, should_stop: ShouldStop
    ) -> Iterator[Frames]:
        canvas = loaded.call.canvas(request)
        _log_canvas(request, canvas)
        loaded.adapters.follow(self._loras)
        drawn = 0

        def keep_sound(output: Any) -> None:
            self._sound = sound_in(output, loaded.pipe, loaded.call, request, canvas)

        start = self._start(loaded, request)
        runs = _draw(loaded, request, canvas, observe, should_stop, self._denoised, start, keep_sound)
        for frames in selected_frames(runs, loaded.call.frame_numbers(request, canvas)):
            if should_stop():
                raise RenderCancelled
            run = fit(frames, canvas, request)[: request.frames - drawn]
            drawn += len(run)
            observe(StepReport("decode", drawn, request.frames))
            yield run
        loaded.previews.learn()

    def _start(self, loaded: LoadedPipeline, request: SceneRequest) -> SceneStart | None:
        """Return where a scene may begin; None if it has no checkpoints."""
        if self._checkpoints is None or request.cache or not loaded.call.family.resumes:
            return None
        conditions = conditions_of(self.current_facts(), loaded.call.family, request)
        return SceneStart(self._placed_model().checked.device, self._checkpoints, conditions)

    def _fitting(self, size: DrawnSize) -> LoadedPipeline:
        """Return the pipeline, placed so that a scene of this size fits. Raises RenderFailed."""
        if self._placed_model().fit(size):
            self._let_go()
        return self._loaded_pipeline()

    def _descend(self, size: DrawnSize, phase: Phase, *, overflow: bool = False) -> None:
        """Plan for less memory. Nothing of the call that failed may be referred to. Raises RenderFailed."""
        release_memory()
        if self._placed_model().descend(size, phase, overflow=overflow):
            self._let_go()

    def _let_go(self) -> None:
        """Free the pipeline, which is loaded again."""
        self._loaded = None
        release_memory()

    def _placed_model(self) -> PlacedModel:
        if self._placed is None:
            raise RuntimeError("no model is loaded: call load first")
        return self._placed

    def _loaded_pipeline(self) -> LoadedPipeline:
        """Return the pipeline. It is loaded again if it was let go for another placement."""
        self._placed_model()
        if self._loaded is None:
            self._loaded = loaded_pipeline(self._placed_model())
        return self._loaded


def _encode(loaded: LoadedPipeline, request: SceneRequest) -> bool:
    """Encode the prompt and remember it. Return True if it was remembered before.

    A pipeline with a guardrail is left alone: it would load the guardrail for the text once more. Grey pictures stand
    for those of the request, which may not be there yet. What is computed from a text and a picture is not remembered.
    """
    if getattr(loaded.pipe, "safety_checker", None) is not None:
        return False
    family, canvas = loaded.call.family, loaded.call.canvas(request)
    return loaded.prompts.encode(
        lambda: seeded_call(loaded, request, canvas, blank_inputs(family, request, canvas), {}),
        replace(request, seed=0),  # no text depends on the seed, nor on what is on a picture
    )


def _draw(
    loaded: LoadedPipeline,
    request: SceneRequest,
    canvas: Canvas,
    observe: Observe,
    should_stop: ShouldStop,
    denoised: DenoisedScene,
    start: SceneStart | None,
    on_output: Callable[[Any], None],
) -> Iterator[Frames]:
    """Denoise, unless that was done before, then yield frames of the canvas as they are decoded.

    `on_output` is called with what the pipeline returned.
    """

    def check() -> None:
        if should_stop():
            raise RenderCancelled

    check()
    loaded.autoencoder.take()  # of a call that failed
    latents = denoised.of(request)
    if latents is None:
        family = loaded.call.family
        pictures = decoded_inputs(family, request, canvas, check)
        loaded.previews.begin()
        with (
            scene_schedule(loaded.pipe, family, request),
            cached_steps(loaded.pipe, family, request),
            ended_within_passes(loaded.pipe, should_stop),
            step_observer(loaded, request, canvas, observe, should_stop) as observe_step,
        ):
            output = denoise(
                loaded,
                partial(seeded_call, loaded, request, canvas, pictures),
                observe_step,
                should_stop,
                start,
            )
        on_output(output)
        latents = loaded.autoencoder.take()
        if latents is None:
            yield from frame_runs(decoded_video(output))
            return
        denoised.keep(request, latents)
    for video in loaded.autoencoder.decoded_runs(latents):
        yield frames_of_tensor(video)


def _log_canvas(request: SceneRequest, canvas: Canvas) -> None:
    """Write into the job's log if the model draws another size than the requested one."""
    drawn = (canvas.width, canvas.height, canvas.frames)
    if drawn != (request.width, request.height, request.frames):
        logger.info(
            "the model draws %dx%d, %d frames; the clip is %dx%d, %d frames",
            *drawn,
            *(request.width, request.height, request.frames),
        )
