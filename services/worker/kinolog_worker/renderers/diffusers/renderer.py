"""The renderer: drives any text-to-video DiffusionPipeline by the signature of its call."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from kinolog_worker.media.canvas import Canvas, canvas_for, fit
from kinolog_worker.media.thumbnails import jpeg_of
from kinolog_worker.renderers.diffusers.embeddings import PromptEncoder
from kinolog_worker.renderers.diffusers.latents import (
    CleanEstimate,
    can_stream,
    decoded_runs,
    denormalized,
    pictures_in,
    pictures_of,
)
from kinolog_worker.renderers.diffusers.pipeline_loader import load_pipeline
from kinolog_worker.renderers.diffusers.pipeline_signature import PipelineSignature, signature_of
from kinolog_worker.renderers.prompt_vocabulary import PromptVocabulary, vocabulary_of
from kinolog_worker.renderers.renderer import (
    EncodedPrompt,
    Frames,
    LoadedFacts,
    ModelSource,
    Observe,
    RenderCancelled,
    RenderFailed,
    SceneRequest,
    ShouldStop,
    StepReport,
    VocabularyMatch,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Loaded:
    pipe: Any
    shape: PipelineSignature
    prompts: PromptEncoder
    wording: PromptVocabulary | None


class DiffusersRenderer:
    """Draws with a pipeline of diffusers.

    Options of the model: `text_tokens` (length that prompts are padded to), `size_multiple` (what width and height
    are rounded to), `vae_dtype` (see loading). Each is found out by itself for most models.
    """

    def __init__(self) -> None:
        self._loaded: _Loaded | None = None

    def load(self, model: ModelSource, device: str) -> LoadedFacts:
        pipe, facts, folder = load_pipeline(model, device)
        shape = signature_of(pipe, model.options.get("text_tokens"), model.options.get("size_multiple"))
        wording = vocabulary_of(folder, getattr(pipe, "tokenizer", None))
        self._loaded = _Loaded(pipe, shape, PromptEncoder(pipe, shape), wording)
        log.info("%s is loaded on %s (%s) in %.1f s", model.name, facts.device, facts.dtype, facts.seconds)
        return facts

    def encode_prompt(self, request: SceneRequest) -> EncodedPrompt:
        loaded = self._ready()
        words = VocabularyMatch()
        if loaded.wording is not None:
            _, words = loaded.wording.read(request.prompt)
            request = loaded.wording.request(request)
        with _memory_errors():
            return EncodedPrompt(loaded.prompts.encode(request), words)

    def render(self, request: SceneRequest, observe: Observe, should_stop: ShouldStop) -> Iterator[Frames]:
        loaded = self._ready()
        if loaded.wording is not None:
            request = loaded.wording.request(request)
        canvas = canvas_for(request, loaded.shape.multiple, loaded.shape.temporal)
        _tell(request, canvas)
        drawn = 0
        with _memory_errors():
            for pictures in self._draw(loaded, request, canvas, observe, should_stop):
                if should_stop():
                    raise RenderCancelled
                run = fit(pictures, canvas, request)[: request.frames - drawn]
                if not len(run):
                    return
                drawn += len(run)
                observe(StepReport("decode", drawn, request.frames))
                yield run

    def close(self) -> None:
        self._loaded = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _ready(self) -> _Loaded:
        if self._loaded is None:
            raise RuntimeError("load comes first")
        return self._loaded

    def _draw(
        self,
        loaded: _Loaded,
        request: SceneRequest,
        canvas: Canvas,
        observe: Observe,
        should_stop: ShouldStop,
    ) -> Iterator[Frames]:
        """Denoise, then yield pictures of the canvas as they are decoded."""
        pipe, shape = loaded.pipe, loaded.shape
        streams = can_stream(pipe)
        arguments = shape.arguments(request, canvas.width, canvas.height, canvas.frames)
        arguments |= loaded.prompts.arguments(request)
        if "callback_on_step_end" in shape.accepts:
            arguments["callback_on_step_end"] = _step_observer(pipe, request, observe, should_stop, streams)
        if should_stop():
            raise RenderCancelled
        # The generator is of the CPU on every device, so that a seed means the same noise everywhere.
        generator = torch.Generator("cpu").manual_seed(request.seed)
        output = pipe(**arguments, generator=generator, output_type="latent" if streams else "np").frames
        if streams:
            for video in decoded_runs(pipe.vae, denormalized(pipe.vae, output)):
                yield pictures_of(video)
        else:
            yield from pictures_in(output[0])


def _step_observer(
    pipe: Any, request: SceneRequest, observe: Observe, should_stop: ShouldStop, previews: bool
) -> Any:
    """The pipeline's callback: reports each step, and leaves the call by raising when asked to stop.

    (Setting `pipe._interrupt` would still decode what there is.)
    """
    estimate = CleanEstimate(pipe.scheduler)

    def after_step(_: Any, index: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if should_stop():
            raise RenderCancelled
        latents = tensors.get("latents")
        preview = None
        if previews and latents is not None:
            clean = estimate.after_step(index, latents)

            def preview() -> bytes:
                return _preview(pipe.vae, clean)

        steps = getattr(pipe, "num_timesteps", None) or request.steps
        observe(StepReport("denoise", index + 1, steps, preview))
        return {}

    return after_step


def _preview(vae: Any, latents: torch.Tensor) -> bytes:
    """The middle latent frame, decoded by itself, as a small JPEG."""
    middle = latents.shape[2] // 2
    with torch.no_grad():
        video = next(decoded_runs(vae, denormalized(vae, latents[:1, :, middle : middle + 1])))
    return jpeg_of(pictures_of(video)[0])


def _tell(request: SceneRequest, canvas: Canvas) -> None:
    """Say in the job's log when what the model draws is not what was asked for."""
    drawn = (canvas.width, canvas.height, canvas.frames)
    if drawn != (request.width, request.height, request.frames):
        log.info(
            "the model draws %dx%d, %d frames; the clip is %dx%d, %d frames",
            *drawn,
            *(request.width, request.height, request.frames),
        )


class _memory_errors:  # noqa: N801 - reads as a statement
    """Turns the ways in which torch says that memory ran out into RenderFailed."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        starved = isinstance(error, torch.OutOfMemoryError) or (
            isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
        )
        if starved:
            raise RenderFailed(
                "OUT_OF_MEMORY", "the device's memory was not enough for this scene", retryable=True
            ) from None
